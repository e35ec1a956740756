"""A sweep as its journal tells it: the space, the trials, their scores, which one is best.

The state is a pure function of the journal's records, in whatever order workers finished:

    sweep    what is searched, and how; again wherever a later call extends it
    ask      a trial's number and values
    result   what one training of a trial (a replicate) came to
    lost     a training whose worker died
    void     trials whose results no longer count, since all had failed for one reason
    chosen   the best trial, and what it reached on the test set
"""

import dataclasses
import math
import statistics

from tfcourse.scales import format_value as format_value
from tfcourse.tuning.space import Space

# The names a flag may take; tests hold them equal to the keys of tuning.oracles.TUNERS.
TUNERS = ("random", "grid", "coarse_to_fine", "quasi_random", "bayesian", "hyperband")
PRUNINGS = ("none", "median", "successive_halving")
COMPLETE = "complete"
PRUNED = "pruned"
INFEASIBLE = "infeasible"
UNFINISHED = "unfinished"
# So many times a trial may take its worker with it.
MAX_LOST = 5


@dataclasses.dataclass(frozen=True)
class Result:
    """What one training came to.

    Attributes:
        status: COMPLETE, PRUNED or INFEASIBLE.
        reason: str, why it is infeasible.
        curve: list of dicts, a row an epoch: `epoch`, `loss`, `val_accuracy` and so on.
        seconds: float, from its start to its end, loading of data aside.
    """

    status: str
    reason: str = ""
    curve: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def best(self, objective):
        """Returns `(score, epoch)` of the best finite epoch, or `(None, None)`."""
        rows = [row for row in self.curve if _is_finite(row.get(objective))]
        if not rows:
            return None, None
        choose = min if is_minimized(objective) else max
        row = choose(rows, key=lambda row: row[objective])
        return row[objective], row["epoch"]


@dataclasses.dataclass
class Trial:
    """One point of the space, trained once for every replicate.

    Attributes:
        number: int, counted from 0 in the order in which trials were asked for.
        values: `{name: value}` of the active searched hyperparameters.
        positions: `{name: float}`, where on the axes they lie.
        generation: int; results of earlier generations led to it.
        note: dict, what the tuner wants to tell of it, such as its round or its epochs.
        thresholds: `{epoch: score}` under which it is pruned.
        phase: index of the sweep's settings that asked for it.
        results: `{replicate: Result}`.
        num_lost: how many of its trainings have died with their worker.
    """

    number: int
    values: dict
    positions: dict
    generation: int
    note: dict
    thresholds: dict
    phase: int
    results: dict = dataclasses.field(default_factory=dict)
    num_lost: int = 0


@dataclasses.dataclass
class Sweep:
    """All that a journal says.

    Attributes:
        phases: list of settings, each a dict with `recipe`, `tuner`, `objective`, `space`,
            `seed`, `replicates`, `trials` and more; the last one counts.
        trials: list of `Trial`, by number.
        chosen: dict of the last record `chosen`, or `None`.
    """

    phases: list
    trials: list
    chosen: dict | None

    @classmethod
    def from_records(cls, records):
        """Returns the state after `records`, those of a `journal.Journal`."""
        sweep = cls([], [], None)
        for record in records:
            sweep.apply(record)
        return sweep

    def apply(self, record):
        """Brings the state up to date with one more record."""
        getattr(self, f"_apply_{record['kind']}")(record)

    def _apply_sweep(self, record):
        self.phases.append(record)

    def _apply_ask(self, record):
        thresholds = {int(epoch): score for epoch, score in record["thresholds"].items()}
        self.trials.append(
            Trial(
                record["trial"],
                {name: _as_value(value) for name, value in record["values"].items()},
                record["positions"],
                record["generation"],
                record["note"],
                thresholds,
                len(self.phases) - 1,
            )
        )

    def _apply_result(self, record):
        result = Result(record["status"], record["reason"], record["curve"], record["seconds"])
        self.trials[record["trial"]].results[record["replicate"]] = result

    def _apply_lost(self, record):
        self.trials[record["trial"]].num_lost += 1

    def _apply_void(self, record):
        for number in record["trials"]:
            self.trials[number].results.clear()
            self.trials[number].num_lost = 0

    def _apply_chosen(self, record):
        self.chosen = record

    @property
    def settings(self):
        return self.phases[-1]

    @property
    def objective(self):
        """The metric that ranks, such as "val_accuracy"; smaller is better if it is a loss."""
        return self.settings["objective"]

    @property
    def space(self):
        return Space.from_json(self.settings["space"])

    @property
    def replicates(self):
        return self.settings["replicates"]

    def status(self, trial):
        """Returns COMPLETE, PRUNED, INFEASIBLE or UNFINISHED."""
        statuses = {result.status for result in trial.results.values()}
        if INFEASIBLE in statuses:
            return INFEASIBLE
        if PRUNED in statuses:
            return PRUNED
        return COMPLETE if len(trial.results) >= self.replicates else UNFINISHED

    def missing(self, trial):
        """Returns the replicates of `trial` that still have to be trained.

        One that is infeasible or pruned says it all: the others are not trained.
        """
        if self.status(trial) != UNFINISHED:
            return []
        return [number for number in range(self.replicates) if number not in trial.results]

    def reason(self, trial):
        """Returns why `trial` is infeasible, or ""."""
        return next((r.reason for r in trial.results.values() if r.status == INFEASIBLE), "")

    def scores(self, trial):
        """Returns the finite scores of the replicates trained so far, in order."""
        results = [trial.results[number] for number in sorted(trial.results)]
        scores = [result.best(self.objective)[0] for result in results]
        return [score for score in scores if score is not None]

    def score(self, trial):
        """Returns the mean over the replicates of `trial`; `None` where it has none yet."""
        scores = self.scores(trial)
        if self.status(trial) in (INFEASIBLE, UNFINISHED) or not scores:
            return None
        return statistics.fmean(scores)

    def spread(self, trial):
        """Returns the standard deviation over the replicates; `None` for fewer than two."""
        scores = self.scores(trial)
        return statistics.stdev(scores) if len(scores) > 1 else None

    def ranked(self):
        """Returns the complete trials, best first; of equals, the earlier one."""
        sign = 1 if is_minimized(self.objective) else -1
        complete = [trial for trial in self.trials if self.status(trial) == COMPLETE]
        scored = [trial for trial in complete if self.score(trial) is not None]
        return sorted(scored, key=lambda trial: (sign * self.score(trial), trial.number))

    @property
    def best(self):
        """The best complete trial, or `None`."""
        return next(iter(self.ranked()), None)

    def finished(self):
        """Returns the trials that are done, by number."""
        return [trial for trial in self.trials if self.status(trial) != UNFINISHED]


def is_minimized(objective):
    """Returns whether the smaller value of the metric `objective` is the better one."""
    return objective.endswith("loss")


def _is_finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def _as_value(value):
    return tuple(value) if isinstance(value, list) else value
