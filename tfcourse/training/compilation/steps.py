"""Training steps: whole epochs in one compiled program, or one by one on batches of tf.data.

Keras's `fit` goes through Python, an iterator and a device queue for every batch. If the training
set fits into the device's memory, a block of steps is one `tf.while_loop` around the model's own
`train_step`, so the model, its optimizer, loss and metrics are plain Keras.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, datasets, training_data
from tfcourse.training import class_weighting
from tfcourse.training.compilation import traced
from tfcourse.training.compilation.fast_operations import fast_operations
from tfcourse.training.compilation.resident import resident, resident_features
from tfcourse.training.compilation.traced import Traced
from tfcourse.training.keras_internals import all_layers, overrides, refuses_xla

# Known before a step is traced; tracing such models a second time would take long.
_CONVOLUTIONS = tuple(
    kind for name, kind in vars(keras.layers).items() if re.search(r"Conv(LSTM)?\dD", name)
)
_MAX_POOLINGS = (keras.layers.MaxPooling1D, keras.layers.MaxPooling2D, keras.layers.MaxPooling3D)
Batch = tuple[Any, Any]  # Features and labels, as tensors or nests of tensors.
_PART_BYTES = 1 << 26  # Examples that are sorted at a time.


class InMemorySteps:
    """Runs training steps of a compiled Keras model on arrays that fit in memory.

    Step `s` of an epoch uses the examples `order[s * batch_size : (s + 1) * batch_size]`, where
    `order` is the permutation of (seed, epoch); the last step uses the remaining ones. How the
    steps are divided into blocks never changes a result.

    Args:
        model: compiled and built `keras.Model` with the stock `train_step`.
        split: training features and labels as arrays, or nests of arrays.
        batch_size: int in [1, number of examples].
        seed: int, determines the order of the examples; may be set between two epochs.
        jit_compile: whether XLA compiles the program. A smaller last batch is left to TensorFlow.
        class_weights: float32 [classes], the weight of a class's examples in the loss, or `None`.
    """

    def __init__(
        self,
        model: keras.Model,
        split: training_data.Split,
        batch_size: int,
        seed: int,
        *,
        jit_compile: bool,
        class_weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self._model = model
        self._features = resident_features(split, may_be_bytes=jit_compile)
        self._labels = tf.nest.map_structure(resident, split.labels)
        self._num_examples = training_data.num_examples(split)
        self._batch_size = batch_size
        self.seed = seed
        self._order: tf.Tensor = None
        self._part: Batch | None = None
        self._left_over: Batch | None = None
        self._parted = -1
        self._class_weights = class_weights
        self._part_steps = self._steps_of_a_part()
        # It runs once per epoch: compiling it would take seconds and save milliseconds.
        self._last_step = Traced(self._run_last_step, False, model.name)
        self._full_steps = Traced(
            self._run_full_steps, jit_compile, model.name, meanwhile=self._prepare_last_step
        )

    def start_epoch(self, epoch: int) -> None:
        """Sets the order of the examples for `epoch`, counted from 0."""
        self._order = batching.epoch_permutation(self._num_examples, self.seed, epoch)
        self._part = self._left_over = None
        self._parted = -1

    def train(self, first: int, last: int) -> None:
        """Runs the steps `first` to `last - 1` of the epoch; the metrics hold their logs."""
        full = self._num_examples // self._batch_size
        while first < min(last, full):
            number, offset = divmod(first, self._part_steps)
            until = min(self._part_steps, min(last, full) - first + offset)
            self._sort(number)
            self._full_steps(self._part, tf.constant(offset), tf.constant(until))
            first += until - offset
        if last > full:
            if self._left_over is None:
                self._sort(0)
            self._last_step(tf.constant(True), self._left_over)
        if first == full:
            self._part, self._parted = None, -1  # Not needed during validation.

    def _prepare_last_step(self) -> None:
        """Traces the smaller last step and lets TensorFlow prepare it, without running it."""
        if self._num_examples % self._batch_size:
            self._last_step(tf.constant(False), self._left_over)

    def _steps_of_a_part(self) -> int:
        """Returns how many steps' examples are sorted at a time; for a small set, all."""
        full = max(self._num_examples // self._batch_size, 1)
        examples = self._examples(tf.range(1))
        per_step = self._batch_size * sum(each.numpy().nbytes for each in tf.nest.flatten(examples))
        parts = max(-(-full * per_step // _PART_BYTES), 1)
        return max(-(-full // parts), 1)

    def _sort(self, number: int) -> None:
        """Puts the examples of a part of the epoch, and those left over, in the order of training.

        Batches are then contiguous. Gathering them in the compiled program would take a fifth of a
        step of softmax regression. A part takes little memory compared with the whole set.
        """
        if self._parted != number:
            self._part = None  # Frees the memory before the next part is made.
            self._part, self._left_over = self._sorted(self._order, tf.constant(number))
            self._parted = number

    @functools.cached_property
    def _sorted(self) -> Any:
        """The program of `_in_order`; its operations one by one take three times as long."""
        specs = tf.TensorSpec([self._num_examples], tf.int32), tf.TensorSpec([], tf.int32)
        return tf.function(self._in_order, autograph=False).get_concrete_function(*specs)

    def _in_order(self, order: tf.Tensor, number: tf.Tensor) -> tuple[Batch, Batch]:
        """Returns the examples of a part, and those of the smaller last step."""
        size = self._part_steps * self._batch_size
        whole = self._num_examples // self._batch_size * self._batch_size
        part = order[number * size : (number + 1) * size]
        # All parts have the same length: XLA would compile again for another length.
        part = tf.ensure_shape(tf.pad(part, [[0, size - tf.size(part)]]), [size])
        return self._examples(part), self._examples(order[whole:])

    def _examples(self, indices: tf.Tensor) -> Batch:
        """Returns the examples `indices`, with features as they are stored."""
        return (
            tf.nest.map_structure(lambda features: features.rows(indices), self._features),
            tf.nest.map_structure(lambda labels: tf.gather(labels, indices), self._labels),
        )

    def _run_full_steps(
        self, xla: bool, examples: Batch, first: tf.Tensor, last: tf.Tensor
    ) -> None:
        def step(number: tf.Tensor) -> tuple[tf.Tensor]:
            start = number * self._batch_size

            def batch_of(array: tf.Tensor) -> tf.Tensor:
                rest = array.shape[1:]
                return tf.slice(array, [start, *[0] * len(rest)], [self._batch_size, *rest])

            self._run_step(xla, tf.nest.map_structure(batch_of, examples))
            return (number + 1,)

        tf.while_loop(lambda number: number < last, step, (first,))

    def _run_last_step(self, xla: bool, is_wanted: tf.Tensor, examples: Batch) -> None:
        def step() -> tf.Tensor:
            self._run_step(xla, examples)
            return is_wanted

        tf.cond(is_wanted, step, lambda: is_wanted)

    def _run_step(self, xla: bool, examples: Batch) -> None:
        rows, labels = examples
        features = tf.nest.map_structure(lambda kept, row: kept.decoded(row), self._features, rows)
        batch = features, labels
        with fast_operations(xla):
            self._model.train_step(class_weighting.weighted(batch, self._class_weights))


class StreamingSteps:
    """Runs training steps on batches that tf.data prepares while the previous batch trains.

    The batches are those of `InMemorySteps`.

    Args:
        model: compiled and built `keras.Model`.
        split, batch_size, seed, class_weights: as in `InMemorySteps`.
        jit_compile: whether XLA compiles the step. A smaller last batch is left to TensorFlow.
    """

    def __init__(
        self,
        model: keras.Model,
        split: training_data.Split,
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
        self._class_weights = class_weights
        self._full_steps = training_data.num_examples(split) // batch_size
        # Someone's own step may branch on tensors in Python.
        traced_step = functools.partial(
            Traced, self._run_step, name=model.name, autograph=overrides(model, "train_step")
        )
        self._step = traced_step(xla=jit_compile)
        self._last_step = traced_step(xla=False)
        self._epoch = 0
        self._batches: Iterator[Any] | None = None
        self._position = 0

    def start_epoch(self, epoch: int) -> None:
        """Sets the order of the examples for `epoch`, counted from 0."""
        self._epoch = epoch
        self._batches = None

    def train(self, first: int, last: int) -> dict[str, Any]:
        """Takes the steps `first` to `last - 1` of the epoch; returns the logs of the last one."""
        logs: dict[str, Any] = {}
        if self._batches is None or first != self._position:
            self._batches = iter(
                batching.training_batches(
                    self._split, self._batch_size, self.seed, self._epoch, first_step=first
                )
            )
        for step in range(first, last):
            batch = _next_of(self._batches)
            if self._model.run_eagerly:
                logs = self._run_step(False, batch)
            else:
                logs = (self._step if step < self._full_steps else self._last_step)(batch)
        self._position = last
        return logs

    def _run_step(self, xla: bool, batch: Batch) -> dict[str, Any]:
        with fast_operations(xla):
            return self._model.train_step(class_weighting.weighted(batch, self._class_weights))


def compiles_with_xla(model: keras.Model) -> bool:
    """Returns whether XLA should compile the training of `model`, judging by its layers.

    It should not if the model was compiled with `jit_compile=False` or `run_eagerly=True`, or if a
    layer does not support XLA. TensorFlow runs models with a convolution and, on a GPU, models with
    max-pooling; all others gain from XLA. Unsupported operations in custom layers are found when a
    step is traced.

    On a CPU, XLA's convolutions are about twenty times slower than TensorFlow's. On a GPU, both
    call cuDNN. If operations must be deterministic, XLA has no gradient of max-pooling, and uses
    the first or fastest algorithm for a convolution. TensorFlow uses the first of cuDNN's
    deterministic algorithms, and cuDNN's deterministic max-pooling.
    """
    if model.run_eagerly or refuses_xla(model):
        return False
    layers = [layer for layer in all_layers(model) if isinstance(layer, keras.layers.Layer)]
    unsupported = [layer.name for layer in layers if not layer.supports_jit]
    if unsupported:
        traced.say_once(model.name, f"training without XLA, which can't compile {unsupported[0]}")
        return False
    left = _CONVOLUTIONS if traced.on_cpu() else (*_CONVOLUTIONS, *_MAX_POOLINGS)
    return not any(isinstance(layer, left) for layer in layers)


def _next_of(batches: Iterator[Any]) -> Any:
    try:
        return next(batches)
    except tf.errors.OpError as error:  # The files are gone or have changed.
        first_line = error.message.strip().splitlines()[0]
        raise datasets.DataError(f"a batch can't be read: {first_line}") from error
