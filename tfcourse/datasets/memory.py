"""Whether data fits into the memory that there is for it, told before it is read.

A container or a batch job may have less than the machine: the limits of the groups of processes
(cgroups) that it runs in count, and so does one on its address space (`ulimit -v`).
"""

import os
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from tfcourse import machine
from tfcourse.datasets.errors import DataError

try:
    import resource
except ImportError:  # Windows.
    resource = None  # type: ignore[assignment]

# The rest is for the framework, the model and whatever else runs.
SHARE = 0.5
_MEMINFO = pathlib.Path("/proc/meminfo")
_STATM = pathlib.Path("/proc/self/statm")
_GROUPS_OF_PROCESS = pathlib.Path("/proc/self/cgroup")
_GROUPS = pathlib.Path("/sys/fs/cgroup")


class _Limit(NamedTuple):
    """What a group of processes may take together, and what of that is left."""

    most: int
    left: int


def available_bytes() -> int:
    """Returns the memory that could be had now; where the system does not tell, all there is."""
    found = re.search(r"MemAvailable:\s*(\d+) kB", _text(_MEMINFO))
    free = 1024 * int(found[1]) if found else _free_elsewhere()
    return max(0, min([free, *(limit.left for limit in (*_limits(), *_address_space()))]))


def all_bytes() -> int:
    """Returns the memory of the machine or, where that is less, of the container or job."""
    if not hasattr(os, "sysconf"):  # Windows, which has no such groups either.
        return machine.memory_bytes()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([total, *(limit.most for limit in _limits())])


def _limits() -> Iterator[_Limit]:
    """Yields the limits of the groups that this process is in, and of those that hold them."""
    for line in _text(_GROUPS_OF_PROCESS).splitlines():
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            root, names = _GROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = _GROUPS / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # Inside of a container the path may be that outside, of which only the root is there.
        folder = root / group.lstrip("/")
        for each in (folder, *folder.parents):
            if each.is_relative_to(root):
                yield from _limit(each, *names)


def _limit(folder: pathlib.Path, most: str, used: str, cache: str) -> Iterator[_Limit]:
    """Yields the limit that the files of a group tell, if it has one."""
    limit, taken = _text(folder / most).strip(), _text(folder / used).strip()
    if not (limit.isdecimal() and taken.isdecimal()):  # Version 2 says "max" of none.
        return
    # What was read from files counts as taken, and is given back before memory is out.
    found = re.search(rf"^{cache} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
    yield _Limit(int(limit), int(limit) - int(taken) + (int(found[1]) if found else 0))


def _free_elsewhere() -> int:
    return all_bytes() if hasattr(os, "sysconf") else machine.available_bytes()


def _address_space() -> Iterator[_Limit]:
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(_STATM).partition(" ")[0]
    if limit != resource.RLIM_INFINITY and pages.isdecimal():
        yield _Limit(limit, limit - int(pages) * os.sysconf("SC_PAGE_SIZE"))


def _text(path: pathlib.Path) -> str:
    """Returns what the system tells in a file; "" where it has none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


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
