"""All that changes while a model trains: what a checkpoint saves, and a rollback restores."""

from typing import Any, NoReturn

import keras

from tfcourse.training import input_checks
from tfcourse.training.checkpoints import callback_states, checkpoint, saved_arrays
from tfcourse.training.checkpoints.progress import Progress
from tfcourse.training.checkpoints.saved_arrays import Arrays
from tfcourse.training.optimizer_settings import OptimizerSettings

# The arrays, and the rest, which is JSON-able.
Snapshot = tuple[Arrays, dict[str, Any]]


class State:
    """The state of one training.

    Args:
        model: the compiled and built model.
        callbacks: `keras.callbacks.CallbackList`.
        num_steps: int, steps per epoch.
        execution: whether the steps are run `in_memory`, and by `xla`.

    Attributes:
        settings: the optimizer's `OptimizerSettings`.
        progress: the `Progress`.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        num_steps: int,
        execution: dict[str, bool],
    ) -> None:
        self.model = model
        self.callbacks = callbacks
        self.num_steps = num_steps
        self.execution = execution
        self.settings = OptimizerSettings(model.optimizer)
        self.progress = Progress()
        self._variables = checkpoint.variables_of(model)

    def begin(self) -> None:
        """Notes the callbacks as they are after their `on_train_begin`, before any snapshot."""
        given = self.callbacks.callbacks
        self._callback_states = callback_states.CallbackStates(given, self.model)

    def snapshot(self) -> Snapshot:
        """Returns `(arrays, state)`: everything that `set_to` needs to continue from here."""
        states, kept = self._callback_states.take()
        state = {
            **self.progress.state(),
            "stopped": bool(self.model.stop_training),
            "callbacks": states,
            "settings": self.settings.state(),
        }
        arrays = checkpoint.arrays_of(self._variables)
        return {**arrays, **self.progress.arrays(), **kept}, state

    def set_to(self, arrays: Arrays, state: dict[str, Any]) -> None:
        """Restores the state of which `snapshot` returned `arrays` and `state`."""
        self.progress = Progress.from_state(state, arrays, self.num_steps)
        if self.progress.entered:
            # For callbacks that show or time an epoch; whatever it changes is restored next.
            self.callbacks.on_epoch_begin(self.progress.epoch)
        checkpoint.assign(self._variables, arrays)
        self.settings.restore(state["settings"])
        self._callback_states.put_back(state["callbacks"], arrays)
        self.model.stop_training = state["stopped"]
        rows, history = self.progress.history, self.model.history
        history.epoch = [row["epoch"] - 1 for row in rows]
        logged = sorted(set().union(*rows) - {"epoch", "train_seconds"})  # As Keras sorts them.
        history.history = {n: [row[n] for row in rows if n in row] for n in logged}

    def check_arrays(self, arrays: Arrays) -> None:
        """Raises `NotFiniteError` if an array of the model or its optimizer is not finite."""
        bad = saved_arrays.first_not_finite(arrays)
        if bad:
            self.refuse(f"{bad} is no longer finite")

    def refuse(self, what: str) -> NoReturn:
        """Raises `NotFiniteError`: `what`, and where the training is."""
        raise input_checks.NotFiniteError(
            f"{what} in epoch {self.progress.epoch + 1}, by step {self.progress.step} of "
            f"{self.num_steps}; a lower `learning_rate` may help"
        )
