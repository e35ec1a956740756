"""What goes wrong with data, in one line each."""

from collections.abc import Mapping


class DataError(Exception):
    """Data is damaged, does not fit, or cannot be had.

    The message is one line that names the file or dataset, what was expected, what was received
    and how to mend it. A program that ends because of it exits with `exit_code`.

    Args:
        message: that line.
        advice: arguments with which it goes on, `{"label": "species"}`.
    """

    exit_code = 3

    def __init__(self, message: str = "", *, advice: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.advice = dict(advice or {})


class DataUnavailableError(DataError):
    """A dataset is neither on this machine nor within reach of it.

    Of all errors with data this is the only one that lets `load("mnist,digits")` go on to the
    next name: a damaged file must never be passed over in silence.
    """
