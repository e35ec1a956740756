"""Findings that need the features of a table, added to its report."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfcourse.datasets.examples import Split
from tfcourse.datasets.tables import giveaways, identifiers
from tfcourse.datasets.tables.column_fitting import Rows
from tfcourse.datasets.tables.column_report import TableReport
from tfcourse.datasets.tables.columns import NumericColumn, source
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing

if TYPE_CHECKING:
    from tfcourse.datasets.streamed import StreamedSplit


# Names of a column that says how many cases a row stands for.
_COUNTS = {"freq", "frequency", "count", "counts", "n"}
# Rows differ by chance if there are few, if a column has many values per row, or if all columns
# together have many combinations per row.
_FEWEST_ROWS, _MOST_VALUES, _MOST_COMBINATIONS = 12, 0.5, 20
# Fewer different values may be classes, and with fewer rows per value only some of them repeat.
_FEWEST_UNITS, _ROWS_PER_UNIT = 10, 1.1
_FEWEST_DAYS = 20  # Fewer may be in order by chance.


def complete(
    report: TableReport,
    fitted: TablePreprocessing,
    splits: Mapping[str, "Split | StreamedSplit"],
    rows: Mapping[str, Rows],
    *,
    is_random: bool,
) -> TableReport:
    """Returns `report` with findings from the features; features on the disk are skipped.

    Args:
        report: on the columns.
        fitted: the features.
        splits: all examples.
        rows: the rows of each split.
        is_random: whether the test split was drawn at random.
    """
    if is_random:
        report = dataclasses.replace(report, units=tuple(_units(report)))
    every = [split for split in splits.values() if isinstance(split, Split)]
    train, test = splits["train"], splits["test"]
    if not (isinstance(train, Split) and isinstance(test, Split)):
        return report
    if is_random:
        numbers = np.concatenate([rows[split] for split in splits])
        report = dataclasses.replace(report, time=_time(fitted, every, numbers))
    is_quantity = fitted.target is not None
    found = giveaways.find(fitted.columns, train.features, train.labels, is_quantity=is_quantity)
    is_open = is_quantity and not found
    return dataclasses.replace(
        report,
        giveaways=found,
        parts=giveaways.parts(fitted.columns, train.features, train.labels) if is_open else (),
        counts="" if is_quantity else _counts(report, fitted, every),
        repeated=giveaways.repeated(train, test, report.columns),
        test_rows=len(test),
    )


def _time(fitted: TablePreprocessing, splits: Sequence[Split], rows: Rows) -> str:
    """Returns the date, or the year of which each row has another, that orders the rows, or ""."""
    at = 0
    for column in fitted.columns:
        is_year = column.name.lower() in ("year", "yr")
        if isinstance(column, NumericColumn) and (column.part == "day" or is_year):
            values = np.concatenate([split.features[:, at] for split in splits])
            steps = np.diff(values[np.argsort(rows)])
            is_ordered = bool((steps >= 0).all() or (steps <= 0).all())
            distinct = np.count_nonzero(steps) + 1
            if is_ordered and distinct >= (len(rows) if is_year else _FEWEST_DAYS):
                return source(column)
        at += len(column.feature_names)
    return ""


def _units(report: TableReport) -> Iterator[str]:
    """Yields the columns of what has several rows: patients, users."""
    for column in report.columns:
        rows = column.rows - column.missing
        is_used = column.fate != "label" and column.reason != "ignored"
        are_several = rows >= _ROWS_PER_UNIT * column.distinct and column.distinct >= _FEWEST_UNITS
        if is_used and are_several and identifiers.names_units(column.name):
            yield column.name


def _counts(report: TableReport, fitted: TablePreprocessing, splits: Sequence[Split]) -> str:
    """Returns the column that counts the cases of each row, as in a contingency table, or "".

    No two rows are equal in all other columns and the label, though these have few values.
    """
    named = [c.name for c in report.columns if c.name.lower() in _COUNTS and c.fate == "features"]
    others = [c for c in report.columns if c.name not in named and c.reason != "identifier"]
    counts = [c.distinct for c in others]
    if len(named) != 1 or report.rows < _FEWEST_ROWS or max(counts) > _MOST_VALUES * report.rows:
        return ""
    if math.prod(map(float, counts)) > _MOST_COMBINATIONS * report.rows:
        return ""
    taken: list[bool] = []
    for column in fitted.columns:
        is_count = isinstance(column, NumericColumn) and column.name == named[0]
        taken += [not is_count] * len(column.feature_names)
    rows = [np.column_stack([part.features[:, taken], part.labels]) for part in splits]
    every = np.concatenate(rows)
    return named[0] if len(np.unique(every, axis=0)) == len(every) else ""
