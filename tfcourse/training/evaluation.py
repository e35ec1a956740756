"""Losses, metrics and predictions of a whole split, each in one compiled program."""

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, training_data
from tfcourse.training import input_checks, memory
from tfcourse.training.compilation.resident import resident
from tfcourse.training.keras_internals import metrics_or_logs, overrides, reset_metrics
from tfcourse.training.label_smoothing import unsmoothed

# Large enough to keep the device busy, small enough that activations stay in the cache.
_EVALUATION_BATCH = 1000
_PART = 10 * _EVALUATION_BATCH  # If not all fit into the GPU's memory.


class Evaluator:
    """Evaluates a Keras model on splits, in order, including the last partial batch.

    One trace serves every split. XLA does not compile it, because compiling would take as long as
    it would save on the validation and test sets.

    Args:
        model: built `keras.Model`; compiled, for its metrics.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._divisor = tf.Variable(255.0, trainable=False)  # As in `ResidentFeatures`.
        as_written = functools.partial(tf.function, reduce_retracing=True, autograph=False)
        self._test_all = as_written(self._test_steps)
        self._test_batch = tf.function(model.test_step, reduce_retracing=True)  # Perhaps their own.
        self._predict_all = as_written(self._predictions)
        self._programs: dict[Any, Any] = {}  # Of `_test_all`, by the kind of their arguments.

    def evaluate(self, split: training_data.Split) -> dict[str, float]:
        """Returns the metrics as `{"loss": float, "accuracy": float, ...}`.

        Label smoothing by `compile_classifier` is not applied here.

        Args:
            split: has `features` and `labels`: arrays or tensors.

        Raises:
            DataError: it has no examples, or not a label for each.
        """
        input_checks.check_split("split", split)
        with unsmoothed():
            return self._evaluate(split)

    def _evaluate(self, split: training_data.Split) -> dict[str, float]:
        model = self._model
        reset_metrics(model)
        if model.run_eagerly or overrides(model, "test_step"):
            step = model.test_step if model.run_eagerly else self._test_batch
            for batch in batching.evaluation_batches(split, _EVALUATION_BATCH):
                logs = step(batch)
            logs = metrics_or_logs(model, logs)
        else:
            kept = training_data.kept_features(split)
            whole = not training_data.stays_on_disk(split) and memory.fits(kept, split.labels)
            # In batches, the split has made them already.
            are_pixels = whole and getattr(split, "pixels", None) is not None
            for batch in _parts(split, whole):
                logs = self._program(batch, are_pixels)(*batch, are_pixels)
        return {name: plain(value) for name, value in logs.items()}

    def _program(self, batch: tuple[Any, Any], are_pixels: bool) -> Any:
        """Returns the program for any number of examples; to ask TensorFlow takes a millisecond."""
        kind = are_pixels, *((each.dtype, each.shape[1:]) for each in tf.nest.flatten(batch))
        if kind not in self._programs:
            specs = tf.nest.map_structure(_any_number, batch)
            self._programs[kind] = self._test_all.get_concrete_function(*specs, are_pixels)
        return self._programs[kind]

    def predict(self, features: Any) -> npt.NDArray[np.float32]:
        """Returns the model's outputs as a float32 array `[examples, ...]`.

        Args:
            features: array or tensor `[examples, ...]`, with at least one example.
        """
        if not hasattr(features, "read") and not memory.fits(features):
            starts = range(0, len(features), _PART)
            return np.concatenate([self._predict(features[s : s + _PART]) for s in starts])
        return self._predict(features)

    def _predict(self, features: Any) -> npt.NDArray[np.float32]:
        features = resident(features)
        program = self._predict_all.get_concrete_function(_any_number(features))
        return program(features).numpy()

    def _test_steps(self, features: Any, labels: Any, are_pixels: bool) -> dict[str, tf.Tensor]:
        num_examples = tf.shape(tf.nest.flatten(labels)[0])[0]

        def step(start: tf.Tensor) -> tuple[tf.Tensor]:
            end = tf.minimum(start + _EVALUATION_BATCH, num_examples)
            whole = features, labels
            rows, its_labels = tf.nest.map_structure(lambda array: array[start:end], whole)
            if are_pixels:
                rows = tf.cast(rows, tf.float32) / self._divisor
            self._model.test_step((rows, its_labels))
            return (end,)

        tf.while_loop(lambda start: start < num_examples, step, (0,))
        return self._model.get_metrics_result()

    def _predictions(self, features: tf.Tensor) -> tf.Tensor:
        num_examples = tf.shape(features)[0]
        num_batches = -(-num_examples // _EVALUATION_BATCH)

        def step(number: tf.Tensor, outputs: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            start = number * _EVALUATION_BATCH
            batch = features[start : tf.minimum(start + _EVALUATION_BATCH, num_examples)]
            output = tf.cast(self._model(batch, training=False), tf.float32)
            return number + 1, outputs.write(number, output)

        outputs = tf.TensorArray(tf.float32, num_batches, infer_shape=False)
        return tf.while_loop(lambda n, _: n < num_batches, step, (0, outputs))[1].concat()


def plain(value: Any) -> Any:
    """Returns a metric as a number, or as an array if it has one value per class."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def _parts(split: training_data.Split, whole: bool) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yields the whole split as tensors, in batches if it does not fit into the device's memory."""
    if whole:
        yield tf.nest.map_structure(resident, (training_data.kept_features(split), split.labels))
        return
    yield from batching.evaluation_batches(split, _EVALUATION_BATCH)


def _any_number(examples: tf.Tensor) -> tf.TensorSpec:
    """Returns the spec of `examples` for any number of them, so that one trace is enough."""
    return tf.TensorSpec([None, *examples.shape[1:]], examples.dtype)


def evaluate(model: keras.Model, split: training_data.Split) -> dict[str, float]:
    """Returns the metrics of `model` on `split` as `{"loss": float, "accuracy": float, ...}`."""
    return Evaluator(model).evaluate(split)


def predict(model: keras.Model, features: Any) -> npt.NDArray[np.float32]:
    """Returns the outputs of `model` on `features` as a float32 array `[examples, ...]`."""
    return Evaluator(model).predict(features)
