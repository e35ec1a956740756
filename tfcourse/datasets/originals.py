"""The original files of MNIST and its kin, where the user has them."""

import functools
import importlib.util
import pathlib

from tfcourse.datasets import idx
from tfcourse.datasets.errors import DataError

# MNIST, Fashion-MNIST and KMNIST come as four files each, under these same names.
FILE_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def check(name, data_dir):
    """Checks the original files of a set, at every start: a cache must not hide a damaged one.

    Args:
        name: str, a dataset's name without version or config.
        data_dir: `pathlib.Path` or None.

    Returns:
        bool, whether the set's files are there.

    Raises:
        DataError: if one is damaged, missing while others are there, or another set's.
    """
    published = _published_files(name)
    if data_dir is None or not published.keys() >= set(FILE_NAMES):
        return False
    missing = [file_name for file_name in FILE_NAMES if not (data_dir / file_name).exists()]
    if len(missing) == len(FILE_NAMES):
        return False
    if missing:
        raise DataError(
            f"{data_dir}: expected the four original files of {name}; received "
            f"{len(FILE_NAMES) - len(missing)} of them. Add {', '.join(missing)}."
        )
    for file_name in FILE_NAMES:
        idx.check_published(data_dir / file_name, *published[file_name])
    return True


def is_in_catalogue(name):
    """Returns whether TensorFlow Datasets' package has files under this name."""
    if _published_files(name):
        return True
    return any(_package().glob(f"*/{name}")) or any(_package().glob(f"*/{name}.py"))


@functools.cache
def _published_files(name):
    """Returns {file name: (bytes, sha256)} from the table that TensorFlow Datasets carries."""
    table = _package() / "url_checksums" / f"{name}.txt"
    if not table.is_file():
        return {}
    # Address, bytes, sha256, file name.
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    return {row[3]: (int(row[1]), row[2]) for row in rows if len(row) == 4}


def _package():
    # Found without importing it, which would take longer than all the rest.
    return pathlib.Path(importlib.util.find_spec("tensorflow_datasets").origin).parent
