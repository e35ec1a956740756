"""What the machine has: cores and memory, asked in ways that every system answers."""

import os


def num_cores() -> int:
    """Returns how many cores this process may use; where no system tells, how many there are."""
    if hasattr(os, "sched_getaffinity"):  # On Linux alone.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Returns the machine's memory."""
    import psutil

    return int(psutil.virtual_memory().total)


def available_bytes() -> int:
    """Returns the memory that could be had now."""
    import psutil

    return int(psutil.virtual_memory().available)
