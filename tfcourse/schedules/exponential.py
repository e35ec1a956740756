"""Exponential decay: every epoch multiplies the rate by the same factor."""

import math
from typing import Any

import keras
from keras import ops

from tfcourse import checked
from tfcourse.schedules.epoch_decay import EpochDecay
from tfcourse.schedules.schedule import Rates, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class ExponentialDecay(EpochDecay):
    """Multiplies the rate by `decay_rate` after every epoch.

        learning_rate(step) = initial_learning_rate * decay_rate ** epoch
        epoch = step // steps_per_epoch

    The base is always the initial rate. With `continuous`, `epoch` is `step / steps_per_epoch`.
    It equals `keras.optimizers.schedules.ExponentialDecay(initial_learning_rate, steps_per_epoch,
    decay_rate, staircase=not continuous)`, which divides in float32.

    Args:
        initial_learning_rate: > 0, the rate in the first epoch.
        steps_per_epoch: >= 1.
        decay_rate: in (0, 1]. Defaults to 0.95.
        continuous: whether the rate changes every step, not every epoch. Defaults to False.

    Examples:
        >>> schedule = tfcourse.schedules.ExponentialDecay(0.1, steps_per_epoch=2)
        >>> tfcourse.schedules.values(schedule, 6).round(4)
        array([0.1   , 0.1   , 0.095 , 0.095 , 0.0902, 0.0902], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        steps_per_epoch: int,
        decay_rate: float = 0.95,
        continuous: bool = False,
    ) -> None:
        super().__init__(initial_learning_rate, steps_per_epoch, continuous)
        self.decay_rate = checked.number("decay_rate", decay_rate, maximum=1.0)

    def __call__(self, step: Steps) -> Rates:
        # As a power in float32, the rounding of `decay_rate` would grow with every epoch.
        return self.initial_learning_rate * ops.exp(math.log(self.decay_rate) * self.epochs(step))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate}
