"""What was found in the columns of a table, and what becomes of each: values, no messages.

Everything that is told about a table (`--describe`, the summary at the start of a training) is made
of these records.
"""

import dataclasses
from typing import Literal

Kind = Literal["number", "category", "date", "time", "text", "empty"]
Fate = Literal["label", "features", "left out"]
# Why a column is left out.
Reason = Literal["", "ignored", "identifier", "texts", "constant", "empty"]


@dataclasses.dataclass(frozen=True)
class ColumnReport:
    """One column.

    Attributes:
        name: the column's.
        kind: what its cells are; "text" is one with too many different texts for categories.
        rows: how many cells there are.
        missing: how many of them hold no value.
        distinct: how many different values there are.
        fate: what becomes of it.
        features: how many numbers it is for the model, 0 where it is left out.
        reason: why it is left out.
        why: that in words: "has another text in every row".
        unseen: in how many cells are categories that the training split does not have.
        spelled: texts that are other spellings of a category.
        written: how numbers or dates are written where that is not 1234.5.
        odd: texts in a column of numbers or dates, which count as missing.
        odd_count: in how many cells they are.
        limits: in how many cells of numbers are limits, such as <0.01.
        doubtful: `(number, cells)`: one like -999, unlike all others, that may say "missing".
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    fate: Fate
    features: int = 0
    reason: Reason = ""
    why: str = ""
    unseen: int = 0
    spelled: tuple[str, ...] = ()
    written: str = ""
    odd: tuple[str, ...] = ()
    odd_count: int = 0
    limits: int = 0
    doubtful: tuple[float, int] | None = None


@dataclasses.dataclass(frozen=True)
class LabelReport:
    """The column to predict.

    Attributes:
        name: the column's.
        missing: rows left out since they have no label.
        rare: `{class: rows}` left out since the class has too few examples.
        merged: `{class: other spellings}` that are counted as it.
        counts: `{class: rows}` of those that are kept.
        taken: how many different whole numbers are taken for a quantity, or for more than two
            classes, without being asked.
        is_sorted: whether the rows are sorted by it.
    """

    name: str
    missing: int = 0
    rare: dict[str, int] = dataclasses.field(default_factory=dict)
    merged: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    taken: int = 0
    is_sorted: bool = False

    @property
    def left_out(self) -> int:
        """How many rows are left out in all."""
        return self.missing + sum(self.rare.values())


@dataclasses.dataclass(frozen=True)
class Giveaway:
    """A column that by itself tells the label: it may be a copy, or come after it.

    Attributes:
        column: its name.
        by_missing: whether it is where values are missing that tells it.
        share: of the training rows in which it does; of a quantity, their correlation.
    """

    column: str
    by_missing: bool
    share: float


@dataclasses.dataclass(frozen=True)
class TableReport:
    """A table.

    Attributes:
        source: what messages call it.
        rows: how many there are.
        notes: how it was read where that is not plain: "text is Windows-1252".
        label: the column to predict.
        columns: all of them, in their order, the label's too.
        giveaways: those that may give the label away.
        parts: columns whose weighted sum is the quantity to predict.
        repeated: how many test rows there are in the training split as well, in all columns.
        test_rows: how many test rows there are.
    """

    source: str
    rows: int
    notes: tuple[str, ...]
    label: LabelReport
    columns: tuple[ColumnReport, ...]
    giveaways: tuple[Giveaway, ...] = ()
    parts: tuple[str, ...] = ()
    repeated: int = 0
    test_rows: int = 0
