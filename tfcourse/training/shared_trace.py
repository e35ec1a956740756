"""Many short trainings of one model in one trace: other learning rates, seeds, initial weights."""

import numpy as np

from tfcourse import batching
from tfcourse.training.evaluation import Evaluator
from tfcourse.training.in_memory import InMemorySteps, compiles_with_xla


class SharedTrace:
    """Trains a compiled Keras model again and again without tracing or compiling it anew.

    Compiling takes longer than a short training. What differs between two trainings lies in
    variables: weights, the optimizer's slots, its learning rate. Its other settings are constants
    of the trace and must stay. A training ends as `fit` from the same model and seed would, but
    keeps the last weights, not those of the best epoch; and it goes on where a loss is not finite.

    Args:
        model: compiled and built `keras.Model` with the stock `train_step`.
        data: has `train` and `validation`, each with `features` and `labels`.
        batch_size: int >= 1, or "full".
    """

    def __init__(self, model, data, batch_size):
        num_examples = len(data.train.labels)
        size = batching.resolve_batch_size(batch_size, num_examples)
        self.model = model
        self._data = data
        self._num_steps = batching.steps_per_epoch(num_examples, size)
        self._evaluator = Evaluator(model)
        model._symbolic_build(data_batch=(data.train.features[:size], data.train.labels[:size]))
        self._steps = InMemorySteps(
            model, data.train, size, seed=0, jit_compile=compiles_with_xla(model)
        )

    def train(self, start, *, epochs, seed):
        """Trains from the state of `start` and leaves the result in `model`.

        Args:
            start: compiled and built model of the same kind, with the same kind of optimizer.
            epochs: int >= 1.
            seed: int, orders the examples.

        Returns:
            `{"loss": ..., "accuracy": ..., "val_loss": ..., "val_accuracy": ...}`, arrays with a
            value an epoch.
        """
        mine, other = self.model, start
        for ours, theirs in ((mine, other), (mine.optimizer, other.optimizer)):
            for variable, value in zip(ours.variables, theirs.variables, strict=True):
                variable.assign(value)
        self._steps.seed = seed
        rows = []
        for epoch in range(epochs):
            self.model.reset_metrics()
            self._steps.start_epoch(epoch)
            self._steps.train(0, self._num_steps)
            row = {name: float(value) for name, value in mine.get_metrics_result().items()}
            validation = self._evaluator.evaluate(self._data.validation)
            rows.append({**row, **{f"val_{name}": value for name, value in validation.items()}})
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def evaluate(self, split):
        """Returns the metrics of the model as it now is, as `{"loss": float, ...}`."""
        return self._evaluator.evaluate(split)
