"""Checks of a table before it is read: its header, and the columns that options name."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_names, likely_labels


def check_columns(source: str, columns: Iterable[str], reading: Reading) -> Reading:
    """Returns `reading` with the columns' names as in the table.

    Raises:
        DataError: columns that it names do not exist; lists all of them.
        ValueError: it does not name a label.
    """
    columns = list(columns)
    if reading.label is None:
        likely = likely_labels.by_name(columns)[:1]
        example = f", such as {column_names.argument('label', likely)}" if likely else ""
        raise ValueError(
            f"{source}: expected `label` to name the column to predict; received none. There are "
            f"{column_names.listed(columns)}. Give it{example}; `describe` proposes labels"
        )
    return named_columns(source, columns, reading)


def named_columns(source: str, columns: Iterable[str], reading: Reading) -> Reading:
    """Does the same as `check_columns`; the label may be missing."""
    columns = list(columns)
    found: dict[str, Any] = {}
    faults: list[str] = []
    advice: dict[str, str] = {}
    for argument in ("label", "categorical", "ignore", "keep"):
        wanted = getattr(reading, argument)
        wanted = (wanted,) if isinstance(wanted, str) else wanted or ()
        try:
            found[argument] = tuple(column_names.find(source, argument, wanted, columns))
        except DataError:
            faults += _absent(source, argument, wanted, columns)
            close = [column_names.closest(name, columns) for name in wanted]
            advice[argument] = column_names.value(argument, close) if all(close) else ""
    if faults:
        raise DataError(
            f"{source}: {' '.join(faults)} There are {column_names.listed(columns)}.",
            advice=advice if all(advice.values()) else {},
        )
    (label,) = found.pop("label") or (None,)
    if label in found["ignore"]:
        raise DataError(f"{source}: expected `ignore` without the label {shown.quoted(label)}.")
    both = [name for name in found["ignore"] if name in found["keep"]]
    if both:
        raise DataError(
            f"{source}: expected columns in `ignore` or in `keep`; received "
            f"{column_names.listed(both)} in both. Leave one out."
        )
    return dataclasses.replace(reading, label=label, **found)


def _absent(
    source: str, argument: str, wanted: Sequence[str], columns: Sequence[str]
) -> Iterator[str]:
    for name in wanted:
        try:
            column_names.find(source, argument, [name], columns)
        except DataError as error:
            yield str(error).removeprefix(f"{source}: ").partition(" There are ")[0]


def check_unnamed(path: pathlib.Path, first: Sequence[str], reading: Reading) -> None:
    """Raises `DataError` if `header=no`, but the first line contains the label's name."""
    if reading.label in first:
        raise DataError(
            f"{path}: expected columns 1, 2, ..., as `header=no` says; received the label "
            f"{shown.quoted(reading.label)}, which the first line names. Leave `header=no` out.",
            advice={"header": "yes"},
        )


def check_named(path: pathlib.Path, names: Sequence[str], reading: Reading) -> None:
    """Raises `DataError` if the label is not a name but the number of a column."""
    label = reading.label or ""
    if label.isdecimal() and label not in names and 0 < int(label) <= len(names):
        named = column_names.closest(label, names)
        raise DataError(
            f"{path}: expected a column {shown.quoted(label)}, as `label` says; received none. If "
            f"the first line is one of data, give `header=no`; else `label` may be "
            f"{shown.quoted(named)}.",
            advice={"label": column_names.typed(named)},
        )


def expected(reading: Reading) -> tuple[str, ...]:
    return () if reading.label is None else (column_names.unescaped(reading.label), reading.label)


def headerless(path: pathlib.Path, names: Sequence[str], reading: Reading) -> DataError:
    """Returns the error for a file whose first line looks like data."""
    cells = ", ".join(shown.cut(name, 20) for name in names[:5]) + (
        ", ..." if len(names) > 5 else ""
    )
    advice = {"header": "no"}
    label, mend = reading.label or "", ""
    if label in names:
        # The label is a value from the first row.
        advice["label"] = str(list(names).index(label) + 1)
        mend = f", and `label={advice['label']}`"
    elif not (label.isdecimal() and 0 < int(label) <= len(names)):
        advice["label"] = str(len(names))
        mend = f", and `label={len(names)}` if the last column is the one"
    return DataError(
        f"{path}: expected a first line with the names of the columns; received one that looks "
        f"like data ({cells}). Give `header=no`, which calls them 1 to {len(names)}{mend}.",
        advice=advice,
    )
