"""The one way to write a file whole, and the one lock; what else every room does with files."""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import re
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator

from absl import logging

# The name of the file that is written, and 64 bits that nobody guesses.
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)
_HELD = (BlockingIOError, PermissionError)  # The second on some network file systems.
_MAX_NAME_BYTES = 200  # With the rest it stays below the 255 of most file systems.


class LockedError(Exception):
    """Another process holds the lock; the message names that process."""


def write_file(
    path: os.PathLike[str] | str,
    data: str | bytes | Iterable[bytes | memoryview],
    *,
    durable: bool = True,
) -> None:
    """Writes `data` to `path`: all of it, or nothing, even where the process is killed.

    The bytes go to a new file, which is flushed to the disk and then renamed; the folder is
    flushed too, so that a power loss keeps either the old file or the new one. A link at `path` is
    replaced, never followed; of two writers at once one wins, whole.

    Args:
        path: where; its folder must exist.
        data: text becomes UTF-8; parts are written one after another.
        durable: whether it has to outlast a power loss.

    Raises:
        OSError: naming `path`; what it held before is still there.
    """
    path = pathlib.Path(path)
    name = os.fsdecode(os.fsencode(path.name)[:_MAX_NAME_BYTES])
    temporary = path.with_name(f".{name}.{secrets.token_hex(8)}.tmp")
    data = data.encode() if isinstance(data, str) else data
    try:
        with open(temporary, "xb") as file:  # Fails where anything has that name, even a link.
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            _flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # A failed write or flush does not say of which file.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def leftovers(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, str]]:
    """Yields the temporary files that killed writes left in `folder`, each with what it was to be.

    One of a write that is going on looks the same.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if found := _TEMPORARY.fullmatch(path.name):
            yield path, found[1]


def _flush_folder(path: pathlib.Path) -> None:
    """Makes the names in the folder `path` outlast a power loss."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def lock(path: os.PathLike[str] | str, *, purpose: str | None = None) -> Iterator[int]:
    """Holds the lock file `path`, made where there is none; yields its descriptor.

    The kernel frees it when its owner dies, however it dies. The file stays and names the last
    owner, for people. It is never opened through a link.

    Args:
        path: the file; its folder must exist.
        purpose: what the holder does, such as "preparing mnist": then it waits for another holder,
            and says so. `None` does not wait.

    Raises:
        LockedError: another process holds it, and there is no `purpose`.
        OSError: it can't be made or written to, or is no regular file.
    """
    file = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except _HELD:
            if purpose is None:
                owner = os.pread(file, 200, 0).decode(errors="replace").strip()
                raise LockedError(owner or "another process") from None
            logging.warning("Waiting for another process that is %s (%s).", purpose, path)
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            os.truncate(file, 0)
            os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        yield file
    finally:
        os.close(file)


def is_locked(path: os.PathLike[str] | str) -> bool:
    """Returns whether a process holds the lock file `path`."""
    try:
        file = _open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except _HELD:
        return True
    finally:
        os.close(file)
    return False


def _open(path: os.PathLike[str] | str, flags: int) -> int:
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(error.errno, "a link, which is not followed", str(path)) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def sha256(path: os.PathLike[str] | str) -> str:
    """Returns the digest of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message; its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
