"""Files in which every line is one quoted cell: a spreadsheet saved text that it did not split.

`"58;""married"";yes"` is 58;"married";yes.
"""

import io
import re
from collections.abc import Iterable
from typing import TextIO

_WRAPPED = re.compile(r'\s*"((?:[^"]|"")*)"[\s,;]*')
_FEWEST = 2


def are_in(lines: Iterable[str], delimiters: Iterable[str]) -> bool:
    """Returns whether all lines except the first are wrapped, with as many cells as the first.

    Args:
        lines: the first lines of a file, including the header.
        delimiters: possible delimiters.
    """
    filled = [line for line in lines if line.strip()]
    if len(filled) <= _FEWEST or not all(map(_WRAPPED.fullmatch, filled[1:])):
        return False
    header, *rows = map(unwrapped, filled)
    return any(
        0 < header.count(delimiter) <= min(row.count(delimiter) for row in rows)
        for delimiter in delimiters
    )


def unwrapped(line: str) -> str:
    """Returns a line without its quotes; the line end is kept."""
    found = _WRAPPED.fullmatch(line)
    return found[1].replace('""', '"') if found else line.rstrip("\r\n")


def text(file: TextIO) -> TextIO:
    """Returns the rest of a file as text, without the quotes of the lines."""
    return io.StringIO("\n".join(map(unwrapped, file)) + "\n", newline="")
