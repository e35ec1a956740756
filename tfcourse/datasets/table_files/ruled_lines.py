"""Tables with ruled lines, as databases and Markdown print them.

Their lines of dashes are no rows, nor is a footer such as (60 rows).
"""

import io
import re
from collections.abc import Iterable, Sequence

_RULE = re.compile(r"[|+]? *[-=:]{2,}([ |+]+[-=:]{2,})*[ |+]*")
_FOOTER = re.compile(r"\(?[\d,]+ rows?( affected| selected| in set.*)?\)?\.?", re.IGNORECASE)
_HEAD = 10  # Lines in which the first rule is.
_FEWEST = 2  # Columns.


def are_in(lines: Sequence[str]) -> bool:
    """Returns whether one of the first lines of a file is a rule over several columns."""
    return any(_is_rule(line) and len(_columns(line)) >= _FEWEST for line in lines[:_HEAD])


def starts(lines: Sequence[str]) -> tuple[int, ...]:
    """Returns the positions where columns start; empty if they are separated by other marks."""
    rules = [line for line in lines[:_HEAD] if _is_rule(line)]
    return () if any(mark in rules[0] for mark in "|+") else tuple(_columns(rules[0]))


def text(lines: Iterable[str]) -> io.StringIO:
    """Returns lines as text; rules and footers are empty lines, and no bars are around a row."""
    return io.StringIO("".join(map(bare, lines)), newline="")


def bare(line: str) -> str:
    """Returns a line as `text` has it."""
    content = line.strip()
    if _is_rule(line) or _FOOTER.fullmatch(content):
        return "\n"
    if len(content) > 1 and content[0] == content[-1] == "|":
        return content[1:-1] + "\n"
    return line


def _is_rule(line: str) -> bool:
    return bool(_RULE.fullmatch(line.strip()))


def _columns(line: str) -> list[int]:
    return [found.start() for found in re.finditer(r"[-=:]+", line)]
