"""The text form of values on the command line and in records: numbers, and lists of texts."""

import csv
import io
import re
from collections.abc import Iterable

INTEGER = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def decimal(text: str) -> float:
    """Returns the decimal number in `text`; `float` would also accept 1_0.

    Raises:
        ValueError: `text` is not a number.

    Examples:
        >>> tfcourse.hyperparameters.decimal("1e-3")
        0.001
    """
    if not DECIMAL.fullmatch(text):
        raise ValueError(f"must be a decimal number. Received: {text!r}")
    return float(text)


def parse_texts(text: str) -> tuple[str, ...]:
    """Returns the texts in a CSV line, without surrounding blanks."""
    if '"' not in text:
        return tuple(item.strip() for item in text.split(","))
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        return tuple(item.strip() for row in rows for item in row)
    except csv.Error as error:
        raise ValueError(f"must be names, separated by commas. Received: {error}") from None


def format_texts(values: Iterable[str]) -> str:
    r"""Returns texts as a line of a CSV file, a line end in one as \n: printable as it is."""
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(map(printable, values))
    return file.getvalue()


def printable(text: str) -> str:
    r"""Returns a text with what can't be printed written as Python does: a line end as \n."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
