"""Tracks which trials of a sweep are done and which are best, at a cost per new result."""

import bisect

from tfcourse.tuning import sweeps


class Standings:
    """The finished trials of a running sweep.

    The methods of `Sweep` take longer the more trials there are, and a sweep of 20,000 trials asks
    after every one.

    Args:
        sweep: its existing results are read at once.

    Attributes:
        finished: `{number: status}` of the trials that are done, in the order in which they ended.
    """

    def __init__(self, sweep: sweeps.Sweep) -> None:
        self.sweep = sweep
        self.finished: dict[int, str] = {}
        self._settings = sweep.settings
        self._num_read = 0
        self._entries: dict[int, tuple[float, int]] = {}
        self._ranked: list[tuple[float, int]] = []
        self.update()

    def update(self) -> list[sweeps.Trial]:
        """Reads new results; returns the trials whose results have changed."""
        if self.sweep.settings is not self._settings:  # The objective may have changed.
            raise ValueError("the sweep has begun another phase, which needs standings of its own")
        changes = dict.fromkeys(self.sweep.changes[self._num_read :])
        self._num_read = len(self.sweep.changes)
        changed = [self.sweep.trials[number] for number in changes]
        for trial in changed:
            self._place(trial)
        return changed

    def _place(self, trial: sweeps.Trial) -> None:
        number, status = trial.number, self.sweep.status(trial)
        if status != sweeps.UNFINISHED:
            self.finished[number] = status
        else:
            self.finished.pop(number, None)
        before = self._entries.pop(number, None)
        if before is not None:
            self._ranked.remove(before)
        score = self.sweep.score(trial)
        if status == sweeps.COMPLETE and score is not None:
            sign = 1 if sweeps.is_minimized(self.sweep.objective) else -1
            self._entries[number] = sign * score, number
            bisect.insort(self._ranked, self._entries[number])

    def best(self, count: int) -> list[sweeps.Trial]:
        """Returns the best complete trials, best first; ties go to the earlier trial."""
        return [self.sweep.trials[number] for _, number in self._ranked[:count]]

    def common_reason(self, enough: int) -> str | None:
        """Returns the reason why at least `enough` trials all failed, or `None` if they did not.

        Reasons count as equal if they agree up to the first colon.
        """
        if len(self.finished) < enough:
            return None
        reasons = (self.sweep.reason(self.sweep.trials[number]) for number in self.finished)
        first = next(reasons, "")
        kind = first.partition(":")[0]
        return first if kind and all(each.partition(":")[0] == kind for each in reasons) else None
