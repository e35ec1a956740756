"""Tables as they are read: columns of texts or numbers, and where each row came from."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy.typing as npt

from tfcourse.datasets import memory
from tfcourse.datasets.errors import DataError

# What a short cell takes as a Python text, by byte in the file.
_BYTES_PER_BYTE = 25

Column = Sequence[Any] | npt.NDArray[Any]  # Texts or numbers.


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length."""

    source: str  # What messages call it.
    columns: Mapping[str, Column]  # Texts or numbers by name.
    # The line in the file of each row; `None` counts examples from 0.
    lines: Sequence[int] | None = None
    num_rows: int | None = None  # Given where columns are read when they are asked for.

    def __post_init__(self) -> None:
        if self.num_rows is not None:
            return
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) != 1:
            raise DataError(
                f"{self.source}: expected columns of equal length; received {lengths}. Cut or fill "
                "them."
            )

    def __len__(self) -> int:
        if self.num_rows is not None:
            return self.num_rows
        return len(next(iter(self.columns.values())))

    def place(self, row: int) -> str:
        """Returns where a row came from, for messages."""
        if self.lines is None:
            return f"{self.source}, example {row}"
        return f"{self.source}, line {self.lines[row]}"


def read_csv(path: os.PathLike[str] | str) -> Table:
    """Returns a CSV file as a `Table` of texts.

    The first line names the columns. The delimiter is the comma, semicolon or tab that this line
    has most of. Text is UTF-8, quoted as RFC 4180 says.

    Raises:
        DataError: naming the file, the line and the column that can't be taken as they are.
    """
    path = pathlib.Path(path).expanduser()
    check_file(path, "a CSV file")
    memory.check_fits(
        path,
        os.path.getsize(path) * _BYTES_PER_BYTE,
        "Convert it to a set of TensorFlow Datasets, which is read from disk as it is needed (see "
        "docs/your_data.md), or train on a part of it.",
    )
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _parse(path, file)
    except UnicodeDecodeError:
        line = _line_that_is_not_utf8(path)
        raise DataError(
            f"{path}, line {line}: expected UTF-8 text; received other bytes. Save the file as "
            "UTF-8."
        ) from None
    except OSError as error:
        raise DataError(f"{path}: expected a file to read; received {error.strerror}.") from error


def read_header(path: os.PathLike[str] | str) -> list[str]:
    """Returns the names of a CSV file's columns: quick, however long the file is."""
    path = pathlib.Path(path).expanduser()
    check_file(path, "a CSV file")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _header(path, _reader(file))
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected UTF-8 text; received other bytes.") from None


def check_file(path: pathlib.Path, kind: str) -> None:
    """Raises `DataError` unless `path` is a regular file: a pipe might never end."""
    if not path.is_file():
        received = "something else" if path.exists() else "none there"
        raise DataError(f"{path}: expected {kind}; received {received}. Correct the path.")


def _reader(file):
    first = file.readline()
    file.seek(0)
    delimiter = max(",;\t", key=first.count)
    return csv.reader(file, delimiter=delimiter, strict=True)


def _header(path: pathlib.Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise DataError(f"{path}, line 1: expected names of columns; received {error}.") from None
    if not any(header):
        raise DataError(
            f"{path}: expected a first line with the names of the columns; received an empty one. "
            "Add it."
        )
    for number, name in enumerate(header, start=1):
        if not name or name in header[: number - 1]:
            received = f"{name!r} a second time" if name else "none"
            raise DataError(
                f"{path}, line 1: expected a name of its own for each column; received {received} "
                f"for column {number}. Correct the header."
            )
    return header


def _parse(path: pathlib.Path, file: TextIO) -> Table:
    reader = _reader(file)
    header = _header(path, reader)
    columns: list[list[str]] = [[] for _ in header]
    lines = []
    try:
        for row in reader:
            if not row:
                continue  # An empty line, such as the last one.
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(header)} cells, as the header "
                    f"has; received {len(row)}. Correct the line; a cell that holds the delimiter "
                    "has to stand in double quotes."
                )
            lines.append(reader.line_num)
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: expected cells as RFC 4180 has them; received "
            f"{error}. Correct the line."
        ) from None
    if not lines:
        raise DataError(f"{path}: expected rows below the header; received none. Add examples.")
    return Table(str(path), dict(zip(header, columns, strict=True)), lines)


def _line_that_is_not_utf8(path: pathlib.Path) -> int:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1
