"""Applies nudges between two blocks of steps, and records where they took effect.

The result of a run depends only on the nudges in its timeline: `Progress.nudges`, ordered by place.
A rollback to an epoch discards the nudges after it. So the `--nudge` flags in flags.txt, one per
nudge of the timeline, repeat the run, and a repetition never needs a rollback.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from tfcourse import nudges
from tfcourse.hyperparameters import declarations
from tfcourse.training import identity
from tfcourse.training.checkpoint import place
from tfcourse.training.keras_internals import inner_of, schedule_of
from tfcourse.training.saved_arrays import CheckpointError, DamagedError

if TYPE_CHECKING:
    from tfcourse.training.saving import Saver

# A checkpoint: the variables' arrays, and the rest.
Snapshot = tuple[dict[str, Any], dict[str, Any]]


# Hyperparameters of optimizers besides the learning rate.
_SETTINGS = [
    name for name in declarations(nudges.Change) if name not in ("learning_rate", nudges.ROLLBACK)
]


@keras.saving.register_keras_serializable(package="tfcourse")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule times a constant factor."""

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, factor: float
    ) -> None:
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "factor": self.factor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["factor"])


class OptimizerSettings:
    """Reads and sets an optimizer's rate and hyperparameters, without changing its slots.

    Everything except a constant learning rate is a constant in compiled programs: after `set` or
    `restore`, the training step must be traced again.

    Args:
        optimizer: a built `keras.Optimizer`.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        self._optimizer = inner_of(optimizer)
        self._schedule = schedule_of(optimizer)
        self._factor = 1.0
        if isinstance(self._schedule, ScaledSchedule):  # Nudged in an earlier training.
            self._schedule, self._factor = self._schedule.schedule, self._schedule.factor

    def state(self) -> dict[str, float]:
        """Returns the settings that are not variables, JSON-able."""
        own = {n: getattr(self._optimizer, n) for n in _SETTINGS if hasattr(self._optimizer, n)}
        # A value that follows a schedule is given by the step.
        own = {name: value for name, value in own.items() if not callable(value)}
        return {"learning_rate_factor": self._factor, **own}

    def restore(self, state: Mapping[str, float]) -> None:
        """Sets what `state` returned; the slots are restored separately."""
        if state.keys() != self.state().keys():
            raise ValueError(f"its optimizer has {', '.join(sorted(state))}")
        for name, value in state.items():
            if name == "learning_rate_factor":
                self._scale(float(value))
            else:
                setattr(self._optimizer, name, nudges.check(name, value))

    def set(self, name: str, value: float) -> None:
        """Sets one setting from here on.

        With a schedule, a new rate scales the schedule. A new decay rate of an average of gradients
        keeps the average itself, which may be stored as a sum, `1 / (1 - beta)` times as large.

        Raises:
            ValueError: the optimizer has no such setting, or its schedule can't be scaled.
        """
        optimizer = self._optimizer
        if name == "learning_rate":
            if self._schedule is None:
                optimizer.learning_rate = value
                return
            before = self._factor
            self._scale(1.0)
            scheduled = float(optimizer.learning_rate)
            if not scheduled > 0.0:
                self._scale(before)
                raise ValueError(f"the schedule's rate is {scheduled} here and can't be scaled")
            self._scale(value / scheduled)
        elif callable(getattr(optimizer, name, None)):
            raise ValueError(f"{name} follows a schedule")
        elif hasattr(optimizer, name):
            before = getattr(optimizer, name)
            setattr(optimizer, name, value)
            if name == getattr(optimizer, "weighted_by", None):
                for weighted_sum in optimizer._weighted_sums:
                    weighted_sum.assign(weighted_sum * ((1.0 - before) / (1.0 - value)))
        else:
            raise ValueError(f"{optimizer.name} has no {name}")

    def _scale(self, factor: float) -> None:
        self._factor = factor
        if self._schedule is not None:
            scaled = ScaledSchedule(self._schedule, factor) if factor != 1.0 else self._schedule
            self._optimizer.learning_rate = scaled


class Nudger:
    """The nudges of one run.

    Args:
        saver: that of the training; its run directory receives requests and holds the record.
    """

    def __init__(self, saver: "Saver") -> None:
        self._saver = saver
        self._session = saver.session
        self._run = saver.run
        self._start: Snapshot | None = None

    def begin(self) -> None:
        """Records the state before the first step, and the nudges that the flags ask for."""
        texts = self._run.flags.get("nudge", [])
        timeline = [nudges.parse(text) for text in texts]
        self._session.progress.nudges = sorted(timeline, key=lambda nudge: nudge.place)
        self._start = self._saver.snapshot()

    def went_back(self) -> bool:
        """Applies pending nudges and requests; returns whether that led to another epoch."""
        self._apply_due()
        if not self._session.program.is_alone:
            return False  # The other machines would not know about it.
        for path, changes in nudges.requests(self._run.path):
            progress = self._session.progress
            is_new = path.name not in [entry["request"] for entry in progress.log]
            target = changes.pop(nudges.ROLLBACK, None) if is_new else None
            if is_new:
                entry = {"request": path.name, "epoch": progress.epoch, "step": progress.step}
                if target is None:
                    granted = changes
                    self._insert(changes)
                else:
                    granted = {nudges.ROLLBACK: target, **changes}
                    if not self._go_back(int(target), changes):
                        path.unlink()
                        continue
                progress = self._session.progress
                progress.log.append({**entry, "changes": granted})
                # After this, a kill neither repeats nor loses the request.
                self._saver.save()
                self.write_record()
            path.unlink()
            if target is not None:
                return True
        return False

    def _insert(self, changes: Mapping[str, float]) -> None:
        progress = self._session.progress
        for name, value in changes.items():
            nudge = nudges.Nudge(progress.epoch, progress.step, name, value)
            progress.nudges.insert(progress.applied, nudge)
            self._apply_due()

    def _apply_due(self) -> None:
        progress = self._session.progress
        settings_before = self._session.settings.state()
        while progress.applied < len(progress.nudges):
            nudge = progress.nudges[progress.applied]
            if nudge.place > progress.place:
                break
            progress.applied += 1
            try:
                self._session.settings.set(nudge.name, nudge.value)
                print(
                    f"nudge at epoch {progress.epoch + 1}, step {progress.step}: {nudge.name} is "
                    f"now {nudge.value:g}",
                    flush=True,
                )
            except ValueError as error:
                print(f"the nudge {nudge} changes nothing: {error}", flush=True)
        if self._session.settings.state() != settings_before:
            self._session.trace_steps()

    def _go_back(self, epoch: int, changes: Mapping[str, float]) -> bool:
        """Goes back to the end of `epoch`, or to an earlier snapshot; returns whether it could."""
        session = self._session
        target = (epoch, 0)
        timeline = [
            n for n in session.progress.nudges[: session.progress.applied] if n.place < target
        ]
        found = self._nearest(target, timeline)
        if session.progress.place <= target or found is None:
            reason = "it is not done" if found else "there is no checkpoint of it"
            print(f"the rollback to epoch {epoch} is skipped: {reason}", flush=True)
            return False
        log = session.progress.log
        arrays, state = found
        self._saver.set_to(arrays, state)
        progress = session.progress
        progress.nudges = timeline + [nudges.Nudge(*target, n, v) for n, v in changes.items()]
        progress.log = log
        session.trace_steps()
        again = (
            "" if progress.place == target else f", trained again from epoch {progress.epoch + 1}"
        )
        print(f"nudge: back to the end of epoch {epoch}{again}", flush=True)
        return True

    def _nearest(self, target: tuple[int, int], timeline: list[nudges.Nudge]) -> Snapshot | None:
        """Returns the last snapshot of this timeline before `target`."""
        checkpoints = self._saver.checkpoints
        # With more --epochs, the schedule may differ, and would not lead to the same state.
        exact = bool(self._run.continued_from)
        for file in reversed(checkpoints.files()):
            if place(file) > target or (exact and place(file) != target):
                continue
            try:
                arrays, state = checkpoints.read(file)
                identity.check(state["run"], self._saver.identity, self._run)
            except (DamagedError, CheckpointError):
                continue
            applied = [nudges.parse(text) for text in state["nudges"][: state["applied"]]]
            before = [nudge for nudge in timeline if nudge.place < place(file)]
            if applied == timeline[: len(applied)] and len(before) <= len(applied):
                return arrays, state
        return None if exact else self._start

    def write_record(self) -> None:
        """Writes the nudges into flags.txt, to repeat the run, and the log into nudges.jsonl."""
        progress = self._session.progress
        if progress.log:
            lines = [json.dumps(entry) + "\n" for entry in progress.log]
            self._run.write("nudges.jsonl", "".join(lines))
        texts = [str(nudge) for nudge in progress.nudges]
        if texts != self._run.flags.get("nudge", []):
            self._run.write_flags({**self._run.flags, "nudge": texts})

    def end(self) -> None:
        """Reports requests that came too late, and nudges for steps that were not taken."""
        progress = self._session.progress
        for nudge in progress.nudges[progress.applied :]:
            print(f"the nudge {nudge} is for after the last step: nothing was changed", flush=True)
        for path, changes in nudges.requests(self._run.path):
            print(f"the nudge {changes} came after the last step and is ignored", flush=True)
            path.unlink()
