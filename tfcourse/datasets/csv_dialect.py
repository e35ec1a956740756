"""How a text file is a table: its delimiter, the line with the names, what stands before it."""

import collections
import csv
import dataclasses
import io
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from tfcourse.datasets import numbers, text_files
from tfcourse.datasets.cells import MISSING
from tfcourse.datasets.errors import DataError

BLANKS = r"\s+"  # One blank or many, or tabs.
_DELIMITERS = ("\t", ";", "|", ",", BLANKS)  # The first of those that fit equally well.
_NAMES = {"\t": "tabs", BLANKS: "blanks"}
_MAX_RECORDS = 200
_MAX_CELLS = 400_000
_MAX_LINES_BEFORE = 50
_LONG_RECORD = 10  # lines
_COMMENT = re.compile(r"\s*(#|%|//)\s*")
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")

Record = list[str]


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: as Python calls it.
        delimiter: a character, or `BLANKS`.
        names: of the columns, as they are written; "" where there is none.
        lines_before: lines of the file before the first row of data.
        first_is_data: whether the line of the names looks like data.
        decimal: the decimal point or comma.
        numeric: whether each column is plain numbers, as far as was looked.
        notes: what is told about it.
    """

    encoding: str
    delimiter: str
    names: tuple[str, ...]
    lines_before: int
    first_is_data: bool
    decimal: str
    numeric: tuple[bool, ...]
    notes: tuple[str, ...]


def find(path: pathlib.Path, *, header: bool, expected: Sequence[str] = ()) -> Dialect:
    """Returns how a file is written, going by its start.

    Args:
        path: a regular file.
        header: whether a line names the columns; else they are 1, 2, ...
        expected: names of columns that may help to find that line.

    Raises:
        DataError: it is no table.
    """
    start = text_files.head(path)
    encoding = text_files.encoding_of(path, start)
    sample = _decoded(start, encoding)
    delimiter = _find_delimiter(sample)
    records, lines = _records(sample, delimiter)
    layout = in_records(records, header, expected)
    check_names(path, layout.names)
    below = [record for record in records[layout.start :] if _is_row(record)]
    decimal, numeric = _numeric(below, len(layout.names))
    dialect = Dialect(
        encoding,
        delimiter,
        layout.names,
        lines_before=lines[layout.start - 1] if layout.start else 0,
        first_is_data=layout.first_is_data,
        decimal=decimal,
        numeric=numeric,
        notes=(),
    )
    return dataclasses.replace(dialect, notes=(*_notes(dialect), *layout.notes))


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where in the first records of a file its table is.

    Attributes:
        names: of the columns, as they are written; "" where there is none.
        start: the position of the first row of data.
        first_is_data: whether the record of the names looks like data.
        notes: what is told about it.
    """

    names: tuple[str, ...]
    start: int
    first_is_data: bool
    notes: tuple[str, ...]


def check_names(path: pathlib.Path, names: Sequence[str]) -> None:
    """Raises `DataError` where no column has a name."""
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
    below = [record for record in records[start:] if _is_row(record)]
    names = tuple(_names(records[first], below, width)) if header else _numbered(below, width)
    is_data = header and _is_data(records[first], below, expected)
    skipped = sum(map(_is_row, records[:first]))
    lines = "line" if skipped == 1 else "lines"
    notes = (f"{skipped} {lines} before the table left out",) if skipped else ()
    return Layout(names, start, is_data, notes)


def records_of(file: TextIO, delimiter: str) -> Iterator[tuple[int, Record]]:
    """Yields `(line, cells)` of each record of a text, empty ones too; its last line counts."""
    if delimiter == BLANKS:
        spaced = (" ".join(line.split()) for line in file)
        reader = csv.reader(spaced, delimiter=" ")
    else:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for record in reader:
        yield reader.line_num, record


def _decoded(start: bytes, encoding: str) -> str:
    return start.decode(encoding, "ignore")


def _is_row(record: Record) -> bool:
    return any(cell.strip() for cell in record)


def _records(sample: str, delimiter: str) -> tuple[list[Record], list[int]]:
    """Returns the first records and the last line of each; one that is cut off is left out."""
    records, lines, num_cells = [], [], 0
    try:
        for line, record in records_of(io.StringIO(sample, newline=""), delimiter):
            records.append(record)
            lines.append(line)
            num_cells += len(record)
            if len(records) >= _MAX_RECORDS or num_cells > _MAX_CELLS:
                break
    except csv.Error:  # A cell that is longer than any should be.
        pass
    return records or [[]], lines or [0]


def _find_delimiter(sample: str) -> str:
    """Returns the delimiter that gives most rows the same number of cells, at least two."""
    lines = [line for line in sample.splitlines()[:_MAX_RECORDS] if line.strip()]
    share, width = {}, {}
    for delimiter in _DELIMITERS:
        records, ends = _records("\n".join(lines), delimiter)
        counts = [len(record) for record in records]
        width[delimiter], rows = max(
            collections.Counter(counts).items(), key=lambda item: (item[0] > 1, item[1], item[0])
        )
        share[delimiter] = rows / len(counts) if width[delimiter] > 1 else 0.0
        share[delimiter] /= 1 + _is_swallowed(ends, len(lines))
    *marks, blanks = _DELIMITERS
    best = max(marks, key=share.__getitem__)  # The first of those that fit equally well.
    # Texts have blanks too, now and then equally many.
    is_finer = width[blanks] > 2 * width[best] and share[blanks] > share[best] - 0.05
    if share[blanks] and (is_finer or share[blanks] > share[best] + 0.1):
        return blanks
    return best if share[best] else ","


def _is_swallowed(ends: Sequence[int], num_lines: int) -> bool:
    """Returns whether one record holds half of the lines: what seems to be a quote may be none.

    Beside the wrong delimiter a quote that ends a cell seems to start one.
    """
    starts = (0, *ends)
    longest = max(end - start for start, end in zip(starts, (*ends, num_lines), strict=True))
    return longest > max(_LONG_RECORD, num_lines / 2)


def _width(records: Sequence[Record]) -> int:
    """Returns how many cells a row has."""
    counts = collections.Counter(len(record) for record in records if _is_row(record))
    return max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))[0]


def _first_of_width(records: Sequence[Record], width: int) -> int:
    """Returns the position of the first record that is one of the table and no title."""
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
    """Returns whether the first record, which starts as a comment, names the columns."""
    following = [record for record in records[1:] if _is_row(record)]
    after = next((r for r in following if not _COMMENT.match(r[0])), [])
    return len(records[0]) == width and any(map(_PLAIN.fullmatch, map(str.strip, after)))


def _find_header(records: Sequence[Record], first: int, expected: Sequence[str]) -> int:
    """Returns the position of the record with most of the names that are expected."""
    if not expected:
        return first
    wanted = set(expected)

    def found(position: int) -> int:
        return len(wanted & {_COMMENT.sub("", cell).strip() for cell in records[position]})

    candidates = range(min(len(records), first + 6))
    best = max(candidates, key=found)
    below = [record for record in records[best + 1 :] if _is_row(record)]
    if not found(best) or (best > first and _is_data(records[best], below, expected)):
        return first
    return best


def _names(record: Record, below: Sequence[Record], width: int) -> Record:
    """Returns a name for each column; a first one without any where a row has one cell more."""
    names = [cell.strip() for cell in record]
    if names and _COMMENT.match(names[0]):
        names[0] = _COMMENT.sub("", names[0])
    if not below:
        return names
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) == width - 1 and any(row[-1].strip() for row in below if len(row) == width):
        return ["", *names]  # R writes the names of rows without a name of their own.
    return names + [""] * (width - len(names))


def _numbered(below: Sequence[Record], width: int) -> tuple[str, ...]:
    filled = [max(p + 1 for p, cell in enumerate(row) if cell.strip()) for row in below]
    return tuple(str(number) for number in range(1, max([*filled, 1]) + 1))


def _is_data(record: Record, below: Sequence[Record], expected: Sequence[str]) -> bool:
    """Returns whether a record looks like a row of data rather than like names."""
    cells = [cell.strip() for cell in record]
    there = [name for name in dict.fromkeys(expected) if name in cells]
    if len(there) == 1:
        position = cells.index(there[0])
        others = [row for row in below if row != record]  # A header may stand there again.
        column = [row[position].strip() for row in others if len(row) > position]
        return there[0] in column and not _names_numbers(cells, others)
    if there:
        return False
    named = [cell for cell in cells if cell]
    repeated = len(set(named)) < len(named)
    return repeated or any(map(_PLAIN.fullmatch, named))


def _names_numbers(cells: Record, below: Sequence[Record]) -> bool:
    """Returns whether a record has a text where all below it are numbers."""
    for position, cell in enumerate(cells):
        if cell and cell.lower() not in MISSING and not _PLAIN.fullmatch(cell):
            column = [row[position].strip() for row in below if len(row) > position]
            if column and all(map(_PLAIN.fullmatch, column)):
                return True
    return False


def _numeric(below: Sequence[Record], width: int) -> tuple[str, tuple[bool, ...]]:
    """Returns the decimal mark, and for each column whether it is numbers with that and digits."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for row in below:
        for column, cell in zip(columns, row, strict=False):
            text = cell.strip()
            if text and text.lower() not in MISSING:
                column.append(text)
    plain = tuple(bool(column) and all(map(_PLAIN.fullmatch, column)) for column in columns)
    if not any(numbers.has_decimal_commas(column) for column in columns):
        return ".", plain
    # 1.234 may be a thousand here.
    return ",", tuple(bool(column) and all(map(_COMMA.fullmatch, column)) for column in columns)


def _notes(dialect: Dialect) -> Iterator[str]:
    if dialect.encoding in text_files.LEGACY:
        yield f"read as {text_files.LEGACY[dialect.encoding]} text, since it is not UTF-8"
    elif dialect.encoding.startswith("utf-16"):
        yield "read as UTF-16 text"
    if dialect.delimiter not in ",;\t":
        yield f"cells are separated by {_NAMES.get(dialect.delimiter, dialect.delimiter)}"
