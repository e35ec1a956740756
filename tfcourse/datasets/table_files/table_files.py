"""Reads a file of any format as a `Table`; the format is recognized by the first bytes."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.fields import MAX_TEXT
from tfcourse.datasets.table_files import (
    archives,
    csv_dialect,
    csv_files,
    excel_files,
    parquet_files,
)
from tfcourse.datasets.table_files.text_files import check_file
from tfcourse.datasets.tables import column_names
from tfcourse.datasets.tables.table import Table

KIND = "a table (CSV, Excel or Parquet)"


class Header(NamedTuple):
    """The names of a table's columns, and the header line if it looks like data."""

    names: list[str]
    data: tuple[str, ...] = ()


def read(
    path: pathlib.Path,
    *,
    header: bool = True,
    expected: Sequence[str] = (),
    texts: Sequence[str] = (),
    missing: Sequence[str] = (),
    every_row: bool = False,
    legacy: str = "",
) -> Table:
    """Returns a file as a `Table`; see `csv_files.read` for the arguments.

    Raises:
        DataError: names the file and the place that can't be read.
    """
    match _format(path):
        case "parquet":
            return parquet_files.read(path)
        case "excel":
            return excel_files.read(path, header=header, expected=expected)
    return csv_files.read(
        path,
        header=header,
        expected=expected,
        texts=texts,
        missing=missing,
        every_row=every_row,
        legacy=legacy,
    )


def read_header(
    path: pathlib.Path, *, header: bool = True, expected: Sequence[str] = (), legacy: str = ""
) -> Header:
    """Returns the header; fast for files of any size."""
    match _format(path):
        case "parquet":
            return Header(parquet_files.names(path))
        case "excel":
            layout = excel_files.layout(path, header=header, expected=expected)
            return _header(path, layout.names, layout.first_is_data)
    dialect = csv_dialect.find(path, header=header, expected=expected, legacy=legacy)
    return _header(path, dialect.names, dialect.first_is_data)


def check_is_text(path: pathlib.Path) -> None:
    """Raises `DataError` if a file's format determines its encoding."""
    kind = _format(path)
    if kind != "text":
        raise DataError(
            f"{path}: expected text, as `encoding` says; received {kind.title()}, which has none. "
            "Leave `encoding` out."
        )


def _header(path: pathlib.Path, names: tuple[str, ...], is_data: bool) -> Header:
    for number, name in enumerate(names, start=1):
        if len(name) > MAX_TEXT:  # It could not be recorded.
            raise DataError(
                f"{path}: expected names of columns of at most {MAX_TEXT:,} characters; that of "
                f"column {number} has {len(name):,}. Shorten it."
            )
    return Header(column_names.distinct(names), names if is_data else ())


def _format(path: pathlib.Path) -> str:
    if archives.holds(path):
        return "text"
    check_file(path, KIND)
    try:
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise DataError(f"{path}: expected {KIND}; received {error.strerror}.") from error
    if start.startswith(parquet_files.MAGIC):
        return "parquet"
    if start == excel_files.OLD_MAGIC:
        return "excel"
    if start.startswith(b"PK\x03\x04") and excel_files.is_workbook(path):
        return "excel"
    return "text"
