"""Confirms the best trial of a sweep: trains it again with seeds that had no part in the choice.

Each score is partly chance, so the best of many scores is on average better than a repetition of
its trial (the winner's curse). Trainings that had no part in the choice do not have this bias.
"""

import dataclasses
import statistics
from typing import Any

from tfcourse.tuning import sweeps
from tfcourse.tuning.task import trial_seed


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """The results of retraining the best trial with new seeds.

    Attributes:
        trial: number of the trial.
        objective: the metric that ranks trials.
        best: the score by which the trial was chosen.
        scores: `{seed: score}` of each new training; `None` if it failed.
        reason: why trainings failed; "" if none did.
    """

    trial: int
    objective: str
    best: float
    scores: dict[int, float | None]
    reason: str = ""

    @property
    def finite(self) -> list[float]:
        """The scores of the trainings that did not fail, in order."""
        return [score for score in self.scores.values() if score is not None]

    @property
    def mean(self) -> float | None:
        """The mean of the scores; `None` if all trainings failed."""
        return statistics.fmean(self.finite) if self.finite else None

    @property
    def standard_deviation(self) -> float | None:
        """The standard deviation of the scores; `None` for fewer than two."""
        return statistics.stdev(self.finite) if len(self.finite) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean (Student's t); `None` for fewer than two scores."""
        if self.mean is None or self.standard_deviation is None:
            return None
        from scipy import stats  # It takes a second to load.

        count = len(self.finite)
        reach = float(stats.t.ppf(0.975, count - 1)) * self.standard_deviation / count**0.5
        return self.mean - reach, self.mean + reach

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval is worse than the original score, or a training failed."""
        if len(self.finite) < len(self.scores):
            return True
        if self.interval is None:
            return False
        low, high = self.interval
        return low > self.best if sweeps.is_minimized(self.objective) else high < self.best

    def to_json(self) -> dict[str, Any]:
        """Returns all values as JSON, for metrics.json."""
        seeds = [{"seed": seed, "score": score} for seed, score in self.scores.items()]
        return {
            **{"trial": self.trial, "objective": self.objective, "best": self.best},
            **{"mean": self.mean, "standard_deviation": self.standard_deviation},
            **{"interval_95": self.interval, "is_worse": self.is_worse},
            **{"seeds": seeds, "reason": self.reason},
        }

    def __str__(self) -> str:
        """A readable text: the mean, its interval, each score, and the verdict."""
        each = ", ".join(_text(score) for score in self.scores.values())
        seeds = f"{len(self.scores)} other seeds" if len(self.scores) > 1 else "another seed"
        told = f"Trained again with {seeds}: {self.objective} {self.summary()} ({each}). "
        if self.reason:
            return f"{told}{len(self.scores) - len(self.finite)} failed: {self.reason}"
        if self.is_worse:
            return (
                f"{told}That is clearly worse than {_text(self.best)}, by which it was chosen: a "
                f"part of that was chance (the winner's curse). Count on {_text(self.mean)}"
            )
        if self.interval is None:
            return f"{told}A single training can't show whether {_text(self.best)} was chance"
        return f"{told}The {_text(self.best)} by which it was chosen holds"

    def summary(self) -> str:
        """Returns the mean with its standard deviation and interval, as a readable text."""
        text = _text(self.mean)
        if self.interval is not None:
            low, high = map(_text, self.interval)
            text += f" ± {self.standard_deviation:.2g}, 95 % interval of the mean {low} to {high}"
        return text


def _text(score: float | None) -> str:
    return "failed" if score is None else f"{score:#.4g}"


def confirmation_of(sweep: sweeps.Sweep) -> Confirmation | None:
    """Returns the confirmation of the best trial of `sweep`, or `None` if there is none yet."""
    best = sweep.best
    if best is None:
        return None
    first = sweep.first_confirming  # An earlier phase may have confirmed with seeds that now rank.
    results = sorted((n, result) for n, result in best.confirmations.items() if n >= first)
    if not results:
        return None
    score = sweep.score(best)
    assert score is not None  # The best trial has one.
    reasons = (result.reason or "not finite" for _, result in results if _failed(sweep, result))
    return Confirmation(
        best.number,
        sweep.objective,
        score,
        {
            trial_seed(sweep.phases[best.phase].seed, best.number, number): (
                None if _failed(sweep, result) else result.best(sweep.objective)[0]
            )
            for number, result in results
        },
        next(reasons, ""),
    )


def _failed(sweep: sweeps.Sweep, result: sweeps.Result) -> bool:
    return result.status == sweeps.INFEASIBLE or result.best(sweep.objective)[0] is None
