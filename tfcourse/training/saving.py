"""Saving a training in its run directory, and resuming it there."""

from typing import TYPE_CHECKING, Any

from tfcourse.run_directory import RunDirectory, environment
from tfcourse.system import files
from tfcourse.system.due import Due
from tfcourse.training import callback_states, checkpoint, identity, nudging, saved_arrays
from tfcourse.training.interruption import Request
from tfcourse.training.progress import Progress
from tfcourse.training.saved_arrays import Arrays

if TYPE_CHECKING:
    from tfcourse.training.session import Session

# A checkpoint is written at least this often.
_SAVE_SECONDS = 30.0
# A shorter training in a run that need not survive a power loss, such as most trials of a sweep,
# writes only its last checkpoint, which is not flushed: it is trained again as quickly.
_WORTH_SECONDS = 1.0
# After a kill, the history comes from the checkpoint, so a shorter interval would gain little.
_HISTORY_SECONDS = 1.0


class Saver:
    """Checkpoints, history and nudges of one training.

    Args:
        session: the training.
        run: its run directory.
        of_run: the `identity` of `run`, for its checkpoints.
    """

    def __init__(
        self, session: "Session", run: RunDirectory, of_run: dict[str, dict[str, str]]
    ) -> None:
        self.session = session
        self.run = run
        self.identity = of_run
        self.checkpoints = checkpoint.Checkpoints(run, session.model)
        self.nudger = nudging.Nudger(self)
        self._libraries = environment.settings_of_libraries()
        at_least = 0.0 if run.durable else _WORTH_SECONDS
        self._save_due = Due(at_least=at_least, at_most=_SAVE_SECONDS)
        self._history_due = Due(at_least=_HISTORY_SECONDS)

    def begin(self) -> None:
        """Resumes the training from the newest checkpoint, if there is one."""
        session, run = self.session, self.run
        self._callback_states = callback_states.CallbackStates(
            session.callbacks.callbacks, session.model
        )
        self.nudger.begin()
        found = session.program.newest(self.checkpoints)
        if found is None:
            identity.check_end(None, run)
            self.checkpoints.check_space()
            return
        arrays, state = found
        try:
            identity.check(state["run"], self.identity, run)
            identity.check_end(state, run)
            for difference in environment.differences(state["library"], self._library()):
                print(f"The run began with {difference}: its results may differ", flush=True)
            before = state["library"]["path"]
            session.execution = {name: before[name] is True for name in session.execution}
            self.set_to(arrays, state)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise saved_arrays.CheckpointError(
                f"{run.path}: its newest checkpoint can't be gone on from "
                f"({type(error).__name__}: {files.first_line(error)}); name another `run_dir`"
            ) from error
        self.nudger.write_record()
        epoch, step = session.progress.place
        print(f"Resuming at epoch {epoch + 1}, step {step}", flush=True)

    def _library(self) -> dict[str, Any]:
        return {**self._libraries, "path": self.session.execution}

    def snapshot(self) -> tuple[Arrays, dict[str, Any]]:
        """Returns `(arrays, state)`: everything that `set_to` needs to continue from here."""
        session = self.session
        states, kept = self._callback_states.take()
        state = {
            **session.progress.state(),
            "stopped": bool(session.model.stop_training),
            "callbacks": states,
            "settings": session.settings.state(),
            "library": self._library(),
            "run": self.identity,
        }
        return {**self.checkpoints.arrays(), **session.progress.arrays(), **kept}, state

    def set_to(self, arrays: Arrays, state: dict[str, Any]) -> None:
        """Restores the state of which `snapshot` returned `arrays` and `state`."""
        session = self.session
        session.progress = Progress.from_state(state, arrays, session.num_steps)
        if session.progress.entered:
            # For callbacks that show or time an epoch; whatever it changes is restored next.
            session.callbacks.on_epoch_begin(session.progress.epoch)
        self.checkpoints.assign(arrays)
        session.settings.restore(state["settings"])
        self._callback_states.put_back(state["callbacks"], arrays)
        session.model.stop_training = state["stopped"]
        rows, history = session.progress.history, session.model.history
        history.epoch = [row["epoch"] - 1 for row in rows]
        logged = sorted(set().union(*rows) - {"epoch", "train_seconds"})  # As Keras sorts them.
        history.history = {n: [row[n] for row in rows if n in row] for n in logged}

    def save(self) -> None:
        """Writes a checkpoint of the current state."""
        if not self.session.program.is_chief:
            return
        durable = self.run.durable or self._save_due.waited > _WORTH_SECONDS
        with self._save_due.writing():
            arrays, state = self.snapshot()
            self.session.check_arrays(arrays)
            self.checkpoints.save(arrays, state, durable=durable)

    def save_if_due(self, *, ends: bool) -> None:
        """Writes a checkpoint if it is time to, or if the training ends."""
        if self._save_due.is_now() or ends:
            self.save()
        if ends:
            self.write_history()

    def write_history(self, *, durable: bool = False) -> None:
        """Writes history.csv."""
        if self.session.progress.history:
            with self._history_due.writing():
                self.run.write("history.csv", self.session.progress.csv(), durable=durable)

    def write_history_if_due(self) -> None:
        """Writes history.csv if it is time to."""
        if self._history_due.is_now():
            self.write_history()

    def end(self, request: Request) -> None:
        """Writes the last history, and reports nudges that came too late."""
        # Nobody writes it again once metrics.json counts as written.
        self.write_history(durable=self.run.durable)
        if request.signal_number is None:  # Otherwise, requests wait for the resumed run.
            self.nudger.end()
        self.run.stopwatch.lap("training, validation")
