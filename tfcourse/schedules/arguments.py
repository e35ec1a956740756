"""What schedules do with their arguments: check numbers."""

import math
import numbers
from typing import Any


def checked_rate(
    name: str, value: Any, maximum: float = math.inf, zero_allowed: bool = False
) -> float:
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_real or not 0.0 <= value <= maximum or math.isinf(value):
        in_range = False
    else:
        in_range = zero_allowed or value > 0.0
    if not in_range:
        bound = ">= 0" if zero_allowed else "> 0"
        bound += "" if math.isinf(maximum) else f" and <= {maximum}"
        raise ValueError(f"`{name}` must be a finite float {bound}. Received: {name}={value!r}")
    return float(value)


def checked_count(name: str, value: Any, minimum: int = 1) -> int:
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < minimum:
        raise ValueError(f"`{name}` must be an integer >= {minimum}. Received: {name}={value!r}")
    return int(value)


def checked_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value
