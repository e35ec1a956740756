"""Checks of the fields of a preprocessing, which may come from an untrusted file."""

import reprlib
import sys
from typing import Any

MAX_TEXT = 10_000
MAX_ITEMS = 1 << 20


def check(name: str, value: object, is_allowed: bool, expected: str) -> None:
    """Raises `ValueError`, which names the field, unless `is_allowed`."""
    if not is_allowed:
        received = reprlib.repr(value)  # Cut where it is long.
        raise ValueError(f"`{name}` must be {expected}. Received: {received}")


def text(name: str, value: object) -> None:
    is_text = isinstance(value, str) and len(value) <= MAX_TEXT
    check(name, value, is_text, f"a text of at most {MAX_TEXT} characters")


def number(name: str, value: Any) -> None:
    """Checks that `value` is a finite number in double precision."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # NaN fails this too, and an integer with a thousand digits does not overflow.
    is_finite = is_number and abs(value) <= sys.float_info.max
    check(name, value, is_finite, "a finite number")


def positive(name: str, value: Any) -> None:
    number(name, value)
    check(name, value, value > 0, "a number > 0")


def sequence(name: str, value: object, lowest: int = 0) -> None:
    is_sequence = isinstance(value, tuple) and lowest <= len(value) <= MAX_ITEMS
    check(name, value, is_sequence, f"a list of {lowest} to {MAX_ITEMS} items")


def texts(name: str, value: tuple[Any, ...], lowest: int) -> None:
    """Checks that `value` is a tuple of distinct texts."""
    sequence(name, value, lowest)
    for position, item in enumerate(value):
        text(f"{name}[{position}]", item)
    check(name, value, len(set(value)) == len(value), "a list without repetitions")


def outputs(class_names: tuple[Any, ...], target: object) -> None:
    """Checks that there are at least two classes, or a target."""
    texts("class_names", class_names, 0 if target else 2)
    check("class_names", class_names, not (target and class_names), "empty beside a target")


def shape(name: str, value: tuple[Any, ...], ranks: tuple[int, ...]) -> None:
    """Checks that `value` is the shape of an example."""
    sequence(name, value, 1)
    for position, item in enumerate(value):
        is_size = type(item) is int and 0 < item <= MAX_ITEMS
        check(f"{name}[{position}]", item, is_size, f"a whole number in [1, {MAX_ITEMS}]")
    check(name, value, len(value) in ranks, f"a shape of {' or '.join(map(str, ranks))} numbers")
