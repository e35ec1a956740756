"""Loads data sets by name."""

import dataclasses
import difflib
import errno
import os
import pathlib
import re
import types
from typing import Any, Protocol

from absl import logging

from tfcourse.datasets import array_cache, digits
from tfcourse.datasets.arrays import npz_files
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError, DataUnavailableError
from tfcourse.datasets.images import image_folders
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import own_tables
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing
from tfcourse.datasets.tfds import originals, prepared, tfds_images, tfds_tables
from tfcourse.system import files, shipped

NAME = re.compile(r"[a-z]\w*(/[\w.+-]+)?(:\d+\.\d+\.\d+)?", re.ASCII)
_ADDRESS = re.compile(r"\w[\w+.-]+://", re.ASCII)

# The names most often typed. TensorFlow Datasets' own list takes a second to build.
COMMON = ("digits", "mnist", "fashion_mnist", "kmnist", "emnist", "cifar10", "cifar100")


class OwnSource(Protocol):
    """A module that reads one kind of users' own data."""

    @property
    def USES(self) -> tuple[str, ...]:  # noqa: N802
        """The fields of `Reading` that it uses."""

    def check(self, path: pathlib.Path, reading: Reading) -> None:
        """Raises `DataError` if there is nothing to read; takes no time."""

    def load(self, path: pathlib.Path, reading: Reading) -> Dataset:
        """Returns the data set."""


def load(names: str, data_dir: os.PathLike[str] | str | None = None, **options: Any) -> Dataset:
    """Returns the first available one of the named data sets.

    The first use of a set from TensorFlow Datasets prepares it. Later uses read a verified cache of
    its arrays and import neither TensorFlow nor TensorFlow Datasets. Splits are fixed and do not
    depend on any seed.

    Args:
        names: one name, or several separated by commas: "digits" (built in), or a set of TensorFlow
            Datasets, of images such as "mnist" or of numbers and texts such as "titanic". A later
            name is used only if the earlier ones are unavailable, and `Dataset.fallback_from` lists
            those; a damaged file is an error. Your own data must be the only name: "csv:PATH" or
            another of `own_names`.
        data_dir: a folder with original files, such as MNIST's four, or with sets that TensorFlow
            Datasets has prepared. Nothing is written to it.
        **options: fields of `Reading`, such as `label`.

    Raises:
        DataError: no set is available, or the data is damaged.
        ValueError: a name is misspelt, or an option is unknown or does not fit the source.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> len(digits.train), digits.input_shape, digits.num_classes
        (1257, (8, 8, 1), 10)
    """
    folder = check_data_dir(data_dir)
    reading = Reading(**options)
    wanted = check_name(names, folder)
    for position, name in enumerate(wanted):
        try:
            dataset = _read(name, folder, reading)
        except DataUnavailableError as error:
            if name == wanted[-1]:
                raise
            logging.warning("%s Going on with %s.", error, wanted[position + 1])
        else:
            check_names(dataset)
            return dataclasses.replace(dataset, fallback_from=wanted[:position]).frozen()
    raise AssertionError("unreachable")


def check_names(dataset: Dataset) -> None:
    """Raises an error for names that can't be saved, which would fail only after the training."""
    for name in (dataset.name, dataset.origin, *dataset.class_names):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{dataset.name!r:.200}: expected names of files and classes that are UTF-8; "
                f"received {name!r:.100}. Rename it."
            ) from None


def split_own(names: str) -> tuple[str, pathlib.Path] | None:
    """Returns `("csv", path)` for "csv:PATH" and the like; `None` for names of sets.

    Raises:
        ValueError: there is no path.
    """
    kind, _, path = names.partition(":")
    if not is_own(names):
        return None
    if not path:
        raise ValueError(f'Your own data is written "{kind}:PATH". Received: "{names}"')
    if _ADDRESS.match(path):
        raise ValueError(_downloaded(path))
    return kind, shipped.find(path)


def _downloaded(address: str) -> str:
    return f'"{address}" is an address. Download what is there, and give the path of the file'


def is_own(names: str) -> bool:
    """Returns whether `names` is a user's own data, not the name of a set."""
    return names.partition(":")[0] in OWN


def own_names() -> tuple[str, ...]:
    """Returns the forms for users' own data: "csv:PATH" and so on."""
    return tuple(f"{kind}:PATH" for kind in OWN)


def located(names: str) -> str:
    """Returns `names` with the path of a user's own data made absolute."""
    own = split_own(names)
    return f"{own[0]}:{own[1].absolute()}" if own else names


def check(names: str, data_dir: os.PathLike[str] | str | None = None, **options: Any) -> None:
    """Checks names and options, and that users' own data exists; takes no time.

    Args:
        names: as in `load`.
        data_dir: as in `load`.
        **options: as in `load`.

    Raises:
        DataError: there is no such file, folder or column.
        ValueError: as in `load`.
    """
    reading = Reading(**options)
    wanted = check_name(names, data_dir)
    check_data_dir(data_dir)
    for name in BUILT_IN.keys() & set(wanted):
        reading.check_used(name, BUILT_IN[name].USES)
    own = split_own(names)
    if own:
        kind, path = own
        if data_dir is not None:
            raise ValueError(f"{names} is not looked for in `data_dir`. Leave that out")
        reading.check_used(names, OWN[kind].USES)
        OWN[kind].check(path, reading)


def check_name(names: str, data_dir: os.PathLike[str] | str | None = None) -> tuple[str, ...]:
    """Checks the spelling of names, without importing TensorFlow or looking for data.

    Args:
        names: as in `load`.
        data_dir: folders in it count as names of sets.

    Returns:
        The single names; a user's own data is one name, whatever its path.

    Raises:
        ValueError: a name is impossible, occurs twice, or is a misspelt common name.
    """
    if split_own(names):
        return (names,)
    wanted = tuple(name.strip() for name in names.split(","))
    for name in wanted:
        if not NAME.fullmatch(name):
            raise ValueError(
                _path_hint(name)
                or 'data sets are written like "mnist", "emnist/letters" or "mnist:3.0.1", with '
                f"commas between several, and your own data like {', '.join(own_names())}. "
                f'Received: dataset="{names}"'
            )
        base_name = prepared.base_name(name)
        close = difflib.get_close_matches(base_name, COMMON, n=1, cutoff=0.75)
        is_known = base_name in COMMON or originals.is_in_catalogue(base_name)
        folders = (data_dir, prepared.default_directory())
        is_own = any(folder and (pathlib.Path(folder) / base_name).is_dir() for folder in folders)
        if not (is_known or is_own) and (hint := _path_hint(name)):
            raise ValueError(hint)
        if close and not (is_known or is_own):
            raise ValueError(f"there is no dataset {base_name!r}. Did you mean {close[0]!r}?")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f'Each data set can be named only once. Received: dataset="{names}"')
    return wanted


def _path_hint(name: str) -> str:
    """Returns the hint that a path, for example of a table, is written "csv:PATH", or ""."""
    if _ADDRESS.match(name):
        return _downloaded(name)
    # What precedes the path may be misspelt: "CSV:PATH", "excel:PATH".
    before, _, rest = name.partition(":")
    written = name if not rest or len(before) < 2 or os.path.exists(name) else rest
    try:
        path = files.expanded(written)
    except files.PathError:
        return ""
    kinds = {".npz": "npz", ".npy": "npz"} | dict.fromkeys(
        (".csv", ".tsv", ".xlsx", ".parquet"), "csv"
    )
    kind = "images" if path.is_dir() else kinds.get(path.suffix.lower(), "csv" * path.is_file())
    if before.lower() in OWN and written == rest:
        kind = before.lower()
    meant = f"{kind}:{written}"
    return f'there is no dataset "{name}". Did you mean {meant}?' if name and kind else ""


def check_data_dir(data_dir: os.PathLike[str] | str | None) -> pathlib.Path | None:
    """Returns `data_dir` as an absolute path, or `None`.

    Raises:
        DataError: it is not a readable folder.
    """
    if data_dir is None:
        return None
    path = files.expanded(data_dir).absolute()
    try:
        if not os.fspath(data_dir):
            raise FileNotFoundError(errno.ENOENT, "an empty name")
        next(path.iterdir(), None)
    except OSError as error:
        raise DataError(
            f"{path}: expected a folder with data ({error.strerror}). Correct "
            "`data_dir`, or leave it out."
        ) from error
    return path


def _read(name: str, data_dir: pathlib.Path | None, reading: Reading) -> Dataset:
    """Returns the `Dataset` with one name; images come from the cache if it has them."""
    own = split_own(name)
    if own:
        kind, path = own
        reading.check_used(name, OWN[kind].USES)
        return OWN[kind].load(path, reading)
    if name in BUILT_IN:
        source = BUILT_IN[name]
        reading.check_used(name, source.USES)
        return array_cache.cached(name, version(name, data_dir, reading), source.read).scaled()
    originals.check(prepared.base_name(name), data_dir)

    def check(info: Any) -> None:
        _source(info).check(info, reading)

    def read() -> array_cache.UnscaledDataset | Dataset:
        with prepared.opened(name, data_dir, check) as builder:
            return _source(builder.info).read(builder, reading)

    found = array_cache.cached(name, version(name, data_dir, reading), read)
    # Tables and large sets are not cached.
    if isinstance(found, array_cache.UnscaledDataset):
        found = found.scaled()
    is_table = isinstance(found.preprocessing, TablePreprocessing)
    reading.check_used(name, (tfds_tables if is_table else tfds_images).USES)
    return found


def version(name: str, data_dir: pathlib.Path | None, reading: Reading) -> str:
    """Returns a text that changes whenever the set, or how it is read, changes."""
    if name in BUILT_IN:
        return BUILT_IN[name].version()
    return f"{prepared.version(name, data_dir)} {reading.image_size}"


def _source(info: Any) -> types.ModuleType:
    return tfds_images if tfds_images.are_in(info) else tfds_tables


# Users' own data: the name before the colon, and the module that reads the rest.
OWN: dict[str, OwnSource] = {
    "csv": own_tables,
    "table": own_tables,
    "npz": npz_files,
    "images": image_folders,
}
# Everything else is a name for TensorFlow Datasets.
BUILT_IN = {"digits": digits}
