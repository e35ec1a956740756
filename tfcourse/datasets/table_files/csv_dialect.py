"""Recognizes how a table in a text file is written: encoding, delimiter, decimal commas."""

import collections
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import (
    archives,
    arff_headers,
    csv_header,
    csv_records,
    fixed_width,
    legacy_encodings,
    other_formats,
    ruled_lines,
    text_files,
    wrapped_lines,
)
from tfcourse.datasets.table_files.csv_records import Record
from tfcourse.datasets.values import numbers
from tfcourse.datasets.values.cells import MISSING
from tfcourse.hyperparameters import printable
from tfcourse.hyperparameters.spelling import DECIMAL

_NAMES = {csv_records.BLANKS: "blanks"}
_FEWEST_LINES = 10  # With as many cells, to tell that a row has several lines.
_EXACT = 15  # Digits that double precision holds.
_COMMA = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?")


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        encoding: Python's name of the encoding.
        marks: the delimiter and quotes.
        names: the columns' names as written; "" if there is none.
        lines_before: the number of lines before the first row of data.
        first_is_data: whether the header looks like data.
        decimal: the decimal point or comma.
        numeric: whether each column is plain numbers, in the rows that were checked.
        texts: whether each column has a text other than numbers, true and false.
        wrapped: whether every line is in quotes.
        ruled: whether there are lines of dashes.
        is_arff: whether cells are quoted as in ARFF files.
        fixed: the start positions of fixed-width columns; empty for other files.
        notes: what to report about the file.
    """

    encoding: str
    marks: csv_records.Marks
    names: tuple[str, ...]
    lines_before: int
    first_is_data: bool
    decimal: str
    numeric: tuple[bool, ...]
    texts: tuple[bool, ...]
    wrapped: bool
    ruled: bool
    is_arff: bool
    fixed: tuple[int, ...]
    notes: tuple[str, ...]


def find(
    path: pathlib.Path, *, header: bool, expected: Sequence[str] = (), legacy: str = ""
) -> Dialect:
    """Returns how a file is written, judging by its start.

    Args:
        path: a regular file.
        header: whether there is a header; otherwise, the columns are named 1, 2, ...
        expected: names of columns that may help to find the header.
        legacy: the encoding of text that is not UTF-8; "" guesses it.

    Raises:
        DataError: the file is not a table.
    """
    start = text_files.head(path)
    encoding = text_files.encoding_of(path, start, legacy=legacy, expected=expected)
    nuls = text_files.nuls(encoding, start)
    sample = start.decode(encoding, "ignore").replace("\0", "")
    head = sample.splitlines()[: csv_records.MOST]
    ruled = ruled_lines.are_in(head)
    rules = ruled_lines.starts(head) if ruled else ()
    if ruled:
        sample = ruled_lines.text(sample.splitlines(keepends=True)).getvalue()
        head = sample.splitlines()[: csv_records.MOST]
    other_formats.check_text(path, sample)
    declared = arff_headers.find(path, sample)
    before = 0
    wrapped = declared is None and wrapped_lines.are_in(head, csv_records.DELIMITERS)
    if wrapped:
        sample = "\n".join(map(wrapped_lines.unwrapped, head))
    fixed = () if declared or wrapped else rules or fixed_width.starts(head)
    if fixed:
        sample = fixed_width.text(path, head, fixed).getvalue()
    if declared:
        before = declared.lines
        rows = sample.splitlines(keepends=True)[before:]
        sample = "".join(map(arff_headers.requoted, rows))
    marks = csv_records.Marks("\t") if fixed else csv_records.find_marks(sample)
    records, lines = csv_records.first_records(sample, marks)
    if declared:
        layout = csv_header.Layout(
            declared.names, 0, False, ("names of columns from the ARFF header",)
        )
    else:
        layout = csv_header.in_records(records, header, expected)
    csv_header.check_names(path, layout.names)
    if header and not declared:
        csv_header.check_row_names(path, layout, records)
    below = [record for record in records[layout.start :] if csv_header.is_row(record)]
    if marks.delimiter == csv_records.BLANKS:
        _check_whole(path, below)
    decimal, numeric, texts = _kinds(below, len(layout.names))
    dialect = Dialect(
        encoding,
        marks,
        layout.names,
        lines_before=lines[layout.start - 1] if layout.start else before,
        first_is_data=layout.first_is_data,
        decimal=decimal,
        numeric=numeric,
        texts=texts,
        wrapped=wrapped,
        ruled=ruled,
        is_arff=declared is not None,
        fixed=fixed,
        notes=(),
    )
    notes = (
        *archives.beside(path),
        *nuls,
        *encoding_notes(encoding, legacy, sample),
        *_notes(dialect),
        *layout.notes,
    )
    return dataclasses.replace(dialect, notes=notes)


def _check_whole(path: pathlib.Path, below: Sequence[Record]) -> None:
    """Raises `DataError` if rows continue on other lines, as some files of StatLib have them."""
    widths = collections.Counter(map(len, below)).most_common(2)
    if len(widths) < 2:
        return
    (usual, count), (other, fewer) = widths
    if fewer >= max(_FEWEST_LINES, count / 2) and abs(usual - other) > 1:
        raise DataError(
            f"{path}: expected as many cells in every line; received {count} lines of {usual}, and "
            f"{fewer} of {other}. If a row continues on the next line, join them; if cells hold "
            "blanks, separate them by commas."
        )


def _kinds(below: Sequence[Record], width: int) -> tuple[str, tuple[bool, ...], tuple[bool, ...]]:
    """Returns the decimal mark, and for each column whether it is numbers with that and digits,
    and whether a text in it is neither a number nor true or false."""
    columns: list[list[str]] = [[] for _ in range(width)]
    for row in below:
        for column, cell in zip(columns, row, strict=False):
            text = cell.strip()
            if text and text.lower() not in MISSING:
                column.append(text)
    texts = tuple(any(map(_is_text, column)) for column in columns)
    plain = tuple(bool(column) and all(map(_is_plain, column)) for column in columns)
    if not any(numbers.has_decimal_commas(column) for column in columns):
        return ".", plain, texts
    # 1.234 may be a thousand here.
    numeric = tuple(bool(column) and all(map(_COMMA.fullmatch, column)) for column in columns)
    return ",", numeric, texts


def _is_plain(cell: str) -> bool:
    """Returns whether a cell is a number that pandas may read.

    Keys of 19 digits it may round, and 00501, a zip code, would lose its zeros.
    """
    is_key = cell.isdecimal() and (len(cell) > _EXACT or numbers.is_padded(cell))
    return bool(DECIMAL.fullmatch(cell)) and not is_key


def _is_text(cell: str) -> bool:
    return cell[0].isalpha() and cell.lower() not in ("true", "false", "inf", "infinity")


def encoding_notes(encoding: str, legacy: str, sample: str) -> Iterator[str]:
    """Yields notes about the detected or requested encoding of a text."""
    if encoding.startswith(("utf-16", "utf-32")):
        yield f"read as {encoding[:6].upper()} text"
    elif not encoding.startswith("utf"):
        yield legacy_encodings.note(encoding, sample, asked=encoding == legacy)
    if legacy and encoding != legacy and not sample.isascii():
        yield f"read as UTF-8 text, which it is, and not as `encoding={legacy}` says"


def _notes(dialect: Dialect) -> Iterator[str]:
    if dialect.wrapped:
        yield "every line stood in quotes, which are left out"
    if dialect.ruled:
        yield "lines of dashes are left out"
    if dialect.fixed:
        yield f"{len(dialect.fixed)} columns at fixed positions"
    delimiter = dialect.marks.delimiter
    if delimiter not in ",;\t":
        yield f"cells are separated by {_NAMES.get(delimiter, printable(delimiter))}"
