import math

import numpy as np
import pytest
from scipy import stats

from tfcourse import measures


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # As by Wilson's formula in float64.
        (0, 1, 0.0, 0.7934506856227626),
        (1, 1, 0.20654931437723745, 1.0),
        (0, 40, 0.0, 0.08762160119728665),
        (263, 270, 0.9474615848904624, 0.9873859035156802),
        (7, 9, 0.4525889691069889, 0.9367748928821533),
    ],
)
def test_wilson_interval(successes, trials, low, high):
    found = measures.wilson_interval(successes, trials)
    assert found == pytest.approx((low, high), rel=1e-12)
    assert 0 <= found[0] <= successes / trials <= found[1] <= 1


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (0, 0)])
def test_wilson_interval_of_no_share_is_refused(successes, trials):
    received = f"Received: successes={successes}, trials={trials}"
    with pytest.raises(ValueError, match=received):
        measures.wilson_interval(successes, trials)


def test_wilson_interval_is_scipys_to_the_last_bit():
    for trials in (1, 2, 7, 360, 1797, 10_000):
        for successes in {0, 1, trials // 3, trials // 2, trials - 1, trials}:
            interval = stats.binomtest(successes, trials).proportion_ci(method="wilson")
            assert measures.wilson_interval(successes, trials) == (interval.low, interval.high)


def test_calibration_by_hand():
    # Confidences 0.5 (right), 0.6 (wrong), 0.9 (right), 1.0 (right), in bins (0.4, 0.6] of five.
    probabilities = np.array([[0.5, 0.5], [0.6, 0.4], [0.1, 0.9], [0.0, 1.0]])
    found = measures.calibration(probabilities, np.array([0, 1, 1, 1]), num_bins=5)
    assert found.counts.tolist() == [0, 0, 2, 0, 2]
    np.testing.assert_allclose(found.confidences, [math.nan, math.nan, 0.55, math.nan, 0.95])
    np.testing.assert_allclose(found.accuracies, [math.nan, math.nan, 0.5, math.nan, 1.0])
    assert found.expected_error == pytest.approx(0.5 * 0.05 + 0.5 * 0.05, rel=1e-12)


def test_calibration_agrees_with_a_loop_over_the_definition():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.3] * 4, 500)
    labels = rng.integers(0, 4, 500)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    expected = 0.0
    for m in range(1, 16):
        inside = ((m - 1) / 15 < confidence) & (confidence <= m / 15)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    found = measures.calibration(probabilities, labels)
    assert found.expected_error == pytest.approx(expected, rel=1e-12)
    assert found.counts.sum() == 500


def test_log_loss():
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]])
    expected = -(math.log(0.75) + math.log(np.finfo(np.float64).tiny)) / 2
    assert measures.log_loss(probabilities, np.array([1, 1])) == pytest.approx(expected, rel=1e-12)
