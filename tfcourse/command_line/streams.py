"""Standard output and error as the program needs them: there, and ready to take any character."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator

_PLAIN = {"\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-", "\N{HORIZONTAL ELLIPSIS}": "..."}


def prepare() -> None:
    """Makes sure that nothing printed can end the program, however it was started."""
    _fill_descriptors()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # What Python has of a closed descriptor.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("tfcourse.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tfcourse.plain")


@contextlib.contextmanager
def shown_meanwhile(text: str) -> Iterator[None]:
    """Shows `text` on a terminal until its block is over."""
    on_terminal = sys.stdout.isatty()
    if on_terminal:
        print(text, end="\r", flush=True)
    try:
        yield
    finally:
        if on_terminal:
            print(" " * len(text), end="\r", flush=True)


def give_up() -> None:
    """Lets what the streams still hold go, where it can't be written: Python would raise."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fill_descriptors() -> None:
    """Opens those of 0, 1 and 2 that are closed: a file would be opened there, and printed to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest that is free.


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Stands in for a character that an encoding has not: a plain one, or its number."""
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    if character in _PLAIN:
        return _PLAIN[character], error.start + 1
    shorter = UnicodeEncodeError(
        error.encoding, error.object, error.start, error.start + 1, error.reason
    )
    return codecs.backslashreplace_errors(shorter)
