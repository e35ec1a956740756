"""Findings that need the features of a table, added to its report."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfcourse.datasets.examples import Split
from tfcourse.datasets.tables import giveaways
from tfcourse.datasets.tables.column_report import TableReport
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing

if TYPE_CHECKING:
    from tfcourse.datasets.streamed import StreamedSplit


def complete(
    report: TableReport,
    fitted: TablePreprocessing,
    splits: Mapping[str, "Split | StreamedSplit"],
) -> TableReport:
    """Returns `report` with findings from the features; features on the disk are skipped."""
    train, test = splits["train"], splits["test"]
    if not (isinstance(train, Split) and isinstance(test, Split)):
        return report
    is_quantity = fitted.target is not None
    found = giveaways.find(fitted.columns, train.features, train.labels, is_quantity=is_quantity)
    is_open = is_quantity and not found
    return dataclasses.replace(
        report,
        giveaways=found,
        parts=giveaways.parts(fitted.columns, train.features, train.labels) if is_open else (),
        repeated=giveaways.repeated(train, test, report.columns),
        test_rows=len(test),
    )
