"""One call of `fit`: the loop over epochs and blocks of steps."""

import math
import time
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

import keras
import numpy as np

from tfcourse import training_data
from tfcourse.run_directory import RunDirectory
from tfcourse.training import input_checks, interruption
from tfcourse.training.checkpoints import callback_states
from tfcourse.training.checkpoints.progress import Progress
from tfcourse.training.checkpoints.saving import Saver
from tfcourse.training.checkpoints.state import State
from tfcourse.training.compilation.programs import Program
from tfcourse.training.evaluation import plain
from tfcourse.training.keras_internals import final_values, metrics_or_logs, reset_metrics
from tfcourse.training.nudging import Nudger

# A block runs between two checks of signals, callbacks and the clock.
_BLOCK_SECONDS = 0.5
_FIRST_BLOCK_STEPS = 8


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
        of_run: dict[str, dict[str, str]] | None,
    ) -> None:
        self.program = program
        self.model = model = program.model
        self.validation = validation
        self.num_steps = num_steps
        self.callbacks = callbacks
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.state = State(model, callbacks, num_steps, execution)
        self.saver: Saver | None = None
        self.nudger: Nudger | None = None
        if run and of_run:
            self.saver = Saver(self.state, program, run, of_run)
            alone = program.is_alone  # Other machines would not know about a request.
            self.nudger = Nudger(self.state, self.saver, self.trace_steps, takes_requests=alone)
        self._seconds_per_step: float | None = None
        self._logs: dict[str, Any] = {}

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.state.progress

    def train(
        self, epochs: int, steps_per_block: int | None, request: interruption.Request
    ) -> None:
        """Trains until `epochs` are done or a callback stops it; ends with the best weights."""
        self.model.stop_training = False
        self.callbacks.on_train_begin()
        if self.saver and self.nudger:
            self.state.begin()
            self.nudger.begin()
            if self.saver.resume():
                self.nudger.write_record()
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
            signal_number = request.signal_number
            if self.saver:
                self.saver.save_if_due(ends=last or signal_number is not None)
            if signal_number is not None:
                self._stop(signal_number)
        self._finish(request)

    def trace_steps(self) -> None:
        """Traces the training step again, with the optimizer's current settings."""
        self.program.trace(self.state.execution)
        self._seconds_per_step = None
        if self.progress.entered:
            self.program.start_epoch(self.progress.epoch)

    def enter_epoch(self) -> None:
        """Begins the current epoch, unless it has begun already."""
        progress = self.progress
        if progress.entered:
            return
        reset_metrics(self.model)
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
        if self.saver and self._seconds_per_step is None:
            self.saver.run.stopwatch.lap("compile, first step")
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
        if self.saver:
            self.saver.write_history_if_due()

    def _keep_best(self, logs: Mapping[str, Any]) -> None:
        progress = self.progress
        if self.monitor not in logs:
            raise input_checks.unknown_monitor(self.monitor, logs)
        # Ties: the lower validation loss, then the later epoch.
        value = [self.sign * logs[self.monitor], -logs.get("val_loss", 0.0)]
        if progress.best_value is None or value >= progress.best_value:
            weights = [variable.numpy() for variable in final_values(self.model)]
            for variable, array in zip(self.model.variables, weights, strict=True):
                self.state.check_arrays({variable.path: array})
            progress.best_value = value
            progress.best_epoch = progress.epoch + 1
            progress.best_weights = weights

    def _metrics(self, logs: Mapping[str, Any] | None) -> dict[str, Any]:
        return {name: plain(value) for name, value in metrics_or_logs(self.model, logs).items()}

    def _check_finite(self, logs: Mapping[str, Any], name: str) -> None:
        if not math.isfinite(logs.get(name, 0.0)):
            input_checks.check_finite("train", self.program.split)
            input_checks.check_finite("validation", self.validation)
            self.state.refuse(f"{name} is {logs[name]}")

    def _stop(self, signal_number: int) -> NoReturn:
        where = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        saved = "; the state is saved" if self.saver and self.program.is_chief else ""
        raise interruption.Interrupted(f"stopped in {where}{saved}", signal_number)

    def _finish(self, request: interruption.Request) -> None:
        model, progress = self.model, self.progress
        model.optimizer.finalize_variable_values(model.trainable_variables)
        last = {name: values[-1] for name, values in model.history.history.items() if values}
        before = [variable.numpy() for variable in model.variables]
        self.callbacks.on_train_end(last)
        given = self.callbacks.callbacks
        model.history.best_epoch = callback_states.leave_best(model, given, before, progress)
        model.history.nudges = [str(nudge) for nudge in progress.nudges[: progress.applied]]
        if self.saver:
            self.saver.end()
        if request.signal_number is not None:  # Requests wait for the resumed run.
            self._stop(request.signal_number)
        if self.nudger:
            self.nudger.end()
