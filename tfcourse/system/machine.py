"""The machine's resources for this process: cores, memory, processor.

A container or a batch job may have less memory than the machine: the limits of its control groups
(cgroups) count, and so does a limit on the address space (`ulimit -v`).
"""

import functools
import itertools
import os
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows.
    resource = None  # type: ignore[assignment]

_STATM = pathlib.Path("/proc/self/statm")
_GROUPS_OF_PROCESS = pathlib.Path("/proc/self/cgroup")
_GROUPS = pathlib.Path("/sys/fs/cgroup")


def num_cores() -> int:
    """Returns how many cores this process may use, or how many there are if that is unknown."""
    if hasattr(os, "sched_getaffinity"):  # Only on Linux.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def processor() -> dict[str, str]:
    """Returns Linux's information on its first processor, such as its "flags"; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            pairs = [line.partition(":") for line in itertools.takewhile(str.strip, file)]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in pairs}


class _Limit(NamedTuple):
    """The memory limit of a group of processes, and how much of it is left."""

    most: int
    left: int


def memory_bytes() -> int:
    """Returns the memory of the machine, or of the container or job if that is less."""
    import psutil

    return min([int(psutil.virtual_memory().total), *(limit.most for limit in _limits())])


def available_bytes() -> int:
    """Returns the memory that is available now."""
    import psutil

    free = int(psutil.virtual_memory().available)
    return max(0, min([free, *(limit.left for limit in (*_limits(), *_address_space()))]))


def _limits() -> Iterator[_Limit]:
    """Yields the limits of this process's groups and of their parents."""
    for line in _text(_GROUPS_OF_PROCESS).splitlines():
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            root, names = _GROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = _GROUPS / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container, the path may be that of the host, of which only the root is visible.
        folder = root / group.lstrip("/")
        for each in (folder, *folder.parents):
            if each.is_relative_to(root):
                yield from _limit(each, *names)


def _limit(folder: pathlib.Path, most: str, used: str, cache: str) -> Iterator[_Limit]:
    """Yields the limit in the files of a group, if it has one."""
    limit, taken = _text(folder / most).strip(), _text(folder / used).strip()
    if not (limit.isdecimal() and taken.isdecimal()):  # Version 2 has "max" for no limit.
        return
    # The file cache counts as used, but is freed when memory runs out.
    found = re.search(rf"^{cache} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
    yield _Limit(int(limit), int(limit) - int(taken) + (int(found[1]) if found else 0))


def _address_space() -> Iterator[_Limit]:
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(_STATM).partition(" ")[0]
    if limit != resource.RLIM_INFINITY and pages.isdecimal():
        yield _Limit(limit, limit - int(pages) * resource.getpagesize())


def _text(path: pathlib.Path) -> str:
    """Returns the content of a system file; "" if it does not exist."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
