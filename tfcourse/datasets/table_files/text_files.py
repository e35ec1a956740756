"""Reads text files: compressed or not, in any encoding, within the memory."""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any, TextIO

from tfcourse.datasets import memory
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import archives, legacy_encodings, other_formats
from tfcourse.system import misspelt

MEND = (
    "Convert it to a set of TensorFlow Datasets, which is read from disk as it is needed (see "
    "docs/your_data.md), or train on a part of it."
)
# Tables take less than this many bytes in memory for each byte of text.
BYTES_PER_BYTE = 8
HEAD = 1 << 20  # bytes that are looked at to find out how a file is written
MAX_LINE = 16 << 20
_DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError)
_CHUNK = 1 << 20
# Bytes per character, and the position of the one that is not 0 in ASCII.
_WIDE = ((4, "utf-32-le", 0), (4, "utf-32-be", 3), (2, "utf-16-le", 0), (2, "utf-16-be", 1))
_SHARE_OF_ASCII = 50  # At least one character in so many is ASCII.
_LOOKED_AT = 1000  # Characters.
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def check_file(path: pathlib.Path, kind: str) -> None:
    """Raises `DataError` unless `path` is a regular file: a pipe might never end."""
    if not path.is_file():
        archives.check_no_member(path, kind)
        received = "something else" if path.exists() else "no such file"
        are_several = bool({*"*,"} & {*str(path)})  # A pattern or a list.
        start = "" if path.is_absolute() else ", or start in the folder it is relative to"
        mend = " One file is read: join several into one." if are_several else ""
        mend = mend or f" Correct the path{start}."
        advice = misspelt.meant(path) or mend
        if path.is_dir():
            received = "a folder"
            advice = " Name a file in it; a folder of images is read as images:FOLDER."
        raise DataError(f"{path}: expected {kind}; received {received}.{advice}")


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """Opens a file, or one in an archive, for reading bytes; uncompresses gzip, zip, bzip2 and xz.

    Raises:
        DataError: the file can't be read, is damaged, or is too large for the memory.
    """
    try:
        with contextlib.ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(open(archives.file_of(path), "rb"))
            start = file.read(10)
            file.seek(0)
            if start[:2] == b"\x1f\x8b":
                file = stack.enter_context(gzip.open(file))  # type: ignore[arg-type]
            elif start.startswith(b"BZh") and start[4:] == b"1AY&SY":
                file = stack.enter_context(bz2.open(file))
            elif start.startswith(b"\xfd7zXZ\0"):
                file = stack.enter_context(lzma.open(file))
            elif start.startswith(b"PK\x03\x04"):
                archive = stack.enter_context(zipfile.ZipFile(file))
                member = archives.table_in(path, archive)
                check_size(path, member.file_size)
                file = stack.enter_context(archive.open(member))
            yield file
    except _DAMAGED as error:
        raise DataError(
            f"{path}: expected a sound compressed file; received {error}. Copy it again."
        ) from None
    except (NotImplementedError, RuntimeError) as error:  # An unknown zip method, or a password.
        raise DataError(f"{path}: expected a file to read; received {error}. Unpack it.") from None
    except OSError as error:
        received = error.strerror or error
        raise DataError(f"{path}: expected a file to read; received {received}.") from error


def check_size(path: pathlib.Path, num_bytes: int) -> None:
    """Raises `DataError` if a text with this many bytes is too large for the memory."""
    memory.check_fits(path, num_bytes * BYTES_PER_BYTE, MEND)


def head(path: pathlib.Path) -> bytes:
    """Returns the first complete lines of a file, about `HEAD` bytes."""
    with opened(path) as file:
        start = file.read(HEAD)
        while len(start) >= HEAD and b"\n" not in start and b"\r" not in start:
            more = file.read(_CHUNK)
            if not more:
                return start
            start += more
            if len(start) > MAX_LINE:
                raise DataError(
                    f"{path}: expected a first line of at most {MAX_LINE >> 20} MiB; received a "
                    "longer one. A table has its rows in lines."
                )
        if len(start) < HEAD:
            return start
        end = max(start.rfind(b"\n"), start.rfind(b"\r"))
        # In UTF-16 a line end is two bytes.
        return start[: end + 1 + (end + 1) % 2 * (start[:2] in (b"\xff\xfe", b"\xfe\xff"))]


def encoding_of(
    path: pathlib.Path, start: bytes, *, legacy: str = "", expected: Sequence[str] = ()
) -> str:
    """Returns the encoding of a text, judging by its start.

    Args:
        path: for messages.
        start: complete lines from the start.
        legacy: the encoding of text that is not UTF-8 or UTF-16; "" guesses it.
        expected: names of columns that may help to guess.

    Raises:
        DataError: the bytes are not text.
    """
    for bom, encoding in _BOMS.items():
        if start.startswith(bom):
            return encoding
    wide = _unmarked(start)
    if wide:
        return wide
    other_formats.check_bytes(path, start)
    filled = start.replace(b"\0", b"")
    control = sum(filled.count(byte) for byte in (2, 3, 4, 5, 6, 14, 15, 16, 17, 18))
    if control * 50 > len(filled) or (start and not filled):
        raise DataError(
            f"{path}: expected a table as text, Excel or Parquet; received other bytes. Correct "
            "the path, or save it as CSV."
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(filled)  # It may end within a character.
    except UnicodeDecodeError:
        return legacy or legacy_encodings.guess(filled, expected)
    return "utf-8"


def _unmarked(start: bytes) -> str:
    """Returns the encoding of text of two or four bytes per character without a mark, or ""."""
    for width, encoding, used in _WIDE:
        # In any language, delimiters and line ends have bytes 0, all in the same places.
        zeros = [start[byte::width].count(0) for byte in range(width)]
        others = zeros.pop(used)
        if min(zeros) > max(2 * others, len(start) // width // _SHARE_OF_ASCII):
            with contextlib.suppress(UnicodeDecodeError):
                text = codecs.getincrementaldecoder(encoding)().decode(start[: _LOOKED_AT * width])
                if all(char.isprintable() or char.isspace() for char in text):
                    return encoding
    return ""


def nuls(encoding: str, start: bytes) -> Iterator[str]:
    """Yields a note about characters NUL, such as a logger leaves; `text` leaves them out."""
    before = start.partition(b"\0")[0]
    if _is_narrow(encoding) and len(before) < len(start):
        line = before.count(b"\n") + 1
        yield f"line {line} is the first with characters NUL, which are left out"


def _is_narrow(encoding: str) -> bool:
    return not encoding.startswith(("utf-16", "utf-32"))


def checked(path: pathlib.Path, encoding: str, *, legacy: str = "") -> str:
    """Returns the encoding in which the whole file is text: `encoding`, or an older one.

    Raises:
        DataError: the file is not text, or is too large for the memory.
    """
    check_size(path, os.path.getsize(archives.file_of(path)))
    tried = {encoding}
    while True:
        decoder = codecs.getincrementaldecoder(encoding)()
        total = 0
        chunk = b""
        try:
            with opened(path) as file:
                while chunk := file.read(_CHUNK):
                    total += len(chunk)
                    check_size(path, total)
                    decoder.decode(chunk)
            decoder.decode(b"", True)
            return encoding
        except UnicodeError as error:
            if encoding == legacy or encoding.startswith(("utf-8-sig", "utf-16", "utf-32")):
                says = "as `encoding` says" if encoding == legacy else "as its first bytes say"
                raise DataError(
                    f"{path}: expected {encoding.upper()} text, {says}; received other bytes "
                    f"({getattr(error, 'reason', error)}). Save it as UTF-8."
                ) from None
            # The part that can't be decoded; Latin-1 decodes everything.
            following = legacy or legacy_encodings.guess(chunk)
            encoding = "latin-1" if following in tried else following
            tried.add(encoding)


@contextlib.contextmanager
def text(path: pathlib.Path, encoding: str) -> Iterator[TextIO]:
    """Opens a file as text; line ends are unchanged, and characters NUL and Ctrl-Z left out."""
    with opened(path) as file:
        bare = io.BufferedReader(_WithoutControls(file)) if _is_narrow(encoding) else file
        with io.TextIOWrapper(bare, encoding, newline="") as decoded:
            yield decoded


class _WithoutControls(io.RawIOBase):
    """The bytes of a file that are neither 0 nor Ctrl-Z, with which DOS ends a text."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while chunk := self._file.read(len(buffer)):
            kept = chunk.translate(None, b"\0\x1a")
            if kept:
                buffer[: len(kept)] = kept
                return len(kept)
        return 0
