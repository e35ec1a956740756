"""What of a sweep is told while it runs: how far it is, the best trials, the time left."""

import collections
import dataclasses
import itertools
import textwrap
from collections.abc import Collection, Iterator, Mapping

from tfcourse.tuning import state as sweeps
from tfcourse.tuning.report.findings import short
from tfcourse.tuning.standings import Standings

_STAYS = "\0"  # A blank at which no line is broken.


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


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment of a sweep; nothing in it changes any more."""

    objective: str
    names: list[str]
    planned: int
    replicates: int
    num_done: int
    num_infeasible: int
    reason: str  # Of the latest infeasible trial.
    best: list[Row]
    latest: list[Row]  # Of the others, by their ends.
    running: list[RunningRow]
    started: list[float]  # When each training that goes on was handed out.
    seconds: float  # That all finished trials have taken.
    half_done: float  # That unfinished trials have already taken.

    def seconds_left(self, now: float) -> float | None:
        """Returns about how long the rest takes, at the mean of the trials that are done.

        It is `None` where none is done, or nothing runs, or what runs confirms the best trial.
        """
        if not 0 < self.num_done < self.planned or not self.started:
            return None
        a_trial = self.seconds / self.num_done
        a_training = a_trial / self.replicates
        running = sum(min(now - started, a_training) for started in self.started)
        left = (self.planned - self.num_done) * a_trial - self.half_done - running
        return max(left, 0.0) / len(self.started)


class Progress:
    """Follows a sweep as it goes on, at the cost of what is new.

    Args:
        sweep: what is followed; what is done already counts, but is not told.
        num_best, num_latest, num_running: how many rows a `Moment` has of each kind.
    """

    def __init__(
        self, sweep: sweeps.Sweep, num_best: int = 5, num_latest: int = 3, num_running: int = 8
    ) -> None:
        self.sweep = sweep
        self._num_best = num_best
        self._num_latest = num_latest
        self._num_running = num_running
        self._standings = Standings(sweep)
        self._rows: dict[int, Row] = {}  # By the trial's number, in the order of their ends.
        self._statuses: collections.Counter[str] = collections.Counter()
        self._reason = ""
        self._seconds: dict[int, float] = {}  # Of each trial, finished or not.
        self._all_seconds = self._done_seconds = 0.0
        self._was_told = not self._standings.finished
        for number in dict.fromkeys(sweep.changes):
            self._read(sweep.trials[number])

    def new_lines(self) -> Iterator[str]:
        """Yields a line for each trial that is done and was not when this was called before."""
        if not self._was_told:
            # A sweep that goes on tells what is new, not again all that it did.
            self._was_told = True
            yield f"{len(self._rows)} of {self._planned()} trials were done before"
        for trial in self._standings.update():
            row = self._read(trial)
            if row:
                yield self._line(row)

    def moment(self, running: Collection[sweeps.Running]) -> Moment:
        """Returns how far the sweep is, of what `new_lines` has told, and what goes on."""
        best = [_row(self.sweep, trial) for trial in self._standings.best(self._num_best)]
        shown = {row.trial for row in best}
        newest = (row for row in reversed(self._rows.values()) if row.trial not in shown)
        return Moment(
            objective=self.sweep.objective,
            names=[axis.name for axis in self.sweep.space.axes],
            planned=self._planned(),
            replicates=self.sweep.replicates,
            num_done=len(self._rows),
            num_infeasible=self._statuses[sweeps.INFEASIBLE],
            reason=self._reason,
            best=best,
            latest=[*itertools.islice(newest, self._num_latest)][::-1],
            running=[
                _running_row(self.sweep, item)
                for item in itertools.islice(running, self._num_running)
            ],
            started=[item.started for item in running],
            seconds=self._done_seconds,
            half_done=self._all_seconds - self._done_seconds,
        )

    def _planned(self) -> int:
        return max(self.sweep.settings.trials, len(self.sweep.trials))

    def _read(self, trial: sweeps.Trial) -> Row | None:
        """Takes note of the results of `trial`; returns its row if it has become finished."""
        number = trial.number
        before = self._rows.pop(number, None)
        if before:
            self._statuses[before.status] -= 1
            self._done_seconds -= before.seconds
        seconds = sum(result.seconds for result in trial.results.values())
        self._all_seconds += seconds - self._seconds.get(number, 0.0)
        self._seconds[number] = seconds
        if self.sweep.status(trial) == sweeps.UNFINISHED:
            return None
        row = self._rows[number] = _row(self.sweep, trial)
        self._statuses[row.status] += 1
        self._done_seconds += seconds
        if row.status == sweeps.INFEASIBLE:
            self._reason = row.reason
        return None if before else row

    def _line(self, row: Row) -> str:
        text = f"{self.sweep.objective} {outcome(row)}"
        if row.status == sweeps.INFEASIBLE:
            text = f"infeasible: {row.reason}"
        for trial in self._standings.best(1):
            text += f" (best {outcome(_row(self.sweep, trial))}, trial {trial.number})"
        done = f"[{len(self._rows)}/{self._planned()}] trial {row.trial}"
        return "\n".join([f"{done}: {text}, {row.seconds:.1f} s", *indented(row.values)])


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
    if item.replicate >= sweep.replicates:
        label += f" (seed {item.replicate - sweep.replicates + 1})"
    elif sweep.replicates > 1:
        label += f" ({item.replicate + 1}/{sweep.replicates})"
    return RunningRow(trial.number, label, _values(trial), item.started)


def _values(trial: sweeps.Trial) -> dict[str, str]:
    return {name: short(value) for name, value in trial.values.items()}


def indented(values: Mapping[str, str]) -> list[str]:
    """Returns a trial's values as lines that fit 80 columns."""
    pairs = [f"{name} {value}".replace(" ", _STAYS) for name, value in values.items()]
    lines = textwrap.wrap(", ".join(pairs), 80, initial_indent="    ", subsequent_indent="    ")
    return [line.replace(_STAYS, " ") for line in lines]


def outcome(row: Row) -> str:
    """Returns the score of a trial, or what else became of it."""
    score = "" if row.score is None else f"{row.score:#.4g}"
    return score if row.status == sweeps.COMPLETE else f"{row.status} {score}".strip()
