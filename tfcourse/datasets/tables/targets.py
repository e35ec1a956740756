"""Labels that are quantities: distinguished from classes, and standardized."""

import dataclasses
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import fields
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import FloatArray
from tfcourse.datasets.values import numbers

Features = TypeVar("Features", bound=npt.NDArray[Any])
Task = Literal["classification", "regression"]
TASKS = ("classification", "regression")

# Up to this many different integers may be classes without being numbered; among more than a few, a
# rare one indicates counts.
MAX_NUMBERED_CLASSES, FEW_CLASSES = 10, 4
MIN_EXAMPLES_PER_NUMBER = 3
# Smallest ratio of the rarest to the most frequent number, if there are more classes.
EVEN = 1 / 3
# Largest share of fractions among classes, and most different ones; they are reported. Amounts that
# are mostly 0 have more.
MAX_SLIPS, MAX_DIFFERENT_SLIPS = 0.05, 10


@dataclasses.dataclass(frozen=True)
class NumericTarget:
    """A quantity to predict, standardized: `(value - mean) / standard_deviation`."""

    name: str  # The column's, or "y".
    mean: float  # Of the training split.
    standard_deviation: float  # > 0, of the training split.
    written: str = numbers.PLAIN  # How its numbers are written in a table.

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.text("written", self.written)
        fields.number("mean", self.mean)
        fields.positive("standard_deviation", self.standard_deviation)
        fields.check("written", self.written, numbers.is_style(self.written), "a known style")

    def standardize(self, values: npt.ArrayLike) -> FloatArray:
        """Returns values in their own units as standardized labels, float32."""
        return ((np.asarray(values, float) - self.mean) / self.standard_deviation).astype(
            np.float32
        )

    def in_units(self, labels: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Returns labels, or a model's predictions, in the units of the quantity."""
        return np.asarray(labels, float) * self.standard_deviation + self.mean


def fit_target(where: str, name: str, values: npt.NDArray[np.floating]) -> NumericTarget:
    """Returns the `NumericTarget` for `values`, those of the training split.

    Raises:
        DataError: the values are all equal, or their squares overflow in double precision.
    """
    values = values.astype(np.float64)
    if values.min() == values.max():
        raise DataError(
            f"{where}: expected a quantity that varies; received {values[0]:g} in all "
            f"{len(values)} training examples. Name another label."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(values.mean()), float(values.std())
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        raise DataError(
            f"{where}: expected numbers whose squares double precision can hold; received values "
            f"from {values.min():g} to {values.max():g}. Scale them."
        )
    return NumericTarget(name, mean, deviation)


def standardized(
    where: str, name: str, pairs: "dict[str, tuple[Features, npt.NDArray[np.float64]]]"
) -> "tuple[NumericTarget, dict[str, tuple[Features, FloatArray]]]":
    """Returns the target fitted on the training split, and `pairs` with standardized labels."""
    target = fit_target(where, name, pairs["train"][1])
    return target, {split: (x, target.standardize(y)) for split, (x, y) in pairs.items()}


def as_numbers(labels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Returns an array of labels as numbers; labels of another type are infinite."""
    if labels.dtype.kind in "iuf":
        return labels.astype(np.float64)
    return np.full(len(labels), np.inf)


QUANTITY = (
    "{:,} different whole numbers are treated as a quantity; `task=classification` treats them as "
    "classes"
)
CLASSES = (
    "{:,} different whole numbers are treated as classes; `task=regression` treats them as a "
    "quantity"
)


def settled(where: str, asked: str, values: npt.NDArray[np.float64]) -> Task:
    """Returns the task for these labels, given `asked`; reports decisions that are not obvious.

    Args:
        where: name of the labels for messages.
        asked: a task, or "auto".
        values: as in `task_of`.
    """
    if asked != "auto":
        return "regression" if asked == "regression" else "classification"
    task = task_of(values, by_custom=True)
    count = whole_numbers(values)
    if task == "regression" and count:
        logging.warning("%s: %s.", where, QUANTITY.format(count))
    return task


def whole_numbers(values: npt.NDArray[np.float64]) -> int:
    """Returns the number of distinct values; 0 if some are not integers."""
    found = np.unique(values[np.isfinite(values)])
    return len(found) if (found == np.floor(found)).all() else 0


def task_of(values: npt.NDArray[np.floating], *, by_custom: bool = False) -> Task:
    """Returns whether labels are classes or a quantity.

    Texts are classes. Integers are classes in these cases:

    - there are two different ones;
    - there are up to 10, with at least three examples each on average; but if there are more than
      four, and one has fewer than three examples, they are counts or grades;
    - there are more, without a gap from 0 or 1, with at least three examples each, and the rarest
      is at least a third as frequent as the most frequent one.

    If up to 5 % of them have a fraction, at most ten different ones, these count as slips. All
    other numbers are a quantity.

    Args:
        values: labels as numbers: NaN if missing, infinite if not a number.
        by_custom: whether labels usually number classes, as in arrays. Frequencies then do not
            matter, except for three examples each.
    """
    present = values[~np.isnan(values)]
    if not len(present) or 2 * np.isinf(present).sum() >= len(present):
        return "classification"
    present = present[np.isfinite(present)]
    found, counts = np.unique(present, return_counts=True)
    is_repeated = counts.mean() >= MIN_EXAMPLES_PER_NUMBER or len(counts) <= 2
    is_whole = found == np.floor(found)
    share = counts[~is_whole].sum() / counts.sum()
    if share > (MAX_SLIPS if is_repeated else 0) or (~is_whole).sum() > MAX_DIFFERENT_SLIPS:
        return "regression"
    found, counts = found[is_whole], counts[is_whole]  # Without slips.
    if len(counts) <= MAX_NUMBERED_CLASSES:
        has_rare = counts.min() < MIN_EXAMPLES_PER_NUMBER and not by_custom
        is_count = len(counts) > FEW_CLASSES and has_rare
        return "classification" if is_repeated and not is_count else "regression"
    is_numbering = found[0] in (0, 1) and found[-1] - found[0] == len(found) - 1
    is_even = by_custom or counts.min() >= EVEN * counts.max()
    enough = counts.min() >= MIN_EXAMPLES_PER_NUMBER and is_even
    return "classification" if is_numbering and enough else "regression"
