"""Finds columns that identify the rows: running numbers, keys, invoice numbers.

A model can memorize them, and in a sorted file, they give the class away. They have three signs;
`keep` uses such a column anyway.

- Its integers never repeat, although measurements would: of `n` numbers in a range of `r`, about `n
  * n / (2 * r)` pairs are equal by chance, or more if they are not uniform. If 10 are expected,
  having none happens by chance in one of e**10 = 22,000 columns.
- It has the name that R and pandas give to the names of rows: rownames, "Unnamed: 0".
- Its name says so ("id", "No.", "PassengerId", "row_index"), and only a few numbers repeat. In a
  table without names, a first column of long, unsorted numbers counts as having such a name.
"""

import re

import numpy as np
import numpy.typing as npt

_EXPECTED_REPEATS = 10
# For a column whose name says that it is an identifier.
_SHARE_OF_DIFFERENT = 0.9
_FEWEST_ROWS = 10
# The first column of a table without names. Keys have six digits or more; a tenth of them end in 0
# by chance.
_FIRST, _LONG, _SHARE_OF_ROUND = "1", 1e5, 0.3
_LONGEST = 1e15  # Nothing is counted beyond it but time in nanoseconds.
# A series with one row per year has no repeats either, but is a time. Plurals count, too.
_TIMES = {
    *("timestamp", "decade", "year", "yr", "season", "quarter", "month", "week", "day", "hour"),
    *("minute", "second", "date", "time", "t", "period", "age"),
}
_LAST = {
    *("id", "ids", "index", "idx", "key", "no", "nr", "number", "num", "uuid", "guid", "row"),
    *("uid", "pid", "oid", "sid", "cid", "eid"),
    *("rowid", "rownum", "rownumber", "rowname", "rownames", "serial", "sno", "slno", "objectid"),
}
# Words before "id" in compounds such as "userid"; others end so by chance: "acid", "bid".
_OWNERS = (
    *(
        "account",
        "case",
        "client",
        "cust",
        "customer",
        "emp",
        "employee",
        "invoice",
        "item",
        "loan",
    ),
    *(
        "member",
        "order",
        "passenger",
        "patient",
        "person",
        "product",
        "record",
        "sample",
        "student",
    ),
    *("subject", "trans", "transaction", "unique", "user"),
)
# What R and pandas write above the names of rows, which may have fractions: 1978.1, 1978.2.
_ROW_NAMES = re.compile(r"row[ ._]?names?|unnamed: 0(\.\d+)?", re.IGNORECASE)
_CODES = {"code", "ccode", "zip", "zipcode", "postcode", "fips", "geoid"}
# Who or what may have several rows.
_UNITS = {
    *("animal", "child", "client", "customer", "employee", "family", "household", "individual"),
    *("member", "participant", "passenger", "patient", "person", "pupil", "respondent", "student"),
    *("subject", "user"),
}
_WORDS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|#")


def why(name: str, values: npt.NDArray[np.float64]) -> str:
    """Returns why a column of numbers is an identifier, or "".

    Args:
        name: the column's name.
        values: [rows], NaN if missing.
    """
    if name.endswith("]"):
        return ""  # One number of a vector: "petals[0]".
    if _ROW_NAMES.fullmatch(name):
        return _why_row_names(values[~np.isnan(values)])
    some = values[:_FEWEST_ROWS]
    if (some != np.floor(some)).sum() > np.isnan(some).sum():
        return ""  # Most columns end here.
    present = values[~np.isnan(values)]
    count = len(present)
    if count < _FEWEST_ROWS or 2 * count < len(values) or (present != np.floor(present)).any():
        return ""
    distinct = len(np.unique(present))
    low, high = float(present.min()), float(present.max())
    if distinct >= _SHARE_OF_DIFFERENT * count:
        if is_named_so(name):
            return f"is an identifier by its name, with {distinct:,} different whole numbers"
        if name == _FIRST and _are_keys(present):
            return (
                f"looks like an identifier: {distinct:,} different whole numbers, most of them long"
            )
    if distinct == count and high > _LONGEST and not _is_time(name):
        return (
            f"looks like an identifier: whole numbers of {len(f'{high:.0f}')} digits never repeat"
        )
    expected = count * count / (2 * (high - low + 1))
    if distinct < count or expected < _EXPECTED_REPEATS or _is_time(name):
        return ""
    return f"looks like an identifier: its whole numbers from {low:.0f} to {high:.0f} never repeat"


def _why_row_names(values: npt.NDArray[np.float64]) -> str:
    distinct = len(np.unique(values))
    if distinct < 2 or distinct < _SHARE_OF_DIFFERENT * len(values):
        return ""
    return f"is an identifier by its name, with {distinct:,} different numbers"


def _are_keys(values: npt.NDArray[np.float64]) -> bool:
    """Returns whether integers are long, unsorted, and not rounded."""
    steps = np.diff(values)
    is_ordered = bool((steps >= 0).all() or (steps <= 0).all())  # Like times.
    are_round = (values % 10 == 0).mean() > _SHARE_OF_ROUND
    return bool(np.median(values) >= _LONG) and not is_ordered and not are_round


def is_named_so(name: str) -> bool:
    """Returns whether a column has the name of an identifier."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    last = words[-1]
    return (
        last in _LAST
        or last.removesuffix("id") in _OWNERS
        or words[0] in ("id", "idcode")
        or "#" in words
        or words in (["obs"], ["observation"])
        or bool(_ROW_NAMES.fullmatch(name))
    )


def names_codes(name: str) -> bool:
    """Returns whether a column's name says that its numbers are codes: "zip", "region_code"."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and words[-1] in _CODES


def names_units(name: str) -> bool:
    """Returns whether a column's name says who or what a row is about: "id", "patient", "userId".

    Such a one may have several rows. "family" may also be a kind, and needs an "id" behind it.
    """
    words = [word.lower() for word in _WORDS.findall(name)] or [""]
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if len(words) == 1 and last in ("id", "pid", "uid"):
        return True
    is_alone = len(words) == 1 and last in _UNITS - {"child", "family", "member"}
    return (
        is_alone
        or last.removesuffix("id") in _UNITS - {last}
        or (last == "id" and before in _UNITS)
    )


def _is_time(name: str) -> bool:
    """Returns whether a word in a name means a time: the year, days, t."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool((words | {word.removesuffix("s") for word in words}) & _TIMES)
