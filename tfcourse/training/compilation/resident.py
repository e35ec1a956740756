"""Arrays in the device's memory, each stored once, however many trainings use it."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import datasets, training_data

# This many values stay in a core's cache between the passes of `as_bytes`.
_BLOCK = 1 << 14
_made: dict[Any, Any] = {}


def is_constant(array: Any) -> bool:
    """Returns whether `array` is a tensor, or read-only and not a view of a writable array."""
    while isinstance(array, np.ndarray) and not array.flags.writeable:
        if array.base is None:
            return True
        array = array.base
    return isinstance(array, (tf.Tensor, bytes))


def resident(array: Any) -> tf.Tensor:
    """Returns `array` as a tensor; for an array that can't change, always the same tensor.

    A search trains on the same arrays over and over.

    Args:
        array: NumPy array or tensor.

    Raises:
        DataError: the data stays on the disk, which only `fit` and evaluation support.
    """
    if hasattr(array, "read"):
        raise datasets.DataError(
            f"Expected data that fits into memory; received {len(array):,} examples that stay on "
            "the disk. Only training and evaluation read those; take a smaller part of the set."
        )
    return kept_for(tf.convert_to_tensor, array)


def resident_features(split: training_data.Split, *, may_be_bytes: bool) -> Any:
    """Returns the `ResidentFeatures` of a split, with the structure of its features."""
    kept = training_data.kept_features(split)
    if kept is getattr(split, "pixels", None):
        return ResidentFeatures(kept, are_pixels=True)
    return tf.nest.map_structure(
        lambda array: ResidentFeatures(array, may_be_bytes=may_be_bytes), kept
    )


class ResidentFeatures:
    """Features from which batches are gathered; stored as bytes if they are bytes divided by 255.

    A batch in random order is read from all over the memory; as bytes, it is a quarter of the size.

    Args:
        features: array or tensor, as for `resident`; the bytes if `are_pixels`.
        may_be_bytes: whether to store bytes if that changes no value.
        are_pixels: whether `features` are bytes that stand for their value divided by 255.
    """

    def __init__(
        self, features: Any, *, may_be_bytes: bool = False, are_pixels: bool = False
    ) -> None:
        # A variable, because TensorFlow would multiply by the rounded inverse of a constant.
        self._divisor = tf.Variable(255.0, trainable=False)
        self._bytes = kept_for(_byte_tensor, features) if may_be_bytes else None
        if are_pixels:
            self._bytes = resident(features)
        self._rows = resident(features) if self._bytes is None else self._bytes

    def rows(self, indices: tf.Tensor) -> tf.Tensor:
        """Returns the examples `indices`, an int tensor, as they are stored."""
        return tf.gather(self._rows, indices)

    def decoded(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the features of the examples that `rows` returned."""
        return rows if self._bytes is None else tf.cast(rows, tf.float32) / self._divisor


def as_bytes(features: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8] | None:
    """Returns uint8 `b` such that `b / 255` in float32 equals `features` exactly, or `None`.

    Args:
        features: float32 NumPy array.
    """
    values = features.reshape(-1)
    found = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        if not (block.min() >= 0 and block.max() <= 1):
            return None
        nearest = np.rint(block * np.float32(255)).astype(np.uint8)
        if not np.array_equal(nearest / np.float32(255), block):
            return None
        found[start : start + _BLOCK] = nearest
    return found.reshape(features.shape)


def _byte_tensor(features: Any) -> tf.Tensor | None:
    is_float32 = isinstance(features, np.ndarray) and features.dtype == np.float32
    found = as_bytes(features) if is_float32 else None
    return None if found is None else tf.convert_to_tensor(found)


def kept_for(make: Callable[..., Any], *arrays: Any) -> Any:
    """Returns `make(*arrays)`; for arrays that can't change, always the same object.

    Args:
        make: function; pass the same one each time.
        arrays: NumPy arrays, or other arguments of `make`.
    """
    if not all(isinstance(array, np.ndarray) and is_constant(array) for array in arrays):
        return make(*arrays)
    key = make, *map(id, arrays)
    if key not in _made:
        _made[key] = make(*arrays)
        for array in arrays:
            weakref.finalize(array, _made.pop, key, None)
    return _made[key]
