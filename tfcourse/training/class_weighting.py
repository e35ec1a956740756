"""Weights for the examples of each class, so that rare classes count as much as common ones."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

ClassWeight = Sequence[float] | npt.NDArray[np.floating] | Mapping[int, float]


def balanced_class_weights(
    labels: npt.NDArray[np.integer], num_classes: int
) -> npt.NDArray[np.float64]:
    """Returns class weights that give every class the same share of the loss.

        w_c = n / (k n_c)

    for n examples of k classes, n_c of them in class c. A class without examples gets weight 1 and
    is not counted in k.

    Args:
        labels: int [examples], in [0, num_classes).
        num_classes: int.

    Returns:
        float64 [num_classes].
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    weights = np.ones(num_classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def checked(class_weight: ClassWeight | None, labels: Any) -> npt.NDArray[np.float32] | None:
    """Returns weights as float32 [classes], as `fit` takes them.

    Args:
        class_weight: `None`, a sequence with a number >= 0 per class, or `{class: number}`; classes
            that the dict leaves out get weight 1.
        labels: the training set's: whole numbers [examples] or [examples, 1], or one-hot.

    Raises:
        ValueError: a weight is out of range or missing, or the model has several outputs.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        raise ValueError(
            "`class_weight` must be numbers; `training.balanced_class_weights(labels, num_classes)`"
            f" returns balanced ones. Received: class_weight={class_weight!r}"
        )
    if tf.nest.is_nested(labels):
        raise ValueError("`class_weight` needs a model with one output, as in Keras.")
    if np.asarray(labels).dtype.kind == "f" and (np.asarray(labels) % 1).any():
        raise ValueError("`class_weight` weighs classes; the labels are a quantity. Leave it out.")
    one_hot = np.ndim(labels) > 1 and np.shape(labels)[-1] > 1
    num_classes = np.shape(labels)[-1] if one_hot else int(np.max(labels)) + 1
    weights: Any = class_weight
    if isinstance(class_weight, Mapping):
        if not all(isinstance(c, numbers.Integral) and c >= 0 for c in class_weight):
            raise ValueError(
                "`class_weight` must name classes by their numbers, as the labels do. "
                f"Received: {class_weight!r}"
            )
        most = max([num_classes, *(c + 1 for c in class_weight)])
        weights = [class_weight.get(c, 1.0) for c in range(most)]
    weights = np.asarray(weights, np.float32)
    is_enough = weights.ndim == 1 and len(weights) >= num_classes
    if not is_enough or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"`class_weight` must be a finite number >= 0 for each of {num_classes} classes. "
            f"Received: {class_weight!r}"
        )
    return weights


def weighted(
    batch: tuple[tf.Tensor, tf.Tensor], class_weights: npt.NDArray[np.float32] | None
) -> tuple[tf.Tensor, ...]:
    """Returns `(features, labels, weights)` for Keras, with the weight of each example.

    Keras divides the sum of the weighted losses by the number of examples, not by their total
    weight.
    """
    if class_weights is None:
        return batch
    features, labels = batch
    classes = labels
    if labels.shape.rank > 1:  # A column, or one-hot.
        one_hot = labels.shape[-1] > 1
        classes = tf.argmax(labels, axis=-1) if one_hot else tf.squeeze(labels, axis=-1)
    return features, labels, tf.gather(tf.constant(class_weights), tf.cast(classes, tf.int32))
