"""Finds the names of the columns, and where the data begins, in the first records of a file."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Sequence

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files.csv_records import Record
from tfcourse.datasets.values import numbers, spellings
from tfcourse.datasets.values.cells import MISSING_NUMBER
from tfcourse.hyperparameters.spelling import DECIMAL

_MAX_LINES_BEFORE = 50
_FEWEST_YEARS = 5
_MOST_UNITS, _FEWEST_BELOW = 2, 5  # Lines of units, and rows below names.
# The second and the third line of Orange's tables: the types of the columns, and their roles.
_TYPES = {*("c", "d", "s", "t", "continuous", "discrete", "string", "time")}
_ROLES = {*("", "class", "meta", "ignore", "i", "m", "weight")}
_COMMENT = re.compile(r"\s*(#|%|//)\s*")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the table is in the first records of a file.

    Attributes:
        names: the columns' names as written; "" if there is none.
        start: the position of the first row of data.
        first_is_data: whether the header looks like data.
        notes: what to report about the file.
    """

    names: tuple[str, ...]
    start: int
    first_is_data: bool
    notes: tuple[str, ...]


def check_names(path: pathlib.Path, names: Sequence[str]) -> None:
    """Raises `DataError` if no column has a name."""
    if not any(names):
        raise DataError(
            f"{path}: expected a first line with the names of the columns; received an empty one. "
            "Add it."
        )


def in_records(records: Sequence[Record], header: bool, expected: Sequence[str]) -> Layout:
    """Returns the `Layout` of records of cells; see `find`."""
    width = _width(records)
    first = _first_of_width(records, width)
    if header:
        first = _find_header(records, first, expected)
    start = first + header
    units = _num_units(records[start:]) if header else 0
    start += units
    below = [record for record in records[start:] if is_row(record)]
    names = tuple(_names(records[first], below, width)) if header else _numbered(below, width)
    is_data = header and _is_data(records[first], below, expected)
    skipped = sum(map(is_row, records[:first]))
    lines = "line" if skipped == 1 else "lines"
    notes = [f"{skipped} {lines} before the table left out"] if skipped else []
    if units:
        texts = ", ".join(filter(None, map(spellings.seen, records[start - 1])))
        notes.append(
            f"{units} line{'s' if units > 1 else ''} below the names left out: {texts[:80]}"
        )
    if not header and below and _is_header(below[0], below[1:]):
        notes.append(
            "the first line looks like names of columns: if it is, remove it, or train without "
            "`header=no`"
        )
    return Layout(names, start, is_data, tuple(notes))


def check_row_names(path: pathlib.Path, layout: Layout, records: Sequence[Record]) -> None:
    """Raises `DataError` if rows have one cell more than the header, and the first is no name."""
    above = records[: layout.start]
    if layout.names[0] or any(len(record) >= len(layout.names) for record in above):
        return
    first = [record[0].strip() for record in records[layout.start :] if is_row(record)]
    if len(set(first)) < len(first):
        width = len(layout.names)
        raise DataError(
            f"{path}: expected a name for each column; received {width - 1} names above {width} "
            "cells. Name all columns. If the numbers have decimal commas, separate the cells by "
            "semicolons."
        )


def is_row(record: Record) -> bool:
    """Returns whether a record has a cell that is not blank."""
    return any(cell.strip() for cell in record)


def _width(records: Sequence[Record]) -> int:
    """Returns the number of cells in a row."""
    counts = collections.Counter(len(record) for record in records if is_row(record))
    return max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))[0]


def _first_of_width(records: Sequence[Record], width: int) -> int:
    """Returns the position of the first record that belongs to the table and is not a title."""
    filled = max(sum(map(bool, map(str.strip, record))) for record in records)
    usual = [sum(map(bool, map(str.strip, record))) for record in records if len(record) == width]
    filled = min(filled, sorted(usual)[len(usual) // 2]) if usual else filled
    for position, record in enumerate(records[:_MAX_LINES_BEFORE]):
        named = sum(map(bool, map(str.strip, record)))
        is_named = 2 * named > filled or (width == 2 == named + 1 and not record[0].strip())
        enough = len(record) >= width - 1 and is_named and (named > 1 or width < 3)
        if enough and not (
            _COMMENT.match(record[0]) and not _is_commented_header(records[position:], width)
        ):
            return position
    return 0


def _is_commented_header(records: Sequence[Record], width: int) -> bool:
    """Returns whether the first record, which starts like a comment, is the header."""
    following = [record for record in records[1:] if is_row(record)]
    after = next((r for r in following if not _COMMENT.match(r[0])), [])
    is_mark = not _COMMENT.sub("", records[0][0])
    return len(records[0]) in (width, width + is_mark) and any(
        map(DECIMAL.fullmatch, map(str.strip, after))
    )


def _find_header(records: Sequence[Record], first: int, expected: Sequence[str]) -> int:
    """Returns the position of the record with most of the expected names."""
    if not expected:
        return first
    wanted = set(expected)

    def found(position: int) -> int:
        return len(wanted & {spellings.seen(_COMMENT.sub("", cell)) for cell in records[position]})

    width = _width(records)  # A title may have a name in it, but fewer cells.
    candidates = [n for n in range(min(len(records), first + 6)) if len(records[n]) >= width - 1]
    best = max(candidates, key=found, default=first)
    below = [record for record in records[best + 1 :] if is_row(record)]
    if not found(best) or (best > first and _is_data(records[best], below, expected)):
        return first
    return best


def _names(record: Record, below: Sequence[Record], width: int) -> Record:
    """Returns a name for each column; adds an unnamed first one if rows have one cell more."""
    names = [*map(spellings.seen, record)]
    if names and _COMMENT.match(names[0]):
        names[0] = _COMMENT.sub("", names[0])
        if not names[0] and len(names) == width + 1:
            del names[0]  # As numpy.savetxt writes it: # x y
    if not below:
        return names
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) == width - 1 and any(row[-1].strip() for row in below if len(row) == width):
        return ["", *names]  # R writes row names in a column without a name.
    return names + [""] * (width - len(names))


def _numbered(below: Sequence[Record], width: int) -> tuple[str, ...]:
    filled = [max(p + 1 for p, cell in enumerate(row) if cell.strip()) for row in below]
    return tuple(str(number) for number in range(1, max([*filled, 1]) + 1))


def _is_data(record: Record, below: Sequence[Record], expected: Sequence[str]) -> bool:
    """Returns whether a record looks like a row of data and not like a header."""
    cells = [*map(spellings.seen, record)]
    if _heads_index(cells, below):
        return False
    there = [name for name in dict.fromkeys(expected) if name in cells]
    if len(there) == 1:
        position = cells.index(there[0])
        others = [row for row in below if row != record]  # A header may be repeated.
        column = [row[position].strip() for row in others if len(row) > position]
        return there[0] in column and not _names_numbers(cells, others)
    if there:
        return False
    named = [cell for cell in cells if cell]
    if len(set(named)) < len(named) and not _names_numbers(cells, below):
        return True
    figures = [cell for cell in named if DECIMAL.fullmatch(cell)]
    return bool(figures) and not _are_years(figures)


def _heads_index(cells: Sequence[str], below: Sequence[Record]) -> bool:
    """Returns whether a record has no name above an index: texts that differ, or rising numbers."""
    if cells[:1] != [""] or len(below) < _FEWEST_BELOW:
        return False
    index = [row[0].strip() for row in below]
    if len(set(index)) < len(index) or "" in index:
        return False
    numbered = [*map(bool, map(DECIMAL.fullmatch, index))]
    return not any(numbered) or (all(numbered) and sorted(index, key=float) == index)


def _are_years(figures: Sequence[str]) -> bool:
    """Returns whether numeric column names are consecutive: 1960, 1961, 1962, ..."""
    if len(figures) < _FEWEST_YEARS or not all(figure.isdecimal() for figure in figures):
        return False
    first = int(figures[0])
    return [int(figure) for figure in figures] == [*range(first, first + len(figures))]


def _num_units(records: Sequence[Record]) -> int:
    """Returns how many records are units, types or questions below the names of columns.

    They have texts above columns of numbers, and neither a number nor a cell that occurs below.
    """
    if _are_of_orange(records[:2]):
        return 2
    for count in range(1, _MOST_UNITS + 1):
        head, below = records[:count], [record for record in records[count:] if is_row(record)]
        are_units = all(_is_header(r, below) and not _is_like(r, below) for r in head)
        if len(below) >= _FEWEST_BELOW and are_units:
            return count
    return 0


def _are_of_orange(records: Sequence[Record]) -> bool:
    """Returns whether two records are types, some of which may be lists of values, and roles."""
    if len(records) < 2:
        return False
    types = [cell.strip() for cell in records[0]]
    roles = {cell.strip() for cell in records[1]}
    num_types = sum(cell in _TYPES for cell in types)
    return roles > {""} and roles <= _ROLES and all(types) and 2 * num_types > len(types)


def _is_like(record: Record, below: Sequence[Record]) -> bool:
    """Returns whether a record has a limit, such as <0.5, or a cell that its column has again."""
    for position, cell in enumerate(map(str.strip, record)):
        if numbers.is_limit(cell):
            return True
        column = {row[position].strip() for row in below if len(row) > position}
        if cell in column and cell.lower() not in MISSING_NUMBER:
            return True
    return False


def _is_header(record: Record, below: Sequence[Record]) -> bool:
    cells = [cell.strip() for cell in record]
    return _names_numbers(cells, below) and not any(map(DECIMAL.fullmatch, cells))


def _names_numbers(cells: Record, below: Sequence[Record]) -> bool:
    """Returns whether a record has a text above a column of numbers."""
    for position, cell in enumerate(cells):
        if cell and cell.lower() not in MISSING_NUMBER and not DECIMAL.fullmatch(cell):
            column = [row[position].strip() for row in below if len(row) > position]
            there = [text for text in column if text.lower() not in MISSING_NUMBER]
            if there and all(map(DECIMAL.fullmatch, there)):
                return True
    return False
