"""The original files of MNIST and similar sets, if the user has them."""

import functools
import importlib.util
import pathlib

from tfcourse.datasets.errors import DataError
from tfcourse.system import files

# MNIST, Fashion-MNIST and KMNIST come as four files each, under these same names.
FILE_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def check(name: str, data_dir: pathlib.Path | None) -> bool:
    """Checks a set's original files at every start, so that the cache does not hide a damaged file.

    Returns:
        Whether the set's files exist.

    Raises:
        DataError: a file is damaged, belongs to another set, or only some files exist.
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
        check_published(data_dir / file_name, *published[file_name])
    return True


def check_published(path: pathlib.Path, size: int, sha256: str) -> None:
    """Checks that a file is, byte for byte, the published one.

    Common readers stop after the last byte that they need, and so accept a truncated checksum, or
    trust the header, which can make them allocate any amount of memory.

    Raises:
        DataError: the file differs, or can't be read.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path}: expected a file; received something else. Replace it.")
        received = path.stat().st_size
        # Checks the size first, so that a file that is too large is not read.
        if received == size and files.sha256(path) == sha256:
            return
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}). Repair or remove it."
        ) from error
    raise DataError(
        f"{path}: expected the published file of {size:,} bytes with sha256 {sha256[:8]}...; "
        f"received {received:,} other bytes: it is damaged, truncated, or another file. Download "
        "it again or remove it."
    )


def is_in_catalogue(name: str) -> bool:
    """Returns whether the TensorFlow Datasets package lists files under this name."""
    if _published_files(name):
        return True
    return any(_package().glob(f"*/{name}")) or any(_package().glob(f"*/{name}.py"))


@functools.cache
def _published_files(name: str) -> dict[str, tuple[int, str]]:
    """Returns {file name: (bytes, sha256)} from the table in TensorFlow Datasets."""
    table = _package() / "url_checksums" / f"{name}.txt"
    if not table.is_file():
        return {}
    # Address, bytes, sha256, file name.
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    return {row[3]: (int(row[1]), row[2]) for row in rows if len(row) == 4}


def _package() -> pathlib.Path:
    # Found without importing it, which would take longer than everything else.
    found = importlib.util.find_spec("tensorflow_datasets")
    assert found is not None
    assert found.origin is not None
    return pathlib.Path(found.origin).parent
