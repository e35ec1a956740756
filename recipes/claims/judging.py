"""The one way to judge a claim: by the interval of an effect, against a bound set beforehand.

A claim says of an effect, such as a difference in accuracy, that it lies above a bound (or below
one). It holds where the whole 95 % interval does, does not hold where the whole interval lies on
the other side, and is undecided where the bound lies inside. A claim that is made of several
conditions is compared under each of them, and its intervals are that much wider (Bonferroni), so
that 95 % is the confidence in all of them at once.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95
HOLDS, FAILS, UNDECIDED, IN_PART = "holds", "does not hold", "undecided", "holds in part"
VERDICTS = (HOLDS, IN_PART, UNDECIDED, FAILS)


@dataclasses.dataclass(frozen=True)
class Interval:
    point: float
    low: float
    high: float


# Called with a confidence.
Estimate = Callable[[float], Interval]


def mean(values: npt.ArrayLike) -> Estimate:
    """Returns the estimate of a mean, by Student's t, of one value per seed.

    Raises:
        ValueError: fewer than two values, or one that is not finite: a recipe has to say what a
            goal that was not reached counts as.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise ValueError(f"`values` must be two or more finite numbers. Received: {values!r}")
    error = sample.std(ddof=1) / np.sqrt(len(sample))

    def estimate(confidence: float) -> Interval:
        half = stats.t.ppf((1 + confidence) / 2, len(sample) - 1) * error
        point = float(sample.mean())
        return Interval(point, float(point - half), float(point + half))

    return estimate


def difference(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Estimate:
    """Returns the estimate of the mean difference of pairs: both from the same seed."""
    return mean(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))


def unpaired(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Estimate:
    """Returns the estimate of a difference of means (Welch), of arms that share no seeds."""
    samples = [np.asarray(each, np.float64) for each in (ours, theirs)]
    for sample in samples:
        mean(sample)  # Refuses what can't be judged.
    point = float(samples[0].mean() - samples[1].mean())

    def estimate(confidence: float) -> Interval:
        if all(np.ptp(sample) == 0 for sample in samples):
            return Interval(point, point, point)
        ends = stats.ttest_ind(*samples, equal_var=False).confidence_interval(confidence)
        return Interval(point, float(ends.low), float(ends.high))

    return estimate


def ratio(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Estimate:
    """Returns the estimate of the typical (geometric mean) ratio of pairs of positive numbers."""
    logs = mean(np.log(np.asarray(ours, np.float64)) - np.log(np.asarray(theirs, np.float64)))

    def estimate(confidence: float) -> Interval:
        return Interval(*(float(np.exp(end)) for end in dataclasses.astuple(logs(confidence))))

    return estimate


def share(wins: int, total: int) -> Estimate:
    """Returns the estimate of a share of cases (Wilson's interval)."""

    def estimate(confidence: float) -> Interval:
        ends = stats.binomtest(wins, total).proportion_ci(confidence, method="wilson")
        return Interval(wins / total, float(ends.low), float(ends.high))

    return estimate


def bootstrap(statistic: Callable[..., Any], *samples: npt.ArrayLike) -> Estimate:
    """Returns the estimate of `statistic(*samples)`, pairs resampled together (BCa intervals)."""
    arrays = tuple(np.asarray(sample, np.float64) for sample in samples)

    def estimate(confidence: float) -> Interval:
        ends = stats.bootstrap(
            arrays, statistic, confidence_level=confidence, paired=True, vectorized=False,
            n_resamples=2000, rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
        return Interval(float(statistic(*arrays)), float(ends.low), float(ends.high))

    return estimate


def resampled(replicates: npt.ArrayLike) -> Estimate:
    """Returns the estimate of a number that was computed anew from resampled data (bootstrap)."""
    sample = np.asarray(replicates, np.float64)
    point, error = float(sample.mean()), float(sample.std(ddof=1))

    def estimate(confidence: float) -> Interval:
        half = float(stats.norm.ppf((1 + confidence) / 2)) * error
        return Interval(point, point - half, point + half)

    return estimate


def exact(value: float) -> Estimate:
    """Returns what has no spread, such as a count of lines or a difference of two programs."""
    return lambda _: Interval(value, value, value)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """An effect under one condition, and where the claim says that it lies.

    Args:
        condition: where it was measured, as a row of a table names it.
        estimate: of the effect.
        bound: what the effect is to lie above or below.
        side: which of the two.
        form: how a number is written, such as "+.2f".
        scale: what a number is multiplied with before, such as 100 for per cent.
        unit: what is written behind it.
        shown: more columns of the table, `{head: text}`.
    """

    condition: str
    estimate: Estimate
    bound: float = 0.0
    side: Literal["above", "below"] = "above"
    form: str = "+.2f"
    scale: float = 1.0
    unit: str = ""
    shown: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def verdict(self, confidence: float) -> str:
        interval = self.estimate(confidence)
        beyond, short = interval.low > self.bound, interval.high <= self.bound
        if self.side == "below":
            beyond, short = interval.high < self.bound, interval.low >= self.bound
        return HOLDS if beyond else FAILS if short else UNDECIDED

    def text(self, confidence: float) -> str:
        """Returns the effect with its interval, such as "+0.35 (+0.21 to +0.49) points"."""
        interval = self.estimate(confidence)
        point, low, high = (self._written(end) for end in dataclasses.astuple(interval))
        ends = "" if interval.low == interval.high else f" ({low} to {high})"
        return f"{point}{ends}{self.unit}"

    def sought(self) -> str:
        """Returns what the claim says of the effect, such as "> 0"."""
        bound = format(self.bound * self.scale, ".3g")
        return f"{'>' if self.side == 'above' else '<'} {bound}{self.unit}"

    def _written(self, number):
        return format(number * self.scale, self.form)


@dataclasses.dataclass(frozen=True)
class Claim:
    """What is judged: one effect under one or several conditions.

    Args:
        effect: its name, the head of a column: "test accuracy: momentum - gradient descent".
        comparisons: one per condition.
        precision: half the width of the widest interval that may leave a comparison undecided, in
            the effect's own unit (as a factor where it is a ratio); it says how many seeds are
            enough.
    """

    effect: str
    comparisons: tuple[Comparison, ...]
    precision: float | None = None

    @property
    def confidence(self) -> float:
        """That of each interval, for `CONFIDENCE` in all of them at once."""
        return 1 - (1 - CONFIDENCE) / len(self.comparisons)

    def verdict(self, confidence: float | None = None) -> str:
        """Returns the verdict on the claim, from those on its comparisons."""
        found = set(self._verdicts(confidence))
        if found == {HOLDS}:
            return HOLDS
        if HOLDS in found:
            return IN_PART
        return FAILS if FAILS in found else UNDECIDED

    def conditions(self, verdict: str) -> list[str]:
        """Returns the conditions under which the comparison ends with `verdict`."""
        pairs = zip(self.comparisons, self._verdicts(), strict=True)
        return [comparison.condition for comparison, found in pairs if found == verdict]

    def texts(self) -> list[str]:
        return [each.text(self.confidence) for each in self.comparisons]

    def table(self) -> list[dict[str, str]]:
        """Returns a row per condition: the arms, the effect, what was claimed, the verdict."""
        return [
            {
                "": each.condition,
                **each.shown,
                self.effect: text,
                "claimed": each.sought(),
                "verdict": verdict,
            }
            for each, text, verdict in zip(
                self.comparisons, self.texts(), self._verdicts(), strict=True
            )
        ]

    def too_wide(self) -> list[str]:
        """Returns the conditions that are undecided, with an interval wider than was aimed at."""
        if self.precision is None:
            return []
        return [
            each.condition
            for each in self.comparisons
            if each.verdict(self.confidence) == UNDECIDED
            and half_width(each.estimate(self.confidence)) > self.precision
        ]

    def _verdicts(self, confidence=None):
        return [each.verdict(confidence or self.confidence) for each in self.comparisons]


def half_width(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def page_confidence(claims: Sequence[Claim]) -> float:
    """Returns the confidence of each interval for `CONFIDENCE` in all claims of a page at once."""
    return 1 - (1 - CONFIDENCE) / max(1, sum(len(claim.comparisons) for claim in claims))


def values(numbers: Sequence[float | None] | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns numbers as they come from JSON, where infinity is None, as a float64 array."""
    array = np.asarray(numbers, np.float64)
    return np.where(np.isnan(array), np.inf, array)
