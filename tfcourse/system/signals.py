"""Signals, as far as the system supports them."""

import contextlib
import os
import signal


def _known(*names: str) -> tuple[signal.Signals, ...]:
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


# What asks a process to end, besides Ctrl-C. A closing terminal sends SIGHUP, on Windows SIGBREAK;
# Slurm sends the last two some time before it kills, if asked to. None has another use here.
ENDING = _known("SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1", "SIGXCPU")
# Resent every second after the first one.
REPEATED = _known("SIGXCPU")


def raise_again(number: int) -> None:
    """Sends a signal to this process, from any of its threads."""
    if os.name == "posix":
        os.kill(os.getpid(), number)  # Also wakes a waiting main thread.
    else:
        signal.raise_signal(number)  # On Windows, `os.kill` would end the process at once.


def kill(process: int | None) -> None:
    """Kills a process; does nothing for `None` or a process that has ended."""
    import psutil

    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(process).kill()
