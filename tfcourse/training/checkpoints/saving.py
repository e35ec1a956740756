"""Saving a training in its run directory, and resuming it there."""

from typing import Any

from tfcourse.run_directory import RunDirectory, environment
from tfcourse.system import files
from tfcourse.system.due import Due
from tfcourse.training.checkpoints import checkpoint, identity, saved_arrays
from tfcourse.training.checkpoints.state import State
from tfcourse.training.compilation.programs import Program

# A checkpoint is written at least this often.
_SAVE_SECONDS = 30.0
# A shorter training in a run that need not survive a power loss, such as most trials of a sweep,
# writes only its last checkpoint, which is not flushed: it is trained again as quickly.
_WORTH_SECONDS = 1.0
# After a kill, the history comes from the checkpoint, so a shorter interval would gain little.
_HISTORY_SECONDS = 1.0


class Saver:
    """Checkpoints and history of one training.

    Args:
        state: that of the training.
        program: `Program` of its model.
        run: its run directory.
        of_run: the `identity` of `run`, for its checkpoints.
    """

    def __init__(
        self,
        state: State,
        program: Program,
        run: RunDirectory,
        of_run: dict[str, dict[str, str]],
    ) -> None:
        self.run = run
        self.identity = of_run
        self.checkpoints = checkpoint.Checkpoints(run, state.model)
        self._state = state
        self._program = program
        self._libraries = environment.settings_of_libraries()
        at_least = 0.0 if run.durable else _WORTH_SECONDS
        self._save_due = Due(at_least=at_least, at_most=_SAVE_SECONDS)
        self._history_due = Due(at_least=_HISTORY_SECONDS)

    def resume(self) -> bool:
        """Resumes the training from the newest checkpoint; returns whether there is one."""
        run = self.run
        found = self._program.newest(self.checkpoints)
        if found is None:
            identity.check_end(None, run)
            return False
        arrays, state = found
        try:
            identity.check(state["run"], self.identity, run)
            identity.check_end(state, run)
            for difference in environment.differences(state["library"], self._library()):
                print(f"The run began with {difference}: its results may differ", flush=True)
            before = state["library"]["path"]
            execution = {name: before[name] is True for name in self._state.execution}
            self._state.execution = execution
            self._state.set_to(arrays, state)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise saved_arrays.CheckpointError(
                f"{run.path}: its newest checkpoint can't be gone on from "
                f"({type(error).__name__}: {files.first_line(error)}); name another `run_dir`"
            ) from error
        epoch, step = self._state.progress.place
        print(f"Resuming at epoch {epoch + 1}, step {step}", flush=True)
        return True

    def _library(self) -> dict[str, Any]:
        return {**self._libraries, "path": self._state.execution}

    def save(self) -> None:
        """Writes a checkpoint of the current state."""
        if not self._program.is_chief:
            return
        durable = self.run.durable or self._save_due.waited > _WORTH_SECONDS
        with self._save_due.writing():
            arrays, state = self._state.snapshot()
            self._state.check_arrays(arrays)
            state = {**state, "library": self._library(), "run": self.identity}
            self.checkpoints.save(arrays, state, durable=durable)

    def save_if_due(self, *, ends: bool) -> None:
        """Writes a checkpoint if it is time to, or if the training ends."""
        if self._save_due.is_now() or ends:
            self.save()
        if ends:
            self.write_history()

    def write_history(self, *, durable: bool = False) -> None:
        """Writes history.csv."""
        if self._state.progress.history:
            with self._history_due.writing():
                self.run.write("history.csv", self._state.progress.csv(), durable=durable)

    def write_history_if_due(self) -> None:
        """Writes history.csv if it is time to."""
        if self._history_due.is_now():
            self.write_history()

    def end(self) -> None:
        """Writes the last history."""
        # Nobody writes it again once metrics.json counts as written.
        self.write_history(durable=self.run.durable)
        self.run.stopwatch.lap("training, validation")
