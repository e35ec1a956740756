"""SIGINT, SIGTERM and SIGHUP, held until the block of steps at hand is done and saved."""

import contextlib
import signal
import threading

_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Training was asked to stop; what it had reached is saved."""

    def __init__(self, message, signal_number):
        super().__init__(message)
        # 130 after Ctrl-C; a hang-up counts as the request to end that it is.
        self.exit_code = 130 if signal_number == signal.SIGINT else 143


class Request:
    """Whether a signal asked to stop, and which."""

    def __init__(self):
        self.signal_number = None


@contextlib.contextmanager
def held_signals():
    """Yields a `Request` that notes the first signal; a second one acts at once, as usual."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread alone.
        return
    before = {}

    def note(signal_number, frame):
        request.signal_number = signal_number
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if number == signal.SIGINT else handler)

    for number in _HELD:
        before[number] = signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
