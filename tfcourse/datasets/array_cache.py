"""A cache of arrays that is checked before it is trusted.

One file holds one dataset: a line with the sha256 of all that follows, a line of JSON, then the
arrays in NumPy's own format. Reading 70,000 images takes a tenth of a second; the 70,000 PNGs that
TensorFlow Datasets keeps take six seconds, after TensorFlow has been imported.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import tempfile

import numpy as np
from absl import logging

from tfcourse.datasets import locks
from tfcourse.datasets.dataset import UnscaledDataset

FORMAT_VERSION = 2
SPLITS = ("train", "validation", "test")


def directory():
    """Returns where the cache lies, or None if there is no home to put it in."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # The XDG specification says to ignore a relative one.
        base = os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "tfcourse" / "datasets" if os.path.isabs(base) else None


def cached(name, version, read_source):
    """Returns the cached `UnscaledDataset`; where there is none, reads and caches it.

    What the source returns instead of one, it returns uncached.

    Processes that miss it at the same time wait while one of them reads.

    Args:
        name: str, the dataset's name.
        version: str that changes when the data may have changed.
        read_source: callable without arguments that returns an `UnscaledDataset`.
    """
    path = _path(name, version)
    if path is None:
        return read_source()
    dataset = _read(path)
    if dataset is None:
        with _exclusive(path, f"reading {name}"):
            dataset = _read(path)
            if dataset is None:
                dataset = read_source()
                if isinstance(dataset, UnscaledDataset):
                    _write(path, dataset)
    return dataset


def _path(name, version):
    if directory() is None:
        return None
    digest = hashlib.sha256(f"{FORMAT_VERSION} {name} {version}".encode()).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name)[-80:]  # A path may be long.
    return directory() / f"{readable}-{digest[:16]}.arrays"


def _exclusive(path, purpose):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError:
        return contextlib.nullcontext()  # Nothing can be written, so nothing can collide.
    return locks.exclusive(path.with_suffix(".lock"), purpose)


def _read(path):
    """Returns the `UnscaledDataset` in a file, or None if there is none or it is damaged."""
    try:
        with path.open("rb") as file:
            sha256 = file.readline(100).decode().strip()
            start = file.tell()
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise ValueError("its checksum does not match")
            file.seek(start)
            description = json.loads(file.readline())
            arrays = [np.load(file, allow_pickle=False) for _ in range(2 * len(SPLITS))]
    except FileNotFoundError:
        return None
    except OSError as error:
        logging.warning("Cannot read the cache %s (%s).", path, error.strerror)
        return None
    except ValueError as error:
        logging.warning("The cache %s is damaged (%s); reading the data anew.", path, error)
        path.unlink(missing_ok=True)
        return None
    pairs = zip(arrays[::2], arrays[1::2], strict=True)
    class_names = tuple(description.pop("class_names"))
    splits = dict(zip(SPLITS, pairs, strict=True))
    return UnscaledDataset(splits=splits, class_names=class_names, **description)


def _write(path, dataset):
    """Writes an `UnscaledDataset`, whole or not at all. Without a place to write: a warning."""
    description = {
        "name": dataset.name,
        "maximum": dataset.maximum,
        "class_names": dataset.class_names,
        "origin": dataset.origin,
        "resized": dataset.resized,
    }
    body = io.BytesIO()
    body.write(json.dumps(description).encode() + b"\n")
    for split in SPLITS:
        for array in dataset.splits[split]:
            np.save(body, array, allow_pickle=False)
    sha256 = hashlib.sha256(body.getbuffer()).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f".{path.name}.*"):  # Of a writer that was killed.
            leftover.unlink()
        _replace(path, sha256.encode() + b"\n", body.getbuffer())
    except OSError as error:
        logging.warning(
            "Cannot cache %s in %s (%s), so the next start will read it anew. Set XDG_CACHE_HOME "
            "to a writable directory.",
            dataset.name,
            path.parent,
            error.strerror,
        )


def _replace(path, *parts):
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
