"""A table as a `Description`: its columns, how each is used, and what was found."""

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from tfcourse.datasets import shown
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.description import Cell, Description
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import (
    column_kinds,
    column_names,
    likely_labels,
    own_tables,
    table_summary,
)
from tfcourse.datasets.tables.column_report import ColumnReport, Reason, TableReport
from tfcourse.datasets.tables.table import Column, Table
from tfcourse.datasets.values import cell_values, cells, numbers
from tfcourse.datasets.values.cell_values import read_numbers
from tfcourse.system import files

_EXAMPLES = 3
_LONGEST = 24  # Characters of a cell.
_LARGE = 1e12
_REASONS: dict[Reason, str] = {
    "ignored": "ignored",
    "identifier": "identifier",
    "texts": "too many texts",
    "constant": "always the same",
    "empty": "empty",
}


def describe(path: pathlib.Path, reading: Reading) -> Description:
    """Returns the content of a file and, with a label, how its columns are used."""
    reading = own_tables.checked(files.expanded(path), reading, needs_label=False)
    return of_table(own_tables.read(path, reading), reading)


def of_table(table: Table, reading: Reading) -> Description:
    """Returns the description of a table.

    Without a usable label, all columns are described as features.
    """
    trouble: list[str] = []
    if reading.label is not None:
        try:
            data = own_tables.dataset(table, reading, name=table.source, origin="", tell=False)
        except DataError as error:
            trouble = [f"not yet trained on: {error}"]
        else:
            return _described(table, reading, data)
    columns = tuple(_as_features(table, reading).values())
    likely = [] if reading.label else likely_labels.find(columns, table, reading)
    advice = {"label": column_names.typed(likely[0])} if likely else {}
    if likely:
        named = " or ".join(column_names.argument("label", [name]) for name in likely)
        trouble = [f"no label yet: {named}?"]
    findings = (*table.notes, *trouble)
    return Description(_title(table), _rows(table, reading, columns), findings, advice)


def _as_features(
    table: Table, reading: Reading, names: Sequence[str] | None = None
) -> dict[str, ColumnReport]:
    """Returns the reports on columns, by default on all, of which some may be ignored."""
    rows = np.arange(len(table))
    comma = isinstance(table.columns, dict) and cell_values.has_decimal_commas(table)
    reports = {
        name: column_kinds.fit(table, name, reading, rows, decimal_comma=comma).report
        for name in (table.columns if names is None else names)
    }
    for name in reports.keys() & set(reading.ignore):
        reports[name] = dataclasses.replace(reports[name], fate="left out", reason="ignored")
    return reports


def _described(table: Table, reading: Reading, data: Dataset) -> Description:
    report = data.report
    assert report is not None
    sizes = [f"{len(split):,} {name}" for name, split in data.splits.items()]
    findings = [f"{', '.join(sizes)} examples of {_features(data.input_shape[0])}"]
    if data.class_names:
        findings.append(f"classes: {_classes(report)}")
    findings += table_summary.sentences(report, imputes=reading.missing == "impute")
    # The report says nothing about the content of ignored columns.
    ignored = tuple(column.name for column in report.columns if column.reason == "ignored")
    described = _as_features(table, dataclasses.replace(reading, ignore=ignored), ignored)
    columns = tuple(described.get(column.name, column) for column in report.columns)
    return Description(_title(table), _rows(table, reading, columns, data), tuple(findings))


def _title(table: Table) -> str:
    columns = "1 column" if len(table.columns) == 1 else f"{len(table.columns):,} columns"
    return f"{table.source}: {len(table):,} rows, {columns}"


def _classes(report: TableReport) -> str:
    counts = report.label.counts
    total = sum(counts.values())
    named = [
        f"{shown.text(name)} {count:,} ({count / total:.0%})"
        for name, count in [*counts.items()][:12]
    ]
    return ", ".join(named) + (f" and {len(counts) - 12} more" if len(counts) > 12 else "")


def _rows(
    table: Table, reading: Reading, columns: tuple[ColumnReport, ...], data: Dataset | None = None
) -> tuple[dict[str, Cell], ...]:
    return tuple(
        {
            "column": column.name,
            "kind": column.kind,
            "missing": column.missing,
            "distinct": column.distinct,
            "values": _values(table.columns[column.name], column, reading),
            "becomes": _fate(column, data),
        }
        for column in columns
    )


def _fate(column: ColumnReport, data: Dataset | None) -> str:
    if column.fate == "label":
        return "the label" if data is None or data.target is None else "the label, a quantity"
    if column.fate == "left out":
        return f"left out: {_REASONS[column.reason]}"
    filled = f", {column.missing:,} filled in" if column.missing else ""
    return f"{_features(column.features)}{filled}"


def _features(count: int) -> str:
    return "1 feature" if count == 1 else f"{count:,} features"


def _values(column: Column, report: ColumnReport, reading: Reading) -> str:
    """Returns the range of numbers, or the most frequent values."""
    if report.kind == "number":
        style = report.written or numbers.PLAIN
        found = read_numbers(column, reading.missing_values, style)
        found = found[np.isfinite(found)]
        return f"{_number(found.min())} to {_number(found.max())}" if len(found) else ""
    every = cells.categories(cells.of(column), reading.missing_values)
    counts = every.counts()
    repeats = len(counts) > 0 and counts.max() > 1 and report.kind in ("category", "text")
    often = collections.Counter(dict(enumerate(counts.tolist()))).most_common(_EXAMPLES)
    values = [
        f"{_short(every.values[code])} ({count:,})" if repeats else _short(every.values[code])
        for code, count in often
    ]
    return ", ".join(values) + (", ..." if len(counts) > _EXAMPLES else "")


def _number(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < _LARGE else f"{value:g}"


def _short(text: str) -> str:
    return shown.cut(text, _LONGEST)
