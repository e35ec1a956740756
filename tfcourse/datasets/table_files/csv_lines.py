"""The records of a text with their line numbers, which pandas does not provide."""

import contextlib
import csv
import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Sequence
from typing import TextIO, overload

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import (
    arff_headers,
    csv_dialect,
    csv_records,
    fixed_width,
    ruled_lines,
    text_files,
    wrapped_lines,
)

_MOST_MORE = 100  # Cells that a row may have beyond the header's.


@dataclasses.dataclass(frozen=True)
class Records:
    """The records of a file below its header."""

    path: pathlib.Path
    dialect: csv_dialect.Dialect

    @contextlib.contextmanager
    def text(self) -> Iterator[TextIO]:
        """Opens the text after the header."""
        with text_files.text(self.path, self.dialect.encoding) as file:
            for _ in range(self.dialect.lines_before):
                file.readline()
            if self.dialect.ruled:
                file = ruled_lines.text(file)
            if self.dialect.fixed:
                before = self.dialect.lines_before
                file = fixed_width.text(self.path, file, self.dialect.fixed, before)
            elif self.dialect.is_arff:
                file = arff_headers.text(file)
            yield wrapped_lines.text(file) if self.dialect.wrapped else file

    def line_of_open_quote(self) -> int:
        """Returns the line in which the last record of the file starts."""
        last = 0
        for line, _ in self:
            last, start = line, last
        return start + 1 if last else 1

    def __iter__(self) -> Iterator[tuple[int, csv_records.Record]]:
        """Yields `(line, cells)` of each record after the header."""
        with self.text() as file:
            try:
                for line, record in csv_records.records_of(file, self.dialect.marks):
                    yield line + self.dialect.lines_before, record
            except csv.Error as error:
                raise DataError(
                    f"{self.path}: expected cells of a table; received {error}."
                ) from None

    def widest(self) -> int:
        """Returns the number of cells in the longest row."""
        width = widest = len(self.dialect.names)
        for line, record in self:
            if len(record) > width + _MOST_MORE and any(cell.strip() for cell in record[width:]):
                raise too_many(self.path, line, width, len(record))
            widest = max(widest, len(record))
        return widest


class LineNumbers(Sequence[int]):
    """The line number of each row, determined when the first one is requested."""

    def __init__(self, records: Records, dropped: Sequence[int] = ()) -> None:
        self._records = records
        self._dropped = dropped

    @functools.cached_property
    def _lines(self) -> list[int]:
        # An empty line is not a row.
        lines = [
            line for line, cells in self._records if len(cells) > 1 or "".join(cells).strip(" \t")
        ]
        for row in reversed(self._dropped):
            del lines[row]
        return lines

    @overload
    def __getitem__(self, row: int) -> int: ...
    @overload
    def __getitem__(self, row: slice) -> list[int]: ...
    def __getitem__(self, row: int | slice) -> int | list[int]:
        return self._lines[row]

    def __len__(self) -> int:
        return len(self._lines)


def too_many(path: pathlib.Path, line: int, width: int, received: int) -> DataError:
    """Returns the error for a row with more cells than there are columns."""
    return DataError(
        f"{path}, line {line}: expected {width} cells, as the header has; received {received}. "
        "Correct the line; a cell that holds the delimiter has to stand in double quotes."
    )
