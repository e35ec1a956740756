"""Recognizes the features and labels of each split among a file's arrays, by their names."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from absl import logging

from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.dataset import SPLITS
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images.image_layouts import split_of

_ROLES = {
    "x": ("x", "data", "features", "feature", "inputs", "input", "images", "image", "samples"),
    "y": ("y", "labels", "label", "targets", "target", "class", "classes", "outputs", "output"),
}
_CLASS_NAMES = ("class_names", "target_names", "label_names")
_EXPECTED = (
    "expected arrays x and y, or x_train and y_train with or without x_val, y_val, x_test, y_test"
)


class _Array(NamedTuple):
    role: str  # "x" or "y".
    split: str | None


def canonical(source: object, arrays: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """Returns the arrays as x and y, or x_train, y_train, x_validation, ...; and class_names.

    Other arrays, and validation or test splits without labels, are left out with a warning.

    Args:
        source: the file, for messages.
        arrays: the arrays by their names in the file: x, X_train, train_images, data, targets, ...

    Raises:
        DataError: there are no training data, or two arrays have the same meaning.
    """
    named = _named(source, arrays)
    found: dict[str, Numbers] = {}
    if _Array("x", None) in named and _Array("x", "train") in named:
        raise DataError(
            f"{source}: {_EXPECTED}; received {named[_Array('x', None)]} beside "
            f"{named[_Array('x', 'train')]}. Leave one of them out."
        )
    for split in SPLITS:
        x, y = (_Array(role, split) for role in ("x", "y"))
        if split == "train" and x not in named:
            x, y = _Array("x", None), _Array("y", None)
        if split != "train" and x in named and y not in named:
            logging.warning(
                "%s: left out %s, which has no labels; the trained model predicts it.",
                *(source, named[x]),
            )
            continue
        if (x in named) != (y in named) or (split == "train" and x not in named):
            raise DataError(
                f"{source}: {_EXPECTED}; received {_listed(arrays)}. Name them: "
                "numpy.savez(path, x=features, y=labels)."
            )
        if x in named:
            ending = f"_{split}" if x.split else ""
            found[f"x{ending}"], found[f"y{ending}"] = arrays[named[x]], arrays[named[y]]
    names = [name for name in arrays if name in _CLASS_NAMES]
    if names:
        found["class_names"] = arrays[names[0]]
    left_out = sorted(arrays.keys() - set(named.values()) - set(names))
    if left_out:
        logging.warning("%s: left out the arrays %s.", source, ", ".join(left_out[:10]))
    return found


def examples(
    source: object, arrays: Mapping[str, Numbers]
) -> tuple[str, Numbers, str, Numbers | None]:
    """Returns the name and array of new examples, then of their labels, or `None`.

    Raises:
        DataError: it is not clear which array holds the examples.
    """
    named = _named(source, arrays)
    features = [array for array in named if array.role == "x"]
    whole = [array for array in features if array.split is None]
    if len(arrays) == 1 and not features:  # Under any name.
        return (name := next(iter(arrays))), arrays[name], "y", None
    chosen = whole if len(whole) == 1 else features
    if len(chosen) != 1:
        raise DataError(
            f"{source}: expected an array x, and y where there are labels; received "
            f"{_listed(arrays)}. Name them so: numpy.savez(path, x=..., y=...)."
        )
    x, y = named[chosen[0]], named.get(_Array("y", chosen[0].split), "y")
    return x, arrays[x], y, arrays.get(y)


def _named(source: object, arrays: Mapping[str, Numbers]) -> dict[_Array, str]:
    """Returns the arrays by meaning; arrays without a usual name are left out."""
    if set(arrays) == {"arr_0", "arr_1"}:  # From numpy.savez(path, features, labels).
        return {_Array("x", None): "arr_0", _Array("y", None): "arr_1"}
    named: dict[_Array, str] = {}
    for name in arrays:
        array = _meaning(name)
        if array is None:
            continue
        if array not in named or name in ("x", "y"):
            named[array] = name
        elif named[array] not in ("x", "y"):
            raise DataError(
                f"{source}: {_EXPECTED}; received {named[array]} and {name} for the same. Leave "
                "one of them out."
            )
    return named


def _meaning(name: str) -> _Array | None:
    """Returns the meaning of an array's name: "x_val", "trainX", "test_images", "data"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    # For compounds such as "xtrain".
    spaced = re.sub(r"^([xy])(?=[a-z]{3})|(?<=[a-z]{3})([xy])$", r"_\1\2_", spaced)
    roles, splits = [], []
    for word in filter(None, re.split(r"[\W_]+", spaced)):
        role = next((role for role, names in _ROLES.items() if word in names), None)
        split = split_of(word)
        if role:
            roles.append(role)
        elif split:
            splits.append(split)
        else:
            return None
    if len(roles) != 1 or len(splits) > 1:
        return None
    return _Array(roles[0], splits[0] if splits else None)


def _listed(arrays: Mapping[str, Numbers]) -> str:
    return ", ".join(sorted(arrays)[:20])
