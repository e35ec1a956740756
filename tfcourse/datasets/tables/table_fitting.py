"""Fits the preprocessing of a table: one column after another, on the training split."""

import dataclasses
from typing import NamedTuple

import numpy as np

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_fitting, column_kinds, identifiers, targets
from tfcourse.datasets.tables.column_fitting import Rows
from tfcourse.datasets.tables.column_report import ColumnReport, Kind, TableReport
from tfcourse.datasets.tables.columns import missing_error
from tfcourse.datasets.tables.labels import Labels
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing


class Fitted(NamedTuple):
    """The preprocessing of a table, and the findings."""

    preprocessing: TablePreprocessing
    report: TableReport


def fit(
    table: Table,
    reading: Reading,
    found: Labels,
    rows: Rows,
    source: str,
    *,
    target: targets.NumericTarget | None = None,
    decimal_comma: bool = False,
) -> Fitted:
    """Returns the `TablePreprocessing` with the statistics of `rows`, the training split."""
    fitted, reports = _fit_columns(table, reading, found, rows, decimal_comma)
    report = TableReport(table.source, len(table), table.notes, found.report, tuple(reports))
    if not fitted:
        doubtful = [column.name for column in reports if column.reason == "identifier"]
        if not doubtful:
            raise _no_columns(report)
        # No other column is left; those named as identifiers are the last to be used.
        doubtful = [name for name in doubtful if not identifiers.is_named_so(name)] or doubtful
        notes = (*table.notes, f"{', '.join(doubtful)}: used, though nothing in it repeats")
        table = dataclasses.replace(table, notes=notes)
        kept = dataclasses.replace(reading, keep=(*reading.keep, *doubtful))
        return fit(table, kept, found, rows, source, target=target, decimal_comma=decimal_comma)
    try:
        made = TablePreprocessing(
            found.report.name,
            found.class_names,
            tuple(fitted),
            source,
            reading.missing_values,
            reading.header,
            target,
            reading.encoding or "",
        )
    except ValueError as error:  # Names of columns and classes in a file may be of any length.
        raise DataError(f"{table.source}: {error}") from None
    return Fitted(made, report)


def _fit_columns(
    table: Table, reading: Reading, found: Labels, rows: Rows, decimal_comma: bool
) -> tuple[list[column_fitting.Fitted], list[ColumnReport]]:
    """Returns the columns of features, and the reports of all columns.

    Raises:
        DataError: a value is missing, and missing values are refused.
    """
    ignored = set(reading.ignore)
    fitted: list[column_fitting.Fitted] = []
    reports: list[ColumnReport] = []
    first_missing: DataError | None = None
    # One column after another, because each may be read from the disk.
    for name in table.columns:
        if name == found.report.name:
            reports.append(_label_column(len(table), found))
        elif name in ignored:
            reports.append(
                ColumnReport(name, "text", len(table), 0, 0, "left out", reason="ignored")
            )
        else:
            one = column_kinds.fit(
                table, name, reading, rows, kept=found.kept, decimal_comma=decimal_comma
            )
            reports.append(one.report)
            fitted += one.columns
            if one.first_missing >= 0 and reading.missing == "refuse":
                first_missing = first_missing or _refused(table, one)
    if first_missing:
        counts = {r.name: r.missing for r in reports if r.fate == "features" and r.missing}
        listed = ", ".join(f"{shown.text(name)} {count}" for name, count in [*counts.items()][:20])
        raise DataError(
            f"{first_missing} Missing by column: {listed}.", advice={"missing": "impute"}
        )
    return fitted, reports


def _refused(table: Table, fit: column_fitting.Fit) -> DataError:
    name, row = fit.report.name, fit.first_missing
    cell = str(table.columns[name][row])
    if fit.report.odd and cell in fit.report.odd:
        return DataError(
            f"{table.place(row)}, column {shown.quoted(name)}: expected a {fit.report.kind}; "
            f"received {shown.quoted(cell)}. Correct it, or train with `missing=impute`."
        )
    return missing_error(table, name, row)


def _label_column(rows: int, found: Labels) -> ColumnReport:
    report = found.report
    distinct = len(report.counts) + len(report.rare)
    if found.is_quantity:
        distinct = len(np.unique(found.numbers[found.kept]))
    kind: Kind = "number" if found.is_quantity else "category"
    return ColumnReport(
        report.name,
        kind,
        rows,
        report.missing,
        distinct,
        "label",
        written=found.written,
        units=report.units,
    )


def _no_columns(report: TableReport) -> DataError:
    why = [f"{shown.quoted(c.name)} {c.why}" for c in report.columns if c.why][:5]
    left_out = f" Left out: {'; '.join(why)}." if why else ""
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in report.notes)
    if any(c.reason == "texts" for c in report.columns):
        left_out += (
            " Free text is not read: make columns of numbers of it, such as counts of words."
        )
    return DataError(
        f"{report.source}: expected a column besides {shown.quoted(report.label.name)} whose "
        f"value varies; received none. Add one.{left_out}{notes}"
    )
