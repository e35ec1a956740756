"""Names to datasets."""

import dataclasses
import difflib
import errno
import os
import pathlib
import re

from absl import logging

from tfcourse.datasets import array_cache, digits, images, originals, prepared
from tfcourse.datasets.errors import DataError, DataUnavailableError

NAME = re.compile(r"[a-z]\w*(/[\w.+-]+)?(:\d+\.\d+\.\d+)?", re.ASCII)

# The names most often typed. TensorFlow Datasets' own list takes a second to build.
COMMON = ("digits", "mnist", "fashion_mnist", "kmnist", "emnist", "cifar10", "cifar100")


def load(names, data_dir=None):
    """Returns the first of the named datasets that can be had.

    The first start with a set of TensorFlow Datasets prepares it; every other reads a checked
    cache of its arrays and imports neither TensorFlow nor TensorFlow Datasets. Splits are fixed
    and do not depend on any seed.

    Args:
        names: str, a name or several with commas between: "digits" (built in), or a set of
            TensorFlow Datasets for image classification such as "mnist". A later name is taken
            only where the earlier ones cannot be had, and `Dataset.fallback_from` tells those;
            a damaged file is an error.
        data_dir: path or None. A directory with original files, such as MNIST's four, or with
            sets that TensorFlow Datasets has prepared. It is only read.

    Raises:
        DataError: if none can be had, or something is damaged.
        ValueError: if a name is misspelt.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> len(digits.train), digits.input_shape, digits.num_classes
        (1257, (8, 8, 1), 10)
    """
    data_dir = check_data_dir(data_dir)
    wanted = check_name(names, data_dir)
    for position, name in enumerate(wanted):
        try:
            dataset = _read(name, data_dir).scaled()
        except DataUnavailableError as error:
            if name == wanted[-1]:
                raise
            logging.warning("%s Going on with %s.", error, wanted[position + 1])
        else:
            return dataclasses.replace(dataset, fallback_from=wanted[:position])
    raise AssertionError("unreachable")


def check_name(names, data_dir=None):
    """Checks how names are written, without importing TensorFlow or looking for data.

    Args:
        names: str, as in `load`.
        data_dir: path or None. A directory in it is a set of that name.

    Returns:
        Tuple of the single names.

    Raises:
        ValueError: if one cannot be a name, occurs twice, or is a common name misspelt.
    """
    wanted = tuple(name.strip() for name in names.split(","))
    for name in wanted:
        if not NAME.fullmatch(name):
            raise ValueError(
                'A dataset is called like "mnist", "emnist/letters" or "mnist:3.0.1", several '
                f'with commas between. Received: dataset="{names}"'
            )
        base_name = prepared.base_name(name)
        close = difflib.get_close_matches(base_name, COMMON, n=1, cutoff=0.75)
        is_known = base_name in COMMON or originals.is_in_catalogue(base_name)
        is_own = data_dir is not None and (pathlib.Path(data_dir) / base_name).is_dir()
        if close and not (is_known or is_own):
            raise ValueError(f'Did you mean "{close[0]}"? Received: dataset="{names}"')
    if len(set(wanted)) < len(wanted):
        raise ValueError(f'Every dataset can be named once. Received: dataset="{names}"')
    return wanted


def check_data_dir(data_dir):
    """Returns `data_dir` as an absolute path, None as None.

    Raises:
        DataError: if it is not a directory that can be listed.
    """
    if data_dir is None:
        return None
    path = pathlib.Path(data_dir).expanduser().absolute()
    try:
        if not os.fspath(data_dir):
            raise FileNotFoundError(errno.ENOENT, "an empty name")
        next(path.iterdir(), None)
    except OSError as error:
        raise DataError(
            f"{path}: expected a directory with data; received {error.strerror}. Correct "
            "--data_dir, or leave it out."
        ) from error
    return path


def _read(name, data_dir):
    """Returns the `UnscaledDataset` of one name, from the cache where that holds it."""
    if name in BUILT_IN:
        source = BUILT_IN[name]
        return array_cache.cached(name, source.version(), source.read)
    originals.check(prepared.base_name(name), data_dir)
    version = prepared.version(name, data_dir)
    return array_cache.cached(name, version, lambda: _read_prepared(name, data_dir))


def _read_prepared(name, data_dir):
    with prepared.opened(name, data_dir) as builder:
        return images.read(builder)


# Everything else is a name for TensorFlow Datasets.
BUILT_IN = {
    "digits": digits,
}
