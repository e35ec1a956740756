"""Checks of every array before training.

None of these faults would stop a training: a label out of range is a silent NaN on a GPU and with
XLA, one NaN pixel makes every weight NaN, and a label of 3.7 is truncated to 3.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray
from tfcourse.datasets.values.cells import as_category

Numbers = npt.NDArray[Any]  # Of any type, until it is checked.


def check_pairs(
    name: str,
    pairs: Mapping[str, tuple[Numbers, Numbers]],
    num_classes: int,
    *,
    scaled: bool = True,
) -> None:
    """Checks whole splits.

    Args:
        name: the data set's name, for messages.
        pairs: `(features, labels)` by the name of the split: features [examples, height, width,
            channels] of an integer or floating type, labels integer [examples].
        num_classes: the number of classes; 0 if the labels are a quantity.
        scaled: whether floating features must be in [0, 1]. Otherwise, they must be finite, and may
            be [examples, features].

    Raises:
        DataError: names the split, and the first bad example if there is one.
    """
    shapes = {split: features.shape[1:] for split, (features, _) in pairs.items()}
    if len(set(shapes.values())) > 1:
        received = ", ".join(f"{shape} in {key}" for key, shape in shapes.items())
        raise DataError(
            f"{name}: expected one shape of example in all splits; received {received}. Prepare "
            "all in the same way."
        )
    for split, (features, labels) in pairs.items():
        where = f"{name}, split {split}"
        check_shapes(where, features, labels, (4,) if scaled else (2, 4))
        if num_classes:
            check_label_range(where, labels, num_classes)
        if not scaled:
            check_finite(where, features)
        elif np.issubdtype(features.dtype, np.floating):
            check_unit_interval(where, features)


def check_shapes(
    where: str, features: Numbers, labels: Numbers, ranks: tuple[int, ...] = (4,)
) -> None:
    """Checks that features have one of the `ranks`, and that there are as many labels."""
    if features.ndim not in ranks:
        raise DataError(
            f"{where}: expected features [examples, height, width, channels]; received shape "
            f"{features.shape}. Reshape them, such as features.reshape(-1, 28, 28, 1)."
        )
    if labels.ndim != 1:
        raise DataError(
            f"{where}: expected one label per example; received labels of shape {labels.shape}. "
            "Take one column of them; of probabilities labels.argmax(axis=1)."
        )
    if len(features) != len(labels):
        raise DataError(
            f"{where}: expected as many labels as examples; received {len(features)} examples and "
            f"{len(labels)} labels. One of both was cut or filtered: do the same to the other."
        )
    if not features.size:
        raise DataError(
            f"{where}: expected at least one example; received features of shape "
            f"{features.shape}. Check how they were selected."
        )


def whole_labels(where: str, labels: npt.ArrayLike) -> IntArray:
    """Returns labels as int32. Floats with integer values pass, 3.7 does not."""
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels.astype(np.int32)
    if labels.dtype.kind not in "iuf":
        raise DataError(
            f"{where}: expected whole numbers as labels; received type {labels.dtype}. Number the "
            "classes, such as by np.unique(labels, return_inverse=True)."
        )
    if labels.dtype.kind == "f":  # Half precision can't be compared with the limits.
        labels = labels.astype(np.float64)
    limits = np.iinfo(np.int32)
    bad = ~((labels == np.floor(labels)) & (labels >= limits.min) & (labels <= limits.max))
    if bad.any():
        index = _first(bad)
        raise DataError(
            f"{where}: expected whole numbers as labels; received {labels[index]} at "
            f"{_place(index)}. Correct or remove it; a quantity needs `task=regression`."
        )
    return labels.astype(np.int32)


def quantities(where: str, labels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns labels that are a quantity as float64 [examples].

    Raises:
        DataError: names the first example whose label is not a finite number.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iuf":
        raise DataError(
            f"{where}: expected numbers as labels of a regression; received type {labels.dtype}. "
            "Convert them, or leave `task=regression` out."
        )
    values: npt.NDArray[np.float64] = labels.astype(np.float64)
    check_finite(where, values)
    return values


def check_label_range(where: str, labels: Numbers, num_classes: int) -> None:
    bad = (labels < 0) | (labels >= num_classes)
    if bad.any():
        index = _first(bad)
        raise DataError(
            f"{where}: expected labels in [0, {num_classes}); received {labels[index]} at "
            f"{_place(index)}. Correct it, or name all classes."
        )


def check_unit_interval(where: str, features: Numbers) -> None:
    """Checks that all values are finite and in [0, 1]."""
    # minimum and maximum propagate NaN, so two passes without a copy are enough.
    smallest, largest = features.min(), features.max()
    if smallest >= 0 and largest <= 1:
        return
    check_finite(where, features)
    mend = "Divide by 255" if smallest >= 0 and largest <= 255 else "Scale them to [0, 1]"
    raise DataError(
        f"{where}: expected features in [0, 1]; received values from {smallest:g} to {largest:g}. "
        f"{mend}, or have them scaled (`scale=True`)."
    )


def as_features(where: str, features: npt.ArrayLike) -> Numbers:
    """Returns an array of numbers [examples, features] or [examples, height, width, channels].

    Raises:
        DataError: the type or rank is wrong.
    """
    features = numbers(where, features)
    if features.ndim == 3:
        features = features[..., np.newaxis]
    if features.ndim not in (2, 4) or 0 in features.shape:
        mend = "One feature for each example is x.reshape(-1, 1)." if features.ndim == 1 else ""
        raise DataError(
            f"{where}: expected [examples, features] or [examples, height, width, channels], not "
            f"empty; received shape {features.shape}. {mend or 'Reshape them.'}"
        )
    return features


def numbers(where: str, values: npt.ArrayLike) -> Numbers:
    """Returns an array of real numbers or booleans.

    Raises:
        DataError: the type is wrong.
    """
    check_unmasked(where, values)
    array = np.asarray(values)
    is_real = np.issubdtype(array.dtype, np.number) and not np.iscomplexobj(array)
    if (not is_real and array.dtype != bool) or array.dtype.kind == "m":
        raise DataError(
            f"{where}: expected numbers; received type {array.dtype}. {_conversion(values)}."
        )
    return array


def _conversion(values: npt.ArrayLike) -> str:
    """Returns how to make an array of numbers of values that are none."""
    if hasattr(values, "toarray"):
        return "x.toarray() makes an array of sparse rows"
    if hasattr(values, "columns"):
        return "`from_dataframe` takes columns of any type"
    return "Convert them, such as by x.astype(float)"


def check_unmasked(where: str, values: npt.ArrayLike) -> None:
    """Raises `DataError` if values of a masked array are masked, which arrays would ignore."""
    masked = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    if masked is not None and masked.any():
        raise DataError(
            f"{where}: expected numbers; received a masked one at {_place(_first(masked))}. Fill "
            "it in, such as by x.filled(0)."
        )


def check_finite(where: str, features: Numbers) -> None:
    """Raises `DataError`, naming the first bad example, unless all values are finite."""
    if not np.issubdtype(features.dtype, np.floating):
        return
    finite = np.isfinite(features)
    if not finite.all():
        index = _first(~finite)
        raise DataError(
            f"{where}: expected finite numbers; received {features[index]} at {_place(index)}. "
            "Correct or remove that example."
        )


def label_cells(where: str, labels: Numbers) -> list[Any]:
    """Returns an array of labels as a list of ints or texts.

    Raises:
        DataError: names the first example whose label is neither.
    """
    if labels.dtype == bool:
        return labels.astype(int).tolist()
    if labels.dtype.kind == "S":
        return [label.decode("utf-8", "replace") for label in labels.tolist()]
    if labels.dtype.kind not in "iufU":
        raise DataError(
            f"{where}: expected whole numbers or texts as labels; received type {labels.dtype}. "
            "Number the classes, such as by np.unique(labels, return_inverse=True)."
        )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        example, count = int(np.isnan(labels).argmax()), int(np.isnan(labels).sum())
        raise DataError(
            f"{where}: expected a label for each example; received nan at example {example}, and "
            f"{count:,} in all. Leave such examples out: x[~numpy.isnan(y)], y[~numpy.isnan(y)]."
        )
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        example = int((labels != np.floor(labels)).argmax())
        raise DataError(
            f"{where}: expected whole numbers or texts as labels; received {labels[example]} at "
            f"example {example}. Correct it; for a quantity, add `task=regression`."
        )
    return labels.tolist()


def label_numbers(where: str, labels: Numbers, class_names: Sequence[str]) -> IntArray:
    """Returns labels, texts or integers, as int32 positions in `class_names`.

    Raises:
        DataError: names the first example whose label is not in `class_names`.
    """
    numbers = {name: number for number, name in enumerate(class_names)}
    cells = label_cells(where, labels)
    found = np.array([numbers.get(as_category(cell), -1) for cell in cells], np.int32)
    if (found < 0).any():
        example = int((found < 0).argmax())
        raise DataError(
            f"{where}: expected one of the classes "
            f"{', '.join(map(shown.text, class_names[:20]))}; received "
            f"{shown.quoted(cells[example])} at example {example}. Correct it."
        )
    return found


def _first(bad: npt.NDArray[np.bool_]) -> tuple[Any, ...]:
    return np.unravel_index(int(bad.argmax()), bad.shape)


def _place(index: tuple[Any, ...]) -> str:
    example, *rest = (int(i) for i in index)
    return f"example {example}" + (f", position {tuple(rest)}" if rest else "")
