"""Seeds that are set give the same numbers as Keras's own, whatever kernels are kept."""

import processes
import pytest
import tensorflow as tf

from tfcourse import training

WATCHED = """
from unittest import mock
import keras, tensorflow as tf
from tensorflow.python import pywrap_tfe
from tfcourse import training
from tfcourse.tuning import trial

@tf.function
def drawing():
    return tf.random.normal([2])

def set_again():
    with mock.patch.object(pywrap_tfe, "TFE_ContextClearCaches", wraps=clear) as dropped:
        with trial.own_process():  # Ends as each trial of a worker does.
            training.set_seed(3)
    print(dropped.call_count)

clear = pywrap_tfe.TFE_ContextClearCaches
tf.ones([2])
keras.random.normal([2], seed=keras.random.SeedGenerator(1))
set_again()
DRAW
set_again()
set_again()
"""


@pytest.mark.parametrize("draw", ["drawing()", "tf.random.uniform([2], seed=5)"])
def test_kernels_are_dropped_only_where_one_may_hold_a_state(draw):
    result = processes.command("-c", WATCHED.replace("DRAW", draw))
    assert result.stdout.split() == ["0", "1", "1"], result.stdout + result.stderr


@tf.function
def drawn_in_a_function():
    return tf.random.normal([3])


@tf.function
def drawn_without_asking():
    # Its seeds are given, as in a function that was loaded from a file.
    return tf.raw_ops.RandomStandardNormal(shape=[3], dtype=tf.float32, seed=1, seed2=2)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: tf.random.normal([3]),
        lambda: tf.random.normal([3], seed=7),
        lambda: tf.raw_ops.RandomUniform(shape=[3], dtype=tf.float32, seed=1, seed2=2),
        lambda: next(iter(tf.data.Dataset.range(100).shuffle(100).batch(100))),
        drawn_in_a_function,
        drawn_without_asking,
    ],
)
def test_a_seed_set_again_gives_the_same_numbers(draw):
    training.set_seed(3)
    first, second = draw().numpy().tolist(), draw().numpy().tolist()
    for _ in range(2):
        training.set_seed(3)
        assert draw().numpy().tolist() == first
        assert draw().numpy().tolist() == second
    assert first != second
