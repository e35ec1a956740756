"""A way there and back along two halves of a cosine, over the steps of a training."""

import math
from typing import Any

from keras import ops

from tfcourse import checked
from tfcourse.schedules.schedule import Rates, Steps


def checked_steps(total_steps: Any, rise_steps: Any) -> tuple[int, int]:
    """Returns both as ints; without `rise_steps`, the rise takes 3/10 of all steps."""
    total = checked.count("total_steps", total_steps)
    if rise_steps is None:
        rise_steps = 3 * total // 10
    rise = checked.count("rise_steps", rise_steps, minimum=0)
    if rise >= total:
        raise ValueError(
            "`rise_steps` must be less than `total_steps`. "
            f"Received: rise_steps={rise_steps}, total_steps={total_steps}"
        )
    return total, rise


def value_at(
    step: Steps, values: tuple[float, float, float], total_steps: int, rise_steps: int
) -> Rates:
    """Returns the value at `step` of a cycle from the first of `values` to the second and third."""
    first, middle, last = values
    # A part without steps is never looked at; 1 keeps its division defined.
    fall_steps = max(total_steps - 1 - rise_steps, 1)
    to_rise = ops.cast(rise_steps - step, "float32") / max(rise_steps, 1)
    to_fall = ops.cast(total_steps - 1 - step, "float32") / fall_steps
    return ops.where(
        step <= rise_steps,
        half_cosine(first, middle, to_rise),
        half_cosine(middle, last, ops.maximum(to_fall, 0.0)),
    )


def half_cosine(start: float, end: float, remaining: Rates) -> Rates:
    """Returns `start` for a remaining share of 1, `end` for 0, and a half cosine between."""
    # The weight is (1 + cos(pi * (1 - remaining))) / 2, which would lose its digits towards 0.
    weight = ops.square(ops.sin(math.pi / 2.0 * remaining))
    return weight * start + (1.0 - weight) * end
