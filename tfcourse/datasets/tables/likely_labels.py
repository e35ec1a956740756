"""Guesses which columns people may want to predict."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_kinds, column_names, labels
from tfcourse.datasets.tables.column_report import ColumnReport
from tfcourse.datasets.tables.table import Table

_USUAL = {
    *("class", "classes", "label", "labels", "target", "y", "outcome", "species", "category"),
    *("diagnosis", "survived", "type", "result", "response", "churn", "default", "quality"),
    *("price", "status", "exited", "purchased"),
}
_MOST_CLASSES, _MOST_NUMBERS = 30, 10
_SHOWN, _MOST_TRIED = 3, 20


def by_name(names: Sequence[str]) -> list[str]:
    """Returns the columns with a usual name for a label."""
    return [name for name in names if name.strip().lower() in _USUAL][:_SHOWN]


def advised(error: DataError, table: Table, reading: Reading) -> DataError:
    """Returns the error for an unusable label, with the columns that are usable."""
    if not isinstance(table.columns, dict):  # On the disk.
        return error
    rows = np.arange(len(table))
    reading = dataclasses.replace(reading, missing="impute")
    others = (name for name in table.columns if name != reading.label)
    reports = (column_kinds.fit(table, name, reading, rows).report for name in others)
    likely = find(reports, table, reading)
    if not likely:
        return error
    named = " or ".join(column_names.argument("label", [name]) for name in likely)
    return DataError(f"{error} There is {named}.", advice=error.advice)


def find(columns: Iterable[ColumnReport], table: Table, reading: Reading) -> list[str]:
    """Returns the names of the likeliest labels, best first; for a regression, of numbers.

    Args:
        columns: reports on the columns that may be labels.
        table: has these columns.
        reading: the user's options.
    """
    columns = list(columns)
    is_regression = reading.task == "regression"
    scores: dict[str, float] = {}
    for position, column in enumerate(columns):
        is_usual = column.name.strip().lower() in _USUAL
        most = {"category": _MOST_CLASSES, "number": _MOST_NUMBERS}.get(column.kind, 0)
        are_classes = 2 <= column.distinct <= most
        fits = column.kind == "number" if is_regression else is_usual or are_classes
        if column.fate == "left out" or not fits:
            continue
        ends = {len(columns) - 1: 2.0, 0: 1.0}
        scores[column.name] = (
            4 * is_usual
            + ends.get(position, 0)
            + (column.distinct == 2)
            + 0.5 * (column.kind == "category")
            - (column.missing > 0)
        )
    best = sorted(scores, key=lambda name: -scores[name])[:_MOST_TRIED]
    usable = (name for name in best if _is_usable(name, table, reading))
    return list(itertools.islice(usable, _SHOWN))


def _is_usable(name: str, table: Table, reading: Reading) -> bool:
    """Returns whether a column has two classes of enough examples, or a quantity."""
    try:
        labels.find(name, name, table, dataclasses.replace(reading, label=name))
    except DataError:
        return False
    return True
