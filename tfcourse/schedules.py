"""Learning-rate schedules: the course's three decays, warm-up and one cycle.

A schedule maps the step, counted from 0, to a learning rate; epochs are converted to steps when it
is built. All of them are elementwise, so that an array of steps gives the curve (see `values`).
"""

import dataclasses
import math
import numbers
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcourse import choices

if TYPE_CHECKING:
    import tensorflow as tf

# What a schedule is called with, and what it returns: one step, or an array of them.
Steps: TypeAlias = "int | npt.NDArray[np.integer] | tf.Tensor"
Rates: TypeAlias = "float | npt.NDArray[np.float32] | tf.Tensor"


@dataclasses.dataclass(frozen=True)
class Training:
    """What `build` tells a schedule of the training.

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
        """Returns the schedule for `training`; its steps are those after the warm-up.

        One that spans the training (see `tfcourse.choices`) has the warm-up in it.
        """
        return cls(learning_rate, **hyperparameters)


class EpochDecay(Schedule):
    """What the three decays share: the initial rate, and the epochs that have passed.

    Examples:
        >>> class Halving(tfcourse.schedules.EpochDecay):
        ...     def __call__(self, step):
        ...         return self.initial_learning_rate * 0.5 ** self.epochs(step)
        >>> tfcourse.schedules.values(Halving(0.1, steps_per_epoch=2), 4)
        array([0.1 , 0.1 , 0.05, 0.05], dtype=float32)
    """

    def __init__(
        self, initial_learning_rate: float, steps_per_epoch: int, continuous: bool = False
    ) -> None:
        self.initial_learning_rate = _checked_rate("initial_learning_rate", initial_learning_rate)
        self.steps_per_epoch = _checked_count("steps_per_epoch", steps_per_epoch)
        self.continuous = _checked_flag("continuous", continuous)

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        return cls(
            learning_rate,
            training.steps_per_epoch,
            continuous=training.continuous,
            **hyperparameters,
        )

    def epochs(self, step: Steps) -> Rates:
        """Returns the epochs before `step`: whole ones, or with a fraction if `continuous`."""
        if self.continuous:
            return ops.cast(step, "float32") / self.steps_per_epoch
        # Divided as integers: float32 rounds steps beyond 2**24, and quotients before that.
        return ops.cast(step // self.steps_per_epoch, "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
            "continuous": self.continuous,
        }


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
        self.decay_rate = _checked_rate("decay_rate", decay_rate, maximum=1.0)

    def __call__(self, step: Steps) -> Rates:
        # As a power in float32, the rounding of `decay_rate` would grow with every epoch.
        return self.initial_learning_rate * ops.exp(math.log(self.decay_rate) * self.epochs(step))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate}


@keras.saving.register_keras_serializable(package="tfcourse")
class RootDecay(EpochDecay):
    """Divides the rate by the root of the epoch, epochs counted from 1.

        learning_rate(step) = initial_learning_rate / sqrt(epoch)
        epoch = 1 + step // steps_per_epoch

    Counted from 0, the first epoch would divide by zero. With `continuous`, `epoch` is
    `1 + step / steps_per_epoch`. It has no decay rate: the rate halves by epoch 4, whatever else.

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
        self.decay_rate = _checked_rate("decay_rate", decay_rate, zero_allowed=True)

    def __call__(self, step: Steps) -> Rates:
        return self.initial_learning_rate / (1.0 + self.decay_rate * self.epochs(step))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay_rate": self.decay_rate}


@keras.saving.register_keras_serializable(package="tfcourse")
class Constant(Schedule):
    """Keeps the rate.

    An optimizer that is given a plain float does the same and lets callbacks set it; this is for
    a warm-up in front.

    Args:
        learning_rate: > 0.

    Raises:
        ValueError: if `learning_rate` is not a finite number > 0.

    Examples:
        >>> tfcourse.schedules.values(tfcourse.schedules.Constant(0.1), 3)
        array([0.1, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = _checked_rate("learning_rate", learning_rate)

    def __call__(self, step: Steps) -> Rates:
        return self.learning_rate * ops.ones_like(step, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate}


@keras.saving.register_keras_serializable(package="tfcourse")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Raises the rate linearly to where a schedule starts, then follows the schedule.

        learning_rate(step) = schedule(0) * (step + 1) / warmup_steps    if step < warmup_steps
                              schedule(step - warmup_steps)              otherwise

    The schedule thus starts late by `warmup_steps` and loses nothing of its course. The last step
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
        self.warmup_steps = _checked_count("warmup_steps", warmup_steps)

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
    rates. The momentum is left alone.

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
        self.peak_learning_rate = _checked_rate("peak_learning_rate", peak_learning_rate)
        self.total_steps = _checked_count("total_steps", total_steps)
        if rise_steps is None:
            rise_steps = 3 * self.total_steps // 10
        self.rise_steps = _checked_count("rise_steps", rise_steps, minimum=0)
        if self.rise_steps >= self.total_steps:
            raise ValueError(
                "`rise_steps` must be less than `total_steps`. "
                f"Received: rise_steps={rise_steps}, total_steps={total_steps}"
            )

    @classmethod
    def of(cls, learning_rate: float, training: Training, **hyperparameters: Any) -> Self:
        total_steps = _checked_count("epochs", training.epochs) * training.steps_per_epoch
        rise_steps = training.warmup_steps or None
        return cls(learning_rate, total_steps, rise_steps=rise_steps, **hyperparameters)

    def __call__(self, step: Steps) -> Rates:
        peak = self.peak_learning_rate
        first = peak / 25.0
        # A part without steps is never looked at; 1 keeps its division defined.
        fall_steps = max(self.total_steps - 1 - self.rise_steps, 1)
        to_rise = ops.cast(self.rise_steps - step, "float32") / max(self.rise_steps, 1)
        to_fall = ops.cast(self.total_steps - 1 - step, "float32") / fall_steps
        return ops.where(
            step <= self.rise_steps,
            _half_cosine(first, peak, to_rise),
            _half_cosine(peak, first / 1e4, ops.maximum(to_fall, 0.0)),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "rise_steps": self.rise_steps,
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
        epochs: >= 1, only used by one cycle.
        warmup_epochs: >= 0. One cycle rises over that time, or over 3/10 of all steps for 0;
            other schedules start after a `WarmUp`.
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
    if name not in SCHEDULES:
        raise ValueError(f"`name` must be one of {', '.join(SCHEDULES)}. Received: name={name!r}")
    given = {key: value for key, value in hyperparameters.items() if value is not None}
    for key, value in given.items():
        if key not in choices.SCHEDULES[name].takes:
            raise ValueError(
                f"The schedule {name!r} has no {key.replace('_', ' ')}. Received: {key}={value!r}"
            )
    steps_per_epoch = _checked_count("steps_per_epoch", steps_per_epoch)
    warmup_steps = _checked_count("warmup_epochs", warmup_epochs, minimum=0) * steps_per_epoch
    training = Training(steps_per_epoch, epochs, warmup_steps, continuous)
    schedule = SCHEDULES[name].of(initial_learning_rate, training, **given)
    if warmup_steps and not choices.SCHEDULES[name].spans_training:
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


def _half_cosine(start: float, end: float, remaining: Rates) -> Rates:
    """Returns `start` where the whole way remains (1), `end` where nothing does (0)."""
    # The weight is (1 + cos(pi * (1 - remaining))) / 2, which would lose its digits towards 0.
    weight = ops.square(ops.sin(math.pi / 2.0 * remaining))
    return weight * start + (1.0 - weight) * end


def _checked_rate(
    name: str, value: Any, maximum: float = math.inf, zero_allowed: bool = False
) -> float:
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_real or not 0.0 <= value <= maximum or math.isinf(value):
        in_range = False
    else:
        in_range = zero_allowed or value > 0.0
    if not in_range:
        bound = ">= 0" if zero_allowed else "> 0"
        bound += "" if math.isinf(maximum) else f" and <= {maximum}"
        raise ValueError(f"`{name}` must be a finite float {bound}. Received: {name}={value!r}")
    return float(value)


def _checked_count(name: str, value: Any, minimum: int = 1) -> int:
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < minimum:
        raise ValueError(f"`{name}` must be an integer >= {minimum}. Received: {name}={value!r}")
    return int(value)


def _checked_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value


SCHEDULES: dict[str, type[Schedule]] = {
    name: choice.load() for name, choice in choices.SCHEDULES.items()
}
