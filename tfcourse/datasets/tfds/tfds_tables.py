"""Reads sets of TensorFlow Datasets with features of numbers and texts."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import memory
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_names, own_tables, table_checks
from tfcourse.datasets.tables.table import Column, Table
from tfcourse.datasets.tfds import prepared, records

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

USES = own_tables.OF_ANY
FeatureColumns = dict[str, list[str]]  # The names of each feature's columns.
# A short text as a Python object, before it becomes numbers.
_BYTES_PER_CELL = 100


def check(info: "tfds.core.DatasetInfo", reading: Reading, *, needs_label: bool = True) -> None:
    """Checks before the download that the set can be read as a table.

    Raises:
        DataError: names the feature that can't be used.
    """
    names = [name for names in _columns(info, reading).values() for name in names]
    named = table_checks.check_columns if needs_label else table_checks.named_columns
    named(f"Dataset {info.name!r}", names, _labelled(info, reading))


def table(builder: "tfds.core.DatasetBuilder", reading: Reading) -> tuple[Table, Reading]:
    """Returns the set as a `Table`, and `reading` with the set's own label."""
    columns = _StoredColumns(builder, _columns(builder.info, reading, _is_ordered(builder)))
    everything = {name: columns[name] for name in columns}
    return Table(builder.name, everything), _labelled(builder.info, reading)


def read(builder: "tfds.core.DatasetBuilder", reading: Reading) -> Dataset:
    """Returns the set as a `Dataset`; see `tables.dataset`.

    A set that is too large is streamed: for the statistics, one feature at a time is read.
    """
    info = builder.info
    features = _columns(info, reading, _is_ordered(builder))
    rows, start = {}, 0
    for split in prepared.splits_of(builder):
        stop = start + info.splits[split].num_examples
        rows[split], start = np.arange(start, stop), stop
    num_bytes = start * sum(map(len, features.values())) * _BYTES_PER_CELL
    columns: Mapping[str, Column] = _StoredColumns(builder, features)
    stored = None
    if memory.fits(num_bytes):
        columns = {name: columns[name] for name in columns}
    else:
        told = f"{num_bytes >> 20:,} MiB"
        logging.warning("%s takes %s: it stays on the disk.", builder.name, told)
        stored = _reader(builder, features)
    return own_tables.dataset(
        Table(builder.name, columns, num_rows=start),
        _labelled(info, reading),
        name=builder.name,
        origin=f"TensorFlow Datasets {info.full_name}",
        rows=rows,
        stored=stored,
    )


class _StoredColumns(Mapping[str, Column]):
    """The columns of a prepared set by name, each read when it is needed."""

    def __init__(self, builder: "tfds.core.DatasetBuilder", features: FeatureColumns) -> None:
        self._builder = builder
        self._feature_of = {name: key for key, names in features.items() for name in names}
        self._features = features
        self._last = functools.lru_cache(maxsize=1)(self._columns_of)

    def __getitem__(self, name: str) -> Column:
        key = self._feature_of[name]
        return self._last(key)[self._features[key].index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._feature_of)

    def __len__(self) -> int:
        return len(self._feature_of)

    def _columns_of(self, key: str) -> list[Column]:
        names = prepared.splits_of(self._builder)
        parts = [prepared.examples(self._builder, split, (key,))[key] for split in names]
        return _cells(self._builder.info.features[key], np.concatenate(parts))


def _reader(
    builder: "tfds.core.DatasetBuilder", features: FeatureColumns
) -> Callable[[npt.NDArray[np.int64]], Table]:
    """Returns a function that reads a `Table` of some examples, given their numbers."""
    import tensorflow as tf

    stored, _ = records.index(builder, next(iter(features)))
    kinds = builder.info.features
    specs = {key: tf.TensorSpec(kinds[key].shape, kinds[key].tf_dtype) for key in features}

    def parsed(record: Any) -> dict[str, Any]:
        example = kinds.deserialize_example(record)
        return {key: example[key] for key in features}

    @functools.partial(tf.function, input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(serialized: Any) -> dict[str, Any]:
        return tf.map_fn(parsed, serialized, fn_output_signature=specs)

    def read(numbers: npt.NDArray[np.int64]) -> Table:
        arrays = parse(tf.constant(stored.read(numbers)))
        return Table(
            builder.name,
            {
                name: cells
                for key, names in features.items()
                for name, cells in zip(names, _cells(kinds[key], arrays[key].numpy()), strict=True)
            },
        )

    return read


def _labelled(info: "tfds.core.DatasetInfo", reading: Reading) -> Reading:
    """Returns `reading` with the set's own label if it has no label.

    Features that are left out completely are not columns, so they must not be in `ignore`.
    """
    keys = info.supervised_keys
    own = keys[-1] if keys and isinstance(keys[-1], str) else None
    ignore = tuple(name for name in reading.ignore if name not in info.features)
    return dataclasses.replace(reading, label=reading.label or own, ignore=ignore)


def _is_ordered(builder: "tfds.core.DatasetBuilder") -> bool:
    """Returns whether the features are in the order of the set's code.

    If a set is known only by its files, the order differs from process to process.
    """
    from tensorflow_datasets.core import read_only_builder

    return not isinstance(builder, read_only_builder.ReadOnlyBuilder)


def _columns(
    info: "tfds.core.DatasetInfo", reading: Reading, is_ordered: bool = False
) -> FeatureColumns:
    """Returns the columns; a vector has one column per number."""
    columns: FeatureColumns = {}
    items = info.features.items()
    for key, feature in items if is_ordered else sorted(items):
        shape = getattr(feature, "shape", None)
        if key in reading.ignore:
            columns[key] = []
        elif shape == () and isinstance(feature.np_dtype, type | np.dtype):
            columns[key] = [key]
        elif isinstance(shape, tuple) and len(shape) == 1 and shape[0]:
            columns[key] = [f"{key}[{position}]" for position in range(shape[0])]
        else:
            raise DataError(
                f"Dataset {info.name!r}, feature {key!r}: expected a number, a text, a vector, or "
                f"8-bit images with one label each; received {' '.join(str(feature).split())}. "
                f"Leave it out with {column_names.argument('ignore', [key])}, or use another set."
            )
    return {key: names for key, names in columns.items() if names}


def _cells(feature: "tfds.features.FeatureConnector", values: npt.NDArray[Any]) -> list[Column]:
    """Returns the columns made from a feature's values [examples] or [examples, n]."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel) and feature.names:
        # -1 means unknown.
        return [[feature.int2str(int(value)) if value >= 0 else None for value in values]]
    if values.dtype == object:
        return [[value.decode("utf-8", "replace") for value in values]]
    return [values] if values.ndim == 1 else list(values.T)
