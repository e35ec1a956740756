import numpy as np
import pytest
from scipy import stats

from recipes.claims import judging, rates
from recipes.claims.judging import Claim, Comparison, Interval


def between(low, high):
    return lambda confidence: Interval((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("low", "high", "side", "verdict"),
    [
        (0.1, 0.3, "above", "holds"),
        (-0.1, 0.3, "above", "undecided"),
        (-0.3, -0.1, "above", "does not hold"),
        (0.0, 0.0, "above", "does not hold"),
        (-0.3, -0.1, "below", "holds"),
        (-0.3, 0.1, "below", "undecided"),
        (0.0, 0.1, "below", "does not hold"),
    ],
)
def test_a_verdict_follows_from_where_the_interval_lies(low, high, side, verdict):
    assert Comparison("", between(low, high), 0.0, side).verdict(0.95) == verdict


HOLDS, FAILS, UNDECIDED = between(1, 2), between(-2, -1), between(-1, 1)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([HOLDS, HOLDS], "holds"),
        ([HOLDS, FAILS], "holds in part"),
        ([HOLDS, UNDECIDED], "holds in part"),
        ([FAILS, UNDECIDED], "does not hold"),
        ([FAILS, FAILS], "does not hold"),
        ([UNDECIDED, UNDECIDED], "undecided"),
    ],
)
def test_a_claim_is_judged_by_all_its_conditions(parts, verdict):
    claim = Claim("effect", tuple(Comparison(str(n), part) for n, part in enumerate(parts)))
    assert claim.verdict() == verdict
    assert claim.conditions("holds") == [str(n) for n, part in enumerate(parts) if part is HOLDS]


@pytest.mark.parametrize(
    ("parts", "decisive"),
    [
        ([HOLDS, HOLDS], "gain: +1.50 (+1.00 to +2.00), 0"),
        ([FAILS, UNDECIDED, HOLDS, HOLDS], "gain: +1.50 (+1.00 to +2.00), 2"),
        ([UNDECIDED, FAILS], "gain: -1.50 (-2.00 to -1.00), 1"),
        ([UNDECIDED], "gain: +0.00 (-1.00 to +1.00), 0"),
    ],
)
def test_the_first_condition_with_the_verdict_stands_for_all(parts, decisive):
    claim = Claim("gain", tuple(Comparison(str(n), part) for n, part in enumerate(parts)))
    assert claim.decisive() == decisive


def test_several_conditions_have_wider_intervals():
    asked = []

    def estimate(confidence):
        asked.append(confidence)
        return Interval(1, 1, 1)

    Claim("effect", tuple(Comparison(name, estimate) for name in "abcde")).verdict()
    assert asked == pytest.approx([0.99] * 5)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_intervals_cover_the_truth_as_often_as_they_say(confidence):
    rng = np.random.default_rng(0)
    inside = {"mean": 0, "difference": 0, "unpaired": 0, "ratio": 0, "share": 0}
    repeats = 1000
    for _ in range(repeats):
        seeds = rng.normal(0, 5, 8)  # What both arms of a pair share.
        ours, theirs = seeds + rng.normal(2, 1, 8), seeds + rng.normal(1, 1, 8)
        estimates = {
            "mean": (judging.mean(ours), 2),
            "difference": (judging.difference(ours, theirs), 1),
            "unpaired": (judging.unpaired(ours, theirs - seeds), 1),
            "ratio": (judging.ratio(np.exp(ours), np.exp(theirs)), np.e),
            "share": (judging.share(rng.binomial(60, 0.7), 60), 0.7),
        }
        for name, (estimate, truth) in estimates.items():
            interval = estimate(confidence)
            assert interval.low <= interval.point <= interval.high
            inside[name] += interval.low <= truth <= interval.high
    for name, count in inside.items():
        assert count / repeats == pytest.approx(confidence, abs=0.03), name


def test_a_mean_is_that_of_scipy():
    values = [1.0, 2.0, 4.0, 4.5]
    interval = judging.mean(values)(0.9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    again = judging.bootstrap(np.mean, np.repeat(values, 50))(0.9)
    assert again.point == pytest.approx(interval.point)
    assert interval.low < again.low < again.high < interval.high


@pytest.mark.parametrize("values", [[1.0], [1.0, np.inf], [1.0, None]])
def test_what_was_not_reached_is_no_number(values):
    with pytest.raises(ValueError, match="finite"):
        judging.mean(values)


def test_texts_name_the_effect_its_interval_and_what_was_claimed():
    points = Comparison("a", between(0.001, 0.003), 0.0005, scale=100, unit=" points")
    claim = Claim("gain", (points,), precision=0.0005)
    assert claim.texts() == ["+0.20 (+0.10 to +0.30) points"]
    row = {"": "a", "gain": claim.texts()[0], "claimed": "> 0.05 points", "verdict": "holds"}
    assert claim.table() == [row]
    assert claim.too_wide() == []
    unsure = Comparison("b", between(-0.001, 0.001))
    assert Claim("gain", (points, unsure), precision=0.002).too_wide() == []
    assert Claim("gain", (points, unsure), precision=0.0005).too_wide() == ["b"]
    assert Comparison("", judging.exact(3), 5, "below", form="g").text(0.95) == "3"


def test_a_page_of_many_claims_asks_for_more():
    claims = [Claim("", (Comparison("", HOLDS),) * 2), Claim("", (Comparison("", HOLDS),) * 3)]
    assert judging.page_confidence(claims) == pytest.approx(0.99)


def test_the_range_of_rates_moves_until_the_best_is_inside():
    tried = []

    def costs(rate):
        tried.append(rate)
        return [abs(np.log10(rate) - 2), abs(np.log10(rate) - 2.1)]

    tuned = rates.tune(costs, 1.0, per_decade=2, count=3)
    assert tuned.rate == 100.0
    assert tuned.rates == [31.6, 100.0, 316.0]
    assert len(tuned.costs) == 3
    assert len(tried) == len(set(tried))  # None twice.


def test_rates_at_which_a_training_diverges_are_the_worst():
    def costs(rate):
        return [rate if rate < 0.2 else np.nan, 1 / rate if rate < 2 else np.inf]

    tuned = rates.tune(costs, 10.0, per_decade=1, count=3)
    assert tuned.rate < 0.2


def test_a_best_rate_at_the_edge_is_refused():
    with pytest.raises(rates.EdgeError, match="still at the edge"):
        rates.tune(lambda rate: [rate], 1.0, per_decade=1, count=3)
    with pytest.raises(rates.EdgeError, match="3, is at the edge of the range; widen it"):
        rates.best_rate({"rates": [1.0, 2.0, 3.0], "costs": [[3.0], [2.0], [1.0]]})
