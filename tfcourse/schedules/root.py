"""Root decay: the rate falls with the root of the epoch."""

import keras
from keras import ops

from tfcourse.schedules.epoch_decay import EpochDecay
from tfcourse.schedules.schedule import Rates, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class RootDecay(EpochDecay):
    """Divides the rate by the root of the epoch, epochs counted from 1.

        learning_rate(step) = initial_learning_rate / sqrt(epoch)
        epoch = 1 + step // steps_per_epoch

    Counted from 0, the first epoch would divide by zero. With `continuous`, `epoch` is
    `1 + step / steps_per_epoch`. There is no decay rate: the rate always halves by epoch 4.

    Args:
        initial_learning_rate: > 0, the rate in the first epoch.
        steps_per_epoch: >= 1.
        continuous: whether the rate changes every step, not every epoch. Defaults to False.

    Examples:
        >>> schedule = tfcourse.schedules.RootDecay(0.1, steps_per_epoch=2)
        >>> tfcourse.schedules.values(schedule, 6).round(4)
        array([0.1   , 0.1   , 0.0707, 0.0707, 0.0577, 0.0577], dtype=float32)
    """

    def __call__(self, step: Steps) -> Rates:
        return self.initial_learning_rate / ops.sqrt(1.0 + self.epochs(step))
