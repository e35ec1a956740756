"""Reading a cached set beside what else takes time at a start, such as TensorFlow's import."""

import contextlib
import os
import pathlib
import threading
from collections.abc import Callable
from typing import Any

from tfcourse.datasets import array_cache, images, loading, originals, prepared
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.reading import Reading


def load_ahead(
    names: str, data_dir: os.PathLike[str] | str | None = None, **options: Any
) -> Callable[[], Dataset | None]:
    """Begins to read the first of the named datasets from the cache, in a thread of its own.

    It needs nothing that may be imported meanwhile, warns of nothing and raises nothing: what is
    not in the cache, or not as it should be, `load` reads or refuses.

    Args:
        names: as in `load`.
        data_dir: as in `load`.
        **options: as in `load`.

    Returns:
        Function that waits for the end, and returns what `load` would; `None` where that has to
        read it.
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
                found.append(loading.frozen(dataset))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def wait() -> Dataset | None:
        thread.join()
        return found[0] if found else None

    return wait


def _from_cache(name: str, data_dir: pathlib.Path | None, reading: Reading) -> Dataset | None:
    """Returns what `load` would, of a set with a name, where the cache holds it."""
    if name in loading.BUILT_IN:
        reading.check_used(name, loading.BUILT_IN[name].USES)
    else:
        originals.check(prepared.base_name(name), data_dir)
        reading.check_used(name, images.USES)  # Tables are not cached.
    found = array_cache.found(name, loading.version(name, data_dir, reading))
    return found.scaled() if found else None
