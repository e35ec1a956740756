"""The preprocessing of one column of a table: standardized, or one-hot."""

import collections
import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import fields, shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.values import cells, dates, new_cells, numbers, spellings
from tfcourse.datasets.values.cell_values import (
    as_categories,
    is_missing_number,
    read_dates,
    read_numbers,
)

if TYPE_CHECKING:
    from tfcourse.datasets.tables.table import Table

# The category of a missing value.
NO_VALUE = ""


@dataclasses.dataclass(frozen=True)
class NumericColumn:
    """Numbers, standardized: `(value - mean) / standard_deviation`."""

    name: str  # The column's, or "sold: hour" for a part of a date.
    mean: float  # Of the training split.
    standard_deviation: float  # > 0, of the training split.
    imputed: float | None = None  # Replaces a missing value; `None`: an error.
    indicates_missing: bool = False  # Whether a second feature is 1 where the value was missing.
    skips_texts: bool = False  # Whether texts count as missing; else, an error.
    takes_limits: bool = False  # Whether <0.01 is 0.01.
    written: str = numbers.PLAIN  # How numbers are written, or dates.
    column: str = ""  # Where `part` of a date is taken from.
    part: str = ""

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.number("mean", self.mean)
        fields.positive("standard_deviation", self.standard_deviation)
        if self.imputed is not None:
            fields.number("imputed", self.imputed)
        for flag in ("indicates_missing", "skips_texts", "takes_limits"):
            fields.check(flag, getattr(self, flag), type(getattr(self, flag)) is bool, "a boolean")
        _check_origin(self, ("day", "hour"))

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} is missing") if self.indicates_missing else (self.name,)

    def encode(
        self, table: "Table", more: Sequence[str] = (), *, tell: bool = True
    ) -> npt.NDArray[np.float32]:
        """Returns float32 [examples, 1], or [examples, 2] with an indicator of missing values.

        Raises:
            DataError: names the line and column of a cell that is not a finite number.
        """
        name = source(self)
        values = self._read(table, more)
        if self.skips_texts:
            values[np.isinf(values)] = np.nan
        check_numbers(table, name, values, self._expected)
        missing = np.isnan(values)
        if missing.any():
            if self.imputed is None:
                raise missing_error(table, name, int(missing.argmax()))
            values[missing] = self.imputed
        if tell and not self.part and not missing.all():
            new_cells.tell(table, name, self.written, values, self.mean, self.standard_deviation)
        with np.errstate(over="ignore", invalid="ignore"):
            encoded = ((values - self.mean) / self.standard_deviation).astype(np.float32)
        if not np.isfinite(encoded).all():
            row = int((~np.isfinite(encoded)).argmax())
            raise DataError(
                f"{table.place(row)}, column {shown.quoted(name)}: expected a number near "
                f"{self.mean:g} +- {self.standard_deviation:g}, as in training; received "
                f"{values[row]:g}. Correct it."
            )
        if self.indicates_missing:
            return np.stack([encoded, missing.astype(np.float32)], axis=1)
        return encoded[:, np.newaxis]

    def put(self, encoded: npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None:
        """Writes some rows of `encode` into float32 [rows, features]."""
        out[:] = encoded

    @property
    def _expected(self) -> str:
        if self.part:
            return f"a date or time as in training, such as {dates.example(self.written)}"
        if numbers.is_bare(self.written):
            return "a finite number"
        return f"a number written as in training, such as {self.written}"

    def _read(self, table: "Table", more: Sequence[str]) -> npt.NDArray[np.float64]:
        column = table.columns[self.name]
        if self.part:
            return read_numbers(column, more)
        limits = self.takes_limits
        values = read_numbers(column, more, self.written, limits=limits)
        if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
            is_bare = numbers.is_bare(self.written)
            return values if is_bare else np.where(np.isnan(values), np.nan, np.inf)
        if np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            there = [v for v in cells.of(column).values if not is_missing_number(v, more)]
            style = new_cells.style(table, self.name, self.written, row, there)
            others = read_numbers(column, more, style, limits=limits)
            values = others if np.isinf(others).sum() < np.isinf(values).sum() else values
        return values


@dataclasses.dataclass(frozen=True)
class CategoricalColumn:
    """Texts, one-hot: 1 for the category, 0 for the others.

    For a text that the training split does not have, all features are 0; a warning names the first.
    """

    name: str  # The column's, or "sold: weekday" for a part of a date.
    categories: tuple[str, ...]  # From the training split; "" is that of a missing value.
    # The category that replaces a missing value; with `None`, these are errors.
    imputed: str | None = None
    written: str = ""  # How dates are written, or numbers if all that are there are equal.
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
    ) -> npt.NDArray[np.int32]:
        """Returns the position of each example's category, int32 [examples], or -1.

        `put` makes features of them, which take much more memory. `tell`: whether to warn of
        unknown categories.

        Raises:
            DataError: names the line and column of a missing value.
        """
        name = source(self)
        every = cells.of(table.columns[self.name])
        if self.written and not self.part:
            every = as_categories(every, more, self.written)
        found = cells.categories(every, more)
        missing = found.codes < 0
        if missing.any() and self.imputed is None:
            raise missing_error(table, name, int(missing.argmax()))
        by_value = spellings.positions(found.values, self.categories, unknown=-1, numbers=False)
        imputed = -1 if self.imputed is None else self.categories.index(self.imputed)
        positions = found.spread(by_value, imputed)
        unknown = positions < 0
        if tell and unknown.any():
            row = int(unknown.argmax())
            others = int(unknown.sum()) - 1
            more = "1 more row has" if others == 1 else f"{others:,} more rows have"
            logging.warning(
                "%s, column %s: %s is not a category of the training split%s.",
                table.place(row),
                shown.quoted(self.name),  # A month is not the whole date.
                shown.quoted(found.values[found.codes[row]]),
                f", nor is what {more}" if others else "",
            )
        return positions

    def put(self, encoded: npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None:
        """Writes the features of some rows of `encode` into float32 [rows, categories]."""
        out[:] = 0
        known = np.flatnonzero(encoded >= 0)
        out[known, encoded[known]] = 1


def source(column: NumericColumn | CategoricalColumn) -> str:
    """Returns the name of the table's column that it reads."""
    return column.column or column.name


def with_parts(
    table: "Table",
    columns: Iterable[NumericColumn | CategoricalColumn],
    more: Sequence[str],
    *,
    tell: bool = True,
) -> "Table":
    """Returns the table with a column for each part of a date in `columns`; reads dates once.

    Dates that are clearly written in another way than in training are read; `tell` warns of it.
    """
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    for column in columns:
        if column.part and column.name not in table.columns:
            names = wanted.setdefault((column.column, column.written), {})
            names[column.part] = column.name
    made = {}
    for (name, form), names in wanted.items():
        other = functools.partial(_other_form, table, name, form, tell)
        parts = read_dates(table.columns[name], more, form, names, other)
        made.update({names[part]: values for part, values in parts.items()})
    if not made:
        return table
    return dataclasses.replace(
        table,
        columns=collections.ChainMap(made, table.columns),  # type: ignore[arg-type]  # Only read.
        num_rows=len(table),
    )


def _other_form(table: "Table", name: str, form: str, tell: bool, values: list[Any]) -> str:
    return new_cells.date_form(table, name, values, form, tell=tell)


def _check_origin(column: NumericColumn | CategoricalColumn, parts: Sequence[str]) -> None:
    for name in ("column", "part", "written"):
        fields.text(name, getattr(column, name))
    fields.check("part", column.part, column.part in ("", *parts), f"one of {', '.join(parts)}")
    fields.check("column", column.column, bool(column.column) == bool(column.part), "with `part`")
    written = column.written
    is_known = (
        dates.is_known(written) if column.part else numbers.is_style(written or numbers.PLAIN)
    )
    fields.check("written", written, is_known, "a known format")


def check_numbers(
    table: "Table", name: str, values: npt.NDArray[np.float64], expected: str
) -> None:
    """Raises `DataError` if `read_numbers` found a cell that is not what is expected."""
    bad = np.isinf(values)
    if bad.any():
        row = int(bad.argmax())
        cell = str(table.columns[name][row] if name in table.columns else values[row])
        raise DataError(
            f"{table.place(row)}, column {shown.quoted(name)}: expected {expected}; received "
            f"{shown.quoted(cell)}. Correct it, or empty the cell."
        )


def missing_error(table: "Table", name: str, row: int) -> DataError:
    return DataError(
        f"{table.place(row)}, column {shown.quoted(name)}: expected a value; received none. Fill "
        "it in, or train with `missing=impute`."
    )
