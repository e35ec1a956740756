"""Arrays in the device's memory, each of them once, however often it is trained on."""

import weakref

import numpy as np
import tensorflow as tf

from tfcourse import datasets

_tensors = {}


def resident(array):
    """Returns `array` as a tensor: of a read-only array, the same one as long as that lives.

    A search trains on the same arrays over and over; so do training and validation.

    Args:
        array: NumPy array or tensor.

    Raises:
        DataError: it stays on the disk; `fit` and evaluation alone take that.
    """
    if hasattr(array, "read"):
        raise datasets.DataError(
            f"Expected data that fits into memory; received {len(array):,} examples that stay on "
            "the disk. Only training and evaluation read those; take a smaller part of the set."
        )
    if not isinstance(array, np.ndarray) or array.flags.writeable:
        return tf.convert_to_tensor(array)
    key = id(array)
    if key not in _tensors:
        _tensors[key] = tf.convert_to_tensor(array)
        weakref.finalize(array, _tensors.pop, key, None)
    return _tensors[key]
