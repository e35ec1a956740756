"""SIGINT, SIGTERM and the like, held until the block of steps at hand is done and saved."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tfcourse import signals

_HELD = (signal.SIGINT, *signals.ENDING)


class Interrupted(Exception):
    """Training was asked to stop; its state is saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        # 130 after Ctrl-C; a hang-up counts as the request to end that it is.
        self.exit_code = 130 if signal_number == signal.SIGINT else 143


class Request:
    """Whether a signal asked to stop, and which."""

    def __init__(self) -> None:
        self.signal_number: int | None = None


@contextlib.contextmanager
def held_signals() -> Iterator[Request]:
    """Yields a `Request` that notes the first signal; after it, Ctrl-C ends the process at once.

    A closing terminal sends SIGHUP and SIGTERM one after the other, so a second one of those
    does not break off the saving. What the process was told to ignore, it goes on to ignore.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread alone.
        return

    def note(signal_number: int, _: Any) -> None:
        request.signal_number = request.signal_number or signal_number
        if before.get(signal.SIGINT) is not None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    heard = [number for number in _HELD if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.getsignal(number) for number in heard}
    for number in heard:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
