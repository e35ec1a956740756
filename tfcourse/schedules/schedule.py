"""The base of all schedules: maps a step to a rate, fitted to a training."""

import dataclasses
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import tensorflow as tf

# The argument and the result of a schedule: one step or rate, or an array of them.
Steps: TypeAlias = "int | npt.NDArray[np.integer] | tf.Tensor"
Rates: TypeAlias = "float | npt.NDArray[np.float32] | tf.Tensor"


@dataclasses.dataclass(frozen=True)
class Training:
    """The properties of a training that `build` passes to a schedule.

    Attributes:
        steps_per_epoch: >= 1.
        epochs: >= 1.
        warmup_steps: >= 0.
        continuous: whether a rate changes every step, not every epoch.

    Examples:
        >>> training = tfcourse.schedules.Training(steps_per_epoch=2, epochs=3)
        >>> tfcourse.schedules.OneCycle.of(0.1, training).total_steps
        6
    """

    steps_per_epoch: int
    epochs: int
    warmup_steps: int = 0
    continuous: bool = False


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that `build` can fit to a training.

    Examples:
        >>> training = tfcourse.schedules.Training(steps_per_epoch=2, epochs=3)
        >>> tfcourse.schedules.RootDecay.of(0.1, training).steps_per_epoch
        2
    """

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        """Returns the schedule for `training`, over the steps after the warm-up.

        A schedule with its own warm-up (see `tfcourse.choices`) includes the warm-up.
        """
        return cls(learning_rate, **hyperparameters)
