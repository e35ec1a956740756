"""`csv:PATH`, and tables to data sets: kinds of columns told apart, statistics of training rows."""

import collections
import difflib
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse import files
from tfcourse.datasets import classes, memory, splits
from tfcourse.datasets.columns import (
    CategoricalColumn,
    NumericColumn,
    as_category,
    check_numbers,
    missing_error,
    parse,
)
from tfcourse.datasets.dataset import Dataset, FloatArray, IntArray, Split
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.streamed import StreamedFeatures, StreamedSplit
from tfcourse.datasets.table import Table, read_csv, read_header
from tfcourse.datasets.table_preprocessing import TablePreprocessing

USES = ("label", "missing", "categorical", "ignore")
MAX_CATEGORIES = 256
Rows = npt.NDArray[np.int64]
Pairs = dict[str, tuple[Rows, IntArray]]
# Of the features, float32 [examples, features], once and in its splits.
_BYTES_PER_FEATURE = 3 * 4


def check(path: pathlib.Path, reading: Reading) -> None:
    """Checks what can be checked at once: that there is such a file with such columns."""
    check_columns(str(path), read_header(path), reading)


def load(path: pathlib.Path, reading: Reading) -> Dataset:
    """Returns the table in a file as a `Dataset`; see `dataset`."""
    table = read_csv(path)
    origin = f"csv:{path} (sha256 {files.sha256(path)[:16]})"
    return dataset(table, reading, name=f"csv:{path}", origin=origin)


def dataset(
    table: Table,
    reading: Reading,
    *,
    name: str,
    origin: str,
    rows: dict[str, Rows] | None = None,
    stored: Callable[[Rows], Table] | None = None,
) -> Dataset:
    """Returns a `Table` as a `Dataset`.

    Args:
        table: all examples.
        reading: its `label` given.
        name: the data set's.
        origin: for the record.
        rows: those of each split; a split that is not given is cut off "train", a fifth each.
        stored: reads a table of some rows: the features then stay on the disk.

    Raises:
        DataError: naming the line and the column that can't be taken.
        ValueError: `reading` names no label.
    """
    label = check_columns(table.source, table.columns, reading)
    where = f"{table.source}, column {label!r}"
    labels, class_names = classes.number(where, table.columns[label], table.place)
    given = {"train": np.arange(len(table))} if rows is None else rows
    pairs = {split: (index, labels[index]) for split, index in given.items()}
    pairs = splits.complete(name, pairs, splits.OWN_HELD_OUT_SHARE)
    fitted = fit(table, reading, label, class_names, pairs["train"][0], origin)
    return Dataset(
        name=name,
        class_names=class_names,
        origin=origin,
        preprocessing=fitted,
        **(_in_memory(table, fitted, pairs) if stored is None else _on_disk(stored, fitted, pairs)),
    )


def _in_memory(table: Table, fitted: TablePreprocessing, pairs: Pairs) -> dict[str, Any]:
    memory.check_fits(
        table.source,
        len(table) * fitted.input_shape[0] * _BYTES_PER_FEATURE,
        "Leave columns out with `ignore`.",
    )
    features = fitted.transform(table)
    return {split: Split(features[rows], labels) for split, (rows, labels) in pairs.items()}


def _on_disk(
    stored: Callable[[Rows], Table], fitted: TablePreprocessing, pairs: Pairs
) -> dict[str, Any]:
    def read(rows: Rows) -> FloatArray:
        return fitted.transform(stored(rows))

    return {
        split: StreamedSplit(StreamedFeatures(read, rows, fitted.input_shape), labels)
        for split, (rows, labels) in pairs.items()
    }


def check_columns(source: str, columns: Iterable[str], reading: Reading) -> str:
    """Checks the columns that `reading` names against those that there are; returns the label."""
    columns = list(columns)
    if reading.label is None:
        raise ValueError(
            f"{source}: expected `label` to name the column with the class; received none. There "
            f"are {_listed(columns)}"
        )
    named = {
        "label": (reading.label,),
        "categorical": reading.categorical,
        "ignore": reading.ignore,
    }
    for argument, wanted in named.items():
        for column in wanted:
            if column not in columns:
                close = difflib.get_close_matches(column, columns, n=1)
                hint = f"Did you mean {close[0]!r}? " if close else ""
                raise DataError(
                    f"{source}: expected a column {column!r}, as `{argument}` says; received none. "
                    f"{hint}There are {_listed(columns)}."
                )
    if reading.label in reading.ignore:
        raise DataError(f"{source}: expected `ignore` without the label {reading.label!r}.")
    return reading.label


def fit(
    table: Table,
    reading: Reading,
    label: str,
    class_names: tuple[str, ...],
    rows: Rows,
    source: str,
) -> TablePreprocessing:
    """Returns the `TablePreprocessing` with the statistics of `rows`, the training split."""
    names = [name for name in table.columns if name not in (label, *reading.ignore)]
    # One column after another, since they may have to be read from the disk.
    fitted: list[NumericColumn | CategoricalColumn | None] = []
    first_missing, counts = None, {}
    for name in names:
        values = parse(table.columns[name])
        missing = np.isnan(values)
        if reading.missing == "refuse" and missing.any():
            first_missing = first_missing or missing_error(table, name, int(missing.argmax()))
            counts[name] = missing.sum()
        else:
            fitted.append(_fit_column(table, name, values, reading, rows))
    if first_missing:
        listed = ", ".join(f"{name} {count}" for name, count in [*counts.items()][:20])
        raise DataError(f"{first_missing} Missing by column: {listed}.")
    columns = tuple(column for column in fitted if column is not None)
    if not columns:
        raise DataError(
            f"{table.source}: expected a column besides {label!r} whose value varies; "
            "received none. Add one."
        )
    try:
        return TablePreprocessing(label, class_names, columns, source)
    except ValueError as error:  # Names of columns and classes are of any length in a file.
        raise DataError(f"{table.source}: {error}") from None


def _fit_column(
    table: Table, name: str, values: npt.NDArray[np.float64], reading: Reading, rows: Rows
) -> NumericColumn | CategoricalColumn | None:
    """Returns the column fitted on `rows`, or `None` where nothing varies in them.

    `values` is what `parse` made of it.
    """
    imputes = reading.missing == "impute"
    fitted: NumericColumn | CategoricalColumn | None
    num_texts = np.isinf(values).sum()
    # Mostly numbers: the rest are slips, which `check_numbers` names.
    if name not in reading.categorical and np.isfinite(values).sum() > num_texts:
        check_numbers(table, name, values)
        fitted = _fit_numeric(table.source, name, values[rows], imputes)
    else:
        fitted = _fit_categorical(table, name, np.isnan(values), rows, imputes)
    if fitted is None:
        logging.warning(
            "%s, column %r: left out, since it never varies in training.", table.source, name
        )
    return fitted


def _fit_numeric(
    source: str, name: str, values: npt.NDArray[np.float64], imputes: bool
) -> NumericColumn | None:
    missing = np.isnan(values)
    if missing.all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        median = float(np.median(values[~missing]))
        values[missing] = median
        mean, deviation = float(values.mean()), float(values.std())
    if values.min() == values.max():
        return None
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0):
        raise DataError(
            f"{source}, column {name!r}: expected numbers whose squares double precision can "
            f"hold; received values from {values.min():g} to {values.max():g}. Scale them."
        )
    return NumericColumn(name, mean, deviation, median if imputes else None)


def _fit_categorical(
    table: Table, name: str, missing: npt.NDArray[np.bool_], rows: Rows, imputes: bool
) -> CategoricalColumn | None:
    cells = [as_category(table.columns[name][row]) for row in rows if not missing[row]]
    if not cells:
        return None
    counts = collections.Counter(cells)
    limit = min(MAX_CATEGORIES, max(2, len(rows) // 2))
    if len(counts) > limit:
        raise DataError(
            f"{table.source}, column {name!r}: expected at most {limit} different texts in "
            f"{len(rows)} training examples; received {len(counts)}, such as "
            f"{cells[0][:40]!r}. Leave it out with `ignore={name}`, or group its values."
        )
    if len(counts) < 2:
        return None
    categories = tuple(sorted(counts))
    most_frequent = max(categories, key=counts.__getitem__)  # The first of several.
    return CategoricalColumn(name, categories, most_frequent if imputes else None)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
