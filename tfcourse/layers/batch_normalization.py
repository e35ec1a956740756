"""Batch normalization: the paper's equations, and a Keras layer of them."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcourse import averages, checked

if TYPE_CHECKING:
    import tensorflow as tf


def batch_moments(
    inputs: "npt.NDArray[np.floating] | tf.Tensor", mask: "tf.Tensor | None" = None
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns the mean and the variance of each feature over the batch.

        mu  = mean(x)
        var = mean((x - mu)^2)

    The mean runs over all axes but the last: over examples, and over positions in images. Where
    `mask`, of the shape of these axes, is false, it leaves them out.

    Examples:
        >>> mean, variance = tfcourse.layers.batch_moments(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> mean.numpy(), variance.numpy()
        (array([ 2., 20.]), array([  1., 100.]))
    """
    axes = tuple(range(len(inputs.shape) - 1))
    if mask is None:
        mean = ops.mean(inputs, axis=axes)
        return mean, ops.mean(ops.square(inputs - mean), axis=axes)
    counted = ops.cast(mask, "bool")[..., None]
    count = ops.maximum(ops.sum(ops.cast(counted, inputs.dtype)), 1)
    mean = ops.sum(ops.where(counted, inputs, 0), axis=axes) / count
    return mean, ops.sum(ops.where(counted, ops.square(inputs - mean), 0), axis=axes) / count


def batch_normalize(
    inputs: "npt.NDArray[np.floating] | tf.Tensor",
    mean: "tf.Tensor",
    variance: "tf.Tensor",
    *,
    gamma: "tf.Tensor | float",
    beta: "tf.Tensor | float",
    epsilon: float,
) -> "tf.Tensor":
    """Divides by the standard deviation (not the variance), then scales and shifts.

        xh = (x - mu) / sqrt(var + epsilon)
        y  = gamma * xh + beta

    Examples:
        >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
        >>> mean, variance = tfcourse.layers.batch_moments(x)
        >>> tfcourse.layers.batch_normalize(
        ...     x, mean, variance, gamma=1.0, beta=0.0, epsilon=0.0
        ... ).numpy()
        array([[-1., -1.],
               [ 1.,  1.]])
    """
    normalized = (inputs - mean) / ops.sqrt(variance + epsilon)
    return gamma * normalized + beta


@keras.saving.register_keras_serializable(package="tfcourse")
class BatchNormalization(keras.layers.Layer):
    """Normalizes each feature over the mini-batch, as a layer between other layers.

    In training, with the mean and variance of the batch at hand:

        mu  = mean(x)
        var = mean((x - mu)^2)
        y   = gamma * (x - mu) / sqrt(var + epsilon) + beta

        moving_mean     <- momentum * moving_mean     + (1 - momentum) * mu
        moving_variance <- momentum * moving_variance + (1 - momentum) * var

    At test time a sample may come alone, so the moving averages stand in for mu and var, and the
    layer is one fixed affine map. They start at 0 and 1 and are not bias-corrected, so before
    about 1 / (1 - momentum) steps they still remember that start. A layer with
    `trainable = False` is in inference mode, as in Keras.

    The paper multiplies var by m / (m - 1) for the test-time average (its algorithm 2); like
    Keras, this layer does not.

    Reference: Ioffe and Szegedy, 2015, algorithms 1 and 2, https://arxiv.org/abs/1502.03167

    Args:
        momentum: decay rate of the moving averages, in [0, 1). Default 0.99, as in Keras.
        epsilon: number > 0, keeps a constant feature from dividing by zero. Default 0.001.
        **kwargs: passed on to `keras.layers.Layer`.

    Examples:
        >>> layer = tfcourse.layers.BatchNormalization(epsilon=1e-9)
        >>> layer(np.array([[1.0], [3.0]], "float32"), training=True).numpy().round(4)
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = checked.below_one("momentum", momentum)
        self.epsilon = checked.number("epsilon", epsilon)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # autocast=False: under a mixed-precision policy the statistics stay float32.
        options: dict[str, Any] = {"shape": (input_shape[-1],), "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **options)
        self.beta = self.add_weight(name="beta", initializer="zeros", **options)
        options["trainable"] = False
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **options)
        self.moving_variance = self.add_weight(
            name="moving_variance", initializer="ones", **options
        )

    def call(
        self, inputs: "tf.Tensor", training: bool = False, mask: "tf.Tensor | None" = None
    ) -> "tf.Tensor":
        # Squares of float16 overflow from 256 on: compute in float32 at least.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        gamma, beta, moving_mean, moving_variance = (
            ops.cast(weight, x.dtype)
            for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        if training and self.trainable:
            mean, variance = batch_moments(x, mask)
            for weight, average, value in (
                (self.moving_mean, moving_mean, mean),
                (self.moving_variance, moving_variance, variance),
            ):
                weight.assign(averages.average_step(average, value, self.momentum))
        else:
            mean, variance = moving_mean, moving_variance
        outputs = batch_normalize(x, mean, variance, gamma=gamma, beta=beta, epsilon=self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
