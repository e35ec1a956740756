"""Reads a cached set in a thread while TensorFlow is imported."""

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any

from tfcourse.datasets import array_cache, loading
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tfds import originals, prepared, tfds_images


def load_ahead(
    names: str, data_dir: os.PathLike[str] | str | None = None, **options: Any
) -> Callable[[], Dataset | None]:
    """Starts reading the first of the named data sets from the cache, in a separate thread.

    The thread uses no module that may be imported at the same time, and raises and warns of
    nothing. If the set is not in the cache, or is damaged there, `load` handles that.

    Args:
        names: as in `load`.
        data_dir: as in `load`.
        **options: as in `load`.

    Returns:
        Function that waits for the thread and returns the data set, or `None` if `load` has to read
        it.
    """
    found: list[Dataset] = []

    def read() -> None:
        with contextlib.suppress(Exception):
            folder = loading.check_data_dir(data_dir)
            name, *_ = loading.check_name(names, folder)
            dataset = (
                None if loading.is_own(name) else _from_cache(name, folder, Reading(**options))
            )
            if dataset:
                loading.check_names(dataset)
                found.append(dataset.frozen())

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def wait() -> Dataset | None:
        thread.join()
        return found[0] if found else None

    return wait


def _from_cache(name: str, data_dir: pathlib.Path | None, reading: Reading) -> Dataset | None:
    """Returns the data set that `load` would return, if it has a name and is in the cache."""
    if name in loading.BUILT_IN:
        reading.check_used(name, loading.BUILT_IN[name].USES)
    else:
        originals.check(prepared.base_name(name), data_dir)
        reading.check_used(name, tfds_images.USES)  # Tables are not cached.
    found = array_cache.found(name, loading.version(name, data_dir, reading))
    return found.scaled() if found else None
