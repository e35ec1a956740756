"""What was found in the columns of a table, and how each is used: values, no messages.

Everything that is reported about a table (`--describe`, the summary at the start of a training)
comes from these records.
"""

import dataclasses
from typing import Literal

Kind = Literal["number", "category", "date", "time", "text", "empty"]
Fate = Literal["label", "features", "left out"]
# Why a column is left out.
Reason = Literal["", "ignored", "identifier", "texts", "constant", "empty"]


@dataclasses.dataclass(frozen=True)
class ColumnReport:
    """The report on one column.

    Attributes:
        name: the column's name.
        kind: what its cells are; "text" means too many different texts for categories.
        rows: the number of cells.
        missing: the number of missing values.
        distinct: the number of different values.
        fate: how it is used.
        features: the number of features it becomes; 0 if it is left out.
        reason: why it is left out.
        why: the reason in words: "has another text in every row".
        unseen: the number of cells with categories that the training split does not have.
        spelled: texts that are other spellings of a category.
        written: the format of its numbers or dates, if it is not 1234.5.
        odd: texts in a column of numbers or dates, which count as missing.
        odd_count: the number of such cells.
        limits: the number of cells with limits, such as <0.01, among numbers.
        units: the unit that its numbers are read without; or several that differ.
        doubtful: `(number, cells)` of numbers such as -999 that may mean "missing".
        code: one of its numbers, if they may be codes: written with zeros before them, or by the
            column's name; or "".
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
    units: tuple[str, ...] = ()
    doubtful: tuple[tuple[float, int], ...] = ()
    code: str = ""


@dataclasses.dataclass(frozen=True)
class LabelReport:
    """The report on the column to predict.

    Attributes:
        name: the column's name.
        missing: the number of rows left out because they have no label.
        rare: `{class: rows}` left out because the class has too few examples.
        merged: `{class: other spellings}` that count as the class.
        counts: `{class: rows}` of the classes that are kept.
        taken: the number of different integers, if they were treated as a quantity, or as more than
            two classes, without an explicit task.
        is_sorted: whether the rows are sorted by the label.
        doubtful: as in `ColumnReport`, of a quantity.
        ends_in_total: whether the last row's quantity is the sum of all others.
        limits: as in `ColumnReport`, of a quantity.
        units: as in `ColumnReport`, of a quantity.
    """

    name: str
    missing: int = 0
    rare: dict[str, int] = dataclasses.field(default_factory=dict)
    merged: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    taken: int = 0
    is_sorted: bool = False
    doubtful: tuple[tuple[float, int], ...] = ()
    ends_in_total: bool = False
    limits: int = 0
    units: tuple[str, ...] = ()

    @property
    def left_out(self) -> int:
        """The number of rows left out."""
        return self.missing + sum(self.rare.values())


@dataclasses.dataclass(frozen=True)
class Giveaway:
    """A column that determines the label: it may be a copy, or known only after the label.

    Attributes:
        column: its name.
        by_missing: whether the missing values determine the label.
        share: the share of training rows in which it does; for a quantity, the correlation.
    """

    column: str
    by_missing: bool
    share: float


@dataclasses.dataclass(frozen=True)
class TableReport:
    """The report on a table.

    Attributes:
        source: the table's name for messages.
        rows: the number of rows.
        notes: unusual things about how it was read: "text is Windows-1252".
        label: the column to predict.
        columns: all columns in order, including the label.
        giveaways: columns that may give the label away.
        parts: columns whose weighted sum is the quantity to predict.
        counts: a column that may say how many cases a row stands for; or "".
        time: a date or year in whose order the rows are, if the splits are drawn at random; or "".
        units: columns whose values, such as patients, have several rows in different splits.
        repeated: the number of test rows that equal a training row in all columns.
        test_rows: the number of test rows.
    """

    source: str
    rows: int
    notes: tuple[str, ...]
    label: LabelReport
    columns: tuple[ColumnReport, ...]
    giveaways: tuple[Giveaway, ...] = ()
    parts: tuple[str, ...] = ()
    counts: str = ""
    time: str = ""
    units: tuple[str, ...] = ()
    repeated: int = 0
    test_rows: int = 0
