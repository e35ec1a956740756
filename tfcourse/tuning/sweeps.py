"""A sweep as recorded in its journal: the space, the trials, their scores, the best one.

The state is a pure function of the journal's records, in any order in which workers finish.
"""

import dataclasses
import pathlib
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping

from tfcourse.tuning import journal, record_checks
from tfcourse.tuning.records import (
    COMPLETE,
    INFEASIBLE,
    PRUNED,
    Ask,
    Chosen,
    Confirmed,
    Data,
    Finished,
    Lost,
    Record,
    Result,
    Void,
    from_json,
    is_minimized,
)
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Space

# The names a flag may take; tests hold them equal to the keys of tuning.oracles.TUNERS.
TUNERS = ("random", "grid", "coarse_to_fine", "quasi_random", "bayesian", "hyperband")
# The next choice of these tuners depends on results, so they are asked for whole generations.
LEARNING = ("coarse_to_fine", "bayesian", "hyperband")
PRUNINGS = ("none", "median", "successive_halving")
UNFINISHED = "unfinished"
# A trial is infeasible after this many deaths of its worker.
MAX_LOST = 5


@dataclasses.dataclass(frozen=True)
class Running:
    """A running training: the trial, the replicate, and when it was submitted."""

    trial: int
    replicate: int
    started: float  # Seconds, as `time.time` counts them.


@dataclasses.dataclass(frozen=True)
class Trial(Ask):
    """One point of the space, trained once for every replicate."""

    phase: int  # Index of the sweep's settings that asked for it.
    results: dict[int, Result] = dataclasses.field(default_factory=dict)  # By replicate.
    # Results of confirming seeds, by replicate; numbers begin at `first_confirming`.
    confirmations: dict[int, Result] = dataclasses.field(default_factory=dict)

    @property
    def number(self) -> int:
        """Counted from 0 in the order in which trials were asked for."""
        return self.trial


@dataclasses.dataclass
class Sweep:
    """The content of a journal."""

    phases: list[Settings]  # The settings, of which the last one counts.
    trials: list[Trial]  # By number.
    chosen: Chosen | None  # The best trial and its metrics on the test set, once it was chosen.
    # Numbers of trials whose results have changed, in order. The list only grows, so that a reader
    # needs to look only at the new part.
    changes: list[int] = dataclasses.field(init=False, repr=False, compare=False)
    # How many workers have died in each trial.
    num_lost: Counter[int] = dataclasses.field(default_factory=Counter)
    # Digests of the data by split, once a trial has ended.
    digests: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.changes = [trial.number for trial in self.trials if trial.results]

    def apply(self, record: Record) -> None:
        """Updates the state with one more record."""
        match record:
            case Settings():
                self.phases.append(record)
            case Ask():
                self.trials.append(Trial(**vars(record), phase=len(self.phases) - 1))
            case Data(digests):
                self.digests = digests
            case Confirmed(trial, replicate, result):
                self.trials[trial].confirmations[replicate] = result
            case Finished(trial, replicate, result):
                self.trials[trial].results[replicate] = result
                self.changes.append(trial)
            case Lost(trial):
                self.num_lost[self.trials[trial].number] += 1
            case Void(trials):
                for number in trials:
                    self.trials[number].results.clear()
                    del self.num_lost[number]
                self.changes += trials
            case Chosen():
                self.chosen = record

    @property
    def settings(self) -> Settings:
        """The settings of the last phase, which count."""
        return self.phases[-1]

    @property
    def objective(self) -> str:
        """The metric that ranks trials, such as "val_accuracy"; see `records.is_minimized`."""
        return self.settings.objective

    @property
    def space(self) -> Space:
        """The search space."""
        return self.settings.space

    @property
    def replicates(self) -> int:
        """The number of trainings per trial."""
        return self.settings.replicates

    @property
    def first_confirming(self) -> int:
        """The replicate number of the first confirming training.

        A search that is continued may have another number of replicates. The seeds of all of them
        had a part in the choice.
        """
        return max(phase.replicates for phase in self.phases)

    def status(self, trial: Trial) -> str:
        """Returns COMPLETE, PRUNED, INFEASIBLE or UNFINISHED."""
        statuses = {result.status for result in trial.results.values()}
        if INFEASIBLE in statuses:
            return INFEASIBLE
        if PRUNED in statuses:
            return PRUNED
        return COMPLETE if len(trial.results) >= self.replicates else UNFINISHED

    def missing(self, trial: Trial) -> list[int]:
        """Returns the replicates of `trial` that are not trained yet.

        If one replicate is infeasible or pruned, the others are not trained.
        """
        if self.status(trial) != UNFINISHED:
            return []
        return [number for number in range(self.replicates) if number not in trial.results]

    def reason(self, trial: Trial) -> str:
        """Returns why `trial` is infeasible; "" if it is not."""
        return next((r.reason for r in trial.results.values() if r.status == INFEASIBLE), "")

    def counted(self, trial: Trial) -> dict[int, Result]:
        """Returns the results so far by replicate; an earlier phase may have trained more."""
        return {n: trial.results[n] for n in sorted(trial.results) if n < self.replicates}

    def scores(self, trial: Trial) -> list[float]:
        """Returns the finite scores of the replicates trained so far, in order."""
        scores = [result.best(self.objective)[0] for result in self.counted(trial).values()]
        return [score for score in scores if score is not None]

    def score(self, trial: Trial) -> float | None:
        """Returns the mean over the replicates of `trial`; `None` if there is no score yet."""
        scores = self.scores(trial)
        if self.status(trial) in (INFEASIBLE, UNFINISHED) or not scores:
            return None
        return statistics.fmean(scores)

    def spread(self, trial: Trial) -> float | None:
        """Returns the standard deviation over the replicates; `None` for fewer than two."""
        scores = self.scores(trial)
        return statistics.stdev(scores) if len(scores) > 1 else None

    def ranked(self) -> list[Trial]:
        """Returns the complete trials, best first; ties in the order of trials."""
        return [trial for trial, _ in self._ranked()]

    def ranked_scores(self) -> list[float]:
        """Returns the scores of the trials that `ranked` returns."""
        return [score for _, score in self._ranked()]

    def _ranked(self) -> list[tuple[Trial, float]]:
        sign = 1 if is_minimized(self.objective) else -1
        complete = [trial for trial in self.trials if self.status(trial) == COMPLETE]
        scored = [(trial, s) for trial in complete if (s := self.score(trial)) is not None]
        return sorted(scored, key=lambda pair: (sign * pair[1], pair[0].number))

    @property
    def best(self) -> Trial | None:
        """The best complete trial, or `None`."""
        return next(iter(self.ranked()), None)

    def finished(self) -> list[Trial]:
        """Returns the trials that are done, by number."""
        return [trial for trial in self.trials if self.status(trial) != UNFINISHED]


def read(path: pathlib.Path, found: Iterable[journal.Record]) -> Sweep:
    """Returns the sweep recorded in the journal at `path`.

    Raises:
        JournalError: the records are not from a sweep of this version.
    """
    sweep = Sweep([], [], None)
    try:
        for fields in found:
            record = from_json(fields)
            record_checks.check(record, sweep.phases, len(sweep.trials))
            sweep.apply(record)
        for phase in sweep.phases:
            if phase.tuner not in TUNERS or phase.pruning not in PRUNINGS:
                raise ValueError(f"{phase.tuner!r}, {phase.pruning!r}")
        return sweep
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {str(error)[:100]}"
        raise journal.JournalError(
            f"{path} holds records that are none of a sweep ({reason}); name another `run_dir`"
        ) from None
