"""Cosine decay: slow at first, fast in the middle, down to zero at the end of the training."""

from typing import Any, Self

import keras
from keras import ops

from tfcourse import checked
from tfcourse.schedules import cycle
from tfcourse.schedules.schedule import Rates, Schedule, Steps, Training


@keras.saving.register_keras_serializable(package="tfcourse")
class CosineDecay(Schedule):
    """Lowers the rate to zero along half a cosine.

        learning_rate(step) = initial_learning_rate * (1 + cos(pi * step / total_steps)) / 2

    The rate is zero from `total_steps` on, the step after the last. There are no restarts, and
    no lowest rate above zero. It equals
    `keras.optimizers.schedules.CosineDecay(initial_learning_rate, total_steps)` and PyTorch's
    `CosineAnnealingLR(T_max=total_steps)`. A warm-up comes before it and takes its steps from
    `total_steps`: see `build`.

    Reference: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, equation 5, within
    the first period.

    Args:
        initial_learning_rate: > 0, the rate in the first step.
        total_steps: >= 1, after which the rate is zero.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> schedule = tfcourse.schedules.CosineDecay(0.1, total_steps=4)
        >>> tfcourse.schedules.values(schedule, 6).round(4)
        array([0.1   , 0.0854, 0.05  , 0.0146, 0.    , 0.    ], dtype=float32)
    """

    def __init__(self, initial_learning_rate: float, total_steps: int) -> None:
        self.initial_learning_rate = checked.number("initial_learning_rate", initial_learning_rate)
        self.total_steps = checked.count("total_steps", total_steps)

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        total_steps = training.epochs * training.steps_per_epoch
        return cls(learning_rate, total_steps - training.warmup_steps, **hyperparameters)

    def __call__(self, step: Steps) -> Rates:
        remaining = ops.cast(self.total_steps - step, "float32") / self.total_steps
        return cycle.half_cosine(self.initial_learning_rate, 0.0, ops.maximum(remaining, 0.0))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "total_steps": self.total_steps,
        }
