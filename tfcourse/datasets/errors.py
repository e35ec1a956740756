"""Errors with data, each a message of one line."""

from collections.abc import Mapping


class DataError(Exception):
    """Data is damaged, does not fit, or is unavailable.

    The message is one line that names the file or data set, what was expected, what was received
    and how to fix it. A program that ends because of it exits with `exit_code`.

    Args:
        message: the line.
        advice: arguments that fix the error, `{"label": "species"}`.
    """

    exit_code = 3

    def __init__(self, message: str = "", *, advice: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.advice = dict(advice or {})


class DataUnavailableError(DataError):
    """A data set is not on this machine and can't be downloaded.

    This is the only data error after which `load("mnist,digits")` tries the next name: a damaged
    file must never be skipped silently.
    """
