"""An append-only journal that survives kills: one checksummed line of JSON per append.

A line consists of the CRC-32 of the JSON in hexadecimal, its length in bytes, and the JSON: the
list of records that were appended together, so that all or none of them are there. They are on the
disk when `append` returns. An incomplete last line, which a kill or a full disk may leave, is
removed; any other damage is an error.
"""

import contextlib
import json
import os
import pathlib
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from tfcourse.system import files

_LINE = re.compile(rb"([0-9a-f]{8}) (\d{1,9}) (.*)", re.DOTALL)
_MAX_LINE_BYTES = 1 << 29
Record: TypeAlias = dict[str, Any]  # JSON-able; see `records` for what they are.


class JournalError(Exception):
    """A journal that can't be used; the message names the file and the line."""

    exit_code = 4


class Journal:
    """The open journal at `path`, with a single process as its writer.

    Args:
        path: the file; created if it does not exist.

    Attributes:
        records: all records in the journal.

    Raises:
        JournalError: a line is damaged.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self.records: list[Record] = []
        self._flushes_later = False
        self._file: int | None = files.open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            self.records, self._end = read(path)
            self._flushed = self._end, len(self.records)
            os.ftruncate(self._open_file(), self._end)
        except BaseException:
            self.close()
            raise

    def append(self, *records: Record) -> None:
        """Appends `records`, all or none of them, and waits until they are on the disk.

        Raises:
            OSError: the disk is full or broken; the journal is unchanged.
        """
        line, file = line_of(records), self._open_file()
        with self._undone_by_errors():
            written = 0
            while written < len(line):
                written += files.write_at(file, line[written:], self._end + written)
            self._end += len(line)
            self.records += records
            if not self._flushes_later:
                self._flush()

    @contextlib.contextmanager
    def flushed_once(self) -> Iterator[None]:
        """Context: records appended inside are flushed to the disk once, at the end.

        Do not act on these records before that. After a kill, the records appended so far are kept;
        if the disk fails at the end, none are kept.

        Raises:
            OSError: the disk is full or broken.
        """
        self._flushes_later = True
        try:
            yield
        finally:
            self._flushes_later = False
            with self._undone_by_errors():
                self._flush()

    def _flush(self) -> None:
        if self._flushed != (self._end, len(self.records)):
            os.fsync(self._open_file())
            self._flushed = self._end, len(self.records)

    @contextlib.contextmanager
    def _undone_by_errors(self) -> Iterator[None]:
        """Context: if the disk fails, resets the journal to its last flush."""
        try:
            yield
        except OSError as error:
            self._end, count = self._flushed
            del self.records[count:]
            os.ftruncate(self._open_file(), self._end)
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def _open_file(self) -> int:
        if self._file is None:
            raise ValueError(f"{self._path}: the journal is closed")
        return self._file

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def line_of(records: Sequence[Record]) -> bytes:
    """Returns the journal's line for `records`, which are JSON-able dicts."""
    text = json.dumps(records, allow_nan=False, separators=(",", ":")).encode()
    line = b"%08x %d %s\n" % (zlib.crc32(text), len(text), text)
    if len(line) > _MAX_LINE_BYTES:
        raise JournalError(f"records of {len(line):,} bytes; the limit is {_MAX_LINE_BYTES:,}")
    return line


def read(path: pathlib.Path) -> tuple[list[Record], int]:
    """Returns `(records, end)`: all intact records, and where the last one ends.

    Raises:
        JournalError: a complete line is damaged.
    """
    records, end, number = list[Record](), 0, 0
    with open(files.open_regular(path, os.O_RDONLY), "rb") as file:
        # No line is longer than `line_of` makes it.
        while (line := file.readline(_MAX_LINE_BYTES)).endswith(b"\n"):
            number += 1
            records += _parse(path, number, line[:-1])
            end += len(line)
    if len(line) == _MAX_LINE_BYTES:
        raise _damaged(path, number + 1)
    return records, end


def _parse(path: pathlib.Path, number: int, line: bytes) -> list[Record]:
    match = _LINE.fullmatch(line)
    if match:
        crc, length, text = match.groups()
        if len(text) == int(length) and zlib.crc32(text) == int(crc, 16):
            with contextlib.suppress(ValueError):
                read = files.parse_json(text.decode())
                if isinstance(read, list) and all(isinstance(each, dict) for each in read):
                    return read
    raise _damaged(path, number)


def _damaged(path: pathlib.Path, number: int) -> JournalError:
    return JournalError(
        f"{path}, line {number}: damaged; restore the file from a copy, or name another `run_dir`"
    )
