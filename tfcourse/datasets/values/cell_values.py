"""The cells of a column, read as numbers or dates."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.values import cells, dates, numbers, spellings

if TYPE_CHECKING:
    from tfcourse.datasets.tables.table import Column, Table

_SAMPLE = 1000  # Values of a column that are checked.


def read_numbers(
    column: "Column",
    more: Sequence[str] = (),
    style: str = numbers.PLAIN,
    *,
    limits: bool = False,
) -> npt.NDArray[np.float64]:
    """Returns cells as numbers: NaN if missing, infinite if not a finite number.

    Args:
        column: the cells.
        more: texts that mean a missing value, besides the usual ones.
        style: how numbers are written, from `numbers.find_style`.
        limits: whether <0.01 counts as 0.01; otherwise, it is not a number.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "iufb":
        values = column.astype(np.float64)
        for infinite in (np.inf, -np.inf):
            if str(infinite) in more:
                values[values == infinite] = np.nan
        return _without(values, more)
    found = cells.of(column)
    written = numbers.unlimited(found.values) if limits else found.values
    return found.spread(read_values(written, more, style), np.nan)


def read_values(values: Sequence[Any], more: Sequence[str], style: str) -> npt.NDArray[np.float64]:
    """Returns distinct cells as numbers; see `read_numbers`."""
    read = numbers.read(values, style)
    for position in np.flatnonzero(np.isinf(read)).tolist():
        if is_missing_number(values[position], more):
            read[position] = np.nan
    return _without(read, more)


def as_categories(found: cells.Cells, more: Sequence[str], style: str) -> cells.Cells:
    """Returns cells with numbers instead of their texts: 1e5 and 100000.0 are one category."""
    read = read_values(found.values, more, style).tolist()
    values = [v if np.isinf(n) else n for v, n in zip(found.values, read, strict=True)]
    return cells.Cells(values, found.codes)


def _without(values: npt.NDArray[np.float64], more: Sequence[str]) -> npt.NDArray[np.float64]:
    """Returns the values, with NaN for numbers that mean a missing value."""
    absent = numbers.read(more)
    if np.isfinite(absent).any():
        values[np.isin(values, absent[np.isfinite(absent)])] = np.nan
    return values


def read_dates(
    column: "Column",
    more: Sequence[str],
    form: str,
    parts: Iterable[str],
    other: Callable[[list[Any]], str] | None = None,
) -> dict[str, "Column"]:
    """Returns parts of dates or times by name: numbers, as `read_numbers` returns them, or texts.

    Args:
        column: texts, or datetime64.
        more: texts that mean a missing value, besides the usual ones.
        form: how dates are written, one of `dates.FORMATS`.
        parts: names from `dates.PARTS`.
        other: returns the format of the cells that are not missing, if some are not in `form`.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        moments = dates.known(column)
        found = cells.Cells([], np.arange(len(column), dtype=np.int32))
        odd = np.isnat(moments) & ~np.isnat(column)
    else:
        found = cells.of(column)
        moments = dates.times(found.values, form)
        odd = np.isnat(moments)
        odd[odd] = [not is_missing_number(v, more) for v in np.array(found.values, object)[odd]]
        if odd.any() and other:
            there = [value for value in found.values if not is_missing_number(value, more)]
            return read_dates(column, more, other(there), parts)
    result: dict[str, Column] = {}
    for part in parts:
        values = dates.part(moments, part)
        if part in dates.CATEGORICAL_PARTS:
            result[part] = found.spread(values, "")
        else:
            values[odd] = np.inf
            result[part] = found.spread(values, np.nan)
    return result


def is_missing_number(value: object, more: Sequence[str] = ()) -> bool:
    """Returns whether a cell is missing, in a column of numbers or dates."""
    if isinstance(value, str):
        text = spellings.seen(value)
        is_short = len(text) <= cells.LONGEST_MISSING
        return (is_short and text.lower() in cells.MISSING_NUMBER) or text in more
    return cells.is_missing(value)


def is_empty(column: "Column", more: Sequence[str] = ()) -> bool:
    """Returns whether no cell of a column has a value; fast if the first one has."""
    parts = (column[:1], column)
    return all(is_missing_number(value, more) for part in parts for value in cells.of(part).values)


def has_decimal_commas(table: "Table") -> bool:
    """Returns whether a column of the table has numbers that need a decimal comma."""
    if table.decimal_comma:
        return True
    for column in table.columns.values():
        if isinstance(column, np.ndarray) and column.dtype.kind != "O":
            continue
        values = cells.some(column, _SAMPLE)
        texts = [v for v in values if isinstance(v, str) and not is_missing_number(v)]
        if texts and numbers.has_decimal_commas(texts):
            return True
    return False
