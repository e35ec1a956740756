"""Fixed-width files: columns at the same positions in all lines, padded with blanks.

Blanks do not separate the cells, because texts contain blanks and empty cells are blank.
"""

import csv
import io
import itertools
import pathlib
from collections.abc import Iterable, Sequence

from tfcourse.datasets.errors import DataError

_OTHERS = '\t,;|"'  # Other delimiters and quotes.
_FEWEST_LINES = 5
_SAMPLE = 100  # Lines in which two blanks within a cell are no sign of other columns.
DELIMITER = "\t"  # Between the cells of `text`.


def starts(lines: Sequence[str]) -> tuple[int, ...]:
    """Returns the positions where columns start; empty if the file is of another kind.

    Args:
        lines: the first lines of a file, including the header.
    """
    filled = [line.rstrip() for line in lines if line.strip()]
    if len(filled) < _FEWEST_LINES or len({len(line.split()) for line in filled}) == 1:
        return ()  # Blanks separate the cells.
    if 2 * sum(any(mark in line for mark in _OTHERS) for line in filled) > len(filled):
        return ()
    is_text = [False] * max(map(len, filled))
    for line in filled:
        for position, char in enumerate(line):
            is_text[position] |= not char.isspace()
    found = [n for n, here in enumerate(is_text) if here and not (n and is_text[n - 1])]
    rows = [[bool(cell) for cell in _cells(line, found)] for line in filled]
    are_used = all(2 * sum(column) >= len(rows) for column in zip(*rows, strict=True))
    return tuple(found) if len(found) > 1 and all(rows[0]) and are_used else ()


def text(
    path: pathlib.Path, lines: Iterable[str], columns: Sequence[int], before: int = 0
) -> io.StringIO:
    """Returns lines with `DELIMITER` between their cells.

    Args:
        path: for messages.
        lines: lines of the file.
        columns: the start positions of the columns.
        before: the number of lines before `lines`.

    Raises:
        DataError: a cell is wider than its column, or a line has other columns.
    """
    has_gaps = False
    result = io.StringIO(newline="")
    writer = csv.writer(result, delimiter=DELIMITER, lineterminator="\n")
    for number, line in enumerate(lines, start=before + 1):
        cells = _cells(line, columns)
        # Two blanks in a cell are its own, or those between cells of other columns.
        is_gap = any("  " in cell for cell in cells)
        has_gaps |= is_gap and number <= before + _SAMPLE
        is_wide = any(line[start - 1 : start].strip() for start in columns[1:])
        if is_wide or (is_gap and not has_gaps):
            raise DataError(
                f"{path}, line {number}: expected columns that start at the same positions as "
                f"above, with a blank before each; received {line.strip()[:80]!r}. Correct the "
                "line, or save the table as CSV."
            )
        writer.writerow(cells if line.strip() else [])
    result.seek(0)
    return result


def _cells(line: str, columns: Sequence[int]) -> list[str]:
    return [line[start:end].strip() for start, end in itertools.pairwise([*columns, None])]
