"""Losses and metrics of a whole split, in one compiled program."""

import tensorflow as tf

from tfcourse.training.resident import resident

# Large enough to keep the device busy, small enough that activations stay in the cache.
_EVALUATION_BATCH = 1000


class Evaluator:
    """Evaluates a compiled Keras model on splits, in order and to the last example.

    One trace serves every split. XLA does not compile it: what it would save in the passes over
    validation and test, it would take for compiling.

    Args:
        model: compiled and built `keras.Model`.
    """

    def __init__(self, model):
        self._model = model
        self._test_all = tf.function(self._test_steps, reduce_retracing=True)

    def evaluate(self, split):
        """Returns the metrics as `{"loss": float, "accuracy": float, ...}`.

        Args:
            split: has `features` and `labels`, arrays or tensors.
        """
        self._model.reset_metrics()
        # The number of examples is left open, so that another split is no new program.
        features, labels = resident(split.features), resident(split.labels)
        self._program(features, labels)(features, labels)
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _program(self, features, labels):
        return self._test_all.get_concrete_function(
            tf.TensorSpec([None, *features.shape[1:]], features.dtype),
            tf.TensorSpec([None, *labels.shape[1:]], labels.dtype),
        )

    def _test_steps(self, features, labels):
        num_examples = tf.shape(labels)[0]

        def step(start):
            end = tf.minimum(start + _EVALUATION_BATCH, num_examples)
            self._model.test_step((features[start:end], labels[start:end]))
            return (end,)

        tf.while_loop(lambda start: start < num_examples, step, (0,))


def evaluate(model, split):
    """Returns the metrics of `model` on `split` as `{"loss": float, "accuracy": float, ...}`."""
    return Evaluator(model).evaluate(split)
