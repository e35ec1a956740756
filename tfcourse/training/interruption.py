"""Holds SIGINT, SIGTERM and the like until the current block of steps is done and saved."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from tfcourse.system import signals

_HELD = (signal.SIGINT, *signals.ENDING)


class Interrupted(Exception):
    """A signal stopped the training; its state is saved."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        # 130 after Ctrl-C; a hang-up counts as the request to end that it is.
        self.exit_code = 130 if signal_number == signal.SIGINT else 143


class Request:
    """Whether a signal has asked to stop, and which one."""

    def __init__(self) -> None:
        self.signal_number: int | None = None


@contextlib.contextmanager
def held_signals() -> Iterator[Request]:
    """Yields a `Request` that records the first signal; after that, Ctrl-C ends the process at
    once.

    A closing terminal sends SIGHUP and then SIGTERM, so a second signal of this kind does not
    interrupt the saving. Signals that the process ignores stay ignored.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals only to the main thread.
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
