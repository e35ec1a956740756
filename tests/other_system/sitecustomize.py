"""Python as tfcourse's code finds it on Windows, for processes whose PYTHONPATH begins here.

To the modules of this project, and to no others, `os`, `signal` and `time` lack what Windows has
not, and do as they do there; `fcntl` and the like can't be imported, and what Linux tells in /proc
is not there. Links can't be made. A text file that is opened without an encoding is an error.
"""

import builtins
import errno
import fcntl
import io
import os
import signal
import sys
import time
import types
import warnings

OURS = ("tfcourse", "recipes")
MISSING = ("fcntl", "grp", "pwd", "resource", "termios")
GONE = {
    "os": (
        *(
            "O_CLOEXEC",
            "O_DIRECTORY",
            "O_NOFOLLOW",
            "O_NONBLOCK",
            "fork",
            "geteuid",
            "getuid",
            "link",
        ),
        *("mkfifo", "pread", "pwrite", "sched_getaffinity", "sysconf", "uname"),
    ),
    "signal": ("SIGHUP", "SIGKILL", "SIGSTOP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "pause"),
    "time": ("CLOCK_BOOTTIME", "clock_gettime"),
}
O_BINARY = 1 << 40  # Linux has no such flag.
UNKNOWN_FILES = ("/proc/cpuinfo", "/proc/self/stat")


class Other(types.ModuleType):
    """A module without some of its names, and with others changed."""

    def __init__(self, module, gone, **changed):
        super().__init__(module.__name__)
        vars(self).update(changed, _module=module, _gone=gone)

    def __getattr__(self, name):
        if name in self._gone:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on Windows")
        return getattr(self._module, name)


def open_descriptor(path, flags, mode=0o777):
    if not flags & O_BINARY:
        raise AssertionError(f"{path} would be opened as text")
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return os.open(path, flags & ~O_BINARY, mode)


def locking(file, mode, num_bytes):
    """Locks as `msvcrt.locking`; nobody could read what is locked, so it must be behind the end."""
    if os.lseek(file, 0, os.SEEK_CUR) < os.fstat(file).st_size:
        raise AssertionError("what the file holds would be locked")
    try:
        fcntl.flock(file, mode)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


OTHERS = {
    "msvcrt": types.SimpleNamespace(
        locking=locking, LK_NBLCK=fcntl.LOCK_EX | fcntl.LOCK_NB, LK_UNLCK=fcntl.LOCK_UN
    ),
    "os": Other(os, GONE["os"], name="nt", open=open_descriptor, O_BINARY=O_BINARY),
    "signal": Other(signal, GONE["signal"], SIGBREAK=signal.SIGUSR1),
    "time": Other(time, GONE["time"]),
}
import_module = builtins.__import__


def import_as_on_windows(name, namespace=None, local=None, fromlist=(), level=0):
    importer = (namespace or {}).get("__name__", "").partition(".")[0]
    if importer in OURS and level == 0:
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in OTHERS:
            return OTHERS[name]
    return import_module(name, namespace, local, fromlist, level)


def open_as_on_windows(file, *arguments, **options):
    if str(file) in UNKNOWN_FILES:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    return open_file(file, *arguments, **options)


def no_links(*_arguments, **_options):
    raise OSError(errno.EPERM, "A required privilege is not held by the client")


open_file = builtins.open
builtins.__import__ = import_as_on_windows
builtins.open = io.open = open_as_on_windows
os.symlink = no_links
if sys.flags.warn_default_encoding:
    warnings.filterwarnings("error", category=EncodingWarning, module=r"(tfcourse|recipes)\b")
