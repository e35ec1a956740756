"""`npz:PATH`: arrays in a file, `x` and `y`, or `x_train`, `y_train`, `x_val`, `x_test`, ..."""

import collections
import pathlib
from typing import Any

import numpy as np

from tfcourse.datasets import checks, classes, shown, splits
from tfcourse.datasets.arrays import array_files, array_names, array_shapes
from tfcourse.datasets.arrays.array_preprocessing import ArrayPreprocessing, fit_arrays
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.dataset import SPLITS, Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray, LabelArray, Split
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.table_files.text_files import check_file
from tfcourse.datasets.tables import targets
from tfcourse.datasets.values.cells import as_category
from tfcourse.system import files

USES = ("task",)


def check(path: pathlib.Path, reading: Reading) -> None:
    """Checks that the file exists."""
    check_file(path, "an NPZ file, as numpy.savez writes it")


def load(path: pathlib.Path, reading: Reading) -> Dataset:
    """Returns the arrays as a `Dataset`.

    Arrays `x` and `y` are split, and missing splits are taken from the training split, a fifth
    each. An optional array `class_names` names the labels 0, 1, ...; with it, they are classes,
    whatever `reading` says.

    Raises:
        DataError: names the file, the array and the example that can't be used.
    """
    arrays = array_names.canonical(path, array_files.read(path))
    name = f"npz:{path}"
    origin = f"{name} (sha256 {files.sha256(path)[:16]})"
    given, target = _pairs(path, arrays), None
    class_names: tuple[str, ...] = ()
    where, names = f"{path}, labels", arrays.get("class_names")
    task = "classification" if names is not None else reading.task
    if targets.settled(where, task, targets.as_numbers(given["train"][1])) == "regression":
        given = {s: (x, checks.quantities(f"{where} of {s}", y)) for s, (x, y) in given.items()}
        pairs = splits.complete(name, given, splits.OWN_HELD_OUT_SHARE)
        target, pairs = targets.standardized(where, "y", pairs)
    else:
        given = given if names is not None else _frequent(where, given)
        numbered, class_names = _numbered(path, given, names)
        pairs = splits.complete(name, numbered, splits.OWN_HELD_OUT_SHARE)
    fitted = fit_arrays(pairs["train"][0], class_names, origin, target)
    made: dict[str, Any] = {s: _split(fitted, *pair) for s, pair in pairs.items()}
    return Dataset(
        name=name,
        class_names=class_names,
        origin=origin,
        preprocessing=fitted,
        target=target,
        **made,
    )


def _split(fitted: ArrayPreprocessing, features: Numbers, labels: LabelArray) -> Split:
    if features.dtype == np.uint8 and (fitted.shift, fitted.scale) == ((0.0,), (255.0,)):
        return Split.of_pixels(features, labels)
    return Split(fitted.transform(features), labels)


def _pairs(path: pathlib.Path, arrays: dict[str, Numbers]) -> dict[str, tuple[Numbers, Numbers]]:
    """Returns `{split: (features, labels)}` with checked shapes."""
    keys = {split: (f"x_{split}", f"y_{split}") for split in SPLITS}
    if "x" in arrays:
        keys = {"train": ("x", "y")}
    present = {split: pair for split, pair in keys.items() if pair[0] in arrays}
    pairs: dict[str, tuple[Numbers, Numbers]] = {}
    for split, (x, y) in present.items():
        where = f"{path}, array {x}"
        array_shapes.check_roles(str(path), (x, arrays[x]), (y, arrays[y]))
        if pairs:  # Axes have the meaning of those of the training split, which comes first.
            shape = pairs["train"][0].shape[1:]
            features = array_shapes.like(where, arrays[x], shape)
        else:
            features = array_shapes.as_examples(where, arrays[x])
        labels = array_shapes.as_labels(f"{path}, array {y}", arrays[y])
        checks.check_finite(where, features)
        if labels.ndim != 1 or len(labels) != len(features):
            advice = array_shapes.label_advice(features, labels)
            raise DataError(
                f"{path}, array {y}: expected one label for each of the {len(features)} examples "
                f"in {x}; received {_count(labels)}. "
                f"{_other_split(arrays, y, len(features)) or advice}"
            )
        pairs[split] = features, labels
    shapes = {present[split][0]: features.shape[1:] for split, (features, _) in pairs.items()}
    if len(set(shapes.values())) > 1:
        received = ", ".join(f"{shape} in {key}" for key, shape in shapes.items())
        raise DataError(
            f"{path}: expected one shape of example in all splits; received {received}. Prepare "
            "all in the same way."
        )
    return pairs


def _frequent(
    where: str, pairs: dict[str, tuple[Numbers, Numbers]]
) -> dict[str, tuple[Numbers, Numbers]]:
    """Returns `pairs` without the classes that have too few examples to be split, if few have."""
    if len(pairs) == len(SPLITS):
        return pairs
    of_row = {
        split: np.array([as_category(cell) for cell in checks.label_cells(where, labels)])
        for split, (_, labels) in pairs.items()
    }
    rare = classes.too_rare(where, "examples", collections.Counter(of_row["train"].tolist()))
    kept = {split: ~np.isin(names, [*rare]) for split, names in of_row.items()}
    return {s: (x[kept[s]], y[kept[s]]) if rare else (x, y) for s, (x, y) in pairs.items()}


def _count(labels: Numbers) -> str:
    return f"{len(labels)} labels" if labels.ndim == 1 else f"shape {labels.shape}"


def _other_split(arrays: dict[str, Numbers], y: str, count: int) -> str:
    """Returns a sentence about the labels of another split that there are `count` of, or ""."""
    others = [name for name in arrays if name.startswith("y") and name != y]
    fitting = [name for name in others if arrays[name].shape[:1] == (count,)]
    return f"{fitting[0]} has {count}: the labels of two splits seem swapped." if fitting else ""


def _numbered(
    path: pathlib.Path, pairs: dict[str, tuple[Numbers, Numbers]], names: Numbers | None
) -> tuple[dict[str, tuple[Numbers, IntArray]], tuple[str, ...]]:
    """Returns `pairs` with labels int32, and the names of the classes."""
    where = f"{path}, labels"
    cells = checks.label_cells(where, pairs["train"][1])
    # If no split is taken from the training split, one example per class is enough.
    fewest = 1 if len(pairs) == len(SPLITS) else classes.MIN_EXAMPLES
    _, class_names = classes.number(where, cells, "example {}".format, fewest)
    numbered = {
        split: (features, checks.label_numbers(f"{where} of {split}", labels, class_names))
        for split, (features, labels) in pairs.items()
    }
    if names is None:
        return numbered, class_names
    if class_names != tuple(map(str, range(len(class_names)))) or names.shape != (
        len(class_names),
    ):
        raise DataError(
            f"{path}, array class_names: expected a name for each of the labels 0 to "
            f"{len(class_names) - 1}; received {names.shape} names for the labels "
            f"{', '.join(map(shown.text, class_names[:20]))}. Leave it out, or number the classes "
            "so."
        )
    return numbered, tuple(map(as_category, names.tolist()))
