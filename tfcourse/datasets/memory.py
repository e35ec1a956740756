"""Whether data fits into the machine's memory, told before it is read."""

import os
import pathlib
import re

from tfcourse.datasets.errors import DataError

# The rest is for the framework, the model and whatever else runs.
SHARE = 0.5
_MEMINFO = pathlib.Path("/proc/meminfo")


def available_bytes() -> int:
    """Returns the memory that could be had now; where the system does not tell, all there is."""
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", _MEMINFO.read_text())
    except OSError:
        found = None
    if found:
        return 1024 * int(found[1])
    return all_bytes()


def all_bytes() -> int:
    """Returns the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def fits(num_bytes: int) -> bool:
    """Returns whether data takes less than half of all memory: the same at every start."""
    return num_bytes <= SHARE * all_bytes()


def check_fits(source: object, num_bytes: int, mend: str) -> None:
    """Refuses what would take more than half of the memory.

    Args:
        source: what the message is about: a file, or a dataset's name.
        num_bytes: what reading it takes.
        mend: a sentence that says what to do.

    Raises:
        DataError: if it does not fit.
    """
    room = int(SHARE * available_bytes())
    if num_bytes > room:
        raise DataError(
            f"{source}: expected data that fits into half of the free memory ({room >> 20:,} MiB); "
            f"received some that takes {num_bytes >> 20:,} MiB. {mend}"
        )
