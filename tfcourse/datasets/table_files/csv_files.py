"""Reads CSV files and their many variants with pandas."""

import dataclasses
import pathlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import csv_dialect, text_files
from tfcourse.datasets.table_files.csv_lines import LineNumbers, Records, too_many
from tfcourse.datasets.tables import column_names
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values import cells
from tfcourse.datasets.values.cells import MISSING, Column

if TYPE_CHECKING:
    import pandas as pd

# Other spellings are found if a column turns out not to be numbers.
_MISSING = sorted({form for word in MISSING for form in (word, word.upper(), word.title(), "NaN")})
_SHARE_OF_LONG = 0.05  # At most this share of rows may have too many cells.
# Rows to check whether texts repeat, and the share of distinct ones if they do not.
_HEAD, _UNIQUE = 10_000, 0.5


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
    """Returns a file as a `Table`.

    Args:
        path: a regular text file, which may be compressed.
        header: whether there is a header; otherwise, the columns are named 1, 2, ...
        expected: names of columns that may help to find the header.
        texts: columns that are read as text: 007 stays "007".
        missing: further texts that mean a missing value.
        every_row: whether every row must be read. Otherwise, a few rows with too many cells are
            left out, with a note.
        legacy: the encoding of text that is not UTF-8; "" guesses it.

    Raises:
        DataError: names the file and the line that can't be read.
    """
    dialect = csv_dialect.find(path, header=header, expected=expected, legacy=legacy)
    encoding = text_files.checked(path, dialect.encoding, legacy=legacy)
    if encoding != dialect.encoding:  # Found further down in the file.
        told = csv_dialect.encoding_notes(encoding, legacy, "")
        dialect = dataclasses.replace(dialect, encoding=encoding, notes=(*told, *dialect.notes))
    return _Reader(path, dialect, tuple(texts), tuple(missing), every_row, tuple(expected)).read()


@dataclasses.dataclass(frozen=True)
class _Reader:
    path: pathlib.Path
    dialect: csv_dialect.Dialect
    texts: tuple[str, ...]
    missing: tuple[str, ...]
    every_row: bool
    expected: tuple[str, ...]

    @property
    def _records(self) -> Records:
        return Records(self.path, self.dialect)

    def read(self) -> Table:
        width = len(self.dialect.names)
        try:
            frame = self._parse(width + 1)  # One more, if rows end in a delimiter.
        except _TooManyCells:
            frame = self._parse(self._records.widest() + 1)
        long, told = self._too_long(frame, width)
        repeated, told_too = self._repeated_headers(frame)
        comments, told_also = _comments(frame, width)
        dropped = sorted({*long, *repeated, *comments})
        if dropped:
            frame = frame.drop(index=dropped)
        if not len(frame):
            raise DataError(
                f"{self.path}: expected rows below the header; received none. Add examples."
            )
        columns = {number: _column(frame, number) for number in range(width)}
        named, notes = column_names.named(columns, self.dialect.names, self.expected)
        notes = (
            *self.dialect.notes,
            *notes,
            *self._short_rows(columns[width - 1]),
            *told,
            *told_too,
            *told_also,
        )
        lines = LineNumbers(self._records, tuple(dropped))
        comma = self.dialect.decimal == ","
        return Table(str(self.path), named, lines, notes=notes, decimal_comma=comma)

    def _too_long(self, frame: "pd.DataFrame", width: int) -> tuple[list[int], tuple[str, ...]]:
        """Returns the rows with cells beyond the last column, and notes about them.

        Raises:
            DataError: there are too many such rows, or none may be left out.
        """
        filled = {n: _is_filled(_column(frame, n)) for n in range(width, len(frame.columns))}
        rows = np.flatnonzero(np.any([*filled.values()], axis=0)).tolist()
        if not rows:
            return [], ()
        line = LineNumbers(self._records)[rows[0]]
        if self.every_row or len(rows) > _SHARE_OF_LONG * len(frame):
            received = 1 + max(n for n, is_filled in filled.items() if is_filled[rows[0]])
            raise too_many(self.path, line, width, received)
        more = "row has" if len(rows) == 1 else "rows have"
        what = f"{len(rows)} {more} more than {width} cells (line {line} is the first): left out"
        return rows, (f"{what}. A cell that holds the delimiter has to stand in double quotes",)

    def _repeated_headers(self, frame: "pd.DataFrame") -> tuple[list[int], tuple[str, ...]]:
        """Returns the rows that repeat the header, and notes about them.

        Headers repeat if files were concatenated; no column then consists of numbers only.
        """
        names = self.dialect.names
        if any(map(_is_numeric, frame.dtypes.to_list()[: len(names)])):
            return [], ()
        rows = np.arange(len(frame))
        for number, name in enumerate(names):
            cells_of_rows = frame[number].iloc[rows]
            are_names = cells_of_rows == name if name else cells_of_rows.isna()
            rows = rows[are_names.fillna(False).to_numpy(bool)]
            if not len(rows):
                return [], ()
        lines = "line repeats" if len(rows) == 1 else "lines repeat"
        return rows.tolist(), (f"{len(rows)} {lines} the names of the columns: left out",)

    def _parse(self, width: int) -> "pd.DataFrame":
        """Returns the frame; columns that only start with numbers are read again as texts."""

        numeric = {
            position
            for position, is_numeric in enumerate(self.dialect.numeric)
            if is_numeric and self.dialect.names[position] not in self.texts
        }
        frame = self._read_csv(width, numeric)
        dtypes = frame.dtypes.to_list()
        # As texts, 1e400 is told as it is written, and not as inf.
        others = {p for p in numeric if not _is_numeric(dtypes[p]) or np.isinf(frame[p]).any()}
        return self._read_csv(width, numeric - others) if others else frame

    @property
    def _texts(self) -> set[int]:
        """The columns that pandas will read as texts. Knowing them saves time and memory."""
        names = self.dialect.names
        return {p for p, is_text in enumerate(self.dialect.texts) if is_text} - {
            p for p, name in enumerate(names) if name in self.texts
        }

    def _read_csv(self, width: int, numeric: set[int]) -> "pd.DataFrame":
        import pandas as pd

        inferred = numeric | self._texts
        with self._records.text() as file:
            options: dict[str, Any] = {
                "sep": self.dialect.marks.delimiter,
                "quotechar": self.dialect.marks.quote,
                "escapechar": self.dialect.marks.escape,
                "header": None,
                "names": list(range(width)),
                "index_col": False,
                "dtype": {p: object for p in range(width) if p not in inferred},
                "na_values": [*_MISSING, *self.missing],
                "decimal": self.dialect.decimal,
                "keep_default_na": False,
                "skipinitialspace": True,
                "low_memory": False,
                "engine": "c",
            }
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", pd.errors.ParserWarning)
                    return pd.read_csv(file, **options)
            except pd.errors.ParserWarning:  # It would truncate the first row.
                raise _TooManyCells from None
            except pd.errors.EmptyDataError:
                return pd.DataFrame({p: [] for p in range(width)})
            except (ValueError, OverflowError, MemoryError) as error:
                if "Expected" in str(error) and "saw" in str(error):
                    raise _TooManyCells from None
                raise self._error(error) from None

    def _error(self, error: Exception) -> DataError:
        said = str(error).partition("C error: ")[2] or str(error)
        if "EOF inside string" in said:
            line = self._records.line_of_open_quote()
            return DataError(
                f"{self.path}, line {line}: expected a quoted cell to end; received the end of the "
                "file. Close its quotes."
            )
        return DataError(
            f"{self.path}: expected a table that pandas can read; received "
            f"{said.splitlines()[0][:200]}. Correct the file."
        )

    def _short_rows(self, last: Column) -> tuple[str, ...]:
        """Returns notes about rows with fewer cells than there are columns."""
        if not _has_blank(last):
            return ()
        width = len(self.dialect.names)
        short = [line for line, record in self._records if 0 < len(record) < width]
        if not short:
            return ()
        rows = "row has" if len(short) == 1 else "rows have"
        return (
            f"{len(short)} {rows} fewer than {width} cells (line {short[0]} is the first): the "
            "rest counts as missing",
        )


def _comments(frame: "pd.DataFrame", width: int) -> tuple[list[int], tuple[str, ...]]:
    """Returns the rows that are only a comment, such as "# second batch", and notes about them."""
    if width == 1 or _is_numeric(frame[0].dtype):
        return [], ()
    rows = np.flatnonzero(frame[width - 1].isna().to_numpy(bool))
    rows = rows[frame.iloc[rows, 1:width].isna().all(axis=1).to_numpy(bool)]
    rows = rows[frame[0].iloc[rows].astype(str).str.match(r"\s*(#|//)").to_numpy(bool)]
    if not len(rows):
        return [], ()
    lines = "line is a comment" if len(rows) == 1 else "lines are comments"
    return rows.tolist(), (f"{len(rows)} {lines}: left out",)


class _TooManyCells(Exception):
    """A row has more cells than pandas expects."""


def _is_numeric(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "iuf"


def _column(frame: "pd.DataFrame", number: int) -> Column:
    """Returns a column of numbers as an array, and a column of texts by its distinct values.

    If hardly any text repeats, the column stays in pandas's buffer.
    """
    import pandas as pd

    column = frame[number]
    if _is_numeric(column.dtype):
        return column.to_numpy()
    head = column[:_HEAD]
    if isinstance(column.dtype, pd.StringDtype) and head.nunique() > _UNIQUE * len(head):
        return column.array
    codes, values = pd.factorize(column)
    return pd.Categorical.from_codes(codes, categories=values)


def _is_filled(column: Any) -> npt.NDArray[np.bool_]:
    """Returns which cells of a column are not empty."""
    if isinstance(column, np.ndarray):
        return ~np.isnan(column.astype(float))
    found = cells.of(column)
    return found.spread(np.array([bool(text.strip()) for text in found.values], bool), False)


def _has_blank(column: Any) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind == "f" and bool(np.isnan(column).any())
    found = cells.of(column)
    return bool((found.codes < 0).any()) or any(not text.strip() for text in found.values)
