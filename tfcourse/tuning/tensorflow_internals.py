"""Private parts of TensorFlow and Keras that a sweep needs: the state of the process.

Public functions can set seeds and determinism, but not read them, so they can't be restored. This
can go once `tf.random` and `keras.config` have public getters.
"""

import contextlib
import random
import sys
import threading
from collections.abc import Iterator

import numpy as np
from keras.src.backend.common import global_state as keras_state
from tensorflow.python.eager import context
from tensorflow.python.framework import config


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Context: starts with a fresh state, and restores the state of the process at the end.

    The state consists of Keras's (dtype policy, seed, names of layers and so on), the random
    generators of Python, NumPy and TensorFlow, TensorFlow's determinism, and `sys.path`.
    """
    tensorflow = context.context()
    seeds = {name: vars(tensorflow).get(name) for name in ("_seed", "_rng")}
    is_deterministic = config.is_op_determinism_enabled()
    of_python, of_numpy, path = random.getstate(), np.random.get_state(), list(sys.path)
    # Keras's `clear_session` replaces them too.
    of_keras = keras_state.GLOBAL_STATE_TRACKER, keras_state.GLOBAL_SETTINGS_TRACKER
    keras_state.GLOBAL_STATE_TRACKER = threading.local()
    keras_state.GLOBAL_SETTINGS_TRACKER = threading.local()
    try:
        yield
    finally:
        keras_state.GLOBAL_STATE_TRACKER, keras_state.GLOBAL_SETTINGS_TRACKER = of_keras
        vars(tensorflow).update(seeds)
        if not is_deterministic:
            config.disable_op_determinism()
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        sys.path[:] = path
