"""Checks of arguments: each returns the argument as its type, or a `ValueError` names it."""

import math
import numbers
from collections.abc import Iterable
from typing import Any


def is_real(value: object) -> bool:
    """Returns whether `value` is a number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def number(name: str, value: Any, maximum: float = math.inf, zero_allowed: bool = False) -> float:
    """Returns a finite float > 0 and <= `maximum`."""
    in_range = is_real(value) and 0.0 <= value <= maximum and not math.isinf(value)
    if not in_range or not (zero_allowed or value > 0.0):
        bound = ">= 0" if zero_allowed else "> 0"
        bound += "" if math.isinf(maximum) else f" and <= {maximum}"
        raise ValueError(f"`{name}` must be a finite float {bound}. Received: {name}={value!r}")
    return float(value)


def below_one(name: str, value: Any) -> float:
    """Returns a float in [0, 1), such as the decay rate of an average."""
    if not is_real(value) or not 0.0 <= value < 1.0:
        raise ValueError(f"`{name}` must be a float in [0, 1). Received: {name}={value!r}")
    return float(value)


def count(name: str, value: Any, minimum: int = 1) -> int:
    """Returns an int >= `minimum`."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or value < minimum:
        raise ValueError(
            f"`{name}` must be a whole number >= {minimum}. Received: {name}={value!r}"
        )
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Returns True or False; rejects the text "false", which would count as True."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value


def one_of(name: str, value: str, choices: Iterable[str]) -> str:
    """Returns one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}"
        )
    return value
