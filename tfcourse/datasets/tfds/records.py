"""Serialized examples of a prepared set, read one by one from the disk."""

import os
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.tfds import prepared
from tfcourse.system import files as files_

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_BATCH = 4096


class Records:
    """Examples by number, in the order of TensorFlow Datasets.

    Args:
        paths: TFRecord files.
        files: [examples], the index of each example's file.
        offsets: [examples], where each example begins in its file.
        lengths: [examples], sizes in bytes.
    """

    def __init__(
        self,
        paths: Sequence[str],
        files: npt.NDArray[np.integer],
        offsets: npt.NDArray[np.integer],
        lengths: npt.NDArray[np.integer],
    ) -> None:
        self._paths = paths
        self._files = files
        self._offsets = offsets
        self._lengths = lengths
        self._descriptors: dict[int, int] = {}

    def read(self, numbers: Iterable[Any]) -> list[bytes]:
        """Returns the records of some examples; several threads may call it at once."""
        records = []
        for number in numbers:
            file, length = int(self._files[number]), int(self._lengths[number])
            record = files_.read_at(self._descriptor(file), length, int(self._offsets[number]))
            if len(record) != length:
                raise DataError(f"{self._paths[file]}: expected the file as it was; it is shorter.")
            records.append(record)
        return records

    def _descriptor(self, file: int) -> int:
        if file not in self._descriptors:
            self._descriptors[file] = files_.open_to_read(self._paths[file])
        return self._descriptors[file]

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)


def index(
    builder: "tfds.core.DatasetBuilder", key: str
) -> tuple[Records, dict[str, npt.NDArray[Any]]]:
    """Returns the `Records` of all splits in sequence, and `{split: values}` of a feature.

    Everything is read once, to verify every record's checksum; only that feature is decoded.
    """
    names = prepared.splits_of(builder)
    paths: list[str] = []
    files: list[int] = []
    places: list[tuple[int, int]] = []
    values: dict[str, npt.NDArray[Any]] = {}
    for split in names:
        ids, values[split] = _ids_and_values(builder, split, key)
        here = {path.name: _positions(path) for path in builder.info.splits[split].filepaths}
        first = dict(zip(here, range(len(paths), len(paths) + len(here)), strict=True))
        paths += [str(path) for path in builder.info.splits[split].filepaths]
        for name, number in ids:
            files.append(first[name])
            places.append(here[name][number])
    offsets, lengths = np.array(places).T
    return Records(paths, np.array(files), offsets, lengths), values


def _ids_and_values(
    builder: "tfds.core.DatasetBuilder", split: str, key: str
) -> tuple[list[tuple[str, int]], npt.NDArray[Any]]:
    """Returns `[(file name, number in the file), ...]` and a feature's values, in stored order."""
    import tensorflow_datasets as tfds

    stored = builder.as_dataset(
        split=split,
        read_config=tfds.ReadConfig(add_tfds_id=True),
        decoders=tfds.decode.PartialDecoding({key: True}),
    )
    ids, values = [], []
    with prepared.reading(builder, split):
        for batch in stored.batch(_BATCH).as_numpy_iterator():
            values.append(batch[key])
            for each in batch["tfds_id"]:
                name, _, number = each.decode().rpartition("__")
                ids.append((name, int(number)))
    return ids, np.concatenate(values)


def _positions(path: os.PathLike[str]) -> list[tuple[int, int]]:
    """Returns `[(offset, length), ...]` of the records in a file.

    A record consists of its length (8 bytes), the length's checksum (4), the data, and its checksum
    (4).
    """
    positions, offset = [], 0
    with open(path, "rb") as file:
        while header := file.read(12):
            (length,) = struct.unpack("<Q", header[:8])
            positions.append((offset + 12, length))
            offset += 12 + length + 4
            file.seek(offset)
    return positions
