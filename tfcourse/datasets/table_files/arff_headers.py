"""ARFF files (Weka): a header with one line per column, above rows in CSV form.

Their cells may have single quotes, double quotes, or both kinds in one file.
"""

import io
import pathlib
import re
import shlex
from typing import NamedTuple, TextIO

from tfcourse.datasets.errors import DataError

_RELATION = re.compile(r"@relation\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"@attribute\s+('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s{]+)\s*(?P<kind>\{|\w+)",
    re.IGNORECASE,
)
# A cell in quotes; a quote within it has a backslash before it.
_QUOTED = re.compile(r"(?<![^,\s])(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")(?![^,\s])")
_WEIGHTED = re.compile(r",\s*\{[\d.]+\}\s*$")  # The weight of a row, behind its cells.
_DATA = re.compile(r"@data\b", re.IGNORECASE)


class Header(NamedTuple):
    """The names of the columns, and the number of lines before the first row."""

    names: tuple[str, ...]
    lines: int


def find(path: pathlib.Path, sample: str) -> Header | None:
    """Returns the header of an ARFF file; `None` for other files.

    Args:
        path: for messages.
        sample: the start of the file.

    Raises:
        DataError: the header has no end, or the rows are sparse.
    """
    lines = sample.splitlines()
    start = 0
    while start < len(lines) and (not lines[start].strip() or lines[start].startswith("%")):
        start += 1
    if start == len(lines) or not _RELATION.match(lines[start].strip()):
        return None
    ends = [number for number, line in enumerate(lines, start=1) if _DATA.match(line.strip())]
    if not ends:
        raise DataError(f"{path}: expected an ARFF file; received no line @data. Add it.")
    found = [_ATTRIBUTE.match(line.strip()) for line in lines[start : ends[0]]]
    if any(match["kind"].lower() == "relational" for match in found if match):
        raise DataError(
            f"{path}: expected a number or a text in each cell; received an ARFF file with columns "
            "of tables (relational). Make columns of numbers of them, and save it as CSV."
        )
    names = tuple(re.sub(r"\\(.)", r"\1", match[1].strip("'\"")) for match in found if match)
    rows = [line.strip() for line in lines[ends[0] :]]
    if any(row.startswith("{") for row in rows[:5]):
        raise DataError(
            f"{path}: expected rows with a cell for each column; received sparse ARFF. In Weka's "
            "Explorer, apply the filter SparseToNonSparse, and save the result; or write a CSV "
            "file with all columns, in which a number that a row leaves out is 0."
        )
    if any(map(_WEIGHTED.search, rows)):
        plain = path.with_name(f"{path.stem}_unweighted.arff")
        command = shlex.join(["sed", "-E", r"s/,[[:space:]]*\{[0-9.]+\}[[:space:]]*$//", str(path)])
        raise DataError(
            f"{path}: expected rows of equal weight; received weights of rows, such as {{0.5}}, "
            f"which are not used. Leave them out: {command} > {shlex.quote(str(plain))}"
        )
    return Header(names, ends[0])


def text(file: TextIO) -> TextIO:
    """Returns the rest of a file as text whose quotes are those of CSV."""
    return io.StringIO("".join(map(requoted, file)), newline="")


def requoted(line: str) -> str:
    """Returns a row of an ARFF file with CSV's quotes; an empty line for a comment."""
    if line.startswith("%"):
        return "\n"
    return _QUOTED.sub(_in_csv, line) if "'" in line or '\\"' in line else line


def _in_csv(found: re.Match[str]) -> str:
    cell = re.sub(r"\\(.)", r"\1", found[1] if found[2] is None else found[2])
    return '"' + cell.replace('"', '""') + '"'
