"""Makes standard output and error usable: open, and able to print any character."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

_PLAIN = {"\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-", "\N{HORIZONTAL ELLIPSIS}": "..."}


def prepare() -> None:
    """Makes sure that no output can end the program, however it was started."""
    _fill_descriptors()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # The descriptor is closed.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("tfcourse.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tfcourse.plain")


@contextlib.contextmanager
def shown_meanwhile(text: str) -> Iterator[None]:
    """Shows `text` on a terminal until the block ends."""
    on_terminal = sys.stdout.isatty()
    if on_terminal:
        print(text, end="\r", flush=True)
    try:
        yield
    finally:
        if on_terminal:
            print(" " * len(text), end="\r", flush=True)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns a line per row, with every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def give_up() -> None:
    """Discards unwritten output after an error, which Python would raise again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fill_descriptors() -> None:
    """Opens closed descriptors among 0, 1 and 2, so that no file gets these numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Gets the lowest free number.


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replaces a character that an encoding lacks by a similar one, or by its number."""
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    if character in _PLAIN:
        return _PLAIN[character], error.start + 1
    shorter = UnicodeEncodeError(
        error.encoding, error.object, error.start, error.start + 1, error.reason
    )
    return codecs.backslashreplace_errors(shorter)
