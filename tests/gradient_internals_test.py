"""A training leaves nothing of its program, and what others call can still be differentiated."""

import gc

import keras
import pytest
import tensorflow as tf
from tensorflow.python.framework import func_graph

from tfcourse import datasets, models, optimizers, training


def graphs():
    gc.collect()
    return sum(isinstance(each, func_graph.FuncGraph) for each in gc.get_objects())


def train(model, data):
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    training.fit(model, data, epochs=1, batch_size=50, seed=1, verbose=0)


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.xla)])
def test_a_training_s_program_goes_with_it(xla):
    data = datasets.load("digits").smaller(120)

    def once():
        train(models.softmax_regression(data.input_shape, data.num_classes), data)

    once()  # The order of the examples has a program of its own, which stays.
    before = graphs()
    once()
    assert graphs() == before


@keras.saving.register_keras_serializable()
class Shared(keras.layers.Layer):
    """Calls a function that others call too."""

    def call(self, inputs):
        return doubled(inputs)


@tf.function
def doubled(inputs):
    @tf.custom_gradient
    def double(numbers):
        return 2.0 * numbers, lambda upstream: 2.0 * upstream

    return double(inputs)


def test_a_function_that_the_model_calls_can_be_differentiated_afterwards():
    data = datasets.load("digits").smaller(100)
    layers = keras.layers.Flatten(), keras.layers.Dense(10), Shared()
    train(keras.Sequential([keras.Input(data.input_shape), *layers]), data)
    numbers = tf.ones((50, 10))
    with tf.GradientTape() as tape:
        tape.watch(numbers)
        outputs = doubled(numbers)
    assert tape.gradient(outputs, numbers)[0, 0] == 2.0
