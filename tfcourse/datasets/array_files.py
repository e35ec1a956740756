"""Files of arrays as NumPy writes them, of which the header is read before the data."""

import math
import os
import pathlib
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from tfcourse import files
from tfcourse.datasets import memory
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.text_files import check_file

SUFFIXES = (".npy", ".npz")
# NumPy reads a header as Python reads a literal, which can fail as code can.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(SyntaxError, TypeError, RecursionError, tokenize.TokenError),
)
# As read, cut into splits, and scaled to float32.
_BYTES_PER_VALUE = 2 * 4


def read(path: os.PathLike[str] | str) -> dict[str, Numbers]:
    """Returns the arrays of an NPZ file as `{name: array}`.

    Pickled objects are refused; so is what would not fit into memory, by the sizes in the headers.

    Raises:
        DataError: naming the file and the array.
    """
    path = pathlib.Path(path).expanduser()
    check_file(path, "an NPZ file, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            if len(set(names)) < len(names) or not names:
                raise DataError(f"{path}: expected arrays under names of their own. Write it anew.")
            num_bytes = sum(_bytes_needed(path, archive, info) for info in archive.infolist())
        memory.check_fits(
            path,
            num_bytes,
            "Convert it to a set of TensorFlow Datasets, which is read from disk as it is needed "
            "(see docs/your_data.md), or train on a part of it.",
        )
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _DAMAGED as error:
        raise DataError(
            f"{path}: expected an NPZ file, as numpy.savez writes it; received "
            f"{files.first_line(error)}. Write it anew."
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: expected a file to read; received {error}.") from None


def _bytes_needed(path: pathlib.Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Returns what an array takes until it is scaled, from its header alone."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        headers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in headers:
            raise DataError(f"{path}: array {info.filename} is of the unknown version {version}.")
        shape, _, dtype = headers[version](member)
    if dtype.hasobject:
        raise DataError(
            f"{path}: expected numbers in array {info.filename}; received Python objects, which "
            "are not read, since they can run code. Convert them to numbers."
        )
    # Python's whole numbers: NumPy's would overflow where a hostile header says 2 ** 62.
    return math.prod(map(int, shape)) * (2 * dtype.itemsize + _BYTES_PER_VALUE)


def read_examples(path: pathlib.Path) -> tuple[Numbers, Numbers | None]:
    """Returns `(x, y)` of new examples: of an NPZ file, or of an NPY file, which has no labels."""
    if path.suffix.lower() == ".npy":
        return _read_npy(path), None
    arrays = read(path)
    if "x" not in arrays:
        raise DataError(
            f"{path}: expected an array x, and y where there are labels; received "
            f"{', '.join(list(arrays)[:20])}. Name them so: numpy.savez(path, x=..., y=...)."
        )
    features, labels = arrays["x"], arrays.get("y")
    if labels is not None and (labels.ndim != 1 or len(labels) != len(features)):
        raise DataError(
            f"{path}: expected one label in y for each of the {len(features)} examples; received "
            f"shape {labels.shape}. Pair them again at their source."
        )
    return features, labels


def _read_npy(path: pathlib.Path) -> Numbers:
    check_file(path, "an array as numpy.save writes it")
    try:
        # A map of the file can't be larger than the file, whatever its header claims.
        mapped: Numbers = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: expected an array as numpy.save writes it; received "
            f"{files.first_line(error)}."
        ) from None
