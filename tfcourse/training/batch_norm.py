"""Re-estimates the means and variances that batch normalization uses at inference."""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tfcourse import batching, layers
from tfcourse.training import keras_internals
from tfcourse.training.input_checks import NotFiniteError


def reestimate_batch_norm(
    model: keras.Model, features: Any, batch_size: int | Literal["full"] = 1000
) -> None:
    """Sets the moving averages of all batch-normalization layers to means over `features`.

    The averages collected in training lag behind the weights, especially after few steps or with a
    momentum near 1. This sets each layer's mean and variance to the means, over the batches, of
    those used in training mode:

        moving_mean     <- sum_B b * mu_B  / sum_B b
        moving_variance <- sum_B b * var_B / sum_B b

    for batches B of b examples. Nothing else in the model changes, except the state of its random
    generators (dropout is active, as in training). Layers with `trainable = False` are left as they
    are. No labels are needed, so a model can be adapted to features from another distribution.

    Reference: Ioffe and Szegedy, 2015, algorithm 2, https://arxiv.org/abs/1502.03167. The paper
    uses var_B * b / (b - 1); Keras and this function use var_B.

    Args:
        model: built `keras.Model`.
        features: array of examples [examples, ...].
        batch_size: int >= 1, or "full". A batch should be no smaller than in training.

    Raises:
        ValueError: `model` has no batch normalization, `features` is empty or not finite, or
            `batch_size` is out of range.
        NotFiniteError: the weights have diverged, so that the mean or variance of a batch is not
            finite. No average has been changed.
    """
    normalizing = [layer for layer in keras_internals.all_layers(model) if _is_active(layer)]
    if not normalizing:
        raise ValueError(
            f"`model` must have a trainable batch normalization. Received: model={model.name}"
        )
    size = batching.resolve_batch_size(batch_size, len(features))
    num_bad = int((~np.isfinite(features)).sum())
    if num_bad:
        raise ValueError(f"`features` must be finite. Received: {num_bad} values that are not")
    momenta = [layer.momentum for layer in normalizing]
    totals = [[0.0, 0.0] for _ in normalizing]
    before = [(layer.moving_mean.numpy(), layer.moving_variance.numpy()) for layer in normalizing]
    try:
        for layer in normalizing:
            layer.momentum = 0.0  # So that the averages are those of the last batch.
        for start in range(0, len(features), size):
            batch = tf.convert_to_tensor(features[start : start + size])
            model(batch, training=True)
            for layer, total in zip(normalizing, totals, strict=True):
                total[0] += len(batch) * layer.moving_mean.numpy().astype("float64")
                total[1] += len(batch) * layer.moving_variance.numpy().astype("float64")
    finally:
        for layer, momentum, averages in zip(normalizing, momenta, before, strict=True):
            layer.momentum = momentum
            _assign(layer, *averages)
    for layer, total in zip(normalizing, totals, strict=True):
        if not np.isfinite(total).all():
            raise NotFiniteError(
                f"the inputs of {layer.name} have no finite mean and variance: the weights of "
                f"{model.name} have diverged"
            )
    for layer, (mean, variance) in zip(normalizing, totals, strict=True):
        _assign(layer, mean / len(features), variance / len(features))


def _assign(layer: keras.Layer, mean: Any, variance: Any) -> None:
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)


def _is_active(layer: keras.Layer) -> bool:
    kinds = (keras.layers.BatchNormalization, layers.BatchNormalization)
    return isinstance(layer, kinds) and layer.trainable
