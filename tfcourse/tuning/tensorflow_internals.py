"""Private parts of TensorFlow and Keras that a sweep needs: the state of a whole process.

Seeds and determinism can be set in public, but not read, so that nobody can put them back. Where
`tf.random` and `keras.config` tell them one day, these are the lines to replace.
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
    """Gives what is inside a fresh state, and the process afterwards the one that it had.

    That is the state of Keras (dtype policy, seed, names of layers and so on), the generators of
    Python, NumPy and TensorFlow, whether TensorFlow is deterministic, and
    where Python imports from.
    """
    tensorflow = context.context()
    seeds = {name: vars(tensorflow).get(name) for name in ("_seed", "_rng")}
    is_deterministic = config.is_op_determinism_enabled()
    of_python, of_numpy, path = random.getstate(), np.random.get_state(), list(sys.path)
    # Keras's own `clear_session` puts new ones there, too.
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
