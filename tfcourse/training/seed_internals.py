"""Sets every seed of the process, without losing the programs that TensorFlow has made ready.

`tf.random.set_seed` drops every kernel, since one may hold the state of a random generator.
TensorFlow then optimizes its graphs anew when they next run: a third of a second, in which a small
model trains for many epochs. Here kernels are dropped only if one may hold such a state. What is
asked for that are private parts of TensorFlow, to be replaced where `set_seed` asks itself.
"""

import contextlib
from collections.abc import Iterator

import keras
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context

# Names of the functions that TensorFlow has run, by whether an operation in them has a seed.
_random: set[str] = set()
_others: set[str] = set()


def set_random_seed(seed: int) -> None:
    """Does what `keras.utils.set_random_seed` does, and what is drawn afterwards is the same.

    Args:
        seed: int in [0, 2**32 - 1].
    """
    if _may_hold_a_state():
        keras.utils.set_random_seed(seed)
        return
    with kernels_kept():
        keras.utils.set_random_seed(seed)


@contextlib.contextmanager
def kernels_kept() -> Iterator[None]:
    """Inside, nobody drops the kernels; those of a function still go with it."""
    dropped = pywrap_tfe.TFE_ContextClearCaches
    pywrap_tfe.TFE_ContextClearCaches = lambda handle: None
    try:
        yield
    finally:
        pywrap_tfe.TFE_ContextClearCaches = dropped


def _may_hold_a_state() -> bool:
    """Returns whether an operation that draws from a seed of its own has run, or can be run.

    One that is called alone is a function in TensorFlow's eyes, too.
    """
    eager = context.context()
    if eager._context_handle is None:  # Nothing has run; to ask would end its configuration.
        return True
    present = eager.list_function_names()
    for known in (_random, _others):
        known.intersection_update(present)
    for name in present - _random - _others:
        nodes = eager.get_function_def(name).node_def
        (_random if any("seed2" in node.attr for node in nodes) else _others).add(name)
    return bool(_random)
