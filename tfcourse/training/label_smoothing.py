"""Label smoothing: spreads a small share of each label over all classes, in training only."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from tfcourse import checked
from tfcourse.training.compilation.fast_operations import replaced

_plain = keras.losses.SparseCategoricalCrossentropy.call


@keras.saving.register_keras_serializable(package="tfcourse")
class SmoothedCrossentropy(keras.losses.SparseCategoricalCrossentropy):
    """The cross-entropy of logits with smoothed labels.

    For an example of class y, logits z and K classes, with `log p = log_softmax(z)`:

        q_k  = (1 - label_smoothing) * [k = y] + label_smoothing / K
        loss = - sum over k of q_k * log p_k

    The loss is smallest if the probability of the label is `1 - label_smoothing + label_smoothing /
    K`, and its minimum is above 0. It equals
    `keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)` with
    one-hot labels. Validation and test are evaluated without smoothing, inside `unsmoothed`, so
    that runs with and without it can be compared.

    Reference: Szegedy et al., 2016, https://arxiv.org/abs/1512.00567, section 7.

    Args:
        label_smoothing: in [0, 1).

    Raises:
        ValueError: `label_smoothing` is out of range.
    """

    def __init__(
        self, label_smoothing: float, name: str = "smoothed_crossentropy", **kwargs: Any
    ) -> None:
        super().__init__(from_logits=True, name=name, **kwargs)
        self.label_smoothing = checked.below_one("label_smoothing", label_smoothing)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each example, from labels [examples] or [examples, 1] and logits."""
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        return keras.losses.categorical_crossentropy(
            ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype),
            y_pred,
            from_logits=True,
            label_smoothing=self.label_smoothing,
        )

    def get_config(self) -> dict[str, Any]:
        config = keras.losses.Loss.get_config(self)
        return {**config, "label_smoothing": self.label_smoothing}


@contextlib.contextmanager
def unsmoothed() -> Iterator[None]:
    """Context: losses that are traced or computed inside use the labels as they are."""
    with replaced(SmoothedCrossentropy, "call", lambda _: _plain):
        yield
