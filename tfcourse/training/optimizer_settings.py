"""An optimizer's settings, which a nudge changes while it trains."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfcourse import nudges
from tfcourse.hyperparameters import declarations
from tfcourse.training.keras_internals import inner_of, schedule_of

# Hyperparameters of optimizers besides the learning rate.
_SETTINGS = [
    name for name in declarations(nudges.Change) if name not in ("learning_rate", nudges.ROLLBACK)
]


@keras.saving.register_keras_serializable(package="tfcourse")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a constant factor."""

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, factor: float
    ) -> None:
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "factor": self.factor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["factor"])


class OptimizerSettings:
    """Reads and sets an optimizer's rate and hyperparameters, without changing its slots.

    Everything except a constant learning rate is a constant in compiled programs: after `set` or
    `restore`, the training step must be traced again.

    Args:
        optimizer: a built `keras.Optimizer`.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = inner_of(optimizer)
        self._schedule = schedule_of(optimizer)
        self._factor = 1.0
        if isinstance(self._schedule, ScaledSchedule):  # Nudged in an earlier training.
            self._schedule, self._factor = self._schedule.schedule, self._schedule.factor

    def state(self) -> dict[str, float]:
        """Returns the settings that are not variables, JSON-able."""
        own = {n: getattr(self._optimizer, n) for n in _SETTINGS if hasattr(self._optimizer, n)}
        # A value that follows a schedule is given by the step.
        own = {name: value for name, value in own.items() if not callable(value)}
        return {"learning_rate_factor": self._factor, **own}

    def restore(self, state: Mapping[str, float]) -> None:
        """Sets what `state` returned; the slots are restored separately."""
        if state.keys() != self.state().keys():
            raise ValueError(f"its optimizer has {', '.join(sorted(state))}")
        for name, value in state.items():
            if name == "learning_rate_factor":
                self._scale(float(value))
            else:
                setattr(self._optimizer, name, nudges.check(name, value))

    def set(self, name: str, value: float) -> None:
        """Sets one setting from here on.

        With a schedule, a new rate scales the schedule. A new decay rate of an average of gradients
        keeps the average itself, which may be stored as a sum, `1 / (1 - beta)` times as large.

        Raises:
            ValueError: the optimizer has no such setting, or its schedule can't be scaled.
        """
        optimizer = self._optimizer
        if name == "learning_rate":
            if self._schedule is None:
                optimizer.learning_rate = value
                return
            before = self._factor
            self._scale(1.0)
            scheduled = float(optimizer.learning_rate)
            if not scheduled > 0.0:
                self._scale(before)
                raise ValueError(f"the schedule's rate is {scheduled} here and can't be scaled")
            self._scale(value / scheduled)
        elif callable(getattr(optimizer, name, None)):
            raise ValueError(f"{name} follows a schedule")
        elif hasattr(optimizer, name):
            before = getattr(optimizer, name)
            setattr(optimizer, name, value)
            if name == getattr(optimizer, "weighted_by", None):
                for weighted_sum in optimizer._weighted_sums:
                    weighted_sum.assign(weighted_sum * ((1.0 - before) / (1.0 - value)))
        else:
            raise ValueError(f"{optimizer.name} has no {name}")

    def _scale(self, factor: float) -> None:
        self._factor = factor
        if self._schedule is not None:
            scaled = ScaledSchedule(self._schedule, factor) if factor != 1.0 else self._schedule
            self._optimizer.learning_rate = scaled
