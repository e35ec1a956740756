"""The one lock: a file lock of the system, which is released however its owner dies.

`flock` on Linux and macOS, `msvcrt.locking` on Windows. Libraries for locks can't keep the promises
of docs/reliability.md: filelock opens any file at the path, and portalocker on Windows locks the
content of the file, so that nobody could read who holds it.
"""

import contextlib
import errno
import os
import re
import socket
import time
from collections.abc import Iterator

from absl import logging

from tfcourse.system import files

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None  # type: ignore[assignment]
    import msvcrt

_OWNER = re.compile(rb"(process \d+ on \S*\n?)?")  # What a lock file holds.
_MAX_OWNER_BYTES = 300
_HELD = (BlockingIOError, PermissionError)  # The second on some network file systems.
# On Windows, nobody else can read a locked byte, so we lock one far beyond the file's end.
_PLACE = 1 << 30
_POLL_SECONDS = 0.1


class LockedError(Exception):
    """Another process holds the lock; the message names that process."""


@contextlib.contextmanager
def lock(path: os.PathLike[str] | str, *, purpose: str | None = None) -> Iterator[int]:
    """Holds the lock file `path`, created if necessary; yields its descriptor.

    The file stays, and names its last owner for readers. It is never opened through a link.

    Args:
        path: the file; its folder must exist.
        purpose: what the holder does, such as "preparing mnist". With it, this waits for another
            holder, and says so; `None` does not wait.

    Raises:
        LockedError: another process holds the lock, and there is no `purpose`.
        OSError: the file can't be created or written to, or is not a regular file.
    """
    file = files.open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            if not _take(file):
                if purpose is None:
                    owner = (
                        files.read_at(file, _MAX_OWNER_BYTES, 0).decode(errors="replace").strip()
                    )
                    raise LockedError(owner or "another process")
                logging.warning("Waiting for another process that is %s (%s).", purpose, path)
                _wait(file)
        except OSError as error:
            reason = f"{error.strerror}: this file system has no locks; use a folder on another one"
            raise OSError(error.errno, reason, str(path)) from None
        _check_ours(file, path)
        try:
            os.ftruncate(file, 0)
            files.write_at(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        yield file
    finally:
        os.close(file)


def is_locked(path: os.PathLike[str] | str) -> bool:
    """Returns whether a process holds the lock file `path`."""
    try:
        file = files.open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # Several may check at once.
        else:
            _lock_byte(file, msvcrt.LK_NBLCK)  # type: ignore[attr-defined]
    except _HELD:
        return True
    except OSError:  # A file system without locks, on which no run is possible.
        return False
    finally:
        os.close(file)
    return False


def _check_ours(file: int, path: os.PathLike[str] | str) -> None:
    """Raises an error if the lock file may be a user's own, because it would be overwritten."""
    links = os.fstat(file).st_nlink
    if links == 0:
        raise LockedError("another process, which has just ended; start again")
    if links > 1:
        raise OSError(errno.EMLINK, "a file that has another name as well", str(path))
    if not _OWNER.fullmatch(files.read_at(file, _MAX_OWNER_BYTES, 0)):
        raise OSError(errno.EEXIST, "a file that is not a lock of this program", str(path))


def _take(file: int) -> bool:
    """Takes the lock of the open `file`; returns `False` if another process holds it."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_byte(file, msvcrt.LK_NBLCK)  # type: ignore[attr-defined]
    except _HELD:
        return False
    return True


def _wait(file: int) -> None:
    """Waits for the lock of the open `file`, and takes it."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX)
        return
    while not _take(file):
        time.sleep(_POLL_SECONDS)


def _lock_byte(file: int, how: int) -> None:
    os.lseek(file, _PLACE, os.SEEK_SET)
    try:
        msvcrt.locking(file, how, 1)  # type: ignore[attr-defined]
    except OSError as error:
        if error.errno == errno.EDEADLK:  # Its error after trying for a while.
            raise PermissionError(error.errno, error.strerror) from None
        raise
