"""How good a classifier's answers are: counts, intervals, calibration. Pure NumPy."""

import math
from typing import NamedTuple

import numpy as np

_Z_95 = 1.959963984540054  # 97.5 % of a normal distribution lie below.


def confusion(predictions, labels, num_classes):
    """Returns how often each label (row) was predicted as each class (column).

    Args:
        predictions: int array [examples], in [0, num_classes).
        labels: int array [examples], in [0, num_classes).
        num_classes: int >= 2.
    """
    pairs = num_classes * labels.astype(int) + predictions
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def wilson_interval(successes, trials, z=_Z_95):
    """Returns `(low, high)`, where a share of `successes` among `trials` truly lies, at 95 %.

        centre = (p + z^2 / 2n) / (1 + z^2 / n)
        half   = z / (1 + z^2 / n) * sqrt(p (1 - p) / n + z^2 / 4n^2),  p = successes / n

    It is about as often right as it says for small n, and for p near 0 and 1, too.

    Reference: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953

    Args:
        successes: int in [0, trials].
        trials: int >= 1.
        z: float > 0, quantile of the normal distribution; 1.96 for 95 %.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(
            f"`successes` must lie in [0, trials] and `trials` be >= 1. "
            f"Received: successes={successes}, trials={trials}"
        )
    p, shrinkage = successes / trials, 1 + z**2 / trials
    centre = (p + z**2 / (2 * trials)) / shrinkage
    half = z / shrinkage * math.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    # Rounding must not leave [0, 1], nor exclude a share of 0 or 1.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == trials else min(1.0, centre + half)


class Calibration(NamedTuple):
    """How sure a classifier was, and how often it was right, by bins of confidence.

    Attributes:
        counts: int array [bins], examples in each bin.
        confidences: float array [bins], their mean confidence; NaN where there is none.
        accuracies: float array [bins], the share of them that is right; NaN where there is none.
        expected_error: float in [0, 1], see `calibration`.
    """

    counts: np.ndarray
    confidences: np.ndarray
    accuracies: np.ndarray
    expected_error: float


def calibration(probabilities, labels, num_bins=15):
    """Returns the `Calibration` of predictions: does 90 % sure mean right in 90 % of cases?

    The confidence of a prediction is its class's probability. Bin m of M holds the confidences
    in ((m - 1) / M, m / M]; n_m is their number among n, and

        expected calibration error = sum_m n_m / n |accuracy_m - confidence_m|

    Reference: Guo et al., 2017, https://arxiv.org/abs/1706.04599, section 2, equation 3.

    Args:
        probabilities: float array [examples, classes], rows with sum 1.
        labels: int array [examples].
        num_bins: int >= 1.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    with np.errstate(invalid="ignore"):  # An empty bin has no mean: NaN says so.
        confidences = np.bincount(bins, confidence, num_bins) / counts
        accuracies = np.bincount(bins, right, num_bins) / counts
    gaps = np.nan_to_num(np.abs(accuracies - confidences))
    return Calibration(counts, confidences, accuracies, float(gaps @ counts / len(labels)))


def log_loss(probabilities, labels):
    """Returns the mean of -log p(label): the cross-entropy, in nats.

    A probability of 0 counts as the smallest that float64 tells from it.
    """
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())
