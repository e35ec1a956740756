"""What of a sweep is told while it runs: how far it is, the best trials, the time left."""

import dataclasses
from collections.abc import Iterable, Iterator
from operator import is_

from tfcourse.tuning import state as sweeps
from tfcourse.tuning.report.findings import short


@dataclasses.dataclass(frozen=True)
class RunningRow:
    """A training that goes on, as people read it."""

    trial: int
    label: str
    values: dict[str, str]
    started: float  # Seconds, as `time.time` counts them.


@dataclasses.dataclass(frozen=True)
class Row:
    """A finished trial, as people read it."""

    trial: int
    label: str
    values: dict[str, str]
    status: str
    score: float | None
    reason: str
    seconds: float


class Rows:
    """The finished trials of a sweep as rows for people; only what is new is computed."""

    def __init__(self) -> None:
        # By number: the results that a row was made of, and the row.
        self._known: dict[int, tuple[list[sweeps.Result], Row]] = {}

    def of(self, sweep: sweeps.Sweep) -> list[Row]:
        """Returns a row per finished trial, by number."""
        known = {}
        for trial in sweep.trials:
            results = [*trial.results.values()]
            before = self._known.get(trial.number)
            if before and len(before[0]) == len(results) and all(map(is_, before[0], results)):
                known[trial.number] = before
            elif results and sweep.status(trial) != sweeps.UNFINISHED:
                known[trial.number] = results, _row(sweep, trial)
        self._known = known
        return [row for _, row in known.values()]


@dataclasses.dataclass(frozen=True)
class Progress:
    """A moment of a sweep; nothing in it changes any more."""

    objective: str
    names: list[str]
    planned: int
    replicates: int
    rows: list[Row]
    best: list[Row]
    running: list[RunningRow]
    half_done: float  # Seconds that unfinished trials have already taken.

    @classmethod
    def of(
        cls,
        sweep: sweeps.Sweep,
        rows: list[Row],
        running: Iterable[sweeps.Running],
        num_best: int = 5,
    ) -> "Progress":
        """Returns the progress of `sweep`, with its `Rows` and the trainings that go on."""
        sign = 1 if sweeps.is_minimized(sweep.objective) else -1
        complete = [row for row in rows if row.status == sweeps.COMPLETE]
        ranked = sorted((sign * r.score, r.trial, r) for r in complete if r.score is not None)
        finished = {row.trial for row in rows}
        unfinished = [trial for trial in sweep.trials if trial.number not in finished]
        return cls(
            sweep.objective,
            [axis.name for axis in sweep.space.axes],
            max(sweep.settings.trials, len(sweep.trials)),
            sweep.replicates,
            rows,
            [row for *_, row in ranked[:num_best]],
            [_running_row(sweep, item) for item in running],
            sum(result.seconds for trial in unfinished for result in trial.results.values()),
        )

    def seconds_left(self, now: float) -> float | None:
        """Returns about how long the rest takes, at the mean of the trials that are done.

        It is `None` where none is done, or nothing runs.
        """
        if not self.rows or not self.running:
            return None
        a_trial = sum(row.seconds for row in self.rows) / len(self.rows)
        a_training = a_trial / self.replicates
        running = sum(min(now - row.started, a_training) for row in self.running)
        left = (self.planned - len(self.rows)) * a_trial - self.half_done - running
        return max(left, 0.0) / len(self.running)


def _row(sweep: sweeps.Sweep, trial: sweeps.Trial) -> Row:
    return Row(
        trial.number,
        str(trial.number),
        _values(trial),
        sweep.status(trial),
        sweep.score(trial),
        " ".join(sweep.reason(trial).split()),
        sum(result.seconds for result in trial.results.values()),
    )


def _running_row(sweep: sweeps.Sweep, item: sweeps.Running) -> RunningRow:
    trial = sweep.trials[item.trial]
    label = str(trial.number)
    if sweep.replicates > 1:
        label += f" ({item.replicate + 1}/{sweep.replicates})"
    return RunningRow(trial.number, label, _values(trial), item.started)


def _values(trial: sweeps.Trial) -> dict[str, str]:
    return {name: short(value) for name, value in trial.values.items()}


def outcome(row: Row) -> str:
    """Returns the score of a trial, or what else became of it."""
    score = "" if row.score is None else f"{row.score:#.4g}"
    return score if row.status == sweeps.COMPLETE else f"{row.status} {score}".strip()


def new_lines(before: Progress | None, state: Progress) -> Iterator[str]:
    """Yields a line for each trial that is done in `state` and was not `before`."""
    if before is None and state.rows:
        # A sweep that goes on tells what is new, not again all that it did.
        yield f"{len(state.rows)} of {state.planned} trials were done before"
        return
    known = {row.trial for row in before.rows} if before else set()
    for row in state.rows:
        if row.trial not in known:
            yield _line(row, state)


def _line(row: Row, state: Progress) -> str:
    text = f"{state.objective} {outcome(row)}"
    if row.status == sweeps.INFEASIBLE:
        text = f"infeasible: {row.reason}"
    for best in state.best[:1]:
        text += f" (best {outcome(best)}, trial {best.trial})"
    done = f"[{len(state.rows)}/{state.planned}] trial {row.trial}"
    values = ", ".join(f"{name} {value}" for name, value in row.values.items())
    return f"{done}: {text}, {row.seconds:.1f} s, {values}"
