"""Warm-up: the rate rises from near zero before a schedule starts."""

from typing import Any, Self

import keras
from keras import ops

from tfcourse import checked
from tfcourse.schedules.schedule import Rates, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Raises the rate linearly to where a schedule starts, then follows the schedule.

        learning_rate(step) = schedule(0) * (step + 1) / warmup_steps    if step < warmup_steps
                              schedule(step - warmup_steps)              otherwise

    The schedule thus starts `warmup_steps` later and runs in full. The last step
    of the warm-up already has the full rate.

    Reference: Goyal et al., 2017, https://arxiv.org/abs/1706.02677

    Args:
        schedule: `LearningRateSchedule`, of this module or of Keras.
        warmup_steps: >= 1.

    Raises:
        ValueError: if `schedule` is none, or `warmup_steps` lies outside its range.

    Examples:
        >>> decay = tfcourse.schedules.ExponentialDecay(0.1, steps_per_epoch=1, decay_rate=0.5)
        >>> tfcourse.schedules.values(tfcourse.schedules.WarmUp(decay, warmup_steps=4), 7).round(4)
        array([0.025, 0.05 , 0.075, 0.1  , 0.1  , 0.05 , 0.025], dtype=float32)
    """

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, warmup_steps: int
    ) -> None:
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                f"`schedule` must be a `LearningRateSchedule`. Received: schedule={schedule!r}"
            )
        self.schedule = schedule
        self.warmup_steps = checked.count("warmup_steps", warmup_steps)

    def __call__(self, step: Steps) -> Rates:
        warmed_up = ops.cast(step + 1, "float32") / self.warmup_steps
        return ops.where(
            step < self.warmup_steps,
            self.schedule(0) * warmed_up,
            self.schedule(ops.maximum(step - self.warmup_steps, 0)),
        )

    def get_config(self) -> dict[str, Any]:
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "warmup_steps": self.warmup_steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["warmup_steps"])
