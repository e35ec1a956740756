"""Logits as probabilities: softmax and its relatives."""

from typing import TYPE_CHECKING

import keras
import numpy.typing as npt
from keras import ops

if TYPE_CHECKING:
    import tensorflow as tf


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
    """Returns the probability of the first of two classes, the sigmoid: softmax for C = 2.

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
