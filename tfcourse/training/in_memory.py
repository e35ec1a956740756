"""Epochs as one compiled program: resident arrays, batches gathered inside, no Python per step.

`fit` of Keras asks Python, an iterator and a device queue for every batch. Here the training
set lies in the device's memory, and a block of steps is one `tf.while_loop` around the model's
own `train_step`, so the model, its optimizer, loss and metrics are plain Keras.
"""

import functools

import keras
import tensorflow as tf

from tfcourse import batching
from tfcourse.training import class_weighting, tracing
from tfcourse.training.resident import ResidentFeatures, resident


class InMemorySteps:
    """Runs training steps of a compiled Keras model on arrays that fit in memory.

    Step `s` of an epoch sees examples `order[s * batch_size : (s + 1) * batch_size]`, where
    `order` is the permutation of (seed, epoch); the last step sees what is left. Where a block
    of steps is cut never changes a result.

    Args:
        model: compiled and built `keras.Model` with the stock `train_step`.
        split: training features and labels as arrays.
        batch_size: int in [1, number of examples].
        seed: int, orders the examples; an attribute that may be set between two epochs.
        jit_compile: whether XLA compiles the program. A smaller last batch is left to TensorFlow.
        class_weights: float [classes], what an example of a class counts in the loss, or `None`.
    """

    def __init__(self, model, split, batch_size, seed, *, jit_compile, class_weights=None):
        self._model = model
        self._features = ResidentFeatures(split.features, may_be_bytes=jit_compile)
        self._labels = resident(split.labels)
        self._num_examples = len(split.labels)
        self._batch_size = batch_size
        self.seed = seed
        self._order = None
        self._jit_compile = jit_compile
        self._class_weights = class_weights
        self._full_steps = tf.function(self._run_full_steps, jit_compile=jit_compile)
        # It runs once an epoch: compiling it as well would take seconds and save milliseconds.
        self._last_step = tf.function(functools.partial(self._run_step, jit_compile=False))
        for function in (self._full_steps, self._last_step):
            # Several trainings in a process trace as many programs, which is no mistake.
            function._omit_frequent_tracing_warning = True

    def start_epoch(self, epoch):
        """Draws the order of the examples in `epoch`, counted from 0."""
        self._order = batching.epoch_permutation(self._num_examples, self.seed, epoch)

    def train(self, first, last):
        """Takes the steps `first` to `last - 1` of the epoch."""
        full = self._num_examples // self._batch_size
        if first < full:
            self._full_steps(self._order, tf.constant(first), tf.constant(min(last, full)))
        if last > full:
            self._last_step(self._order[full * self._batch_size :])

    def _run_full_steps(self, order, first, last):
        def step(number):
            indices = tf.slice(order, [number * self._batch_size], [self._batch_size])
            self._run_step(indices, self._jit_compile)
            return (number + 1,)

        tf.while_loop(lambda number: number < last, step, (first,))

    def _run_step(self, indices, jit_compile):
        batch = self._features.gather(indices), tf.gather(self._labels, indices)
        with tracing.fast_operations(jit_compile):
            self._model.train_step(class_weighting.weighted(batch, self._class_weights))


def compiles_with_xla(model):
    """Returns whether XLA compiles the training of `model`: a static rule.

    XLA's convolutions on the CPU are some twenty times slower than TensorFlow's own, so there a
    model with a convolution is left to TensorFlow; anything else gains.
    """
    on_cpu = not tf.config.list_logical_devices("GPU")
    convolutional = any(
        isinstance(layer, keras.layers.Layer) and "Conv" in type(layer).__name__
        for layer in model._flatten_layers()
    )
    return not (on_cpu and convolutional)
