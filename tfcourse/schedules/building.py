"""Schedules by name, fitted to a training, and their rates as an array."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcourse import checked, choices
from tfcourse.schedules.schedule import Schedule, Training
from tfcourse.schedules.warm_up import WarmUp

SCHEDULES: dict[str, type[Schedule]] = {
    name: choice.load() for name, choice in choices.SCHEDULES.items()
}


def build(
    name: str,
    initial_learning_rate: float,
    *,
    steps_per_epoch: int,
    epochs: int,
    warmup_epochs: int = 0,
    continuous: bool = False,
    **hyperparameters: Any,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns the schedule called `name` for a training of `epochs` epochs.

    Args:
        name: a key of `SCHEDULES`.
        initial_learning_rate: > 0, the rate at the end of the warm-up; one cycle's peak.
        steps_per_epoch: >= 1.
        epochs: >= 1, only used by one cycle and cosine.
        warmup_epochs: >= 0. One cycle rises over that time, or over 3/10 of all steps for 0;
            other schedules start after a `WarmUp`, and cosine ends with the training all the same.
        continuous: whether the three decays change every step.
        **hyperparameters: those that the schedule takes, such as `decay_rate` of "exponential" and
            "inverse_time"; `None` is its default.

    Raises:
        ValueError: if `name` is unknown, an argument lies outside its range, or the schedule does
            not take it.

    Examples:
        >>> schedule = tfcourse.schedules.build("root", 0.1, steps_per_epoch=2, epochs=3)
        >>> tfcourse.schedules.values(schedule, 6).round(4)
        array([0.1   , 0.1   , 0.0707, 0.0707, 0.0577, 0.0577], dtype=float32)
    """
    checked.one_of("name", name, SCHEDULES)
    given = {key: value for key, value in hyperparameters.items() if value is not None}
    for key, value in given.items():
        if key not in choices.SCHEDULES[name].takes:
            raise ValueError(
                f"The schedule {name!r} has no {key.replace('_', ' ')}. Received: {key}={value!r}"
            )
    steps_per_epoch = checked.count("steps_per_epoch", steps_per_epoch)
    warmup_steps = checked.count("warmup_epochs", warmup_epochs, minimum=0) * steps_per_epoch
    epochs = checked.count("epochs", epochs)
    continuous = checked.flag("continuous", continuous)
    training = Training(steps_per_epoch, epochs, warmup_steps, continuous)
    schedule = SCHEDULES[name].of(initial_learning_rate, training, **given)
    if warmup_steps and not choices.SCHEDULES[name].warms_up:
        return WarmUp(schedule, warmup_steps)
    return schedule


def values(
    schedule: keras.optimizers.schedules.LearningRateSchedule, num_steps: int
) -> npt.NDArray[np.float32]:
    """Returns the rates of steps 0 to `num_steps - 1` as a float32 array, to plot or print them.

    Examples:
        >>> keras_schedule = keras.optimizers.schedules.CosineDecay(0.1, decay_steps=4)
        >>> tfcourse.schedules.values(keras_schedule, 5).round(3)
        array([0.1  , 0.085, 0.05 , 0.015, 0.   ], dtype=float32)
    """
    return ops.convert_to_numpy(schedule(np.arange(num_steps)))
