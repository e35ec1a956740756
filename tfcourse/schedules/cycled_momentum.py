"""Momentum that falls while the rate of one cycle rises, and rises again while it falls."""

from typing import Any, Self

import keras

from tfcourse import checked
from tfcourse.schedules import cycle
from tfcourse.schedules.one_cycle import OneCycle
from tfcourse.schedules.schedule import Rates, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class CycledMomentum(keras.optimizers.schedules.LearningRateSchedule):
    """The decay rate of an average of gradients, cycled against the learning rate of `OneCycle`.

        beta(step) = between(high, low, step / rise_steps)                 if step <= rise_steps
                     between(low, high, (step - rise_steps) / fall_steps)  otherwise

    with `between` and `fall_steps` as in `OneCycle`. Where the rate is highest, gradients of long
    ago, from far away, count least. It is not a learning rate: it is the `beta` of `Momentum` and
    `Nesterov`, or `beta_1` of `Adam` and `AdamW`, which keep the average itself where beta changes.

    PyTorch's `OneCycleLR` and fastai's `fit_one_cycle` cycle between the same values. Their
    SGD keeps a sum in place of the average, so that there a lower momentum also shortens the steps;
    their Adam takes the steps that ours does.

    Reference: Smith, 2018, https://arxiv.org/abs/1803.09820, section 4.3; the values are fastai's.

    Args:
        total_steps: >= 1, the steps of the whole training.
        rise_steps: in [0, total_steps), the step of the lowest value. Defaults to 3/10 of them.
        high: in [0, 1), at the first and the last step. Defaults to 0.95.
        low: in [0, 1), at the peak of the rate. Defaults to 0.85.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> momentum = tfcourse.schedules.CycledMomentum(total_steps=10)
        >>> tfcourse.schedules.values(momentum, 10).round(3)
        array([0.95 , 0.925, 0.875, 0.85 , 0.857, 0.875, 0.9  , 0.925, 0.943,
               0.95 ], dtype=float32)
        >>> rate = tfcourse.schedules.OneCycle(0.1, total_steps=10)
        >>> optimizer = tfcourse.optimizers.Adam(rate, beta_1=momentum)
    """

    def __init__(
        self,
        total_steps: int,
        rise_steps: int | None = None,
        high: float = 0.95,
        low: float = 0.85,
    ) -> None:
        self.total_steps, self.rise_steps = cycle.checked_steps(total_steps, rise_steps)
        self.high = checked.below_one("high", high)
        self.low = checked.below_one("low", low)

    @classmethod
    def against(cls, schedule: OneCycle) -> Self:
        """Returns the momentum that goes with the rates of `schedule`."""
        return cls(schedule.total_steps, schedule.rise_steps)

    def __call__(self, step: Steps) -> Rates:
        values = (self.high, self.low, self.high)
        return cycle.value_at(step, values, self.total_steps, self.rise_steps)

    def get_config(self) -> dict[str, Any]:
        return {
            "total_steps": self.total_steps,
            "rise_steps": self.rise_steps,
            "high": self.high,
            "low": self.low,
        }
