"""Losses, metrics and logits of a whole split, in one compiled program."""

import tensorflow as tf

# Large enough to keep the device busy, small enough that activations stay in the cache.
_EVALUATION_BATCH = 1000


class Evaluator:
    """Evaluates a compiled Keras model on a split, in order and to the last example.

    Args:
        model: compiled and built `keras.Model`.
        split: features and labels as arrays.
    """

    def __init__(self, model, split):
        self._model = model
        self._features = tf.convert_to_tensor(split.features)
        self._labels = tf.convert_to_tensor(split.labels)
        self._run = tf.function(self._test_all)

    def evaluate(self):
        """Returns the metrics as `{"loss": float, "accuracy": float, ...}`."""
        self._model.reset_metrics()
        self._run()
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _test_all(self):
        num_examples = len(self._labels)

        def step(start):
            end = tf.minimum(start + _EVALUATION_BATCH, num_examples)
            self._model.test_step((self._features[start:end], self._labels[start:end]))
            return (end,)

        tf.while_loop(lambda start: start < num_examples, step, (0,))


def evaluate(model, split):
    """Returns the metrics of `model` on `split` as `{"loss": float, "accuracy": float, ...}`."""
    return Evaluator(model, split).evaluate()
