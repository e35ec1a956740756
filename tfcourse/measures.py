"""How good a classifier's answers are: intervals, calibration, loss."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns `(low, high)`, where a share of `successes` among `trials` truly lies, at 95 %.

    It is about as often right as it says for small n, and for p near 0 and 1, too.

    Reference: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953

    Args:
        successes: in [0, trials].
        trials: >= 1.
    """
    from scipy import stats  # Takes a second.

    interval = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


class Calibration(NamedTuple):
    """How sure a classifier was, and how often it was right, by bins of confidence.

    Attributes:
        counts: [bins], examples in each bin.
        confidences: [bins], their mean confidence; NaN where there is none.
        accuracies: [bins], the share of them that is right; NaN where there is none.
        expected_error: in [0, 1], see `calibration`.
    """

    counts: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]
    accuracies: npt.NDArray[np.float64]
    expected_error: float


def calibration(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], num_bins: int = 15
) -> Calibration:
    """Returns the `Calibration` of predictions: does 90 % sure mean right in 90 % of cases?

    The confidence of a prediction is its class's probability. Bin m of M holds the confidences
    in ((m - 1) / M, m / M]; n_m is their number among n, and

        expected calibration error = sum_m n_m / n |accuracy_m - confidence_m|

    Reference: Guo et al., 2017, https://arxiv.org/abs/1706.04599, section 2, equation 3.

    Args:
        probabilities: [examples, classes], rows with sum 1.
        labels: [examples].
        num_bins: >= 1.
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


def log_loss(probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """Returns the mean of -log p(label): the cross-entropy, in nats.

    A probability of 0 counts as the smallest that float64 tells from it. (scikit-learn's counts
    all below 2e-16 as that, and so tells another loss than the training.)
    """
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())
