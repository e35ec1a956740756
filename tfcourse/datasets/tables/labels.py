"""The label column of a table: the class or number of each row, and the rows without one."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tfcourse.datasets import classes, shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray, LabelArray
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_names, targets
from tfcourse.datasets.tables.column_report import LabelReport
from tfcourse.datasets.tables.table import Column, Table
from tfcourse.datasets.values import cells, dates, new_cells, numbers, spellings, stand_ins
from tfcourse.datasets.values.cell_values import is_missing_number, read_numbers

_NONE = (".", "..", ":")  # Of Stata, the World Bank and Eurostat; among features, categories.
_FEWEST_SORTED = 20  # Rows; fewer may be sorted by chance.
_MOST_NAMED = 3  # Texts in a quantity that a message names.
_SAMPLE = 1000  # Texts that are looked at for their units.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


class Labels(NamedTuple):
    """The classes of a table's rows, or their quantities.

    Attributes:
        numbers: [rows], -1 for rows that are left out; for a quantity float64, with NaN for these.
        class_names: in the order of the numbers; empty for a quantity.
        report: the findings.
        written: how a quantity's numbers are written.
    """

    numbers: LabelArray
    class_names: tuple[str, ...]
    report: LabelReport
    written: str = ""

    @property
    def is_quantity(self) -> bool:
        return not self.class_names

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """bool [rows], whether each row is kept."""
        return ~np.isnan(self.numbers) if self.is_quantity else self.numbers >= 0


def find(
    where: str, name: str, table: Table, reading: Reading, *, decimal_comma: bool = False
) -> Labels:
    """Returns the classes or the quantity in the column `name`, according to `reading.task`.

    Args:
        where: the column's name for messages.
        name: the column's name.
        table: the table with the column.
        reading: the user's options.
        decimal_comma: whether the table has numbers with decimal commas.

    Raises:
        DataError: names the column or the line that can't be used.
    """
    column, more = table.columns[name], reading.missing_values
    some = _some(column, more)
    if reading.task != "classification":
        written = numbers.find_style(some, decimal_comma=decimal_comma)
        values = read_numbers(column, more, written)
        is_asked = reading.task == "regression"
        if is_asked or targets.task_of(values) == "regression":
            values, limits = quantities(table, name, written, more)
            taken = 0 if is_asked else targets.whole_numbers(values)
            known = values[~np.isnan(values)]
            if len(values) > len(known) == 0:
                raise DataError(f"{where}: expected numbers; received none. Name another `label`.")
            report = LabelReport(
                name,
                missing=len(values) - len(known),
                taken=taken,
                is_sorted=_are_sorted(known),
                doubtful=stand_ins.counts(np.unique(known), known, known),
                ends_in_total=_ends_in_total(values),
                limits=int(limits.sum()),
                units=numbers.mixed(some, written),
            )
            return Labels(values, (), report, written)
    try:
        found = classify(where, name, column, more)
    except DataError as error:
        raise DataError(f"{error}{_meant(some)}", advice=error.advice) from None
    is_told = reading.task == "auto" and len(found.class_names) > 2
    if is_told and all(map(_WHOLE.fullmatch, found.class_names)):
        report = dataclasses.replace(found.report, taken=len(found.class_names))
        return found._replace(report=report)
    return found


def _some(column: Column, missing: Sequence[str]) -> list[Any]:
    """Returns some distinct cells that are not missing."""
    every = cells.of(column).values
    some = every[:: max(1, len(every) // _SAMPLE)]
    return [value for value in some if not is_missing_number(value, missing)]


def _meant(values: Sequence[object]) -> str:
    """Returns a sentence on labels that may be a quantity, written in another way, or ""."""
    units = numbers.units(values)
    if units:
        return f" These are numbers in several units ({', '.join(units)}): convert them to one."
    if dates.find_format(values):
        return " These are dates or times: make numbers of them, such as days since the first one."
    return ""


def _ends_in_total(values: npt.NDArray[np.float64]) -> bool:
    """Returns whether the last value is the sum of the others, to float32's precision."""
    others = values[:-1]
    known = others[~np.isnan(others)]
    return len(known) > 1 and bool(values[-1] and np.isclose(values[-1], known.sum(), 1e-6, 0))


def quantities(
    table: Table, name: str, written: str, missing: Sequence[str] = ()
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Returns the column `name`, and which of its cells are limits or have marks, such as 12.3*.

    These count as their numbers if they are at most half of all.

    Args:
        table: the table with the column.
        name: the column's name.
        written: the style of the numbers; another is taken if it fits more cells.
        missing: texts that mean a missing value, besides the usual ones.

    Returns:
        float64 [rows], with NaN for missing numbers; and bool [rows].

    Raises:
        DataError: names the line of a cell that is not a finite number.
    """
    column = table.columns[name]
    values = read_numbers(column, missing, written)
    if np.isinf(values).any():  # Not written as in training.
        row = int(np.isinf(values).argmax())
        style = new_cells.style(table, name, written, row, _some(column, missing))
        others = read_numbers(column, missing, style)
        if np.isinf(others).sum() < np.isinf(values).sum():
            values, written = others, style
    bad = np.isinf(values)
    limits = np.zeros(len(values), bool)
    if bad.any():
        bare = read_numbers(column, missing, written, limits=True)
        limits = bad & np.isfinite(bare)
        if limits.sum() <= np.isfinite(values).sum():
            values, bad = np.where(limits, bare, values), bad & ~limits
    if bad.any():
        row = int(bad.argmax())
        texts = {str(column[row]).strip() for row in np.flatnonzero(bad).tolist()}
        named = column_names.argument("missing_values", sorted(texts))
        are_few = len(texts) <= _MOST_NAMED and 2 * bad.sum() <= len(bad)
        raise DataError(
            f"{table.place(row)}, column {shown.quoted(name)}: expected a number, since the label "
            f"is a quantity; received {shown.quoted(column[row])}. Correct it, empty the cell,"
            f"{f' leave such rows out with {named},' if are_few else ''} or take the label for "
            f"classes with `task=classification`.{_meant(_some(column, missing))}"
        )
    return values, limits


def classify(where: str, name: str, column: Column, missing: Sequence[str] = ()) -> Labels:
    """Returns the classes in the cells of a label column.

    Rows without a label, and rows of classes that are too rare, are left out.

    Args:
        where: the column's name for messages: "iris.csv, column 'species'".
        name: the column's name.
        column: texts or integers.
        missing: texts that mean a missing label, besides the usual ones.

    Raises:
        DataError: there are fewer than two classes, or too many.
    """
    found = cells.categories(cells.of(column), (*missing, *_NONE))
    counts = found.counts()
    if len(found.values) > classes.MAX_CLASSES:
        raise DataError(
            f"{where}: expected at most {classes.MAX_CLASSES} classes; received "
            f"{len(found.values)}. Name another label."
        )
    spelled = spellings.merged(found.values, counts)
    totals: dict[str, int] = {}
    for value, count in zip(found.values, counts, strict=True):
        totals[spelled[value]] = totals.get(spelled[value], 0) + int(count)
    rare = {text: count for text, count in totals.items() if count < classes.MIN_EXAMPLES}
    kept = {text: count for text, count in totals.items() if text not in rare}
    _check(where, len(found.codes), totals, rare)
    ordered = classes.in_order(kept)
    position = {text: number for number, text in enumerate(ordered)}
    by_value = np.array([position.get(spelled[value], -1) for value in found.values], np.int32)
    others: dict[str, tuple[str, ...]] = {}
    for value, text in spelled.items():
        if value != text:
            others[text] = (*others.get(text, ()), value)
    numbers_of_rows = found.spread(by_value, -1)
    known = numbers_of_rows[numbers_of_rows >= 0]
    report = LabelReport(
        name,
        missing=int((found.codes < 0).sum()),
        rare=rare,
        merged=others,
        counts={text: kept[text] for text in ordered},
        is_sorted=len(known) >= _FEWEST_SORTED
        and int(np.count_nonzero(np.diff(known))) == len(kept) - 1,
    )
    return Labels(numbers_of_rows, tuple(ordered), report)


def _are_sorted(values: npt.NDArray[np.float64]) -> bool:
    steps = np.diff(values)
    is_one_way = bool((steps >= 0).all() or (steps <= 0).all())
    return is_one_way and len(values) >= _FEWEST_SORTED


def numbers_of(column: Column, class_names: Sequence[str], missing: Sequence[str]) -> IntArray:
    """Returns labels [rows] of known classes: -1 if missing, -2 if not a known class."""
    found = cells.categories(cells.of(column), (*missing, *_NONE))
    by_value = spellings.positions(found.values, class_names, unknown=-2)
    return found.spread(by_value, -1)


def _check(where: str, rows: int, totals: dict[str, int], rare: dict[str, int]) -> None:
    if not totals:
        raise DataError(f"{where}: expected labels; received none. Name another column as `label`.")
    if 2 * sum(rare.values()) > sum(totals.values()):
        if len(totals) == sum(totals.values()):
            raise DataError(
                f"{where}: expected classes, which repeat; received another value in every row "
                f"({shown.quoted(next(iter(totals)))}, ...). Name another `label`; a quantity "
                "is not a class."
            )
        text, count = next(iter(rare.items()))
        others = f", and as few of {len(rare) - 1} more classes" if rare.keys() - {text} else ""
        raise DataError(
            f"{where}: expected at least {classes.MIN_EXAMPLES} examples of each class; received "
            f"{count} of {shown.quoted(text)}{others}. Merge rare classes, or name another "
            "`label`; a quantity is not a class."
        )
    kept = totals.keys() - rare.keys()
    if len(kept) < 2:
        text = next(iter(kept))
        raise DataError(
            f"{where}: expected at least two classes of {classes.MIN_EXAMPLES} examples; received "
            f"{shown.quoted(text)} alone. Add examples of another class, or name another label."
        )
