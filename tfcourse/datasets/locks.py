"""One process at a time; the others wait. A lock ends with its process, however that ends."""

import contextlib

import filelock
from absl import logging


@contextlib.contextmanager
def exclusive(path, purpose):
    """Holds the lock file `path`, whose directory must exist.

    Args:
        path: `pathlib.Path`.
        purpose: str, what the holder does, such as "preparing mnist".
    """
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        logging.warning("Waiting for another process that is %s (%s).", purpose, path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
