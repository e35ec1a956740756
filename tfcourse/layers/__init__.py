"""Softmax and its relatives, one-hot labels, and batch normalization from the paper's equations.

The functions are pure, written with `keras.ops`, and run on every Keras backend, eagerly or
compiled. `BatchNormalization` is for reading: it equals `keras.layers.BatchNormalization`, which
the models use.
"""

from tfcourse.layers.batch_normalization import BatchNormalization, batch_moments, batch_normalize
from tfcourse.layers.labels import from_one_hot, one_hot
from tfcourse.layers.probabilities import hardmax, logistic, softmax

__all__ = [
    "BatchNormalization",
    "batch_moments",
    "batch_normalize",
    "from_one_hot",
    "hardmax",
    "logistic",
    "one_hot",
    "softmax",
]
