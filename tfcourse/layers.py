"""Softmax and its relatives, one-hot labels, and batch normalization from the paper's equations.

The functions are pure, written with `keras.ops`, and run on every Keras backend, eagerly or
compiled. `BatchNormalization` is for reading: it equals `keras.layers.BatchNormalization`, which
the models use.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfcourse import averages, checked

if TYPE_CHECKING:
    import tensorflow as tf

Name = TypeVar("Name")


def softmax(logits: npt.ArrayLike) -> "tf.Tensor":
    """Turns the logits of C classes into C probabilities that sum to 1.

        a_i = exp(z_i) / sum_j exp(z_j)

    The largest logit is subtracted from all of them first. This changes nothing in the quotient,
    and no exponential can overflow any more: [1000, 1000, -1000] gives [0.5, 0.5, 0].

    Reference: Bishop, Pattern Recognition and Machine Learning, 2006, equation 4.62.

    Args:
        logits: numbers of shape `[..., classes]`; integers are cast to `keras.config.floatx()`.
            -inf (an impossible class) is fine beside a finite logit.

    Returns:
        Tensor of the same shape, each row in [0, 1] with sum 1.

    Examples:
        >>> tfcourse.layers.softmax([5.0, 2.0, -1.0, 3.0]).numpy().round(3)
        array([0.842, 0.042, 0.002, 0.114], dtype=float32)
    """
    z = _float_tensor(logits)
    # In float16 the sum of many exponentials overflows: compute in float32 at least.
    wide = ops.cast(z, keras.backend.result_type(z.dtype, "float32"))
    exponentials = ops.exp(wide - ops.max(wide, axis=-1, keepdims=True))
    return ops.cast(exponentials / ops.sum(exponentials, axis=-1, keepdims=True), z.dtype)


def hardmax(logits: npt.ArrayLike) -> "tf.Tensor":
    """Returns 1 for the largest logit and 0 for the others: softmax without the softness.

        a_i = 1 if i = argmax(z) else 0

    If several logits are largest, the first of them gets the 1. A row with a NaN has no largest
    logit, so all of it is NaN. The gradient is 0 everywhere, so nothing can be trained through it.

    Args:
        logits: numbers of shape `[..., classes]`; integers are cast as in `softmax`.

    Returns:
        Tensor of the same shape, one 1 per row.

    Examples:
        >>> tfcourse.layers.hardmax([5.0, 2.0, -1.0, 3.0]).numpy()
        array([1., 0., 0., 0.], dtype=float32)
    """
    z = _float_tensor(logits)
    ones = ops.one_hot(ops.argmax(z, axis=-1), z.shape[-1], dtype=z.dtype)
    return ops.where(ops.any(ops.isnan(z), axis=-1, keepdims=True), float("nan"), ones)


def logistic(logits: npt.ArrayLike) -> "tf.Tensor":
    """Returns the probability of the first of two classes: softmax for C = 2.

        softmax([z_1, z_2])_1 = exp(z_1) / (exp(z_1) + exp(z_2))
                              = 1 / (1 + exp(-(z_1 - z_2))) = logistic(z_1 - z_2)

    Only the difference counts, so z_2 = 0 loses nothing and one output neuron is enough. It is
    computed here as softmax([z, 0])_1, and so overflows as little as softmax does.

    Reference: Bishop, Pattern Recognition and Machine Learning, 2006, equations 4.57 to 4.59.

    Args:
        logits: the first logit less the second, in any shape.

    Returns:
        Tensor of the same shape, in [0, 1].

    Examples:
        >>> tfcourse.layers.logistic([0.0, 2.0]).numpy().round(4)
        array([0.5   , 0.8808], dtype=float32)
        >>> tfcourse.layers.softmax([2.0, 0.0]).numpy().round(4)
        array([0.8808, 0.1192], dtype=float32)
    """
    z = _float_tensor(logits)
    return softmax(ops.stack([z, ops.zeros_like(z)], axis=-1))[..., 0]


def _float_tensor(values: npt.ArrayLike) -> "tf.Tensor":
    tensor = ops.convert_to_tensor(values)
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return tensor if "float" in dtype else ops.cast(tensor, keras.config.floatx())


def one_hot(labels: Sequence[Name], class_names: Sequence[Name]) -> npt.NDArray[np.float32]:
    """Encodes each label as a row with a single 1, in the column of its class.

    Blue among (red, blue, green) is [0, 1, 0]. For integer labels, `class_names=range(10)`.

    Args:
        labels: a class name per row.
        class_names: distinct names, one per column, in the order of the columns.

    Returns:
        Array of shape `[labels, classes]`.

    Raises:
        ValueError: if a name occurs twice in `class_names`, or a label does not occur there.

    Examples:
        >>> tfcourse.layers.one_hot(["blue", "red"], class_names=("red", "blue", "green"))
        array([[0., 1., 0.],
               [1., 0., 0.]], dtype=float32)
    """
    columns = _columns(class_names)
    unknown = [label for label in labels if label not in columns]
    if unknown:
        raise ValueError(
            f"Every label must be one of {list(columns)}. Received: label={unknown[0]!r}"
        )
    rows = np.zeros((len(labels), len(columns)), np.float32)
    rows[np.arange(len(labels)), [columns[label] for label in labels]] = 1.0
    return rows


def from_one_hot(rows: npt.ArrayLike, class_names: Sequence[Name]) -> list[Name]:
    """Decodes one-hot rows into class names; the inverse of `one_hot`.

    Probabilities are refused: `from_one_hot(hardmax(probabilities), class_names)` names the
    likeliest class of each row.

    Args:
        rows: shape `[labels, classes]`, one 1 per row and 0 elsewhere.
        class_names: distinct names, one per column, in the order of the columns.

    Raises:
        ValueError: if a row is not one-hot, the number of columns is not that of the names, or a
            name occurs twice.

    Examples:
        >>> tfcourse.layers.from_one_hot([[0, 1, 0], [1, 0, 0]], ("red", "blue", "green"))
        ['blue', 'red']
    """
    names = list(_columns(class_names))
    rows = np.asarray(ops.convert_to_numpy(rows))
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise ValueError(
            f"`rows` must have the shape [labels, {len(names)}]. Received: shape={rows.shape}"
        )
    good = (np.sum(rows == 1, axis=1) == 1) & (np.sum(rows == 0, axis=1) == len(names) - 1)
    if not good.all():
        bad = int(np.argmin(good))
        raise ValueError(f"`rows` must be one-hot. Received: rows[{bad}]={rows[bad].tolist()}")
    return [names[column] for column in rows.argmax(axis=1)]


def _columns(class_names: Sequence[Name]) -> dict[Name, int]:
    columns = {name: column for column, name in enumerate(class_names)}
    if len(columns) != len(class_names):
        raise ValueError(f"`class_names` must be distinct. Received: class_names={class_names}")
    return columns


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
