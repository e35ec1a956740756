"""The one way to judge a claim: by the interval of an effect, against a bound set beforehand.

A claim states that an effect, such as a difference in accuracy, is above (or below) a bound. It
holds if the whole 95 % interval is on that side, does not hold if the whole interval is on the
other side, and is undecided if the interval contains the bound. A claim about several conditions is
tested under each of them, with wider intervals (Bonferroni), so that the confidence in all of them
together is at least 95 %.
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
        ValueError: there are fewer than two values, or one is not finite; the recipe must define
            what a missed goal counts as.
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
    """Returns the estimate of the mean difference of pairs with the same seed."""
    return mean(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))


def unpaired(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Estimate:
    """Returns the estimate of a difference of means (Welch), for arms that share no seeds."""
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
    """Returns the estimate of `statistic(*samples)`; resamples pairs together (BCa intervals)."""
    arrays = tuple(np.asarray(sample, np.float64) for sample in samples)

    def estimate(confidence: float) -> Interval:
        ends = stats.bootstrap(
            arrays, statistic, confidence_level=confidence, paired=True, vectorized=False,
            n_resamples=2000, rng=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
        return Interval(float(statistic(*arrays)), float(ends.low), float(ends.high))

    return estimate


def resampled(replicates: npt.ArrayLike) -> Estimate:
    """Returns the estimate of a number that was computed from resampled data (bootstrap)."""
    sample = np.asarray(replicates, np.float64)
    point, error = float(sample.mean()), float(sample.std(ddof=1))

    def estimate(confidence: float) -> Interval:
        half = float(stats.norm.ppf((1 + confidence) / 2)) * error
        return Interval(point, point - half, point + half)

    return estimate


def exact(value: float) -> Estimate:
    """Returns the estimate of a number without spread, such as a count of lines."""
    return lambda _: Interval(value, value, value)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """An effect under one condition, and the claim about it.

    Args:
        condition: where it was measured, as a row of a table names it.
        estimate: the estimate of the effect.
        bound: the bound of the claim.
        side: whether the claim is above or below the bound.
        form: format of a number, such as "+.2f".
        scale: factor before formatting, such as 100 for per cent.
        unit: written after the number.
        shown: further columns of the table, `{head: text}`.
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
        """Returns the claim about the effect, such as "> 0"."""
        bound = format(self.bound * self.scale, ".3g")
        return f"{'>' if self.side == 'above' else '<'} {bound}{self.unit}"

    def _written(self, number: float) -> str:
        return format(number * self.scale, self.form)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim: one effect under one or several conditions.

    Args:
        effect: name of the effect, the head of a column: "test accuracy: momentum - gradient
            descent".
        comparisons: one per condition.
        precision: the largest half-width of an interval with which a comparison may stay undecided,
            in the unit of the effect (a factor for ratios). It decides how many seeds are enough.
    """

    effect: str
    comparisons: tuple[Comparison, ...]
    precision: float | None = None

    @property
    def confidence(self) -> float:
        """The confidence of each interval, so that all together have `CONFIDENCE`."""
        return 1 - (1 - CONFIDENCE) / len(self.comparisons)

    def verdict(self, confidence: float | None = None) -> str:
        """Returns the verdict on the claim, from the verdicts on its comparisons."""
        found = set(self._verdicts(confidence))
        if found == {HOLDS}:
            return HOLDS
        if HOLDS in found:
            return IN_PART
        return FAILS if FAILS in found else UNDECIDED

    def conditions(self, verdict: str) -> list[str]:
        """Returns the conditions whose comparison has this `verdict`."""
        pairs = zip(self.comparisons, self._verdicts(), strict=True)
        return [comparison.condition for comparison, found in pairs if found == verdict]

    def decisive(self) -> str:
        """Returns the effect with its interval, under the first condition that has the verdict."""
        sought = self.verdict()
        verdicts = self._verdicts()
        first = verdicts.index(HOLDS if sought == IN_PART else sought)
        condition = self.comparisons[first].condition
        return f"{self.effect}: {self.texts()[first]}{f', {condition}' if condition else ''}"

    def texts(self) -> list[str]:
        return [each.text(self.confidence) for each in self.comparisons]

    def table(self) -> list[dict[str, str]]:
        """Returns one row per condition: the arms, the effect, the claim, the verdict."""
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
        """Returns the undecided conditions with an interval wider than `precision` allows."""
        if self.precision is None:
            return []
        return [
            each.condition
            for each in self.comparisons
            if each.verdict(self.confidence) == UNDECIDED
            and half_width(each.estimate(self.confidence)) > self.precision
        ]

    def _verdicts(self, confidence: float | None = None) -> list[str]:
        return [each.verdict(confidence or self.confidence) for each in self.comparisons]


def half_width(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def page_confidence(claims: Sequence[Claim]) -> float:
    """Returns the confidence of each interval, so that all claims of a page have `CONFIDENCE`."""
    return 1 - (1 - CONFIDENCE) / max(1, sum(len(claim.comparisons) for claim in claims))


def values(numbers: Sequence[float | None] | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Returns numbers from JSON, where None means infinity, as a float64 array."""
    array = np.asarray(numbers, np.float64)
    return np.where(np.isnan(array), np.inf, array)
