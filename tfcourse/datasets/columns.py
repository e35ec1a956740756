"""How one column of a table becomes numbers: standardized, or one-hot."""

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import fields
from tfcourse.datasets.errors import DataError

if TYPE_CHECKING:
    from tfcourse.datasets.table import Column, Table

# How an absent value is written, in any case. "None" is not among them: it is a category of
# many a table.
MISSING = ("", "?", "na", "n/a", "nan", "null")

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def is_missing(value: object) -> bool:
    """Returns whether a cell, text or number, holds no value."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or bool(value != value)  # NaN alone differs from itself.


def parse(column: "Column") -> npt.NDArray[np.float64]:
    """Returns cells, texts or numbers: NaN where missing, infinite where no number.

    1_0 and 0x1 are no numbers.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return column.astype(np.float64)
    return np.array([_parse_cell(cell) for cell in column])


def _parse_cell(cell: Any) -> float:
    if isinstance(cell, str):
        text = cell.strip()
        if _DECIMAL.fullmatch(text):
            return float(text)
        return np.nan if text.lower() in MISSING else np.inf
    try:
        return np.nan if cell is None else float(cell)
    except (TypeError, ValueError, OverflowError):
        return np.inf


@dataclasses.dataclass(frozen=True)
class NumericColumn:
    """Numbers, standardized: `(value - mean) / standard_deviation`."""

    name: str  # The column's.
    mean: float  # Of the training split.
    standard_deviation: float  # > 0, of the training split.
    imputed: float | None = None  # Stands for a missing value; `None` refuses those.

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.number("mean", self.mean)
        fields.positive("standard_deviation", self.standard_deviation)
        if self.imputed is not None:
            fields.number("imputed", self.imputed)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (self.name,)

    def encode(self, table: "Table") -> npt.NDArray[np.float32]:
        """Returns float32 [examples, 1].

        Raises:
            DataError: naming line and column of a cell that is no finite number.
        """
        values = numbers(table, self.name)
        missing = np.isnan(values)
        if missing.any():
            if self.imputed is None:
                raise missing_error(table, self.name, int(missing.argmax()))
            values[missing] = self.imputed
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = ((values - self.mean) / self.standard_deviation).astype(np.float32)
        if not np.isfinite(encoded).all():
            row = int((~np.isfinite(encoded)).argmax())
            raise DataError(
                f"{table.place(row)}, column {self.name!r}: expected a number near "
                f"{self.mean:g} +- {self.standard_deviation:g}, as in training; received "
                f"{values[row]:g}. Correct it."
            )
        return encoded[:, np.newaxis]


@dataclasses.dataclass(frozen=True)
class CategoricalColumn:
    """Texts, one-hot: 1 for the category, 0 for the others.

    A text that the training split does not have is 0 everywhere; a warning names the first.
    """

    name: str  # The column's.
    categories: tuple[str, ...]  # Those of the training split.
    # One of them, which stands for a missing value; `None` refuses those.
    imputed: str | None = None

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.texts("categories", self.categories, 1)
        known = self.imputed is None or self.imputed in self.categories
        fields.check("imputed", self.imputed, known, "one of `categories` or null")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, table: "Table") -> npt.NDArray[np.float32]:
        """Returns float32 [examples, categories].

        Raises:
            DataError: naming line and column of a missing value.
        """
        positions = {category: position for position, category in enumerate(self.categories)}
        found = np.empty(len(table), np.int64)
        for row, value in enumerate(table.columns[self.name]):
            position = positions.get(value) if isinstance(value, str) else None
            if position is None:  # As a rule it is there as it is written.
                if is_missing(value):
                    if self.imputed is None:
                        raise missing_error(table, self.name, row)
                    value = self.imputed
                position = positions.get(as_category(value), -1)
            found[row] = position
        unknown = found < 0
        if unknown.any():
            row = int(unknown.argmax())
            logging.warning(
                "%s, column %r: %r is no category of the training split; neither are %d others.",
                table.place(row),
                self.name,
                table.columns[self.name][row],
                unknown.sum() - 1,
            )
        return (found[:, np.newaxis] == np.arange(len(self.categories))).astype(np.float32)


def as_category(value: object) -> str:
    """Returns the text of a cell, without the blanks around it."""
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)  # A column with missing values may have made 3 to 3.0.
    return str(value).strip()


def numbers(table: "Table", name: str) -> npt.NDArray[np.float64]:
    """Returns the column `name` as float64 [examples], NaN where a value is missing.

    Raises:
        DataError: naming line and column of a cell that is no finite number.
    """
    values = parse(table.columns[name])
    check_numbers(table, name, values)
    return values


def check_numbers(table: "Table", name: str, values: npt.NDArray[np.float64]) -> None:
    """Raises `DataError` where `parse` has found a cell of the column that is no finite number."""
    bad = np.isinf(values)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{table.place(row)}, column {name!r}: expected a finite number; received "
            f"{str(table.columns[name][row])[:80]!r}. Correct it, or take the column for texts "
            f"with `categorical={name}`."
        )


def missing_error(table: "Table", name: str, row: int) -> DataError:
    return DataError(
        f"{table.place(row)}, column {name!r}: expected a value; received none. Fill it in, or "
        "give `missing=impute` to the training, which takes the training split's median or most "
        "frequent text."
    )
