"""How a program ends: its exit code, and at most three lines on stderr.

Exit codes: 0 done, 1 a failed check (--expect, --diagnose, an export), the first trials of a sweep
all failed, or a bug, 2 bad flags, 3 bad data, 4 bad checkpoint, model file or journal, 5
environment (disk, permission, lock, package, other machine), 6 not finite, 7 out of memory, 130 and
143 interrupted, 141 nobody reads the output any more. An exception states its code in the attribute
`exit_code`.
"""

import atexit
import contextlib
import logging as std_logging
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from absl import flags, logging

from tfcourse.command_line import streams
from tfcourse.hyperparameters import printable
from tfcourse.system import out_of_memory, shell, signals, system_errors

_AFTER = 0.05  # Seconds until the callback that received a signal has ended.


class UsageError(Exception):
    """The flags do not describe a valid run; the message names the flag."""

    exit_code = 2


class Terminated(BaseException):
    """SIGTERM or a similar signal outside of training. It passes every `except Exception`."""

    exit_code = 143

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number


class NotFiniteResultError(Exception):
    """A recipe's result is infinite or not a number; the message names it."""

    exit_code = 6


class MissedExpectationError(Exception):
    """A result is outside its --expect range, or a check of --diagnose is broken."""

    exit_code = 1


@contextlib.contextmanager
def exits(program: Callable[..., Any] | None = None) -> Iterator[None]:
    """Ends the process after its block, with 0 or the exit code of the exception.

    Args:
        program: the function that the process was started for. If it is in the main module, the
            process ends without unloading TensorFlow.
    """
    # Hides TensorFlow's reports of instruction sets and missing GPUs; errors are still shown.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.pop("MPLBACKEND", None)  # No window is needed, and unknown backends are errors.
    streams.prepare()
    for number in signals.ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _send_again
    std_logging.basicConfig(format="%(levelname)s: %(message)s")  # Without the logger's name.
    logging.get_absl_logger().addFilter(_log_with_flags)
    try:
        yield
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt, Terminated) as error:
        streams.give_up()  # Otherwise, Python would raise the error again at exit.
        if code(error) == 130:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # A second Ctrl-C ends at once.
        if "--debug" in sys.argv[1:] or ("debug" in flags.FLAGS and flags.FLAGS["debug"].value):
            traceback.print_exc()
        with contextlib.suppress(OSError):  # The exit code is enough.
            # A terminal has just shown "^C".
            start = "\n" if code(error) == 130 and sys.stderr.isatty() else ""
            print(start + _message(error), file=sys.stderr)
        streams.give_up()
        _end(program, code(error))
    _end(program, 0)


def _end(program: Callable[..., Any] | None, number: int) -> NoReturn:
    """Ends the process with the exit code `number`.

    With TensorFlow loaded, Python takes a second to free memory, which the system does at once. So
    if nothing else needs the normal exit, only the registered exit functions run.
    """
    if not _is_all(program):
        sys.exit(number)
    atexit._run_exitfuncs()  # Temporary folders, logs, writers and worker processes.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(number)


def _is_all(program: Callable[..., Any] | None) -> bool:
    """Returns whether the process ends with `program`, and nothing observes its exit."""
    main = sys.modules.get("__main__")
    return (
        "tensorflow" in sys.modules
        and program is not None
        and vars(main) is getattr(program, "__globals__", None)  # Not called by a test or script.
        and not sys.flags.inspect
        and not (sys.gettrace() or sys.getprofile())  # Debuggers, coverage, profilers.
        and all(t.daemon or t is threading.current_thread() for t in threading.enumerate())
    )


def _terminate(number: int, frame: FrameType | None) -> None:
    if number in signals.REPEATED:
        signal.signal(number, signal.SIG_IGN)
    raise Terminated(number)


def _send_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Resends a signal that came where Python drops exceptions, as in a callback of `gc`."""
    error = unraisable.exc_value
    if not isinstance(error, KeyboardInterrupt | Terminated):
        sys.__unraisablehook__(unraisable)
        return
    number = error.signal_number if isinstance(error, Terminated) else signal.SIGINT
    is_sent = False
    while not is_sent:  # Its exceptions are dropped too, so another signal must not end it.
        with contextlib.suppress(KeyboardInterrupt, Terminated):
            threading.Thread(target=_raise_later, args=(number,), daemon=True).start()
            is_sent = True


def _raise_later(number: int) -> None:
    """Sends a signal once the main thread has left `_send_again`, which would drop it."""
    main = threading.main_thread().ident or 0
    is_inside = True
    while is_inside:
        time.sleep(_AFTER)
        frames = traceback.walk_stack(sys._current_frames()[main])
        is_inside = any(frame.f_code is _send_again.__code__ for frame, _ in frames)
    signals.raise_again(number)


def code(error: BaseException) -> int:
    """Returns the exit code of an exception."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, BrokenPipeError):
        return 141
    if not hasattr(error, "exit_code") and out_of_memory.is_out_of_memory(error):
        return out_of_memory.OutOfMemoryError.exit_code
    refused = isinstance(error, OSError) or system_errors.is_refusal(error)
    return getattr(error, "exit_code", 5 if refused else 1)


def _message(error: BaseException) -> str:
    if isinstance(error, BrokenPipeError):
        text = "stopped: the output was closed"
    elif code(error) > 128:
        text = str(error) or "stopped by SIGINT"
    elif out_of_memory.is_out_of_memory(error):
        text = f"error: {out_of_memory.sentence(error)}"
    elif hasattr(error, "exit_code") or isinstance(error, OSError):
        text = f"error: {error}"
    elif system_errors.is_refusal(error):
        text = f"error: {system_errors.sentence(error)}"
    else:
        what = (str(error).splitlines() or [""])[0]
        text = f"error: {type(error).__name__}: {what}\nThis is a bug; --debug shows where."
    # At most three lines, however long a library's message is.
    lines = [*with_flags(text).splitlines()[:2], *getattr(error, "__notes__", ())]
    # Files and names may contain terminal escape sequences.
    return "\n".join(printable(line[:500]) for line in lines[:3])


def _log_with_flags(record: Any) -> bool:
    lines = with_flags(record.getMessage()).splitlines()
    record.msg, record.args = "\n".join(map(printable, lines)), ()
    return True


def with_flags(text: str) -> str:
    """Returns `text` with arguments in backticks, such as `epochs=3`, replaced by their flags.

    They are quoted for a shell.
    """

    def flag(match: re.Match[str]) -> str:
        if match[1] not in flags.FLAGS:
            return match[0]
        return f"--{match[1]}" + (f"={shell.join([match[3]])}" if match[2] else "")

    return re.sub(r"`(\w+)(|=([^`]*))`", flag, text)
