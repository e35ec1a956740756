"""`csv:PATH` and `table:PATH`: makes data sets from tables."""

import dataclasses
import pathlib
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from tfcourse.datasets import memory, shown, splits
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import FloatArray, LabelArray, Split
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.streamed import StreamedFeatures, StreamedSplit
from tfcourse.datasets.table_files import archives, table_files
from tfcourse.datasets.tables import (
    findings,
    frames,
    labels,
    likely_labels,
    split_columns,
    table_checks,
    table_fitting,
    table_summary,
    targets,
)
from tfcourse.datasets.tables.column_fitting import Rows
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing
from tfcourse.datasets.values import cell_values
from tfcourse.system import files

if TYPE_CHECKING:
    import pandas as pd

USES = (
    *("label", "task", "missing", "missing_values", "header", "encoding"),
    *("categorical", "ignore", "keep"),
)
# The options that are not about text files.
OF_ANY = tuple(name for name in USES if name not in ("header", "encoding"))
Pairs = dict[str, tuple[Rows, LabelArray]]
# Memory of the features, float32, and of a split while it is made or used.
_BYTES_PER_FEATURE = 2 * 4


def check(path: pathlib.Path, reading: Reading) -> None:
    """Checks quickly that the file exists and has the columns."""
    checked(files.expanded(path), reading)


def checked(path: pathlib.Path, reading: Reading, *, needs_label: bool = True) -> Reading:
    """Returns `reading` with the columns' names as in the file."""
    header = reading.header == "yes"
    encoding = reading.encoding or ""
    if encoding:
        table_files.check_is_text(path)
    found = table_files.read_header(
        path, header=header, expected=table_checks.expected(reading), legacy=encoding
    )
    if found.data:
        raise table_checks.headerless(path, found.data, reading)
    check = table_checks.check_columns if needs_label else table_checks.named_columns
    try:
        return check(str(path), found.names, reading)
    except DataError:
        if not header:
            first = table_files.read_header(path, legacy=encoding).names
            table_checks.check_unnamed(path, first, reading)
        else:
            table_checks.check_named(path, found.names, reading)
        raise


def load(path: pathlib.Path, reading: Reading) -> Dataset:
    """Returns the table in a file as a `Dataset`; see `dataset`."""
    reading = checked(files.expanded(path), reading)
    table = read(path, reading)
    name = f"csv:{path}"
    digest = files.sha256(archives.file_of(path))[:16]
    return dataset(table, reading, name=name, origin=f"{name} (sha256 {digest})")


def read(path: pathlib.Path, reading: Reading) -> Table:
    """Returns the table in a file, read according to `reading`."""
    texts = reading.categorical if reading.label is None else (reading.label, *reading.categorical)
    return table_files.read(
        files.expanded(path),
        header=reading.header == "yes",
        expected=table_checks.expected(reading),
        texts=texts,
        missing=reading.missing_values,
        legacy=reading.encoding or "",
    )


def from_dataframe(
    frame: "pd.DataFrame", label: Hashable, *, name: str = "frame", **reading: Any
) -> Dataset:
    """Returns a `Dataset` of the rows of a pandas DataFrame; the index is left out.

    Args:
        frame: has a column per feature, and one with the label. A table of Polars or Arrow is
            converted.
        label: name of the label's column.
        name: the data set's name.
        **reading: other fields of `Reading`, such as `missing`.

    Raises:
        DataError: names the column that can't be used.
    """
    if not isinstance(label, Hashable):
        raise DataError(
            f"{name}: expected `label` to be the name of a column; received {type(label).__name__}."
            " frame.assign(y=...) makes a column of labels, for label='y'."
        )
    read = Reading(label=None if label is None else str(label), **reading)
    read.check_used(name, OF_ANY)
    frame = frames.from_others(frame)
    table = frames.to_table(frame, name)
    is_index = label is not None and label in frame.index.names
    if str(label) not in table.columns and is_index:
        raise DataError(
            f"{name}: expected a column {shown.quoted(str(label))}, as `label` says; received an "
            "index of that name. frame.reset_index() makes a column of it."
        )
    # A column of pandas' type for categories is one, whether they are texts or numbers.
    chosen = frames.categorical(frame)
    categories = [column for column in chosen if column not in (str(label), *read.categorical)]
    read = dataclasses.replace(read, categorical=(*read.categorical, *categories))
    return dataset(table, read, name=name, origin=f"a DataFrame of {len(frame)} rows").frozen()


def dataset(
    table: Table,
    reading: Reading,
    *,
    name: str,
    origin: str,
    rows: dict[str, Rows] | None = None,
    stored: Callable[[Rows], Table] | None = None,
    tell: bool = True,
) -> Dataset:
    """Returns a `Table` as a `Dataset`, and reports the findings.

    Args:
        table: all examples.
        reading: the options; `label` must be set.
        name: the data set's name.
        origin: where the table came from, for the record.
        rows: the rows of each split, by default those that a column called split gives; missing
            splits are taken from "train", a fifth each.
        stored: function that reads a table of some rows; with it, the features stay on the disk.
        tell: whether to log the findings.

    Raises:
        DataError: names the line and the column that can't be used.
        ValueError: `reading` has no label.
    """
    reading = table_checks.check_columns(table.source, table.columns, reading)
    label = str(reading.label)
    where = f"{table.source}, column {shown.quoted(label)}"
    comma = isinstance(table.columns, dict) and cell_values.has_decimal_commas(table)
    own_splits = split_columns.find(table, reading) if rows is None else None
    if own_splits:
        column, rows = own_splits
        reading = dataclasses.replace(reading, ignore=(*reading.ignore, column))
        note = f"the splits are those of the column {shown.quoted(column)}"
        table = dataclasses.replace(table, notes=(*table.notes, note))
    try:
        found = labels.find(where, label, table, reading, decimal_comma=comma)
    except DataError as error:
        raise likely_labels.advised(error, table, reading) from None
    given = {"train": np.arange(len(table))} if rows is None else rows
    pairs, notes = _labelled(where, name, given, found)
    table = dataclasses.replace(table, notes=(*table.notes, *notes))
    target = None
    if found.is_quantity:
        target, pairs = targets.standardized(where, label, pairs)
        target = dataclasses.replace(target, written=found.written)
    fitted, report = table_fitting.fit(
        table, reading, found, pairs["train"][0], origin, target=target, decimal_comma=comma
    )
    made = _in_memory(table, fitted, pairs) if stored is None else _on_disk(stored, fitted, pairs)
    report = findings.complete(
        report,
        fitted,
        made,
        {split: index for split, (index, _) in pairs.items()},
        is_random="test" not in given,
    )
    told = table_summary.block(report, imputes=reading.missing == "impute")
    if tell and told:
        logging.warning("%s", told)
    return Dataset(
        name=name,
        class_names=found.class_names,
        origin=origin,
        preprocessing=fitted,
        report=report,
        target=target,
        **made,
    )


def _labelled(
    where: str, name: str, rows: dict[str, Rows], found: labels.Labels
) -> tuple[Pairs, list[str]]:
    """Returns the rows of each split that have a label, with their labels; and notes."""
    kept = {split: index[found.kept[index]] for split, index in rows.items()}
    empty = [split for split, index in kept.items() if not len(index)]
    if "train" in empty:
        raise DataError(
            f"{where}: expected training rows with a label; received none. Fill the labels in, or "
            "name other rows as train."
        )
    notes = [
        f"no row of the {split} split has a label: it is cut off the training split instead"
        for split in empty
    ]
    pairs: Pairs = {s: (index, found.numbers[index]) for s, index in kept.items() if len(index)}
    pairs = splits.complete(name, pairs, splits.OWN_HELD_OUT_SHARE)
    there = np.unique(pairs["train"][1])
    absent = [shown.quoted(c) for n, c in enumerate(found.class_names) if n not in there]
    if absent and len(there) < 2:
        raise DataError(
            f"{where}: expected training rows of at least two classes; received only "
            f"{shown.quoted(found.class_names[there[0]])}. Move rows of others to the training "
            "split."
        )
    if absent:
        more = f" and {len(absent) - 10} more" if absent[10:] else ""
        notes.append(f"classes without a training row, not learned: {', '.join(absent[:10])}{more}")
    return pairs, notes


def _in_memory(table: Table, fitted: TablePreprocessing, pairs: Pairs) -> dict[str, Any]:
    memory.check_fits(
        table.source,
        len(table) * fitted.input_shape[0] * _BYTES_PER_FEATURE,
        "Leave columns out with `ignore`.",
    )
    memory.give_back()  # The features take the most.
    rows = {split: rows for split, (rows, _) in pairs.items()}
    features = fitted.transform_rows(table, rows, tell=False)  # The report has them.
    return {split: Split(features[split], numbers) for split, (_, numbers) in pairs.items()}


def _on_disk(
    stored: Callable[[Rows], Table], fitted: TablePreprocessing, pairs: Pairs
) -> dict[str, Any]:
    def read(rows: Rows) -> FloatArray:
        return fitted.transform(stored(rows), tell=False)  # The report has them.

    return {
        split: StreamedSplit(StreamedFeatures(read, rows, fitted.input_shape), numbers)
        for split, (rows, numbers) in pairs.items()
    }
