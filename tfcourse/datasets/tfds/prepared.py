"""Finds prepared sets of TensorFlow Datasets, or prepares them."""

import contextlib
import errno
import importlib.metadata
import io
import os
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from absl import logging

from tfcourse.datasets import network
from tfcourse.datasets.errors import DataError, DataUnavailableError
from tfcourse.system import files, locks

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

Check = Callable[["tfds.core.DatasetInfo"], None]


def default_directory() -> pathlib.Path | None:
    """Returns TensorFlow Datasets' folder of prepared sets; `None` if there is no home folder."""
    named = os.environ.get("TFDS_DATA_DIR")
    try:
        return files.expanded(named or "~/tensorflow_datasets")
    except files.PathError:
        if named:
            raise
        return None


def base_name(name: str) -> str:
    """Returns the name without config and version: "emnist" for "emnist/letters:3.1.0"."""
    return re.split("[/:]", name)[0]


def version(name: str, data_dir: pathlib.Path | None) -> str:
    """Returns a text that changes if a new version, or another `data_dir`, may have other data.

    For a set prepared in `data_dir`, it includes the size and time of every file, so that any
    change invalidates the cache.
    """
    package = f"tensorflow-datasets {importlib.metadata.version('tensorflow-datasets')}"
    root = data_dir and data_dir / base_name(name)
    if not root or not root.is_dir():
        return package
    infos = [*root.glob("*/dataset_info.json"), *root.glob("*/*/dataset_info.json")]
    files = sorted(path for info in infos for path in info.parent.iterdir())
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return f"{package} {stats}"


@contextlib.contextmanager
def opened(
    name: str, data_dir: pathlib.Path | None, check: Check
) -> Iterator["tfds.core.DatasetBuilder"]:
    """Yields the builder of a prepared set, after preparing the set if necessary.

    Nothing is written to `data_dir`. Sets are prepared in TensorFlow Datasets' own folder or, if
    that is not writable, in a temporary folder that is removed at the end of the context.

    Args:
        name: a name for TensorFlow Datasets: "mnist", "emnist/letters", "mnist:3.0.1".
        data_dir: folder with a set's original files or prepared sets.
        check: raises `DataError` if the set is unsuitable; called before the download.

    Raises:
        DataUnavailableError: the files do not exist and can't be downloaded.
        DataError: the files are damaged.
        ValueError: there is no such set, version or configuration.
    """
    for directory in filter(None, [data_dir, default_directory()]):
        if builder := _find(name, directory):
            check(builder.info)
            yield builder
            return
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(_writable_directory())
        lock = directory / f".{_slug(name)}.lock"
        stack.enter_context(locks.lock(lock, purpose=f"preparing {name}"))
        if not _find(name, directory):  # Another process may have prepared it in the meantime.
            _prepare(name, directory, data_dir, check)
        yield _find(name, directory)


def splits_of(builder: "tfds.core.DatasetBuilder") -> list[str]:
    """Returns which of train, validation and test a prepared set has, in this order."""
    held = builder.info.splits
    if "train" not in held:
        raise DataError(
            f"{builder.data_path}: expected a split called train; received "
            f"{', '.join(held) or 'none'}. Use another set, or delete this directory if it is "
            "damaged."
        )
    return [split for split in ("train", "validation", "test") if split in held]


def examples(
    builder: "tfds.core.DatasetBuilder", split: str, keys: Sequence[str]
) -> dict[str, Any]:
    """Returns the features `keys` of a split as `{key: array}`, in stored order."""
    import tensorflow_datasets as tfds

    wanted = tfds.decode.PartialDecoding(dict.fromkeys(keys, True))
    logging.get_absl_logger().addFilter(_is_ours)
    with reading(builder, split):
        # Reads to the end, which verifies every record's checksum, and counts.
        return tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, decoders=wanted))


def _is_ours(record: Any) -> bool:
    """Returns whether a warning is not about TensorFlow Datasets' own code."""
    return "is deprecated. Please change your code" not in record.getMessage()


@contextlib.contextmanager
def reading(builder: "tfds.core.DatasetBuilder", split: str) -> Iterator[None]:
    """Context: turns TensorFlow's errors for damaged files into a `DataError`."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise DataError(
            f"{builder.data_path}: expected {builder.info.splits[split].num_examples:,} examples "
            f"in split {split}; received {_first_line(error)}. Delete this directory and start "
            "again."
        ) from error


def _find(name: str, directory: pathlib.Path) -> "tfds.core.DatasetBuilder | None":
    """Returns the builder if the set is prepared in `directory`, or `None`."""
    if not (directory / name.replace(":", "/")).is_dir():
        return None
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=directory)
        return builder if builder.data_path.exists() else None
    except Exception as error:
        # Truncated or changed files fail in many ways, each with its own exception.
        raise DataError(
            f"{directory}: expected {name} as TensorFlow Datasets prepares it; received "
            f"{_first_line(error)}. Delete its directory there and start again."
        ) from error


@contextlib.contextmanager
def _writable_directory() -> Iterator[pathlib.Path]:
    directory = default_directory()
    try:
        if directory is None:
            raise OSError(errno.ENOENT, "there is no home folder")
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        logging.warning(
            "Cannot write to %s (%s); preparing in a temporary directory. Set TFDS_DATA_DIR to a "
            "writable one.",
            directory or "~",
            error.strerror,
        )
        with tempfile.TemporaryDirectory(prefix="tfcourse-") as temporary:
            yield pathlib.Path(temporary)
    else:
        yield directory


def _prepare(
    name: str, directory: pathlib.Path, data_dir: pathlib.Path | None, check: Check
) -> None:
    """Prepares a set in a folder beside its final place, and renames it when it is complete.

    A killed preparation leaves its folder behind. The next one empties it, except for complete
    downloads. No other program writes there, so no foreign files are deleted.
    """
    import tensorflow_datasets as tfds

    staging = directory / f".tfcourse-{_slug(name)}"
    for leftover in [staging / "data", staging / "extracted"]:
        shutil.rmtree(leftover, ignore_errors=True)
    builder = _builder_from_code(name, staging / "data", data_dir)
    check(builder.info)
    _check_files_can_be_had(name, builder, data_dir)

    logging.info("Preparing %s in %s, once.", name, directory)
    with _quiet(tfds):
        _download_and_prepare(
            name,
            builder,
            download_dir=staging / "downloads",
            # Unpacks into a separate folder: in the common one, files of Fashion-MNIST would be
            # taken for MNIST's, which have the same names.
            download_config=tfds.download.DownloadConfig(
                manual_dir=data_dir, extract_dir=staging / "extracted"
            ),
        )
    place = directory / pathlib.Path(builder.data_path).relative_to(staging / "data")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(builder.data_path, place)
    except OSError:
        if not place.exists():  # Otherwise, a program without our lock was faster.
            raise
    shutil.rmtree(staging)


def _builder_from_code(
    name: str, directory: pathlib.Path, data_dir: pathlib.Path | None
) -> "tfds.core.DatasetBuilder":
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=directory)
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(f"there is no dataset {name!r}. {_suggestion(name, data_dir)}") from error
    except (AssertionError, ValueError) as error:  # No such version or config.
        fault = str(error).rpartition('}": ')[2].partition(". ")[0].rstrip(".")
        raise ValueError(f"{name!r}: {fault}. Correct the name") from error


def _check_files_can_be_had(
    name: str, builder: "tfds.core.DatasetBuilder", data_dir: pathlib.Path | None
) -> None:
    urls = [
        url
        for url, info in (builder.url_infos or {}).items()
        if not (data_dir and info.filename and (data_dir / info.filename).exists())
    ]
    try:
        network.check_reachable(urls)
    except DataUnavailableError as error:
        places = " or ".join(str(path) for path in (data_dir, default_directory()) if path)
        raise DataUnavailableError(
            f"Dataset {name!r} is not in {places}, and {error}. Pass `data_dir`, or connect to "
            "the network."
        ) from error


def _download_and_prepare(name: str, builder: "tfds.core.DatasetBuilder", **arguments: Any) -> None:
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    try:
        builder.download_and_prepare(**arguments)
    except (requests.exceptions.RequestException, tfds.download.DownloadError) as error:
        raise DataUnavailableError(f"Dataset {name!r}: {_first_line(error)}.") from error
    except NonMatchingChecksumError as error:
        raise DataError(f"Dataset {name!r}: {' '.join(str(error).split())}") from error
    except AssertionError as error:
        # TensorFlow Datasets' error for files that must be downloaded by hand.
        raise DataUnavailableError(f"Dataset {name!r}: {_first_line(error)}") from error


@contextlib.contextmanager
def _quiet(tfds: ModuleType) -> Iterator[None]:
    """Context: redirects TensorFlow Datasets' output, and hides progress bars from the log."""
    shows_bars = sys.stderr.isatty() or "ipykernel" in sys.modules
    if not shows_bars:
        tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        if not shows_bars:
            tfds.enable_progress_bar()


def _suggestion(name: str, data_dir: pathlib.Path | None) -> str:
    import difflib

    import tensorflow_datasets as tfds

    close = difflib.get_close_matches(
        name, [*tfds.list_builders(with_community_datasets=False), "digits"], n=1
    )
    meant = f"Did you mean {close[0]!r}?" if close else "tfds.list_builders() names all."
    if data_dir:
        return f"{meant} No data set of that name is prepared in {data_dir}"
    return f"{meant} If it is prepared in a folder, pass that folder as `data_dir`"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name)


def _first_line(error: BaseException) -> str:
    kind, line = type(error).__name__, files.first_line(error)
    return line if line == kind else f"{kind}: {line}"
