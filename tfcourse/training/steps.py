"""Training steps: whole epochs as one compiled program, or one by one on batches of tf.data.

`fit` of Keras asks Python, an iterator and a device queue for every batch. Where the training set
fits in the device's memory, a block of steps is one `tf.while_loop` around the model's own
`train_step`, so the model, its optimizer, loss and metrics are plain Keras.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, datasets
from tfcourse.training import class_weighting
from tfcourse.training.keras_internals import all_layers, fast_operations
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
        class_weights: float32 [classes], what an example of a class counts in the loss, or `None`.
    """

    def __init__(
        self,
        model: keras.Model,
        split: batching.Split,
        batch_size: int,
        seed: int,
        *,
        jit_compile: bool,
        class_weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self._model = model
        self._features = ResidentFeatures(split.features, may_be_bytes=jit_compile)
        self._labels = resident(split.labels)
        self._num_examples = len(split.labels)
        self._batch_size = batch_size
        self.seed = seed
        self._order: tf.Tensor = None
        self._jit_compile = jit_compile
        self._class_weights = class_weights
        self._full_steps = _traced_once(self._run_full_steps, jit_compile)
        # It runs once per epoch: compiling it as well would take seconds and save milliseconds.
        self._last_step = _traced_once(lambda rows: self._run_step(rows, False), False)

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of the examples in `epoch`, counted from 0."""
        self._order = batching.epoch_permutation(self._num_examples, self.seed, epoch)

    def train(self, first: int, last: int) -> None:
        """Takes the steps `first` to `last - 1` of the epoch."""
        full = self._num_examples // self._batch_size
        if first < full:
            self._full_steps(self._order, tf.constant(first), tf.constant(min(last, full)))
        if last > full:
            self._last_step(self._order[full * self._batch_size :])

    def _run_full_steps(self, order: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            rows = tf.slice(order, [number * self._batch_size], [self._batch_size])
            self._run_step(rows, self._jit_compile)
            return (number + 1,)

        tf.while_loop(lambda number: number < last, step, (first,))

    def _run_step(self, rows: tf.Tensor, jit_compile: bool) -> None:
        batch = self._features.gather(rows), tf.gather(self._labels, rows)
        with fast_operations(jit_compile):
            self._model.train_step(class_weighting.weighted(batch, self._class_weights))


class StreamingSteps:
    """Runs training steps on batches that tf.data prepares while the last one trains.

    It sees the same batches as `InMemorySteps`.

    Args:
        model: compiled and built `keras.Model`.
        split, batch_size, seed, class_weights: as those of `InMemorySteps`.
        jit_compile: whether XLA compiles the step.
    """

    def __init__(
        self,
        model: keras.Model,
        split: batching.Split,
        batch_size: int,
        seed: int,
        *,
        jit_compile: bool,
        class_weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self._split = split
        self._batch_size = batch_size
        self.seed = seed
        self._model = model
        self._jit_compile = jit_compile
        self._class_weights = class_weights
        self._step = tf.function(self._run_step, jit_compile=jit_compile, reduce_retracing=True)
        self._epoch = 0
        self._batches: Iterator[Any] | None = None
        self._position = 0

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of the examples in `epoch`, counted from 0."""
        self._epoch = epoch
        self._batches = None

    def train(self, first: int, last: int) -> None:
        """Takes the steps `first` to `last - 1` of the epoch."""
        if self._batches is None or first != self._position:
            self._batches = iter(
                batching.training_batches(
                    self._split, self._batch_size, self.seed, self._epoch, first_step=first
                )
            )
        for _ in range(first, last):
            self._step(_next_of(self._batches))
        self._position = last

    def _run_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> None:
        with fast_operations(self._jit_compile):
            self._model.train_step(class_weighting.weighted(batch, self._class_weights))


def compiles_with_xla(model: keras.Model) -> bool:
    """Returns whether XLA compiles the training of `model`: a static rule.

    XLA's convolutions on the CPU are some twenty times slower than TensorFlow's own, so there a
    model with a convolution is left to TensorFlow; anything else gains.
    """
    on_cpu = not tf.config.list_logical_devices("GPU")
    convolutional = any(
        isinstance(layer, keras.layers.Layer) and "Conv" in type(layer).__name__
        for layer in all_layers(model)
    )
    return not (on_cpu and convolutional)


def _next_of(batches: Iterator[Any]) -> Any:
    try:
        return next(batches)
    except tf.errors.OpError as error:  # The files have gone, or changed.
        first_line = error.message.strip().splitlines()[0]
        raise datasets.DataError(f"a batch can't be read: {first_line}") from error


def _traced_once(function: Callable[..., None], jit_compile: bool) -> Callable[..., None]:
    """Returns `function` as a program, traced with the arguments of its first call."""
    program = tf.function(function, jit_compile=jit_compile)
    traced: list[Callable[..., Any]] = []

    def call(*arguments: tf.Tensor) -> None:
        # Called itself, a `tf.function` warns where a process trains several models.
        if not traced:
            traced.append(program.get_concrete_function(*arguments))
        traced[0](*arguments)

    return call
