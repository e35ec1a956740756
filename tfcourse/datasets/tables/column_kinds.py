"""Decides what the columns of a table are by their cells: numbers, dates, categories or texts."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables.column_fitting import Fit, Fitting, Rows
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values import cells, dates, numbers
from tfcourse.datasets.values.cell_values import is_missing_number, read_numbers, read_values

# If at most this share of the cells are not numbers, these count as slips.
_SHARE_OF_SLIPS = 0.05
# So do this few texts among this many numbers; 0, 1, 2, "3+" are categories.
_FEW_TEXTS, _MANY_NUMBERS = 3, 10
_SAMPLE = 1000  # Values that are checked first.
_SHARE_OF_SAMPLE = 0.25
# Beyond them double precision does not hold every whole number.
_EXACT, _EXACT_DIGITS = 1 << 53, 15


def fit(
    table: Table,
    name: str,
    reading: Reading,
    rows: Rows,
    *,
    kept: npt.NDArray[np.bool_] | None = None,
    decimal_comma: bool = False,
) -> Fit:
    """Returns the fitted column.

    Args:
        table: the table with the column.
        name: the column's name.
        reading: the user's options.
        rows: the rows of the training split, for the statistics.
        kept: bool [rows], the rows of all splits, whose cells are counted; `None` means all rows.
        decimal_comma: whether the table has numbers with decimal commas.

    Raises:
        DataError: the column has numbers that overflow double precision.
    """
    column = table.columns[name]
    counted = np.ones(len(column), bool) if kept is None else kept
    fitting = Fitting(table.source, name, column, reading, rows, counted, table.columns)
    if name in reading.categorical:
        return fitting.categories(cells.of(column))
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu" and _are_long_keys(column):
        return fitting.categories(cells.of(column))
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return fitting.numbers(read_numbers(column, reading.missing_values), numbers.PLAIN)
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return fitting.dates(dates.ISO)
    more = reading.missing_values
    if cells.are_buffered(column) and _are_texts(cells.evenly(column, _SAMPLE), more):
        fit = fitting.endless_texts()
        if fit:
            return fit
    found = cells.of(column)
    # A full check takes long if there are as many texts as rows.
    some = [v for v in found.values[:: _step(found.values)] if not is_missing_number(v, more)]
    if not some or _are_long_keys(found.values):
        return fitting.categories(found)
    style = numbers.find_style(some, decimal_comma=decimal_comma)
    is_bool = isinstance(some[0], bool)
    if not is_bool and np.isfinite(numbers.read(some, style)).mean() >= _SHARE_OF_SAMPLE:
        read = read_values(found.values, more, style)
        missing = np.array([is_missing_number(value, more) for value in found.values], bool)
        there = ~(missing | np.isnan(read))  # Some numbers mean a missing value.
        limits = _limits(found, read)
        if limits.any():
            bare = read_values(numbers.unlimited(found.values), more, style)
            read = np.where(limits, bare, read)
        if _are_numbers(found.counts()[there], np.isfinite(read[there])):
            fit = fitting.numbers(found.spread(read, np.nan), style, found.spread(limits, False))
            code = next(filter(numbers.is_padded, some), fit.report.code)
            report = dataclasses.replace(fit.report, code=code)
            return fit._replace(report=report).of_units(numbers.mixed(some, style))
    form = dates.find_format(some)
    if form:  # Where there are decimal commas, days come first.
        moments = [value for value in found.values if not is_missing_number(value, more)]
        form = dates.find_format(moments, day_first=decimal_comma)
    return fitting.dates(form) if form else fitting.categories(found).of_units(numbers.units(some))


def _limits(found: cells.Cells, read: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Returns the values that are limits among numbers, such as <0.01; <18 among few is a class."""
    limits = np.array([numbers.is_limit(value) for value in found.values], bool)
    counts, plain = found.counts(), np.isfinite(read)
    limits &= ~plain  # Such as 10+ where all have a plus.
    are_many = limits.sum() > _FEW_TEXTS and counts[limits].sum() > counts[plain].sum()
    if plain.sum() < _MANY_NUMBERS or are_many:
        limits[:] = False
    return limits


def _are_texts(values: Sequence[object], more: Sequence[str]) -> bool:
    """Returns whether cells are neither numbers nor dates."""
    distinct = dict.fromkeys(values)  # A slip that repeats is one.
    some = [value for value in distinct if not is_missing_number(value, more)]
    read = numbers.read(some, numbers.find_style(some)) if some else np.zeros(1)
    return not np.isfinite(read).any() and dates.find_format(some) is None


def _are_long_keys(values: Sequence[object] | npt.NDArray[np.integer]) -> bool:
    """Returns whether whole numbers are so long that, as numbers, different ones would be equal."""
    if isinstance(values, np.ndarray):
        if not len(values) or -_EXACT < values.min() <= values.max() < _EXACT:
            return False
        return len(np.unique(values.astype(np.float64))) < len(np.unique(values))
    texts = [str(value) for value in values if isinstance(value, str | int)]
    long = [text for text in texts if len(text) > _EXACT_DIGITS and text.isdecimal()]
    return len({*map(float, long)}) < len(long)


def _step(values: Sequence[object]) -> int:
    return max(1, len(values) // _SAMPLE)


def _are_numbers(counts: Rows, is_number: npt.NDArray[np.bool_]) -> bool:
    """Returns whether values with these frequencies are numbers, except for slips."""
    num_numbers, num_texts = counts[is_number].sum(), counts[~is_number].sum()
    if num_texts <= _SHARE_OF_SLIPS * (num_numbers + num_texts):
        return True
    few = (~is_number).sum() <= _FEW_TEXTS and is_number.sum() >= _MANY_NUMBERS
    return bool(few and num_numbers > num_texts)
