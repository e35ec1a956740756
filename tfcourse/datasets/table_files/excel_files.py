"""Reads Excel workbooks: the sheet with the expected names, or the first that is not empty.

.xlsx files are read with openpyxl, .xls files with xlrd.
"""

import datetime
import io
import os
import pathlib
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from tfcourse.datasets import memory, shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import csv_header, csv_records, text_files
from tfcourse.datasets.tables import column_names
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values.cells import Column

# The first bytes of a .xls workbook, from before Excel 2007.
OLD_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Bytes of a cell as a Python object, per byte of its XML, or of .xls.
_BYTES_PER_BYTE = 10
_HEAD = 60  # Rows that are checked for the header.
_FEWEST_CELLS = 1 << 20  # May always be read, however small the file is.
# A cell with a formula, no value, and not of the type for texts, which may be empty.
_UNSAVED = re.compile(rb"<c(?![^>]*t=\"str\")[^>]*><f[^>]*(?:/>|>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>")
_PART = 1 << 20  # bytes
# How XML holds a character that it can't, such as a carriage return: _x000D_.
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SAVE = "Open the workbook in a spreadsheet program, and save it"
_UNREADABLE = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error)

Rows = list[tuple[Any, ...]]


def is_workbook(path: pathlib.Path) -> bool:
    """Returns whether a zip archive is an Excel workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except _UNREADABLE:
        return False


def read(path: pathlib.Path, *, header: bool = True, expected: Sequence[str] = ()) -> Table:
    """Returns a workbook as a `Table`.

    Args:
        path: the file.
        header: whether there is a header; otherwise, the columns are named 1, 2, ...
        expected: names of columns that may help to find the header and the sheet.

    Raises:
        DataError: it can't be read.
    """
    rows, notes = _rows(path, None, expected)
    layout = csv_header.in_records(_texts(rows[:_HEAD]), header, expected)
    csv_header.check_names(path, layout.names)
    kept = [number for number in range(layout.start, len(rows)) if rows[number]]
    if not kept:
        raise DataError(f"{path}: expected rows below the header; received none. Add examples.")
    columns: dict[int, Column] = {
        position: [_cell(rows[number], position) for number in kept]
        for position in range(max(len(layout.names), *(len(rows[number]) for number in kept)))
    }
    names = [*layout.names, *[""] * (len(columns) - len(layout.names))]
    named, told = column_names.named(columns, names, expected)
    unsaved = _unsaved(path)
    for name in expected:
        if unsaved and all(cell is None for cell in named.get(name, (0,))):
            raise DataError(
                f"{path}, column {shown.quoted(name)}: expected values; received formulas without "
                f"a saved result. {_SAVE}."
            )
    if unsaved:
        formulas = "formula has" if unsaved == 1 else "formulas have"
        notes = (*notes, f"{unsaved:,} {formulas} no saved result: missing. {_SAVE}")
    lines = [number + 1 for number in kept]
    return Table(str(path), named, lines, notes=(*notes, *layout.notes, *told))


def layout(path: pathlib.Path, *, header: bool, expected: Sequence[str]) -> csv_header.Layout:
    """Returns where the table is in the sheet; fast for files of any size."""
    return csv_header.in_records(_texts(_rows(path, _HEAD, expected)[0]), header, expected)


def _rows(
    path: pathlib.Path, count: int | None, expected: Sequence[str]
) -> tuple[Rows, tuple[str, ...]]:
    """Returns the first rows of the chosen sheet, and notes about it."""
    with open(path, "rb") as file:
        if file.read(len(OLD_MAGIC)) == OLD_MAGIC:
            return _old_rows(path, count, expected)
    import openpyxl

    limit = _checked_size(path)
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")  # About styles and extensions, which are not used.
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                sheets = {sheet.title: sheet for sheet in workbook.worksheets}
                heads = ((name, _read(path, each, _HEAD, limit)) for name, each in sheets.items())
                title = _chosen(path, heads, expected)
                return _read(path, sheets[title], count, limit), _told(title, workbook.sheetnames)
            finally:
                workbook.close()
    except DataError:
        raise
    except Exception as error:  # openpyxl checks nothing, so a damaged part can raise any error.
        raise _damaged(path, error) from None


def _chosen(path: pathlib.Path, heads: Iterable[tuple[str, Rows]], expected: Sequence[str]) -> str:
    """Returns the title of the first sheet with an expected name, or else of several columns."""
    wanted = set(expected)
    others: dict[bool, str] = {}
    for title, rows in heads:
        if wanted and any(str(cell).strip() in wanted for row in rows for cell in row):
            return title
        is_table = sum(len(row) > 1 for row in rows) > 1
        if is_table and not wanted:
            return title
        if any(rows):
            others.setdefault(is_table, title)
    if not others:
        raise DataError(
            f"{path}: expected a sheet with a table; received empty ones. Add examples."
        )
    return others[max(others)]


def _old_rows(
    path: pathlib.Path, count: int | None, expected: Sequence[str]
) -> tuple[Rows, tuple[str, ...]]:
    """Returns the same for a workbook in the format before Excel 2007."""
    import xlrd

    memory.check_fits(path, os.path.getsize(path) * _BYTES_PER_BYTE, text_files.MEND)
    limit = max(_FEWEST_CELLS, os.path.getsize(path))
    try:
        with xlrd.open_workbook(path, logfile=io.StringIO(), on_demand=True) as workbook:

            def rows(title: str, most: int | None) -> Rows:
                sheet = workbook.sheet_by_name(title)
                found = (
                    tuple(_old_value(cell, workbook.datemode) for cell in sheet.row(number))
                    for number in range(sheet.nrows if most is None else min(most, sheet.nrows))
                )
                return _trimmed(path, found, limit)

            titles = workbook.sheet_names()
            title = _chosen(path, ((each, rows(each, _HEAD)) for each in titles), expected)
            return rows(title, count), _told(title, titles)
    except DataError:
        raise
    except Exception as error:  # As with openpyxl.
        raise _damaged(path, error) from None


def _old_value(cell: Any, datemode: int) -> Any:
    """Returns a cell of xlrd as openpyxl would: a date as a date, an error as its text."""
    import xlrd

    match cell.ctype:
        case xlrd.XL_CELL_DATE if 0 <= cell.value < 1:
            return xlrd.xldate_as_datetime(cell.value, datemode).time()
        case xlrd.XL_CELL_DATE:
            return xlrd.xldate_as_datetime(cell.value, datemode)
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(cell.value, "#N/A")
        case xlrd.XL_CELL_EMPTY | xlrd.XL_CELL_BLANK:
            return None
        case xlrd.XL_CELL_NUMBER if cell.value.is_integer():
            return int(cell.value)  # The format has only floats; returns 3 for 3.0.
    return cell.value


def _read(path: pathlib.Path, sheet: Any, count: int | None, limit: int) -> Rows:
    """Returns the rows of an openpyxl sheet without empty cells at their ends."""
    sheet.reset_dimensions()  # The file's stated size may be wrong.
    rows = sheet.iter_rows(values_only=True, max_row=count)
    return _trimmed(path, (tuple(map(_unescaped, row)) for row in rows), limit)


def _unescaped(cell: Any) -> Any:
    if not isinstance(cell, str) or "_x" not in cell:
        return cell
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell)


def _trimmed(path: pathlib.Path, found: Iterable[tuple[Any, ...]], limit: int) -> Rows:
    rows: Rows = []
    cells = 0
    for row in found:
        cells += len(row) + 1
        if cells > limit:
            raise DataError(
                f"{path}: expected cells next to each other; received a sheet of more than "
                f"{limit:,} cells, most of them empty. Save it as CSV."
            )
        end = len(row)
        while end and (row[end - 1] is None or row[end - 1] == ""):
            end -= 1
        rows.append(row[:end])
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _checked_size(path: pathlib.Path) -> int:
    """Raises an error if the unpacked file does not fit into memory; returns the cell limit."""
    try:
        with zipfile.ZipFile(path) as archive:
            num_bytes = sum(member.file_size for member in archive.infolist())
    except _UNREADABLE as error:
        raise _damaged(path, error) from None
    memory.check_fits(path, num_bytes * _BYTES_PER_BYTE, text_files.MEND)
    return max(_FEWEST_CELLS, num_bytes, os.path.getsize(path))


def _told(title: str, titles: Sequence[str]) -> tuple[str, ...]:
    others = [each for each in titles if each != title]
    if not others:
        return ()
    return (f"sheet {title!r} is read, {', '.join(map(repr, others[:5]))} not",)


def _unsaved(path: pathlib.Path) -> int:
    """Returns the number of formulas without a saved result, which Python's libraries write."""
    count = 0
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with archive.open(name) as sheet:
                    count += sum(len(_UNSAVED.findall(part)) for part in _cells_of(sheet))
    return count


def _cells_of(sheet: IO[bytes]) -> Iterator[bytes]:
    """Yields the XML of a sheet in parts that end with a cell."""
    rest = b""
    while part := sheet.read(_PART):
        cells, end, rest = (rest + part).rpartition(b"</c>")
        yield cells + end


def _texts(rows: Rows) -> list[csv_records.Record]:
    return [["" if cell is None else str(cell) for cell in row] or [""] for row in rows] or [[""]]


def _cell(row: tuple[Any, ...], position: int) -> Any:
    cell = row[position] if position < len(row) else None
    if isinstance(cell, datetime.timedelta):
        return str(cell)  # A duration beside times of day, if some are shorter than a day.
    return None if isinstance(cell, str) and not cell.strip() else cell


def _damaged(path: pathlib.Path, error: Exception) -> DataError:
    said = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if "find workbook" in said:  # So xlrd says.
        said = "one that may have a password"
    return DataError(
        f"{path}: expected a workbook of Excel; received {said}. Save it again, or as CSV."
    )
