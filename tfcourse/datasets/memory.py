"""Checks whether data fits into memory, before it is read."""

import ctypes
import sys

from tfcourse.datasets.errors import DataError
from tfcourse.system import machine

# The rest is for the framework, the model and other programs.
SHARE = 0.5


def fits(num_bytes: int) -> bool:
    """Returns whether data takes less than half of all memory, which is the same at every start."""
    return num_bytes <= SHARE * machine.memory_bytes()


def check_fits(source: object, num_bytes: int, mend: str) -> None:
    """Raises an error if data would take more than half of the memory.

    Args:
        source: the file or data set, for the message.
        num_bytes: the memory that reading takes.
        mend: a sentence that says what to do.

    Raises:
        DataError: it does not fit.
    """
    room = int(SHARE * machine.available_bytes())
    if num_bytes > room:
        raise DataError(
            f"{source}: expected data that fits into half of the free memory ({room >> 20:,} MiB); "
            f"received some that takes {num_bytes >> 20:,} MiB. {mend}"
        )


def give_back() -> None:
    """Returns memory that was freed to the system; else, Linux's library keeps up to 64 MiB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)
