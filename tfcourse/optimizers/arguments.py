"""Checks of optimizers' arguments, and conversion of tensors to one dtype."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
from keras import ops

from tfcourse import checked

if TYPE_CHECKING:
    import tensorflow as tf

_VECTOR = 16  # float32 values of the widest registers.

LearningRate: TypeAlias = (
    "float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], float | tf.Tensor]"
)
# The decay rate of an average of gradients.
Momentum: TypeAlias = "float | keras.optimizers.schedules.LearningRateSchedule"


class Optimizer(keras.optimizers.Optimizer):
    """The base class of our optimizers; adds what Keras's lacks.

    Arguments out of range are errors, the decay rate of an average may follow a schedule, values
    may have another shape (see `same_precision`), and a configuration may have a learning rate that
    has fallen to 0.

    Attributes:
        given_numbers: names of the numbers that trials of a sweep may vary without a new program.
            The update rule may only multiply such a number by a tensor, add it to one, subtract it
            from 1, compare it with 0.5, and take its logarithm as `adam.average_weight` does.
    """

    given_numbers: tuple[str, ...] = ()

    def __init__(self, learning_rate: LearningRate, name: str, **kwargs: Any) -> None:
        for limit in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"):
            if kwargs.get(limit) is not None:  # Keras ignores negative limits.
                kwargs[limit] = checked.number(limit, kwargs[limit], zero_allowed=True)
        super().__init__(_checked_learning_rate(learning_rate), name=name, **kwargs)

    def assign(self, variable: keras.Variable, value: "tf.Tensor") -> None:
        super().assign(variable, ops.reshape(value, variable.shape))

    def assign_sub(self, variable: keras.Variable, value: "tf.Tensor") -> None:
        super().assign_sub(variable, ops.reshape(value, variable.shape))

    def at_this_step(
        self, name: str, weighted_sum: "tf.Tensor"
    ) -> "tuple[float | tf.Tensor, tf.Tensor]":
        """Returns the current decay rate `name`, and the weighted sum that belongs to it.

        The optimizer stores `average / (1 - beta)`. If a schedule has changed beta since the last
        step, the same average has another sum.
        """
        beta = getattr(self, name)
        if not callable(beta):
            return beta, weighted_sum
        # A schedule counts steps, `iterations` counts updates: fewer where gradients accumulate.
        every = self.gradient_accumulation_steps or 1
        last = (self.iterations + 1) * every - 1
        steps = last, ops.maximum(last - every, 0)
        now, before = (ops.cast(beta(step), weighted_sum.dtype) for step in steps)
        return now, weighted_sum * ((1.0 - before) / (1.0 - now))

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> keras.optimizers.Optimizer:
        config = {
            name: keras.optimizers.schedules.deserialize(value, custom_objects)
            if name.startswith("beta") and isinstance(value, dict)
            else value
            for name, value in config.items()
        }
        if config.get("learning_rate") != 0:
            return super().from_config(config, custom_objects)
        optimizer = cls(**{**config, "learning_rate": 1.0})
        optimizer.learning_rate = 0.0
        return optimizer


def _checked_learning_rate(learning_rate: Any) -> LearningRate:
    """Returns a number as a float for Keras; a schedule or a callable unchanged."""
    if callable(learning_rate):
        return learning_rate
    if not checked.is_real(learning_rate) or not 0.0 < learning_rate < math.inf:
        raise ValueError(
            "`learning_rate` must be a finite float > 0, a `LearningRateSchedule` or a callable. "
            f"Received: learning_rate={learning_rate!r}"
        )
    return float(learning_rate)


def checked_momentum(name: str, value: Any) -> Momentum:
    """Returns the decay rate of an average of gradients: a float in [0, 1), or a schedule."""
    is_schedule = isinstance(value, keras.optimizers.schedules.LearningRateSchedule)
    return value if is_schedule else checked.below_one(name, value)


def config_of(momentum: Momentum) -> Any:
    """Returns the configuration of a decay rate that may follow a schedule, for `from_config`."""
    is_number = isinstance(momentum, float)
    return momentum if is_number else keras.optimizers.schedules.serialize(momentum)


def same_precision(variable: keras.Variable, *tensors: "tf.Tensor") -> "list[tf.Tensor]":
    """Returns the tensors as dense float32, or float64 if `variable` is float64.

    If the variable's last axis is short, and each tensor has its shape or is a single number, they
    are returned as long rows.

    So a variable in half precision is updated in float32 and rounded once, when stored. In
    bfloat16, 0.999 is 1, and an average with a decay rate of 1 would never forget.
    """
    is_double = keras.backend.standardize_dtype(variable.dtype) == "float64"
    dtype = "float64" if is_double else "float32"
    dense = [ops.cast(_dense(tensor, variable.shape), dtype) for tensor in tensors]
    # XLA on the CPU vectorizes only along the last axis, and not at all for ten columns. With as
    # many columns as a register holds, long rows gain nothing.
    is_narrow = len(variable.shape) > 1 and variable.shape[-1] < _VECTOR
    if is_narrow and all(tuple(each.shape) in ((), tuple(variable.shape)) for each in dense):
        return [ops.reshape(each, (-1,)) if len(each.shape) else each for each in dense]
    return dense


def _dense(tensor: Any, shape: tuple[int, ...]) -> "tf.Tensor":
    # The gradient of an embedding is a `tf.IndexedSlices`: the rows looked up, some of them twice.
    if hasattr(tensor, "dense_shape"):
        return ops.scatter(ops.expand_dims(tensor.indices, -1), tensor.values, shape)
    return tensor
