"""Splits a text into records and cells, and finds its delimiter and quotes."""

import collections
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

BLANKS = r"\s+"  # One blank or many, or tabs.
DELIMITERS = ("\t", ";", "|", ",")  # The first wins a tie.
# Used only if they fit nearly all lines, and those above hardly any.
_RARE_DELIMITERS = ("\x01", "\x1f", "^", "~", "\xa6", "\xa7", ":")
_NEARLY_ALL, _HARDLY_ANY = 0.95, 0.5
MOST = 200  # Records that are checked.
_MAX_CELLS = 400_000
_LONG_RECORD = 10  # lines

_SINGLE_QUOTED = re.compile(r"(?<![^,;|\s])'[^']*'(?![^,;|\s])")

Record = list[str]


class Marks(NamedTuple):
    """The delimiter, the quote, and the escape character."""

    delimiter: str  # A character, or `BLANKS`.
    quote: str = '"'
    escape: str | None = None


def records_of(file: TextIO, marks: Marks) -> Iterator[tuple[int, Record]]:
    """Yields `(line, cells)` of each record of a text, including empty ones, with its last line."""
    delimiter, quote, escape = marks
    lines = (" ".join(line.split()) for line in file) if delimiter == BLANKS else file
    reader = csv.reader(
        lines,
        delimiter=" " if delimiter == BLANKS else delimiter,
        quotechar=quote,
        escapechar=escape,
        skipinitialspace=delimiter != BLANKS,
    )
    for record in reader:
        yield reader.line_num, record


def first_records(sample: str, marks: Marks) -> tuple[list[Record], list[int]]:
    """Returns the first records and the last line of each, without a truncated last one."""
    records, lines, num_cells = [], [], 0
    try:
        for line, record in records_of(io.StringIO(sample, newline=""), marks):
            records.append(record)
            lines.append(line)
            num_cells += len(record)
            if len(records) >= MOST or num_cells > _MAX_CELLS:
                break
    except csv.Error:  # A cell is too long.
        pass
    return records or [[]], lines or [0]


def find_marks(sample: str) -> Marks:
    """Returns the `Marks` for which most rows have the same number of cells, at least two."""
    lines = [line for line in sample.splitlines()[:MOST] if line.strip()]
    quote = '"'
    if '"' not in sample and 2 * sum(map(bool, map(_SINGLE_QUOTED.search, lines))) > len(lines):
        quote = "'"
    marks = Marks(_delimiter(lines, quote), quote)
    if '\\"' not in sample:
        return marks
    escaped = marks._replace(escape="\\")
    # It may also end a folder's name: "C:\\data\\".
    return escaped if _fit(lines, escaped)[1] > _fit(lines, marks)[1] else marks


def _delimiter(lines: Sequence[str], quote: str) -> str:
    fits = {mark: _fit(lines, Marks(mark, quote)) for mark in (*DELIMITERS, BLANKS)}
    best = max(DELIMITERS, key=lambda mark: fits[mark][1])  # The first that fits as well.
    (width, share), (most, blank_share) = fits[best], fits[BLANKS]
    # Texts also contain blanks, sometimes equally many, but their header does not.
    first = first_records("\n".join(lines[:1]), Marks(BLANKS, quote))[0][0]
    is_finer = most > 2 * width and blank_share > share - 0.05 and len(first) > width
    if blank_share and (is_finer or blank_share > share + 0.1):
        return BLANKS
    if share < _HARDLY_ANY:
        rare = max(_RARE_DELIMITERS, key=lambda mark: _fit(lines, Marks(mark, quote))[1])
        if _fit(lines, Marks(rare, quote))[1] >= _NEARLY_ALL:
            return rare
    return best if share else ","


def _fit(lines: Sequence[str], marks: Marks) -> tuple[int, float]:
    """Returns the most frequent number of cells and the share of records with it; 0 if it is 1."""
    records, ends = first_records("\n".join(lines), marks)
    counts = collections.Counter(map(len, records))
    width, rows = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
    if width == 1:
        return 1, 0.0
    return width, rows / len(records) / (1 + _is_swallowed(ends, len(lines)))


def _is_swallowed(ends: Sequence[int], num_lines: int) -> bool:
    """Returns whether one record spans half of the lines, so that its quote may not be a quote.

    With the wrong delimiter, a quote that ends a cell seems to start one.
    """
    starts = (0, *ends)
    longest = max(end - start for start, end in zip(starts, (*ends, num_lines), strict=True))
    return longest > max(_LONG_RECORD, num_lines / 2)
