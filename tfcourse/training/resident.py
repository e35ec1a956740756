"""Arrays in the device's memory, each of them once, however often it is trained on."""

import weakref

import numpy as np
import tensorflow as tf

_tensors = {}


def resident(array):
    """Returns `array` as a tensor: of a read-only array, the same one as long as that lives.

    A search trains on the same arrays over and over; so do training and validation.

    Args:
        array: NumPy array or tensor.
    """
    if not isinstance(array, np.ndarray) or array.flags.writeable:
        return tf.convert_to_tensor(array)
    key = id(array)
    if key not in _tensors:
        _tensors[key] = tf.convert_to_tensor(array)
        weakref.finalize(array, _tensors.pop, key, None)
    return _tensors[key]
