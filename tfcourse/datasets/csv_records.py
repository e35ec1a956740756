"""The cells of a text's records, and the delimiter between them."""

import collections
import csv
import io
from collections.abc import Iterator, Sequence
from typing import TextIO

BLANKS = r"\s+"  # One blank or many, or tabs.
MARKS = ("\t", ";", "|", ",")  # The first of those that fit equally well.
MOST = 200  # Records that are looked at.
_MAX_CELLS = 400_000
_LONG_RECORD = 10  # lines

Record = list[str]


def records_of(file: TextIO, delimiter: str) -> Iterator[tuple[int, Record]]:
    """Yields `(line, cells)` of each record of a text, empty ones too; its last line counts."""
    if delimiter == BLANKS:
        spaced = (" ".join(line.split()) for line in file)
        reader = csv.reader(spaced, delimiter=" ")
    else:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    for record in reader:
        yield reader.line_num, record


def first_records(sample: str, delimiter: str) -> tuple[list[Record], list[int]]:
    """Returns the first records and the last line of each; one that is cut off is left out."""
    records, lines, num_cells = [], [], 0
    try:
        for line, record in records_of(io.StringIO(sample, newline=""), delimiter):
            records.append(record)
            lines.append(line)
            num_cells += len(record)
            if len(records) >= MOST or num_cells > _MAX_CELLS:
                break
    except csv.Error:  # A cell that is longer than any should be.
        pass
    return records or [[]], lines or [0]


def find_delimiter(sample: str) -> str:
    """Returns the delimiter that gives most rows the same number of cells, at least two."""
    lines = [line for line in sample.splitlines()[:MOST] if line.strip()]
    share, width = {}, {}
    for delimiter in (*MARKS, BLANKS):
        records, ends = first_records("\n".join(lines), delimiter)
        counts = [len(record) for record in records]
        width[delimiter], rows = max(
            collections.Counter(counts).items(), key=lambda item: (item[0] > 1, item[1], item[0])
        )
        share[delimiter] = rows / len(counts) if width[delimiter] > 1 else 0.0
        share[delimiter] /= 1 + _is_swallowed(ends, len(lines))
    best = max(MARKS, key=share.__getitem__)  # The first of those that fit equally well.
    # Texts have blanks too, now and then equally many.
    is_finer = width[BLANKS] > 2 * width[best] and share[BLANKS] > share[best] - 0.05
    if share[BLANKS] and (is_finer or share[BLANKS] > share[best] + 0.1):
        return BLANKS
    return best if share[best] else ","


def _is_swallowed(ends: Sequence[int], num_lines: int) -> bool:
    """Returns whether one record holds half of the lines: what seems to be a quote may be none.

    Beside the wrong delimiter a quote that ends a cell seems to start one.
    """
    starts = (0, *ends)
    longest = max(end - start for start, end in zip(starts, (*ends, num_lines), strict=True))
    return longest > max(_LONG_RECORD, num_lines / 2)
