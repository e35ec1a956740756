"""One call of `fit`: the loop over epochs and blocks, and its saving and resuming."""

import math
import time
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import keras
import numpy as np

from tfcourse import files, training_data
from tfcourse.due import Due
from tfcourse.run_directory import RunDirectory, environment
from tfcourse.training import (
    callback_states,
    checkpoint,
    identity,
    input_checks,
    interruption,
    nudging,
    saved_arrays,
)
from tfcourse.training.evaluation import plain
from tfcourse.training.keras_internals import final_values, metrics_or_logs
from tfcourse.training.nudging import OptimizerSettings
from tfcourse.training.programs import Program
from tfcourse.training.progress import Progress

# A block runs between two checks of signals, callbacks and the clock.
_BLOCK_SECONDS = 0.5
_FIRST_BLOCK_STEPS = 8
# A checkpoint is written at least this often.
_SAVE_SECONDS = 30.0
# A shorter training in a run that need not survive a power loss, such as most trials of a sweep,
# writes only its last checkpoint, which is not flushed: it is trained again as quickly.
_WORTH_SECONDS = 1.0
# After a kill, the history comes from the checkpoint, so a shorter interval would gain little.
_HISTORY_SECONDS = 1.0


class Session:
    """One training of `model`, with its progress.

    Args:
        program: `Program` of the compiled and built model.
        validation: split to evaluate after each epoch.
        execution: whether the steps are run `in_memory`, and by `xla`.
        num_steps: int, steps per epoch.
        callbacks: `keras.callbacks.CallbackList`.
        monitor: str, the metric that decides which epoch is best.
        mode: "max" or "min", the direction in which it improves.
        run: `RunDirectory` or `None`.
        of_run: the `identity` of `run`, for its checkpoints; `None` without a run.
    """

    def __init__(
        self,
        program: Program,
        validation: training_data.Split,
        execution: dict[str, bool],
        num_steps: int,
        callbacks: keras.callbacks.CallbackList,
        monitor: str,
        mode: Literal["max", "min"],
        run: RunDirectory | None,
        of_run: dict[str, Any] | None,
    ) -> None:
        self.program = program
        self.model = model = program.model
        self.validation = validation
        self.num_steps = num_steps
        self.callbacks = callbacks
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.run = run
        self.identity: Any = of_run
        self.settings = OptimizerSettings(model.optimizer)
        self.progress = Progress()
        self.libraries = {**environment.settings_of_libraries(), "path": execution}
        # `None` without a run directory, where they are not used.
        self.checkpoints: Any = checkpoint.Checkpoints(run, model) if run else None
        self.nudger: Any = nudging.Nudger(self, run) if run else None
        self._callback_states: Any = None
        self._is_durable = run is None or run.durable
        at_least = 0.0 if self._is_durable else _WORTH_SECONDS
        self._save_due = Due(at_least=at_least, at_most=_SAVE_SECONDS)
        self._history_due = Due(at_least=_HISTORY_SECONDS)
        self._seconds_per_step: float | None = None
        self._logs: dict[str, Any] = {}

    def train(
        self, epochs: int, steps_per_block: int | None, request: interruption.Request
    ) -> None:
        """Trains until `epochs` are done or a callback stops it; ends with the best weights."""
        self.model.stop_training = False
        self.callbacks.on_train_begin()
        if self.run:
            self._resume(self.run)
        self.trace_steps()
        while self.progress.epoch < epochs and not self.model.stop_training:
            self.enter_epoch()
            if self.nudger and self.nudger.went_back():
                continue
            self._train_block(steps_per_block)
            # As in Keras, an epoch that a callback stops is validated and recorded.
            if self.progress.step == self.num_steps or self.model.stop_training:
                self._end_epoch()
            last = self.progress.epoch == epochs or self.model.stop_training
            self._save_if_due(request, last=last)
        self._finish(request)

    def trace_steps(self) -> None:
        """Traces the training step again, with the optimizer's current settings."""
        self.program.trace(self.libraries["path"])
        self._seconds_per_step = None
        if self.progress.entered:
            self.program.start_epoch(self.progress.epoch)

    def enter_epoch(self) -> None:
        """Begins the current epoch, unless it has begun already."""
        progress = self.progress
        if progress.entered:
            return
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(progress.epoch)
        self.program.start_epoch(progress.epoch)
        progress.train_seconds = 0.0
        progress.entered = True

    def _train_block(self, steps_per_block: int | None) -> None:
        progress = self.progress
        wanted = progress.step + (steps_per_block or self._block_steps())
        last = min(wanted, progress.next_nudge_step(self.num_steps), self.num_steps)
        self.callbacks.on_train_batch_begin(progress.step)
        started = time.perf_counter()
        logs = self._metrics(self.program.train(progress.step, last))
        seconds = time.perf_counter() - started
        if self.run and self._seconds_per_step is None:
            self.run.stopwatch.lap("compile, first step")
        self._seconds_per_step = seconds / (last - progress.step)
        progress.train_seconds += seconds
        progress.step = last
        self._check_finite(logs, "loss")
        self._logs = logs
        self.callbacks.on_train_batch_end(last - 1, logs)

    def _block_steps(self) -> int:
        # The first block is short, because it compiles and says nothing about the speed.
        if self._seconds_per_step is None:
            return 1
        return max(_FIRST_BLOCK_STEPS, int(_BLOCK_SECONDS / max(self._seconds_per_step, 1e-7)))

    def _end_epoch(self) -> None:
        progress = self.progress
        logs = dict(self._logs)
        self.callbacks.on_test_begin()
        self.callbacks.on_test_batch_begin(0)
        validation = self.program.evaluate(self.validation)
        self.callbacks.on_test_batch_end(0, validation)
        self.callbacks.on_test_end(validation)
        logs |= {f"val_{name}": value for name, value in validation.items()}
        logs["learning_rate"] = self.program.learning_rate()
        for name in ("loss", "val_loss", self.monitor):
            self._check_finite(logs, name)
        self._keep_best(logs)
        rows = {name: np.asarray(value).tolist() for name, value in logs.items()}
        progress.history.append(
            {"epoch": progress.epoch + 1, "train_seconds": progress.train_seconds, **rows}
        )
        self.callbacks.on_epoch_end(progress.epoch, logs)
        progress.epoch += 1
        progress.step, progress.entered = 0, False
        if self._history_due.is_now():
            self._write_history()

    def _keep_best(self, logs: Mapping[str, Any]) -> None:
        progress = self.progress
        if self.monitor not in logs:
            raise input_checks.unknown_monitor(self.monitor, logs)
        # Ties: the lower validation loss, then the later epoch.
        value = [self.sign * logs[self.monitor], -logs.get("val_loss", 0.0)]
        if progress.best_value is None or value >= progress.best_value:
            weights = [variable.numpy() for variable in final_values(self.model)]
            for variable, array in zip(self.model.variables, weights, strict=True):
                self._check_arrays({variable.path: array})
            progress.best_value = value
            progress.best_epoch = progress.epoch + 1
            progress.best_weights = weights

    def _metrics(self, logs: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: plain(value) for name, value in metrics_or_logs(self.model, logs).items()}

    def _check_finite(self, logs: Mapping[str, Any], name: str) -> None:
        if not math.isfinite(logs.get(name, 0.0)):
            input_checks.check_finite("train", self.program.split)
            input_checks.check_finite("validation", self.validation)
            self._refuse(f"{name} is {logs[name]}")

    def _check_arrays(self, arrays: saved_arrays.Arrays) -> None:
        bad = saved_arrays.first_not_finite(arrays)
        if bad:
            self._refuse(f"{bad} is no longer finite")

    def _refuse(self, what: str) -> NoReturn:
        raise input_checks.NotFiniteError(
            f"{what} in epoch {self.progress.epoch + 1}, by step {self.progress.step} of "
            f"{self.num_steps}; a lower `learning_rate` may help"
        )

    def _write_history(self, *, durable: bool = False) -> None:
        if self.run and self.progress.history:
            with self._history_due.writing():
                self.run.write("history.csv", self.progress.csv(), durable=durable)

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns `(arrays, state)`: everything that `set_to` needs to continue from here."""
        states, kept = self._callback_states.take()
        state = {
            **self.progress.state(),
            "stopped": bool(self.model.stop_training),
            "callbacks": states,
            "settings": self.settings.state(),
            "library": self.libraries,
            "run": self.identity,
        }
        return {**self.checkpoints.arrays(), **self.progress.arrays(), **kept}, state

    def save(self) -> None:
        """Writes a checkpoint of the current state."""
        if not self.program.is_chief:
            return
        durable = self._is_durable or self._save_due.waited > _WORTH_SECONDS
        with self._save_due.writing():
            arrays, state = self.snapshot()
            self._check_arrays(arrays)
            self.checkpoints.save(arrays, state, durable=durable)

    def _save_if_due(self, request: interruption.Request, *, last: bool) -> None:
        signal_number = request.signal_number
        ends = last or signal_number is not None
        if self.run:
            if self._save_due.is_now() or ends:
                self.save()
            if ends:
                self._write_history()
        if signal_number is not None:
            self._stop(signal_number)

    def _stop(self, signal_number: int) -> NoReturn:
        where = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        saved = "; the state is saved" if self.run and self.program.is_chief else ""
        raise interruption.Interrupted(f"stopped in {where}{saved}", signal_number)

    def _resume(self, run: RunDirectory) -> None:
        self._callback_states = callback_states.CallbackStates(self.callbacks.callbacks, self.model)
        self.nudger.begin()
        found = self.program.newest(self.checkpoints)
        if found is None:
            identity.check_end(None, run)
            self.checkpoints.check_space()
            return
        arrays, state = found
        try:
            identity.check(state["run"], self.identity, run)
            identity.check_end(state, run)
            for difference in environment.differences(state["library"], self.libraries):
                print(f"The run began with {difference}: its results may differ", flush=True)
            before = state["library"]["path"]
            execution = {name: before[name] is True for name in self.libraries["path"]}
            self.libraries = {**self.libraries, "path": execution}
            self.set_to(arrays, state)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise saved_arrays.CheckpointError(
                f"{run.path}: its newest checkpoint can't be gone on from "
                f"({type(error).__name__}: {files.first_line(error)}); name another `run_dir`"
            ) from error
        self.nudger.write_record()
        epoch, step = self.progress.place
        print(f"Resuming at epoch {epoch + 1}, step {step}", flush=True)

    def set_to(self, arrays: dict[str, Any], state: dict[str, Any]) -> None:
        """Restores the state of which `snapshot` returned `arrays` and `state`."""
        self.progress = Progress.from_state(state, arrays, self.num_steps)
        if self.progress.entered:
            # For callbacks that show or time an epoch; whatever it changes is restored next.
            self.callbacks.on_epoch_begin(self.progress.epoch)
        self.checkpoints.assign(arrays)
        self.settings.restore(state["settings"])
        self._callback_states.put_back(state["callbacks"], arrays)
        self.model.stop_training = state["stopped"]
        history = self.model.history
        history.epoch = [row["epoch"] - 1 for row in self.progress.history]
        logged = set().union(*self.progress.history) - {"epoch", "train_seconds"}
        history.history = {name: [row[name] for row in self.progress.history] for name in logged}

    def _finish(self, request: interruption.Request) -> None:
        model, progress = self.model, self.progress
        model.optimizer.finalize_variable_values(model.trainable_variables)
        last = {name: values[-1] for name, values in model.history.history.items() if values}
        before = [variable.numpy() for variable in model.variables]
        self.callbacks.on_train_end(last)
        given = self.callbacks.callbacks
        model.history.best_epoch = callback_states.leave_best(model, given, before, progress)
        model.history.nudges = [str(nudge) for nudge in progress.nudges[: progress.applied]]
        if self.run:
            # Nobody writes it again once metrics.json counts as written.
            self._write_history(durable=self.run.durable)
            if request.signal_number is None:  # Otherwise, requests wait for the resumed run.
                self.nudger.end()
            self.run.stopwatch.lap("training, validation")
        if request.signal_number is not None:
            self._stop(request.signal_number)
