"""Epochs through tf.data, one compiled step at a time: for what the fast epoch can't take."""

import tensorflow as tf

from tfcourse import batching, datasets
from tfcourse.training import class_weighting, tracing


class StreamingSteps:
    """Runs training steps on batches that tf.data prepares while the last one trains.

    It sees the same batches as `InMemorySteps`.

    Args:
        model: compiled and built `keras.Model`.
        split: training features and labels.
        batch_size: int in [1, number of examples].
        seed: int, orders the examples.
        jit_compile: whether XLA compiles the step.
        class_weights: float [classes], what an example of a class counts in the loss, or `None`.
    """

    def __init__(self, model, split, batch_size, seed, *, jit_compile, class_weights=None):
        self._split = split
        self._batch_size = batch_size
        self._seed = seed
        self._model = model
        self._jit_compile = jit_compile
        self._class_weights = class_weights
        self._step = tf.function(self._run_step, jit_compile=jit_compile, reduce_retracing=True)
        self._epoch = 0
        self._batches = None
        self._position = 0

    def start_epoch(self, epoch):
        """Draws the order of the examples in `epoch`, counted from 0."""
        self._epoch = epoch
        self._batches = None

    def train(self, first, last):
        """Takes the steps `first` to `last - 1` of the epoch."""
        if self._batches is None or first != self._position:
            self._batches = iter(
                batching.training_batches(
                    self._split, self._batch_size, self._seed, self._epoch, first_step=first
                )
            )
        for _ in range(first, last):
            self._step(self._next_batch())
        self._position = last

    def _next_batch(self):
        try:
            return next(self._batches)
        except tf.errors.OpError as error:  # The files have gone, or changed.
            first_line = error.message.strip().splitlines()[0]
            raise datasets.DataError(f"a batch can't be read: {first_line}") from error

    def _run_step(self, batch):
        with tracing.fast_operations(self._jit_compile):
            self._model.train_step(class_weighting.weighted(batch, self._class_weights))
