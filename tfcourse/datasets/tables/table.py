"""A table as it is read: columns of texts or numbers, and the origin of each row."""

import dataclasses
from collections.abc import Mapping, Sequence

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.values.cells import Column

__all__ = ["Column", "Table"]


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length."""

    source: str  # Its name for messages.
    columns: Mapping[str, Column]  # Texts or numbers by name.
    # The line in the file of each row; `None` counts examples from 0.
    lines: Sequence[int] | None = None
    num_rows: int | None = None  # Set if columns are read on demand.
    notes: tuple[str, ...] = ()  # Findings while reading, to report.
    decimal_comma: bool = False  # Whether numbers that are read already had decimal commas.

    def __post_init__(self) -> None:
        if self.num_rows is not None:
            return
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) != 1:
            raise DataError(
                f"{self.source}: expected columns of equal length; received {lengths}. Cut or fill "
                "them."
            )

    def __len__(self) -> int:
        if self.num_rows is not None:
            return self.num_rows
        return len(next(iter(self.columns.values())))

    def place(self, row: int) -> str:
        """Returns the origin of a row, for messages."""
        if self.lines is None:
            return f"{self.source}, example {row}"
        try:
            return f"{self.source}, line {self.lines[row]}"
        except IndexError:  # Quoted line breaks are ambiguous.
            return f"{self.source}, row {row + 1}"
