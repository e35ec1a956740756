"""The one way to write a file atomically, and to read a small file.

Files may come from strangers. So only regular files are read, up to a limit that the caller sets,
and every parser error becomes one kind of error.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

# The name of the file, and 64 random bits.
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)
_MAX_NAME_BYTES = 200  # With the rest, below the limit of 255 of most file systems.
_MAX_NAME, _MAX_PATH = 255, 3800  # Linux's limits, with room for files below a folder.
_MAX_DIGITS = 300  # Longer integers overflow a float.
# For `os.open`: children do not inherit the file, pipes do not block, Windows keeps line ends.
_CAREFUL = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))
# Windows refuses to replace a file while another process, such as a virus scanner, reads it.
_REPLACE_SECONDS = 2.0
_seeking = threading.Lock()  # For systems on which a file has one position for all threads.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # As JSON escapes it.


class ContentError(ValueError):
    """The content of a file is invalid; the message names the file."""

    exit_code = 4


class PathError(ValueError):
    """A path is impossible here; the message names it."""

    exit_code = 2


def write_file(
    path: os.PathLike[str] | str,
    data: str | bytes | Iterable[bytes | memoryview],
    *,
    durable: bool = True,
) -> None:
    """Writes `data` to `path`: all of it or nothing, even if the process is killed.

    The bytes go to a new file, which is flushed to the disk and then renamed. The folder is flushed
    too, so that after a power loss, either the old or the new file is there. A link at `path` is
    replaced, never followed. If two processes write at the same time, one version wins as a whole.

    Args:
        path: the file; its folder must exist.
        data: text is written as UTF-8; parts are written one after another.
        durable: whether the file must survive a power loss.

    Raises:
        OSError: names `path`; its old content is still there.
    """
    path = pathlib.Path(path)
    temporary = _temporary(path)
    data = data.encode() if isinstance(data, str) else data
    try:
        with open(temporary, "xb") as file:  # Fails where anything has that name, even a link.
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        _replace(temporary, path)
        if durable:
            _flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # A failed write or flush does not name the file.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextlib.contextmanager
def new_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new folder beside `path`, for libraries that write files themselves.

    It is removed with its content.
    """
    folder = _temporary(path)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def leftovers(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, str]]:
    """Yields the temporary files and folders that kills left in `folder`, and their targets.

    Those of a running write look the same.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if found := _TEMPORARY.fullmatch(path.name):
            yield path, found[1]


def remove(path: pathlib.Path) -> None:
    """Removes a file or folder that `leftovers` found."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _temporary(path: pathlib.Path) -> pathlib.Path:
    name = os.fsdecode(os.fsencode(path.name)[:_MAX_NAME_BYTES])
    return path.with_name(f".{name}.{secrets.token_hex(8)}.tmp")


def _replace(temporary: pathlib.Path, path: pathlib.Path) -> None:
    end = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if os.name == "posix" or time.monotonic() > end:
                raise
        time.sleep(0.02)


def _flush_folder(path: pathlib.Path) -> None:
    """Flushes the names in the folder `path` to the disk.

    Windows can't open folders; its file systems keep a journal of names.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_regular(path: os.PathLike[str] | str, flags: int) -> int:
    """Returns a descriptor of the regular file `path`, opened with `flags`, not through a link.

    Raises:
        OSError: names `path`; it is a link, a pipe or the like, or can't be opened.
    """
    try:
        if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        file = os.open(path, flags | _CAREFUL | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise OSError(error.errno, "a link, which is not followed", str(path)) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def open_to_read(path: os.PathLike[str] | str) -> int:
    """Returns a descriptor for reading the file `path`; does not wait for a pipe."""
    return os.open(path, os.O_RDONLY | _CAREFUL)


def read_at(file: int, num_bytes: int, position: int) -> bytes:
    """Returns `size` bytes of the open `file` from `position` on; fewer at its end."""
    if hasattr(os, "pread"):
        return os.pread(file, num_bytes, position)
    with _seeking:
        os.lseek(file, position, os.SEEK_SET)
        return os.read(file, num_bytes)


def write_at(file: int, data: bytes | memoryview, position: int) -> int:
    """Writes to the open `file` at `position`; returns how many bytes were written."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, position)
    with _seeking:
        os.lseek(file, position, os.SEEK_SET)
        return os.write(file, data)


def read_bytes(path: os.PathLike[str] | str, max_bytes: int) -> bytes:
    """Returns the content of the regular file `path`; never waits for a pipe or reads forever.

    Raises:
        FileNotFoundError: the file does not exist.
        ContentError: it is not a regular file, or has more than `max_bytes` bytes.
        OSError: it can't be read.
    """
    file = open_to_read(path)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ContentError(f"{path} is not a regular file")
        with open(file, "rb", closefd=False) as stream:
            data = stream.read(max_bytes + 1) if status.st_size <= max_bytes else b""
    finally:
        os.close(file)
    size = max(status.st_size, len(data))
    if size > max_bytes:
        raise ContentError(f"{path} is {size:,} bytes; the limit is {max_bytes:,}")
    return data


def read_text(path: os.PathLike[str] | str, max_bytes: int) -> str:
    """Returns the text of the regular file `path`, in UTF-8.

    Raises:
        ContentError: it is not UTF-8. Other errors as in `read_bytes`.
    """
    try:
        return read_bytes(path, max_bytes).decode()
    except UnicodeDecodeError as error:
        raise ContentError(f"{path} is not UTF-8 text (byte {error.start})") from None


def read_json_object(path: os.PathLike[str] | str, max_bytes: int) -> dict[str, Any]:
    """Returns the JSON object in the regular file `path`.

    Raises:
        ContentError: it does not hold a JSON object. Other errors as in `read_bytes`.
    """
    try:
        value = parse_json(read_text(path, max_bytes))
    except ContentError:
        raise
    except ValueError as error:
        raise ContentError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise ContentError(f"{path} is damaged: it holds no JSON object")
    return value


def parse_json(text: str, **hooks: Any) -> Any:
    """Returns the value of the JSON `text`; `hooks` are passed to `json.loads`.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or contains a lone surrogate or an integer
            with hundreds of digits.
    """
    try:
        value = json.loads(text, parse_int=_whole, **hooks)
        if _SURROGATE.search(text):  # A pair of them is a character.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character (a lone surrogate)") from None
    except RecursionError:
        raise ValueError("it nests too deep") from None
    return value


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def expanded(path: os.PathLike[str] | str) -> pathlib.Path:
    """Returns `path` with `~` replaced by the home folder.

    Raises:
        PathError: there is no home folder, or the name is too long.
    """
    text = os.fspath(path)
    longest = max(map(len, os.fsencode(text).split(b"/")))
    if "\0" in text or longest > _MAX_NAME or len(os.fsencode(text)) > _MAX_PATH:
        raise PathError(f"{text[:50]!r}... can't be a path: it is too long, or holds a zero byte")
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise PathError(f"{path}: there is no home folder that ~ stands for here") from None


def sha256(path: os.PathLike[str] | str) -> str:
    """Returns the digest of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type if there is none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
