"""One cycle: up to a peak, and down far below the start."""

from typing import Any, Self

import keras

from tfcourse import checked
from tfcourse.schedules import cycle
from tfcourse.schedules.schedule import Rates, Schedule, Steps, Training


@keras.saving.register_keras_serializable(package="tfcourse")
class OneCycle(Schedule):
    """Raises the rate to its peak and lowers it far below the start, each along half a cosine.

        first = peak_learning_rate / 25
        last  = first / 10_000
        learning_rate(step) = between(first, peak, step / rise_steps)     if step <= rise_steps
                              between(peak, last, (step - rise_steps) / fall_steps)  otherwise
        between(a, b, x) = a * (1 + cos(pi * x)) / 2 + b * (1 - cos(pi * x)) / 2
        fall_steps = total_steps - 1 - rise_steps

    The last step, `total_steps - 1`, has the last rate; so have steps beyond it. PyTorch's
    `OneCycleLR(max_lr=peak_learning_rate, pct_start=(rise_steps + 1) / total_steps)` gives the same
    rates. Momentum is not changed; `CycledMomentum` does that.

    Reference: Smith and Topin, 2018, https://arxiv.org/abs/1708.07120; the cosine is fast.ai's.

    Args:
        peak_learning_rate: > 0, the highest rate.
        total_steps: >= 1, the steps of the whole training.
        rise_steps: in [0, total_steps), the step at the peak. Defaults to 3/10 of them.

    Examples:
        >>> schedule = tfcourse.schedules.OneCycle(0.1, total_steps=10)
        >>> tfcourse.schedules.values(schedule, 10).round(3)
        array([0.004, 0.028, 0.076, 0.1  , 0.093, 0.075, 0.05 , 0.025, 0.007,
               0.   ], dtype=float32)
    """

    def __init__(
        self, peak_learning_rate: float, total_steps: int, rise_steps: int | None = None
    ) -> None:
        self.peak_learning_rate = checked.number("peak_learning_rate", peak_learning_rate)
        self.total_steps, self.rise_steps = cycle.checked_steps(total_steps, rise_steps)

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        total_steps = training.epochs * training.steps_per_epoch
        rise_steps = training.warmup_steps or None
        return cls(learning_rate, total_steps, rise_steps=rise_steps, **hyperparameters)

    def __call__(self, step: Steps) -> Rates:
        peak = self.peak_learning_rate
        first = peak / 25.0
        values = (first, peak, first / 1e4)
        return cycle.value_at(step, values, self.total_steps, self.rise_steps)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "rise_steps": self.rise_steps,
        }
