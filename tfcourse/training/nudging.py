"""Applies nudges between two blocks of steps, and records where they took effect.

The result of a run depends only on the nudges in its timeline: `Progress.nudges`, ordered by place.
A rollback to an epoch discards the nudges after it. So the `--nudge` flags in flags.txt, one per
nudge of the timeline, repeat the run, and a repetition never needs a rollback.
"""

import json
from collections.abc import Callable, Mapping

from tfcourse import nudges
from tfcourse.training.checkpoints import identity
from tfcourse.training.checkpoints.checkpoint import place
from tfcourse.training.checkpoints.saved_arrays import CheckpointError, DamagedError
from tfcourse.training.checkpoints.saving import Saver
from tfcourse.training.checkpoints.state import Snapshot, State


class Nudger:
    """The nudges of one run.

    Args:
        state: that of the training.
        saver: that of the training; its run directory receives requests and holds the record.
        trace: called after settings have changed, to trace the training step again.
        takes_requests: whether requests are granted, not only the nudges that the flags ask for.
    """

    def __init__(
        self, state: State, saver: Saver, trace: Callable[[], None], *, takes_requests: bool
    ) -> None:
        self._state = state
        self._saver = saver
        self._trace = trace
        self._takes_requests = takes_requests
        self._run = saver.run
        self._start: Snapshot | None = None

    def begin(self) -> None:
        """Records the state before the first step, and the nudges that the flags ask for."""
        texts = self._run.flags.get("nudge", [])
        timeline = [nudges.parse(text) for text in texts]
        self._state.progress.nudges = sorted(timeline, key=lambda nudge: nudge.place)
        self._start = self._state.snapshot()

    def went_back(self) -> bool:
        """Applies pending nudges and requests; returns whether that led to another epoch."""
        self._apply_due()
        if not self._takes_requests:
            return False
        for path, changes in nudges.requests(self._run.path):
            progress = self._state.progress
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
                progress = self._state.progress
                progress.log.append({**entry, "changes": granted})
                # After this, a kill neither repeats nor loses the request.
                self._saver.save()
                self.write_record()
            path.unlink()
            if target is not None:
                return True
        return False

    def _insert(self, changes: Mapping[str, float]) -> None:
        progress = self._state.progress
        for name, value in changes.items():
            nudge = nudges.Nudge(progress.epoch, progress.step, name, value)
            progress.nudges.insert(progress.applied, nudge)
            self._apply_due()

    def _apply_due(self) -> None:
        progress = self._state.progress
        settings_before = self._state.settings.state()
        while progress.applied < len(progress.nudges):
            nudge = progress.nudges[progress.applied]
            if nudge.place > progress.place:
                break
            progress.applied += 1
            try:
                self._state.settings.set(nudge.name, nudge.value)
                print(
                    f"nudge at epoch {progress.epoch + 1}, step {progress.step}: {nudge.name} is "
                    f"now {nudge.value:g}",
                    flush=True,
                )
            except ValueError as error:
                print(f"the nudge {nudge} changes nothing: {error}", flush=True)
        if self._state.settings.state() != settings_before:
            self._trace()

    def _go_back(self, epoch: int, changes: Mapping[str, float]) -> bool:
        """Goes back to the end of `epoch`, or to an earlier snapshot; returns whether it could."""
        state = self._state
        target = (epoch, 0)
        progress = state.progress
        timeline = [n for n in progress.nudges[: progress.applied] if n.place < target]
        found = self._nearest(target, timeline)
        if progress.place <= target or found is None:
            reason = "it is not done" if found else "there is no checkpoint of it"
            print(f"the rollback to epoch {epoch} is skipped: {reason}", flush=True)
            return False
        log = progress.log
        state.set_to(*found)
        progress = state.progress
        progress.nudges = timeline + [nudges.Nudge(*target, n, v) for n, v in changes.items()]
        progress.log = log
        self._trace()
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
        progress = self._state.progress
        if progress.log:
            lines = [json.dumps(entry) + "\n" for entry in progress.log]
            self._run.write("nudges.jsonl", "".join(lines))
        texts = [str(nudge) for nudge in progress.nudges]
        if texts != self._run.flags.get("nudge", []):
            self._run.write_flags({**self._run.flags, "nudge": texts})

    def end(self) -> None:
        """Reports requests that came too late, and nudges for steps that were not taken."""
        progress = self._state.progress
        for nudge in progress.nudges[progress.applied :]:
            print(f"the nudge {nudge} is for after the last step: nothing was changed", flush=True)
        for path, changes in nudges.requests(self._run.path):
            print(f"the nudge {changes} came after the last step and is ignored", flush=True)
            path.unlink()
