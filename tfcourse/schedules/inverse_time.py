"""Inverse time decay: the rate falls with one over the epoch."""

from typing import Any

import keras

from tfcourse import checked
from tfcourse.schedules.epoch_decay import EpochDecay
from tfcourse.schedules.schedule import Rates, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class InverseTimeDecay(EpochDecay):
    """Divides the rate by a number that grows by `decay_rate` every epoch.

        learning_rate(step) = initial_learning_rate / (1 + decay_rate * epoch)
        epoch = step // steps_per_epoch

    With `continuous`, `epoch` is `step / steps_per_epoch`. It equals
    `keras.optimizers.schedules.InverseTimeDecay(initial_learning_rate, steps_per_epoch, decay_rate,
    staircase=not continuous)`, which divides in float32.

    Args:
        initial_learning_rate: > 0, the rate in the first epoch.
        steps_per_epoch: >= 1.
        decay_rate: >= 0; 1 halves the rate after the first epoch. Defaults to 1.
        continuous: whether the rate changes every step, not every epoch. Defaults to False.

    Examples:
        >>> schedule = tfcourse.schedules.InverseTimeDecay(0.1, steps_per_epoch=2)
        >>> tfcourse.schedules.values(schedule, 6).round(4)
        array([0.1   , 0.1   , 0.05  , 0.05  , 0.0333, 0.0333], dtype=float32)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        steps_per_epoch: int,
        decay_rate: float = 1.0,
        continuous: bool = False,
    ) -> None:
        super().__init__(initial_learning_rate, steps_per_epoch, continuous)
        self.decay_rate = checked.number("decay_rate", decay_rate, zero_allowed=True)

    def __call__(self, step: Steps) -> Rates:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self.epochs(step))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate}
