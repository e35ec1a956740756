"""Applies nudges between two blocks of steps, and records where.

What a run became depends on the nudges of its timeline alone: `Progress.nudges`, by place. Going
back to an epoch forgets those that came after it. So `--nudge` for each of the timeline, which
flags.txt holds, gives the same run again, and no replay ever has to go back.
"""

import json

from tfcourse import nudges
from tfcourse.training.checkpoint import CheckpointError, DamagedError, place


class Nudger:
    """The nudges of one run.

    Args:
        session: the `Session`, with a run directory.
    """

    def __init__(self, session):
        self._session = session
        self._run = session.run
        self._start = None

    def begin(self):
        """Notes the state before the first step, and the nudges that the flags ask for."""
        texts = self._run.flags.get("nudge", [])
        timeline = [nudges.parse(text) for text in texts]
        self._session.progress.nudges = sorted(timeline, key=lambda nudge: nudge.place)
        self._start = self._session.snapshot()

    def went_back(self):
        """Applies what is due and what was asked for; returns whether that led to another epoch."""
        self._apply_due()
        if not self._session.program.is_alone:
            return False  # The other machines would not know of it.
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
                    if not self._go_back(target, changes):
                        path.unlink()
                        continue
                progress = self._session.progress
                progress.log.append({**entry, "changes": granted})
                # From here on a kill no longer asks for it twice, nor forgets it.
                self._session.save()
                self.write_record()
            path.unlink()
            if target is not None:
                return True
        return False

    def _insert(self, changes):
        progress = self._session.progress
        for name, value in changes.items():
            progress.nudges.insert(progress.applied, nudges.Nudge(*progress.place, name, value))
            self._apply_due()

    def _apply_due(self):
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
                    f"nudge at epoch {nudge.epoch + 1}, step {nudge.step}: {nudge.name} is now "
                    f"{nudge.value:g}",
                    flush=True,
                )
            except ValueError as error:
                print(f"the nudge {nudge} changes nothing: {error}", flush=True)
        if self._session.settings.state() != settings_before:
            self._session.trace_steps()

    def _go_back(self, epoch, changes):
        """Goes back to the end of `epoch` or, where that is not kept, to before it, from where
        training comes to it again; returns whether it could."""
        session = self._session
        target = (epoch, 0)
        timeline = [
            n for n in session.progress.nudges[: session.progress.applied] if n.place < target
        ]
        found = self._nearest(target, timeline)
        if session.progress.place <= target or found is None:
            reason = "it is not done" if found else "there is no checkpoint of it"
            print(f"the nudge back to epoch {epoch} is left out: {reason}", flush=True)
            return False
        log = session.progress.log
        arrays, state = found
        session.set_to(arrays, state)
        progress = session.progress
        progress.nudges = timeline + [nudges.Nudge(*target, n, v) for n, v in changes.items()]
        progress.log = log
        session.trace_steps()
        again = (
            "" if progress.place == target else f", trained again from epoch {progress.epoch + 1}"
        )
        print(f"nudge: back to the end of epoch {epoch}{again}", flush=True)
        return True

    def _nearest(self, target, timeline):
        """Returns the snapshot of this timeline that is nearest before `target`."""
        checkpoints = self._session.checkpoints
        # With more --epochs the schedule may be another, and would not lead there again.
        exact = bool(self._run.continued_from)
        for file in reversed(checkpoints.files()):
            if place(file) > target or (exact and place(file) != target):
                continue
            try:
                arrays, state = checkpoints.read(file)
            except (DamagedError, CheckpointError):
                continue
            applied = [nudges.parse(text) for text in state["nudges"][: state["applied"]]]
            before = [nudge for nudge in timeline if nudge.place < place(file)]
            if applied == timeline[: len(applied)] and len(before) <= len(applied):
                return arrays, state
        return None if exact else self._start

    def write_record(self):
        """Writes what was changed into flags.txt, to repeat the run, and into nudges.jsonl."""
        progress = self._session.progress
        if progress.log:
            lines = [json.dumps(entry) + "\n" for entry in progress.log]
            self._run.write("nudges.jsonl", "".join(lines))
        texts = [str(nudge) for nudge in progress.nudges]
        if texts != self._run.flags.get("nudge", []):
            self._run.write_flags({**self._run.flags, "nudge": texts})

    def end(self):
        """Tells of requests that came too late."""
        for path, changes in nudges.requests(self._run.path):
            print(f"the nudge {changes} came after the last step and is left out", flush=True)
            path.unlink()
