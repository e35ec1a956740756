"""What a piece of work needs of memory."""

import pathlib
import re

_STATUS = pathlib.Path("/proc/self/status")


def peak_bytes(work):
    """Returns the bytes that `work()` needs at most beyond those that the process held before.

    Memory that was freed but not given back to the system hides what it is used for again; on a
    GPU this counts the host's memory alone.

    Args:
        work: function without arguments.

    Returns:
        int >= 0, or `None` where the system (other than Linux) does not tell.
    """
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # Forgets the peak until now.
        before = _held("VmRSS")
        work()
        return max(0, _held("VmHWM") - before)
    except OSError:
        return None


def _held(name):
    return 1024 * int(re.search(rf"{name}:\s*(\d+) kB", _STATUS.read_text())[1])
