"""Flagfiles, read strictly: anything that absl would skip, drop or hang on is an error.

A flagfile has one `--name=value` per line. Empty lines and lines that start with `#` or `//` are
skipped; `--flagfile=other` includes another file at that place. Paths are relative to the working
directory; `configs/...` is also looked for where the package is installed.
"""

import pathlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from tfcourse.command_line.exit_codes import UsageError
from tfcourse.system import files, misspelt, shipped

MAX_BYTES = 1 << 20
MAX_DEPTH = 8
MAX_FILES = 64

_FLAG_LINE = re.compile(r"--?[A-Za-z_]\w*(=.*)?")
_INCLUDE = re.compile(r"--?flagfile=(.*)")


class Argument(NamedTuple):
    """One flag and its origin: "configs/a.flags:3", or "" for the command line."""

    text: str
    origin: str

    @property
    def file(self) -> str:
        return self.origin.rpartition(":")[0]


def expand(arguments: Iterable[str]) -> list[Argument]:
    """Returns `arguments` with each `--flagfile=PATH` replaced by the flags in that file.

    Returns:
        The flags in order; the last value of a flag counts.

    Raises:
        UsageError: a file is missing, not a regular file, too large, not UTF-8, includes itself, is
            nested too deeply, or has a line that is not a flag.
    """
    opened: list[pathlib.Path] = []
    result = []
    rest = iter(arguments)
    for text in rest:
        if text in ("--flagfile", "-flagfile"):
            text = f"--flagfile={next(rest, '')}"
        include = _INCLUDE.fullmatch(text)
        if include:
            result += _read(include[1], "--flagfile", (), opened)
        else:
            result.append(Argument(text, ""))
    return result


def _read(
    name: str, origin: str, including: tuple[pathlib.Path, ...], opened: list[pathlib.Path]
) -> list[Argument]:
    path = _find(name, origin)
    if path in including:
        chain = " -> ".join(str(file) for file in (*including, path))
        raise UsageError(f"{origin}: the flagfile includes itself: {chain}")
    opened.append(path)
    if len(including) >= MAX_DEPTH or len(opened) > MAX_FILES:
        raise UsageError(
            f"{origin}: flagfiles may nest {MAX_DEPTH} deep and include {MAX_FILES} files"
        )
    flags: list[Argument] = []
    for number, line in enumerate(_lines(path, name), start=1):
        line = line.strip()
        place = f"{name}:{number}"
        include = _INCLUDE.fullmatch(line)
        if include:
            flags += _read(include[1], place, (*including, path), opened)
        elif line and not line.startswith(("#", "//")):
            if not _FLAG_LINE.fullmatch(line):
                raise UsageError(f"{place}: expected --name=value. Received: {line[:80]!r}")
            flags.append(Argument(line, place))
    return flags


def _find(name: str, origin: str) -> pathlib.Path:
    if not name:
        raise UsageError(f"{origin}: --flagfile names no file; write --flagfile=PATH")
    path = shipped.find(name)
    if not path.exists():
        advice = misspelt.meant(path) or misspelt.meant(shipped.ROOT / path)
        raise UsageError(f"{origin}: there is no flagfile {name!r}.{advice}".removesuffix("."))
    return path.resolve()


def _lines(path: pathlib.Path, name: str) -> list[str]:
    try:
        return files.read_bytes(path, MAX_BYTES).decode("utf-8-sig").splitlines()
    except files.ContentError as error:
        raise UsageError(f"{name}: no flagfile: {error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
