"""The cells of a column: its distinct values, and the rows of each.

A column of texts is processed by its distinct values: each is parsed once, however many rows there
are.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.values import spellings

Codes = npt.NDArray[np.int32]
Column = Sequence[Any] | npt.NDArray[Any]  # Texts or numbers; also a pandas Categorical.

# Texts for a missing value, in upper or lower case, in every column.
MISSING = frozenset(
    {
        *("", "?", "na", "n/a", "<na>", "nan", "-nan", "nat", "null", "1.#qnan", "#na", "#n/a"),
        *("(null)", "<null>", "\\n"),
        *("#n/a n/a", "#value!", "#div/0!", "#ref!", "#null!", "#num!", "#name?"),  # Of Excel.
    }
)
# Further texts in columns of numbers or dates. Among texts, "None" may be a category.
MISSING_NUMBER = MISSING | {
    *("none", "-", "--", "---", ".", "..", "\u2013", "\u2014", "n.a.", "n.d."),
    *("missing", "(missing)", "unknown", "not available"),
    *(f".{letter}" for letter in "_abcdefghijklmnopqrstuvwxyz"),  # Of SAS and Stata.
    *("*" * number for number in range(1, 6)),  # Of the US census.
    *(":", *(f": {letter}" for letter in "bcdefnprsuz")),  # Of Eurostat.
    *("0000-00-00", "0000-00-00 00:00:00", "00/00/0000"),
}

_CHUNK = 4096  # Rows.
LONGEST_MISSING = max(map(len, MISSING_NUMBER))  # Characters.


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """The cells of a column: `values[codes[row]]`, or missing if the code is -1."""

    values: list[Any]  # Distinct values in order of occurrence, without `None` and NaN.
    codes: Codes  # [rows]

    def counts(self) -> npt.NDArray[np.int64]:
        """Returns how often each value occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    def spread(self, by_value: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
        """Returns, for each row, the entry of `by_value` for the row's value."""
        return np.append(by_value, np.array([missing], by_value.dtype))[self.codes]


def of(column: Column) -> Cells:
    """Returns the `Cells` of any column."""
    import pandas as pd

    if isinstance(column, pd.Categorical):
        values, codes = column.categories.tolist(), column.codes.astype(np.int32)
        return Cells(values, codes)
    if not isinstance(column, np.ndarray | pd.api.extensions.ExtensionArray):
        array = np.empty(len(column), object)
        array[:] = column
        column = array
    if getattr(column.dtype, "kind", "") == "M":
        column = column.astype("datetime64[us]")  # Otherwise, dates may become numbers.
    try:
        found, distinct = pd.factorize(column)
    except TypeError:  # Lists and the like have no hash.
        found, distinct = pd.factorize(
            np.array([cell if cell is None else str(cell) for cell in column], object)
        )
    return Cells(list(distinct.tolist()), found.astype(np.int32))


def some(column: Column, count: int) -> list[Any]:
    """Returns the first distinct values of a column, at most `count`."""
    import pandas as pd

    if isinstance(column, pd.Categorical):
        return list(column.categories[:count].tolist())
    if isinstance(column, pd.api.extensions.ExtensionArray):
        column = column[: 2 * count]
    return of(column).values[:count]


def are_buffered(column: Column) -> bool:
    """Returns whether a column is a buffer of texts, as pandas reads them, not a Categorical."""
    import pandas as pd

    return isinstance(getattr(column, "dtype", None), pd.StringDtype)


def evenly(column: Column, count: int) -> list[Any]:
    """Returns about `count` cells of a column, evenly spaced."""
    return list(column[:: max(1, len(column) // count)])


def counted(column: Any, more: Sequence[str] = ()) -> tuple[Codes, int]:
    """Returns the codes that `categories` has for a buffered column, and the number of values.

    The texts stay in the buffer, because Python strings would take several times the memory.
    """
    import pandas as pd

    hashes, known = np.zeros(len(column), np.uint64), np.zeros(len(column), bool)
    for start in range(0, len(column), _CHUNK):  # Each step copies what it works on.
        texts = pd.Series(column[start : start + _CHUNK]).str.strip()
        missing = texts.isna() | texts.str.lower().isin(MISSING) | texts.isin(list(more))
        part = slice(start, start + len(texts))
        known[part] = ~missing.to_numpy(bool)
        hashes[part] = pd.util.hash_array(texts.to_numpy(object, na_value=""), categorize=False)
    codes = np.full(len(column), -1, np.int32)
    codes[known], distinct = pd.factorize(hashes[known])
    return codes, len(distinct)


def as_category(value: object) -> str:
    """Returns the text of a cell, without surrounding blanks."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)  # Missing values in a column may turn 3 into 3.0.
    return spellings.seen(str(value))


def is_missing(value: object, more: Sequence[str] = ()) -> bool:
    """Returns whether a cell, text or number, is missing; `more` are further texts for that."""
    if isinstance(value, str):
        return _says_missing(spellings.seen(value), more)
    return value is None or bool(value != value)  # Only NaN differs from itself.


def _category(value: object, more: Sequence[str]) -> str | None:
    """Returns the text of a cell; `None` if it is missing."""
    if not isinstance(value, str):
        text = "" if is_missing(value) else as_category(value)  # A number may be in `more`, too.
        return text if text and text not in more else None
    text = spellings.seen(value)
    return None if _says_missing(text, more) else text


def _says_missing(text: str, more: Sequence[str]) -> bool:
    return (len(text) <= LONGEST_MISSING and text.lower() in MISSING) or text in more


def categories(cells: Cells, more: Sequence[str] = ()) -> Cells:
    """Returns the cells as texts without surrounding blanks; missing cells have the code -1."""
    import pandas as pd

    names = np.empty(len(cells.values), object)
    names[:] = [_category(value, more) for value in cells.values]
    found, distinct = pd.factorize(names)
    codes = np.append(found, -1).astype(np.int32)[cells.codes]
    return Cells(list(distinct), codes)
