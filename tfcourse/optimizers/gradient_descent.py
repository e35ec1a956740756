"""Gradient descent: the step goes straight down the gradient."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def gradient_descent_update(gradient: "tf.Tensor", *, learning_rate: "tf.Tensor") -> "tf.Tensor":
    """Returns what to subtract from the parameter."""
    return learning_rate * gradient


@keras.saving.register_keras_serializable(package="tfcourse")
class GradientDescent(arguments.Optimizer):
    """Steps down the gradient of the mini-batch.

    For gradient `g` of parameter `w`, at every step:

        w <- w - learning_rate * g

    Whether this is batch, mini-batch or stochastic gradient descent depends only on how many
    examples `g` is the mean over. It equals `keras.optimizers.SGD(learning_rate)`.

    Sparse gradients are made dense. A variable in half precision is updated in float32; the step
    is then rounded to the variable's dtype.

    Reference: Robbins and Monro, 1951, https://doi.org/10.1214/aoms/1177729586

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.01.
        name: defaults to "gradient_descent".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([1.0, -2.0])
        >>> optimizer = tfcourse.optimizers.GradientDescent(learning_rate=0.1)
        >>> optimizer.apply([keras.ops.array([1.0, -2.0])], [w])
        >>> w.numpy()
        array([ 0.9, -1.8], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.01,
        name: str = "gradient_descent",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        gradient, learning_rate = arguments.same_precision(variable, gradient, learning_rate)
        delta = gradient_descent_update(gradient, learning_rate=learning_rate)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))
