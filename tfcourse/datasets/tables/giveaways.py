"""Finds columns that determine the label, and test rows that are in the training split.

Each column is tested alone: its training rows are sorted by its values (in random order within a
value), and the changes of class from row to row are counted. If the column determines the class,
there are only as many changes as the classes require; every wrong row adds two. If values are
codes, several per class and in any order, classes change between values, but not within a value; a
value that occurs once says nothing.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.examples import FloatArray, Split
from tfcourse.datasets.tables.column_report import ColumnReport, Giveaway
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn, source

Labels = npt.NDArray[np.generic]

_FEWEST_ROWS = 30  # Of fewer, a column may tell the class by chance.
_MOST_ROWS = 10_000  # The rows that are used.
_MOST_VALUES = 2_000_000  # The values that are sorted at once.
_AT_ONCE, _ROWS_AT_ONCE = 64, 1024  # Columns and rows that are hashed at once.
# A column determines the label if it leaves at most this share of the errors made without it. A
# measurement may reach the first; only a copy of the label reaches the second.
_SHARE_OF_ERRORS, _OF_MEASUREMENTS = 0.05, 0.01
_CORRELATION = 0.999
# Average rows per code; with fewer, duplicate rows would make any column look like codes.
_ROWS_PER_CODE = 5
# Equal rows count as copies only if one column has this many distinct values per distinct row, all
# columns together at least one, and there are at least this many; if all columns have few values,
# equal rows are expected.
_DIFFERENT, _COPIES = 0.5, 0.05
_FEWEST_COPIES = 5
# For sums: the most columns, the rows needed per column, and float32's rounding.
_MOST_PARTS, _ROWS_PER_PART, _ROUNDING = 200, 5, 1e-4


def find(
    columns: Sequence[NumericColumn | CategoricalColumn],
    features: FloatArray,
    labels: Labels,
    *,
    is_quantity: bool = False,
) -> tuple[Giveaway, ...]:
    """Returns the columns that determine the label, best first.

    Args:
        columns: the columns behind the features.
        features: [examples, features] of the training split.
        labels: [examples], classes or a quantity.
        is_quantity: whether the labels are a quantity.
    """
    if len(labels) < _FEWEST_ROWS:
        return ()
    rows = np.random.RandomState(0).permutation(len(labels))[:_MOST_ROWS]
    found: dict[str, Giveaway] = {}
    for names, values in _blocks(columns, features, rows):
        if is_quantity:
            shares = _correlations(values, labels[rows])
        else:
            limits = np.array([limit for _, _, limit in names])
            shares = _told(values, labels[rows], limits)
        for (name, by_missing, _), share in zip(names, shares.tolist(), strict=True):
            if share > 0 and share > found.get(name, Giveaway(name, False, 0.0)).share:
                found[name] = Giveaway(name, by_missing, share)
    return tuple(sorted(found.values(), key=lambda giveaway: -giveaway.share))


def parts(
    columns: Sequence[NumericColumn | CategoricalColumn], features: FloatArray, quantity: Labels
) -> tuple[str, ...]:
    """Returns the columns whose weighted sum is the quantity in every row, if there are several.

    Args:
        columns: the columns behind the features.
        features: [examples, features] of the training split.
        quantity: [examples], standardized.
    """
    names: list[str] = []
    at: list[int] = []
    start = 0
    for column in columns:
        if isinstance(column, NumericColumn):
            names.append(source(column))
            at.append(start)
        start += len(column.feature_names)
    if not 2 <= len(at) <= _MOST_PARTS or len(quantity) < _ROWS_PER_PART * len(at) + _FEWEST_ROWS:
        return ()
    x = features[:_MOST_ROWS][:, at].astype(np.float64)
    y = quantity[:_MOST_ROWS].astype(np.float64)
    x, y = x - x.mean(axis=0), y - y.mean()
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    if np.abs(y - x @ weights).max() > _ROUNDING:
        return ()
    found = [name for name, w in zip(names, weights, strict=True) if abs(w) > _ROUNDING]
    return tuple(dict.fromkeys(found)) if len(found) > 1 else ()


def repeated(train: Split, test: Split, columns: Sequence[ColumnReport]) -> int:
    """Returns how many rows of `test` equal a row of `train`, including the label."""
    if any(column.reason == "texts" for column in columns):
        return 0  # Such as names, which distinguish rows.
    distinct = [column.distinct for column in columns if column.fate == "features"]
    most = min(max(distinct, default=0) / _DIFFERENT, sum(distinct))
    tested = _hashes(test)
    if len(np.unique(tested)) > most:
        return 0
    seen = np.unique(_hashes(train))
    if len(np.union1d(seen, tested)) > most:
        return 0
    copies = int(np.isin(tested, seen).sum())
    return copies if copies >= max(_FEWEST_COPIES, _COPIES * len(test)) else 0


def _hashes(split: Split) -> npt.NDArray[np.uint64]:
    """Returns a hash per row of all features and the label.

    It is the sum of their bit patterns times random odd numbers, modulo 2**64.
    """
    factors = np.random.RandomState(0)
    bits = np.ascontiguousarray(split.features).view(np.uint32)
    hashes = split.labels.astype(np.float32).view(np.uint32).astype(np.uint64)
    for start in range(0, bits.shape[1], _AT_ONCE):
        part = bits[:, start : start + _AT_ONCE]
        odd = factors.randint(0, 1 << 62, part.shape[1], np.int64).astype(np.uint64) * 2 + 1
        for row in range(0, len(part), _ROWS_AT_ONCE):  # Each step takes memory of 8 bytes a value.
            rows = slice(row, row + _ROWS_AT_ONCE)
            products = part[rows].astype(np.uint64) * odd.astype(np.uint64)
            hashes[rows] += products.sum(axis=1, dtype=np.uint64)
    return hashes


def _blocks(
    columns: Sequence[NumericColumn | CategoricalColumn], features: FloatArray, rows: Labels
) -> Iterator[tuple[list[tuple[str, bool, float]], FloatArray]]:
    """Yields `(names, values)` of blocks of columns.

    A name consists of the column's name, whether it is about missing values, and its share of
    allowed errors. Values are numbers [rows, columns]; categories are numbered in any order.
    """
    at_once = max(1, _MOST_VALUES // len(rows))
    names: list[tuple[str, bool, float]] = []
    values: list[FloatArray] = []
    start = 0
    for column in columns:
        stop = start + len(column.feature_names)
        part = features[rows, start:stop]
        if isinstance(column, CategoricalColumn):
            part = part.argmax(axis=1)[:, np.newaxis].astype(np.float32)
        is_measured = isinstance(column, NumericColumn)
        first = _OF_MEASUREMENTS if is_measured else _SHARE_OF_ERRORS
        names.append((source(column), False, first))
        if part.shape[1] == 2:
            names.append((source(column), True, _SHARE_OF_ERRORS))
        values.append(part)
        start = stop
        if len(names) >= at_once:
            yield names, np.concatenate(values, axis=1)
            names, values = [], []
    if names:
        yield names, np.concatenate(values, axis=1)


class _Sorted(NamedTuple):
    """The labels sorted by each column's values, in random order within a value.

    Attributes:
        labels: [rows, columns].
        same: [rows - 1, columns], whether a value equals the previous one.
        alone: [columns], the number of rows with a value that no other row has.
        are_codes: [columns], whether values repeat so often that they may be codes.
    """

    labels: Labels
    same: npt.NDArray[np.bool_]
    alone: npt.NDArray[np.int64]
    are_codes: npt.NDArray[np.bool_]


def _sorted(values: FloatArray, labels: Labels) -> _Sorted:
    order = np.argsort(values, axis=0, kind="stable")
    values = np.take_along_axis(values, order, axis=0)
    same = values[1:] == values[:-1]
    edge = np.zeros_like(same[:1])
    repeats = np.concatenate([edge, same]) | np.concatenate([same, edge])
    distinct = (~same).sum(axis=0) + 1
    are_codes = _ROWS_PER_CODE * distinct <= len(labels)
    return _Sorted(labels[order], same, (~repeats).sum(axis=0), are_codes)


def _told(values: FloatArray, labels: Labels, limits: FloatArray) -> npt.NDArray[np.float64]:
    """Returns the share of rows whose class each column determines; 0 if chance explains it."""
    by = _sorted(values, labels)
    changes = by.labels[1:] != by.labels[:-1]
    _, counts = np.unique(labels, return_counts=True)
    others = len(labels) - counts.max()  # Rows of other classes than the most frequent.
    in_order = np.maximum(changes.sum(axis=0) - (len(counts) - 1), 0) / 2
    by_code = (changes & by.same).sum(axis=0) / 2 + by.alone * (others / len(labels))
    errors = np.where(by.are_codes, np.minimum(in_order, by_code), in_order)
    return np.where(errors <= limits * others, 1 - errors / len(labels), 0.0)


def _correlations(values: FloatArray, labels: Labels) -> npt.NDArray[np.float64]:
    """Returns the correlation of each column, or of its codes' means, with a quantity."""
    x = values - values.mean(axis=0, dtype=np.float64)
    y = labels - labels.mean(dtype=np.float64)
    squares = y @ y
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.abs(y @ x) / np.sqrt((x * x).sum(axis=0) * squares)
    by = _sorted(values, y)
    # The mean of two rows with one code leaves half of their squared difference.
    steps = np.where(by.same, np.diff(by.labels, axis=0), 0.0)
    left = (steps * steps).sum(axis=0) / (2 * squares) + by.alone / len(y)
    by_code = np.sqrt(np.maximum(1 - left, 0.0))
    found = np.where(by.are_codes, np.fmax(found, by_code), found)
    return np.where(found >= _CORRELATION, found, 0.0)
