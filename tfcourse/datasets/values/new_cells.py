"""Cells of new examples that are written in another way than those of the training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.values import cell_values, cells, dates, numbers

if TYPE_CHECKING:
    from tfcourse.datasets.tables.table import Table

FAR = 100  # Standard deviations: more are rather another unit than chance.


def style(table: "Table", name: str, written: str, row: int, values: Sequence[Any]) -> str:
    """Returns the style of the numbers in a column of new examples.

    Args:
        table: the new examples.
        name: the column.
        written: the style of the training.
        row: one that is not written so, for the message.
        values: distinct cells of the column that are not missing.

    Raises:
        DataError: the numbers are of another unit.
    """
    comma = cell_values.has_decimal_commas(table)
    found = numbers.find_style(values, decimal_comma=comma)
    unit, known = numbers.unit(found), numbers.unit(written)
    if unit and unit.casefold() != known.casefold():
        raise DataError(
            f"{table.place(row)}, column {shown.quoted(name)}: expected numbers "
            f"{f'in {known}' if known else 'without a unit'}, as in training; received "
            f"{shown.quoted(table.columns[name][row])}. Convert them."
        )
    # Numbers alone are of the unit that was left out, but none of those that have parts.
    return written if known and not unit and not numbers.is_bare(written) else found


def date_form(table: "Table", name: str, values: Sequence[Any], form: str, *, tell: bool) -> str:
    """Returns how new dates are written: as in training, `form`, or clearly in another way.

    Args:
        table: the new examples.
        name: the column.
        values: its distinct cells that are not missing.
        form: how dates were written in training.
        tell: whether to warn of another way.
    """
    found = dates.find_format(values)
    if found in (None, form) or not dates.is_clear(values, found or ""):
        return form
    is_same = dates.is_time_of_day(form) == dates.is_time_of_day(found or "")
    if not is_same or not set(dates.parts(form)) <= set(dates.parts(found or "")):
        return form
    if tell:
        logging.warning(
            "%s, column %s: read as %s, such as %s; in training they were written like %s.",
            table.source,
            shown.quoted(name),
            "times" if dates.is_time_of_day(form) else "dates",
            shown.quoted(values[0]),
            dates.example(form),
        )
    return found or form


def tell(
    table: "Table", name: str, written: str, values: npt.NDArray[np.float64], mean: float, sd: float
) -> None:
    """Warns of numbers that are probably of another scale than those of the training.

    Args:
        table: the new examples.
        name: the column.
        written: the style of the numbers in training.
        values: the numbers that were read, or filled in.
        mean: that of the training.
        sd: the standard deviation of the training.
    """
    where = f"{table.source}, column {shown.quoted(name)}"
    with np.errstate(over="ignore"):
        far = np.flatnonzero(abs(values - mean) > FAR * sd)
    if len(far):
        logging.warning(
            "%s, column %s: %g is far from the numbers of the training, %.4g +- %.4g%s.",
            *(table.place(int(far[0])), shown.quoted(name), values[far[0]], mean, sd),
            f", and so are {len(far) - 1:,} more" if len(far) > 1 else "",
        )
    unit, column = numbers.unit(written), table.columns[name]
    had, has = unit == "%", _has_unit(column, "%")
    if had != has:
        logging.warning(
            "%s: numbers %s; in training they were written %s. Half is read as %s.",
            where,
            *(("with %", "without it", "50") if has else ("without %", "with it", "0.5, not 50")),
        )
    elif unit and written.endswith(f" {unit}") and not _has_unit(column, unit):
        logging.warning(
            "%s: numbers without a unit; in training they were written with %s, so they are taken "
            "for numbers of it.",
            *(where, unit),
        )


def _has_unit(column: Any, unit: str) -> bool:
    """Returns whether a cell ends in a unit, in singular or plural."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iufb":
        return False
    ends = (unit.casefold(), f"{unit}s".casefold())
    texts = (value for value in cells.of(column).values if isinstance(value, str))
    return any(text.rstrip().casefold().endswith(ends) for text in texts)
