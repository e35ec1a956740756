"""How much memory a part of a test takes at its peak, whatever came before it."""

import contextlib
import pathlib
import re
from collections.abc import Iterator

import pytest

_STATUS = pathlib.Path("/proc/self/status")
_RESET = pathlib.Path("/proc/self/clear_refs")


class Grown:
    """Attributes: megabytes: by which this process had grown at its peak."""

    megabytes: float


@contextlib.contextmanager
def grown() -> Iterator[Grown]:
    """Yields a `Grown`, which knows its megabytes once the block is over.

    The peak that a process reports is that of its whole life, which what ran before may have set:
    it is set back to what is in use.
    """
    try:
        _RESET.write_text("5")
    except OSError as error:
        pytest.skip(f"the peak of memory can't be set back here: {error}")
    found, before = Grown(), _peak()
    try:
        yield found
    finally:
        found.megabytes = _peak() - before


def _peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    assert found, f"{_STATUS} names no peak"
    return int(found[1]) / 1024
