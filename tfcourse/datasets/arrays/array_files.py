"""NumPy's array files; headers are checked before the data is read."""

import io
import math
import os
import pathlib
import re
import struct
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from tfcourse.datasets import memory
from tfcourse.datasets.arrays import array_names, array_shapes
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files.text_files import check_file
from tfcourse.system import files

SUFFIXES = (".npy", ".npz")
# NumPy parses a header as a Python literal, which can fail in many ways.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(SyntaxError, TypeError, RecursionError, tokenize.TokenError),
    *(OverflowError, MemoryError, KeyError, IndexError, AttributeError),
)
# Other files by their beginnings, and what to do with them.
_OTHERS = (
    (rb"PK", "an NPZ file. Call it .npz"),
    (rb"\x93N", "an NPY file, one array. numpy.savez(path, x=..., y=...) saves several"),
    (rb"\x89HDF", "a file of HDF5. Read x and y by h5py, and save them by numpy.savez"),
    (
        rb"MATLAB 5",
        "data of MATLAB. Read x and y by scipy.io.loadmat, and save them by numpy.savez",
    ),
    (
        rb"\x80[\x02-\x05]",
        "a pickle, which may run code. Save x and y by numpy.savez at its source",
    ),
    (rb"\0\0\x08[\x01-\x04]", "a file of IDX. Those of MNIST are read as mnist, with `data_dir`"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ", "a compressed file. Unpack it"),
)
_MAX_HEADER_BYTES = 1 << 16
_MAX_SIDE = 1 << 48
# As read, cut into splits, and scaled to float32.
_BYTES_PER_VALUE = 2 * 4


def read(path: os.PathLike[str] | str) -> dict[str, Numbers]:
    """Returns the arrays of an NPZ file as `{name: array}`.

    Pickled objects are errors, and so are arrays that, by their headers, would not fit into memory.

    Raises:
        DataError: names the file and the array.
    """
    path = files.expanded(path)
    check_file(path, "an NPZ file, as numpy.savez writes it")
    _check_magic(path, b"PK", "an NPZ file, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            if len(set(names)) < len(names) or not names:
                raise DataError(f"{path}: expected arrays under names of their own. Write it anew.")
            _check_members(path, names)
            num_bytes = sum(_bytes_needed(path, archive, info) for info in archive.infolist())
        memory.check_fits(
            path,
            num_bytes,
            "Convert it to a set of TensorFlow Datasets, which is read from disk as it is needed "
            "(see docs/your_data.md), or train on a part of it.",
        )
        with np.load(path, allow_pickle=False) as arrays:
            read = {name: arrays[name] for name in arrays.files}
        for name, array in read.items():
            _check_texts(f"{path}, array {name}", array)
        return read
    except _DAMAGED as error:
        raise DataError(
            f"{path}: expected an NPZ file, as numpy.savez writes it; received "
            f"{files.first_line(error)}. Write it anew."
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: expected a file to read; received {error}.") from None


def _check_magic(path: pathlib.Path, magic: bytes, kind: str) -> None:
    """Raises `DataError` if a file is of the other kind of array file, whatever its name."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read; received {error.strerror}.") from None
    if not start.startswith(magic):
        received = "another file. Write it anew; a table is read as csv:PATH"
        received = next((kind for other, kind in _OTHERS if re.match(other, start)), received)
        raise DataError(f"{path}: expected {kind}; received {received}.")


def _check_members(path: pathlib.Path, names: Sequence[str]) -> None:
    """Raises `DataError` if an archive holds something else than arrays."""
    others = [name for name in names if not name.endswith(".npy")]
    if not others:
        return
    received = f"an archive with {others[0]!r:.80}. Write the arrays alone"
    if "[Content_Types].xml" in others:
        received = "a document. A workbook is read as csv:PATH"
    if any(name.endswith("data.pkl") for name in others):
        received = "a file of PyTorch. Load it, and save x.numpy() and y.numpy() by numpy.savez"
    raise DataError(f"{path}: expected an NPZ file, as numpy.savez writes it; received {received}.")


def _check_texts(name: str, array: Numbers) -> None:
    """Raises an error for texts with invalid code points, at which NumPy would fail later."""
    if array.dtype.kind != "U" or not array.dtype.itemsize:
        return
    codes = np.ascontiguousarray(array).view(
        np.dtype(np.uint32).newbyteorder(array.dtype.byteorder)
    )
    if codes.size and codes.max() > sys.maxunicode:
        raise DataError(f"{name}: expected texts; received numbers that are not characters.")


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    end: int  # Where the data begins.

    @property
    def num_values(self) -> int:
        # Python's ints, because NumPy's would overflow if a malicious header says 2 ** 62.
        return math.prod(map(int, self.shape))


def _header(name: str, file: IO[bytes]) -> _Header:
    """Returns the header of an array; reads no more of the file than a header may take.

    Raises:
        DataError: Python objects, or a shape that can't be one.
        ValueError and what else is in `_DAMAGED`: it is not a header.
    """
    start = io.BytesIO(file.read(_MAX_HEADER_BYTES))
    version = np.lib.format.read_magic(start)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise DataError(f"{name} is of the unknown version {version}. Write it anew.")
    shape, _, dtype = read[version](start)
    if dtype.hasobject:
        raise DataError(
            f"{name}: expected an array of numbers; received Python objects, which are "
            "not read, since they can run code. Convert them to numbers, texts by .astype(str)."
        )
    if any(type(side) is not int or not 0 <= side <= _MAX_SIDE for side in shape):
        raise DataError(f"{name}: expected a shape; received {str(shape)[:80]}. Write it anew.")
    return _Header(shape, dtype, start.tell())


def _bytes_needed(path: pathlib.Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Returns the memory that an array takes until it is scaled, by its header."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: expected an NPZ file, as numpy.savez writes it; received {info.filename} "
            "compressed in another way. Write it anew."
        )
    with archive.open(info) as member:
        header = _header(f"{path}, array {info.filename}", member)
    return header.num_values * (2 * header.dtype.itemsize + _BYTES_PER_VALUE)


def read_examples(path: pathlib.Path) -> tuple[Numbers, Numbers | None]:
    """Returns `(x, y)` of new examples from an NPZ file, or `(x, None)` from an NPY file."""
    if path.suffix.lower() == ".npy":
        return _read_npy(path), None
    x, features, y, labels = array_names.examples(path, read(path))
    if labels is not None:
        labels = array_shapes.as_labels(f"{path}, array {y}", labels)
    if not features.ndim or (labels is not None and labels.shape != features.shape[:1]):
        raise DataError(
            f"{path}: expected one label in {y} for each of the examples in {x}; received shapes "
            f"{labels.shape if labels is not None else None} and {features.shape}. Pair them again "
            "at their source."
        )
    return features, labels


def _read_npy(path: pathlib.Path) -> Numbers:
    kind = "an array as numpy.save writes it"
    check_file(path, kind)
    _check_magic(path, b"\x93N", kind)
    try:
        with open(path, "rb") as file:
            header = _header(str(path), file)
        claimed = header.end + header.num_values * header.dtype.itemsize
        if claimed > path.stat().st_size:
            raise ValueError(f"a header that claims {claimed:,} bytes, more than the file has")
        # A memory map can't be larger than the file, whatever its header claims.
        mapped: Numbers = np.load(path, mmap_mode="r", allow_pickle=False)
        _check_texts(str(path), mapped)
        return mapped
    except (OSError, *_DAMAGED) as error:
        raise DataError(
            f"{path}: expected {kind}; received {files.first_line(error)}. Write it anew."
        ) from None
