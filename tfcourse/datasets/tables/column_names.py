"""Names of columns, in files and as users type them."""

import collections
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.values import cells
from tfcourse.datasets.values.cells import Column
from tfcourse.hyperparameters import format_texts, printable

_OF_ONE = ("label", "id")  # Arguments that take one name as it is.
_MAX_JOINED = 8
_MAX_SHOWN = 20
_MAX_UNNAMED = 3
_ESCAPE = re.compile(r"\\(n|r|t|\\|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_SHORT = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


def find(source: str, argument: str, wanted: Sequence[str], columns: Iterable[str]) -> list[str]:
    r"""Returns the columns that `wanted` names.

    A line break may be written as \n. A name with commas may come in parts, which are joined if
    no part is a column, or in the quotes in which messages show it.

    Raises:
        DataError: there is no such column.
    """
    columns = list(columns)
    known = set(columns)
    forms: dict[str, str] = {}
    found = []
    rest = list(wanted)
    while rest:
        if rest[0] in known:
            found.append(rest.pop(0))
            continue
        forms = forms or _forms(columns)
        for taken in range(1, min(len(rest), _MAX_JOINED) + 1):
            typed = ",".join(rest[:taken])
            name = forms.get(typed) or forms.get(_loose(typed))
            if name is not None:
                found.append(name)
                del rest[:taken]
                break
        else:
            raise _absent(source, argument, rest[0], columns)
    return found


def _forms(columns: Sequence[str]) -> dict[str, str]:
    """Returns the columns by the ways to type them; the first one, if two are typed alike."""
    forms: dict[str, str] = {}
    for form in (str, printable, _one_line, lambda name: _loose(_one_line(name)), _loose, _listed):
        for column in columns:
            forms.setdefault(form(column), column)
    long = [column for column in columns if len(column) > shown.LONGEST]
    counts = collections.Counter(map(typed, long))
    for column in long:
        if counts[typed(column)] == 1:  # Ambiguous if two are cut alike.
            forms.setdefault(typed(column), column)
    return forms


def _one_line(name: str) -> str:
    """Returns a name on one line for messages, without backticks, which would end an argument."""
    return printable(name).replace("`", r"\x60")


def argument(name: str, columns: Sequence[str]) -> str:
    """Returns an argument with column names for messages: `ignore="name, full",age`.

    Some take one name, which needs no quotes.
    """
    return f"`{name}={value(name, columns)}`"


def value(name: str, columns: Sequence[str]) -> str:
    """Returns what `argument` gives `name`."""
    return typed(*columns) if name in _OF_ONE else written(columns)


def listed(columns: Sequence[str]) -> str:
    """Returns the names for a message."""
    more = f" and {len(columns) - _MAX_SHOWN} more" if len(columns) > _MAX_SHOWN else ""
    return ", ".join(map(_listed, columns[:_MAX_SHOWN])) + more


def _listed(name: str) -> str:
    return written([name])


def written(columns: Sequence[str]) -> str:
    """Returns the names as the value of a flag."""
    return format_texts(map(typed, columns))


def typed(name: str) -> str:
    """Returns a name for messages, which `find` recognizes even if it is cut."""
    return _one_line(shown.cut(name))


def unescaped(name: str) -> str:
    def char(match: re.Match[str]) -> str:
        code = match[1]
        return _SHORT[code] if code in _SHORT else chr(int(code[1:], 16))

    return _ESCAPE.sub(char, name)


def _loose(name: str) -> str:
    """Returns a name without blanks at its ends and around commas and line breaks."""
    return re.sub(r"\s*,\s*", ",", " ".join(name.split()))


def closest(name: str, columns: Sequence[str]) -> str:
    """Returns the column that `name` may mean, or "".

    A number may be the column's position, from 1, or from the end as -1.
    """
    if _NUMBER.fullmatch(name) and 0 < abs(int(name)) <= len(columns):
        return columns[int(name) - (int(name) > 0)]
    return similar(name, columns)


def similar(name: str, columns: Sequence[str]) -> str:
    """Returns the column with the most similar name, or ""."""
    same = [column for column in columns if column.casefold() == name.casefold()]
    return (same or difflib.get_close_matches(name, columns[:1000], n=1) or [""])[0]


def _absent(source: str, argument: str, name: str, columns: list[str]) -> DataError:
    close = closest(name, columns)
    hint = f"Did you mean {shown.quoted(close)}? " if close else ""
    return DataError(
        f"{source}: expected a column {shown.quoted(name)}, as `{argument}` says; received none. "
        f"{hint}There are {listed(columns)}.",
        advice={argument: typed(close)} if close and argument in _OF_ONE else {},
    )


def named(
    columns: dict[int, Column], names: Sequence[str], expected: Sequence[str] = ()
) -> tuple[dict[str, Column], tuple[str, ...]]:
    """Returns the columns by distinct names, and notes about them.

    Columns without a name get pandas's names. An empty column without a name is left out, and so is
    a first one that holds the names of the rows, unless they are among `expected`: in a few new
    rows, a column may be empty, or differ, that was not and did not in training.
    """
    result: dict[str, Column] = {}
    notes = []
    unnamed: list[str] = []
    again: list[str] = []
    for number, name in enumerate(distinct(names)):
        column = columns[number]
        is_expected = name in expected
        if not names[number] and not is_expected and _is_blank(column):
            continue
        is_first = name == "Unnamed: 0" and len(columns) > 2
        if is_first and not is_expected and _names_rows(column):
            notes.append("the first column has no name and differs in all rows: left out")
            continue
        if not names[number]:
            unnamed.append(f"column {number + 1} has no name and is called {shown.quoted(name)}")
        elif name != names[number]:
            again.append(
                f"a second column {shown.quoted(names[number])} is called {shown.quoted(name)}"
            )
        result[name] = column
    return result, (*_few(unnamed), *notes, *_few(again))


def _few(told: list[str]) -> list[str]:
    return told if len(told) <= _MAX_UNNAMED else [f"{told[0]}, and {len(told) - 1} more likewise"]


def distinct(names: Sequence[str]) -> list[str]:
    """Returns complete, distinct names, as pandas makes them: "Unnamed: 0", "x.1"."""
    taken = set(names)
    counts: dict[str, int] = {}
    result = []
    for number, name in enumerate(names):
        name = first = name or f"Unnamed: {number}"
        while first in counts and (name in taken or name == first):
            name = f"{first}.{counts[first]}"
            counts[first] += 1
        counts.setdefault(name, 1)
        taken.add(name)
        result.append(name)
    return result


def _is_blank(column: Any) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind == "f" and bool(np.isnan(column).all())
    if isinstance(column, list):
        return all(cell is None for cell in column)
    return all(not text.strip() for text in cells.of(column).values)


def _names_rows(column: Any) -> bool:
    """Returns whether all cells differ, like numbers or names of rows."""
    if isinstance(column, np.ndarray):
        return column.dtype.kind in "iu" and len(np.unique(column)) == len(column)
    if isinstance(column, list):
        return None not in column and len(set(column)) == len(column)
    found = cells.of(column)
    return len(found.values) == len(column) and bool((found.codes >= 0).all())
