"""How one column of a table becomes numbers: standardized, or one-hot."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import cells, dates, fields, numbers
from tfcourse.datasets.errors import DataError

if TYPE_CHECKING:
    from tfcourse.datasets.table import Column, Table

# Among the categories of a column, that of a missing value.
NO_VALUE = ""


def read_numbers(
    column: "Column", more: Sequence[str] = (), written: str = numbers.PLAIN, part: str = ""
) -> npt.NDArray[np.float64]:
    """Returns cells, texts or numbers: NaN where missing, infinite where no finite number.

    Args:
        column: the cells.
        more: texts that stand for a missing value, besides the usual ones.
        written: the style of the numbers, or the format of dates; see `numbers` and `dates`.
        part: which part of a date, or "" for numbers.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "iufb":
        return column.astype(np.float64)
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return dates.part(column.astype("datetime64[ns]"), part)
    found = cells.of(column)
    if part:
        values = dates.part(dates.times(found.values, written), part)
        values[np.isnan(values)] = np.inf
    else:
        values = numbers.read(found.values, written)
    for position in np.flatnonzero(np.isinf(values)):
        if is_missing_number(found.values[position], more):
            values[position] = np.nan
    return found.spread(values, np.nan)


def is_missing_number(value: object, more: Sequence[str] = ()) -> bool:
    """Returns whether a cell holds no value where numbers or dates are expected."""
    if isinstance(value, str):
        text = value.strip()
        return text.lower() in cells.MISSING_NUMBER or text in more
    return cells.is_missing(value)


@dataclasses.dataclass(frozen=True)
class NumericColumn:
    """Numbers, standardized: `(value - mean) / standard_deviation`."""

    name: str  # The column's, or "sold: hour" of a part of a date.
    mean: float  # Of the training split.
    standard_deviation: float  # > 0, of the training split.
    imputed: float | None = None  # Stands for a missing value; `None` refuses those.
    indicates_missing: bool = False  # Whether a second feature is 1 where the value was missing.
    skips_texts: bool = False  # Whether what is no number counts as missing; else it is refused.
    written: str = numbers.PLAIN  # How numbers are written, or dates.
    column: str = ""  # Where `part` of a date is taken from.
    part: str = ""

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.number("mean", self.mean)
        fields.positive("standard_deviation", self.standard_deviation)
        if self.imputed is not None:
            fields.number("imputed", self.imputed)
        for flag in ("indicates_missing", "skips_texts"):
            fields.check(flag, getattr(self, flag), type(getattr(self, flag)) is bool, "a boolean")
        _check_origin(self, ("day", "hour"))

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.indicates_missing else (self.name,)

    def encode(
        self, table: "Table", more: Sequence[str] = (), *, tell: bool = True
    ) -> npt.NDArray[np.float32]:
        """Returns float32 [examples, 1], or 2 with what tells that a value was missing.

        Raises:
            DataError: naming line and column of a cell that is no finite number.
        """
        name, values = self._read(table, more)
        if self.skips_texts:
            values[np.isinf(values)] = np.nan
        check_numbers(table, name, values)
        missing = np.isnan(values)
        if missing.any():
            if self.imputed is None:
                raise missing_error(table, name, int(missing.argmax()))
            values[missing] = self.imputed
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = ((values - self.mean) / self.standard_deviation).astype(np.float32)
        if not np.isfinite(encoded).all():
            row = int((~np.isfinite(encoded)).argmax())
            raise DataError(
                f"{table.place(row)}, column {name!r}: expected a number near "
                f"{self.mean:g} +- {self.standard_deviation:g}, as in training; received "
                f"{values[row]:g}. Correct it."
            )
        if self.indicates_missing:
            return np.stack([encoded, missing.astype(np.float32)], axis=1)
        return encoded[:, np.newaxis]

    def _read(self, table: "Table", more: Sequence[str]) -> tuple[str, npt.NDArray[np.float64]]:
        name, part = _origin(self, table)
        column = table.columns[name]
        values = read_numbers(column, more, self.written, part)
        if not part and np.isinf(values).any():
            # Written in another way than what was trained on.
            style = numbers.find_style(cells.of(column).values)
            others = read_numbers(column, more, style)
            values = others if np.isinf(others).sum() < np.isinf(values).sum() else values
        return name, values


@dataclasses.dataclass(frozen=True)
class CategoricalColumn:
    """Texts, one-hot: 1 for the category, 0 for the others.

    A text that the training split does not have is 0 everywhere; a warning names the first.
    """

    name: str  # The column's, or "sold: weekday" of a part of a date.
    categories: tuple[str, ...]  # Those of the training split; "" is that of a missing value.
    # One of them, which stands for a missing value; `None` refuses those.
    imputed: str | None = None
    written: str = ""  # How dates are written.
    column: str = ""  # Where `part` of a date is taken from.
    part: str = ""

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.texts("categories", self.categories, 1)
        known = self.imputed is None or self.imputed in self.categories
        fields.check("imputed", self.imputed, known, "one of `categories` or null")
        _check_origin(self, dates.CATEGORICAL_PARTS)

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={category or '(missing)'}" for category in self.categories)

    def encode(
        self, table: "Table", more: Sequence[str] = (), *, tell: bool = True
    ) -> npt.NDArray[np.float32]:
        """Returns float32 [examples, categories]; `tell` warns of those that training has not had.

        Raises:
            DataError: naming line and column of a missing value.
        """
        name, part = _origin(self, table)
        found = read_categories(table.columns[name], more, self.written, part)
        missing = found.codes < 0
        if missing.any() and self.imputed is None:
            raise missing_error(table, name, int(missing.argmax()))
        by_value = np.array([self._position(value) for value in found.values], np.int64)
        imputed = -1 if self.imputed is None else self.categories.index(self.imputed)
        positions = found.spread(by_value, imputed)
        unknown = positions < 0
        if tell and unknown.any():
            row = int(unknown.argmax())
            logging.warning(
                "%s, column %r: %r is no category of the training split; neither are %d others.",
                table.place(row),
                name,
                found.values[found.codes[row]],
                unknown.sum() - 1,
            )
        return (positions[:, np.newaxis] == np.arange(len(self.categories))).astype(np.float32)

    def _position(self, value: str) -> int:
        """Returns the position of a category; TRUE is True where only that is known."""
        if value in self.categories:
            return self.categories.index(value)
        folded = [category.casefold() for category in self.categories]
        return folded.index(value.casefold()) if folded.count(value.casefold()) == 1 else -1


def read_categories(
    column: "Column", more: Sequence[str] = (), written: str = "", part: str = ""
) -> cells.Cells:
    """Returns the cells as texts, or `part` of the dates that they are; -1 where missing."""
    if not part:
        return cells.categories(cells.of(column), more)
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        texts = dates.part(column.astype("datetime64[ns]"), part)
        return cells.categories(cells.of(texts))
    found = cells.of(column)
    texts = dates.part(dates.times(found.values, written), part)
    return cells.categories(cells.Cells(list(texts), found.codes))


def source(column: NumericColumn | CategoricalColumn) -> str:
    """Returns the name of the table's column that is read."""
    return column.column or column.name


def _origin(column: NumericColumn | CategoricalColumn, table: "Table") -> tuple[str, str]:
    """Returns the column of the table and the part of it to take; the part may be there itself."""
    if column.part and column.name not in table.columns:
        return column.column, column.part
    return column.name, ""


def _check_origin(column: NumericColumn | CategoricalColumn, parts: Sequence[str]) -> None:
    fields.text("column", column.column)
    fields.check("part", column.part, column.part in ("", *parts), f"one of {', '.join(parts)}")
    fields.check("column", column.column, bool(column.column) == bool(column.part), "with `part`")
    known = dates.FORMATS if column.part else (*numbers.STYLES, "")
    fields.check("written", column.written, column.written in known, "a known format")


def check_numbers(table: "Table", name: str, values: npt.NDArray[np.float64]) -> None:
    """Raises `DataError` where `read_numbers` has found a cell that is no finite number."""
    bad = np.isinf(values)
    if bad.any():
        row = int(bad.argmax())
        cell = str(table.columns[name][row])[:80]
        raise DataError(
            f"{table.place(row)}, column {name!r}: expected a finite number; received {cell!r}. "
            "Correct it, or empty the cell."
        )


def missing_error(table: "Table", name: str, row: int) -> DataError:
    return DataError(
        f"{table.place(row)}, column {name!r}: expected a value; received none. Fill it in, or "
        "train with `missing=impute`."
    )
