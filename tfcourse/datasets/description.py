"""The result of `describe`: a table of columns or classes, and findings."""

import dataclasses
import itertools
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tfcourse.datasets import shown

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float

_SHOWN = 50  # Rows on a screen.
_NARROWEST, _WIDEST = 60, 160
_SPACE = 2  # Between columns.
_LONGEST = 160  # Characters of a cell.
_LEAST = 10  # Smallest width of a column whose text is wrapped.
_EXAMPLES, _MOST_LINES = "values", 2  # Some examples are enough; everything else is shown in full.


@dataclasses.dataclass(frozen=True)
class Description:
    """The content of data and its use; `print` shows it, `to_dataframe` returns everything.

    Attributes:
        title: the kind of data and its size.
        rows: one dict per column of a table, or per class.
        findings: sentences.
        advice: suggested arguments, `{"label": "species"}`.
    """

    title: str
    rows: tuple[dict[str, Cell], ...]
    findings: tuple[str, ...] = ()
    advice: dict[str, str] = dataclasses.field(default_factory=dict)

    def to_dataframe(self) -> "pd.DataFrame":
        """Returns the rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def __str__(self) -> str:
        return self.text(min(shutil.get_terminal_size((100, 24)).columns, _WIDEST))

    def text(self, width: int) -> str:
        """Returns lines of at most `width` characters; findings may be longer."""
        lines = [self.title, *_table(self.rows[:_SHOWN], max(width, _NARROWEST))]
        if len(self.rows) > _SHOWN:
            lines.append(f"and {len(self.rows) - _SHOWN:,} more")
        return "\n".join([*lines, *(f"- {finding}" for finding in self.findings)])


def _table(rows: Sequence[dict[str, Cell]], width: int) -> Iterator[str]:
    if not rows:
        return
    names = list(rows[0])
    written = [[_written(row[name]) for name in names] for row in rows]
    columns = list(zip(names, *written, strict=True))
    widths = _fitting([max(map(len, column)) for column in columns], width)
    is_number = [isinstance(rows[0][name], int | float) for name in names]
    for line in zip(*columns, strict=True):
        cells = [
            _lines(cell, size, _MOST_LINES if name == _EXAMPLES else len(cell))
            for name, cell, size in zip(names, line, widths, strict=True)
        ]
        for parts in itertools.zip_longest(*cells, fillvalue=""):
            padded = [
                part.rjust(size) if right else part.ljust(size)
                for part, size, right in zip(parts, widths, is_number, strict=True)
            ]
            yield (" " * _SPACE).join(padded).rstrip()


def _fitting(widths: list[int], width: int) -> list[int]:
    """Returns the widths, with the widest columns narrowed until all fit."""
    widths = list(widths)
    while sum(widths) + _SPACE * (len(widths) - 1) > width and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        cell = shown.cut(cell, _LONGEST)
        return "".join(c if c.isprintable() else " " for c in cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:g}"


def _lines(text: str, size: int, most: int) -> list[str]:
    """Returns `text` in lines, broken after words and underscores, and cut after `most`."""
    lines = []
    while len(text) > size:
        end = max(text.rfind(" ", 0, size + 1), text.rfind("_", 0, size) + 1)
        end = end if end > 0 else size
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    lines.append(text)
    if len(lines) > most:
        lines[most - 1 :] = [f"{lines[most - 1][: size - 3]}..."]
    return lines
