"""The progress of a running sweep: trials done, the best trials, the time left."""

import collections
import dataclasses
import itertools
import textwrap
from collections.abc import Collection, Iterator, Mapping

from tfcourse.tuning import sweeps
from tfcourse.tuning.report.findings import short
from tfcourse.tuning.standings import Standings

_STAYS = "\0"  # A space at which lines do not break.


@dataclasses.dataclass(frozen=True)
class RunningRow:
    """A running training, as readable texts."""

    trial: int
    label: str
    values: dict[str, str]
    started: float  # Seconds, as `time.time` counts them.


@dataclasses.dataclass(frozen=True)
class Row:
    """A finished trial, as readable texts."""

    trial: int
    label: str
    values: dict[str, str]
    status: str
    score: float | None
    reason: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Moment:
    """An immutable snapshot of a sweep."""

    objective: str
    names: list[str]
    planned: int
    replicates: int
    num_done: int
    num_infeasible: int
    reason: str  # Why the latest infeasible trial failed.
    best: list[Row]
    latest: list[Row]  # The others, in the order of their ends.
    running: list[RunningRow]
    started: list[float]  # When each running training was submitted.
    seconds: float  # Taken by all finished trials.
    half_done: float  # Taken by unfinished trials so far.

    def seconds_left(self, now: float) -> float | None:
        """Returns the estimated time left, by the mean time of the trials that are done.

        It is `None` if no trial is done, nothing runs, or the running trainings confirm the best
        trial.
        """
        if not 0 < self.num_done < self.planned or not self.started:
            return None
        a_trial = self.seconds / self.num_done
        a_training = a_trial / self.replicates
        running = sum(min(now - started, a_training) for started in self.started)
        left = (self.planned - self.num_done) * a_trial - self.half_done - running
        return max(left, 0.0) / len(self.started)


class Progress:
    """Follows a running sweep; the cost depends only on new results.

    Args:
        sweep: the sweep; trials that are done already count, but are not reported.
        num_best, num_latest, num_running: the number of rows of each kind in a `Moment`.
    """

    def __init__(
        self, sweep: sweeps.Sweep, num_best: int = 5, num_latest: int = 3, num_running: int = 8
    ) -> None:
        self.sweep = sweep
        self._num_best = num_best
        self._num_latest = num_latest
        self._num_running = num_running
        self._standings = Standings(sweep)
        self._rows: dict[int, Row] = {}  # By trial number, in the order of their ends.
        self._statuses: collections.Counter[str] = collections.Counter()
        self._reason = ""
        self._seconds: dict[int, float] = {}  # By trial, finished or not.
        self._all_seconds = self._done_seconds = 0.0
        self._was_told = not self._standings.finished
        for number in dict.fromkeys(sweep.changes):
            self._read(sweep.trials[number])

    def new_lines(self) -> Iterator[str]:
        """Yields a line for each trial that has finished since the last call."""
        if not self._was_told:
            # A resumed sweep reports only new trials.
            self._was_told = True
            yield f"{len(self._rows)} of {self._planned()} trials were done before"
        for trial in self._standings.update():
            row = self._read(trial)
            if row:
                yield self._line(row)

    def moment(self, running: Collection[sweeps.Running]) -> Moment:
        """Returns a `Moment` with the state that `new_lines` has reported, and what runs."""
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
        """Reads the results of `trial`; returns its row if it has finished."""
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
    if item.replicate >= sweep.first_confirming:
        label += f" (seed {item.replicate - sweep.first_confirming + 1})"
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
    """Returns a trial's score, or its status if it has none."""
    score = "" if row.score is None else f"{row.score:#.4g}"
    return score if row.status == sweeps.COMPLETE else f"{row.status} {score}".strip()
