"""How good predictions are: confidence intervals, calibration, log loss, regression errors."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_Z_95 = 1.959963984540054  # 95 % of a normal distribution is within +- this.


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval `(low, high)` of a share, `successes` of `trials`.

    Its coverage is about 95 % even for small n, and for shares near 0 and 1.

    Reference: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953

    Args:
        successes: in [0, trials].
        trials: >= 1.

    Raises:
        ValueError: there is no such share.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(
            "`successes` must be an integer in [0, trials], and `trials` at least 1. "
            f"Received: successes={successes}, trials={trials}"
        )
    # As in `scipy.stats.binomtest`, which takes a second to import.
    share, z_squared = successes / trials, _Z_95**2
    denominator = 2 * (trials + z_squared)
    center = (2 * trials * share + z_squared) / denominator
    spread = 4 * trials * share * (1 - share) + z_squared
    reach = _Z_95 / denominator * math.sqrt(spread)
    low = 0.0 if successes == 0 else center - reach
    high = 1.0 if successes == trials else center + reach
    return low, high


class Calibration(NamedTuple):
    """The confidence and the accuracy of a classifier, by bins of confidence.

    Attributes:
        counts: [bins], examples in each bin.
        confidences: [bins], their mean confidence; NaN for empty bins.
        accuracies: [bins], the share of them that is right; NaN for empty bins.
        expected_error: in [0, 1], see `calibration`.
    """

    counts: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]
    accuracies: npt.NDArray[np.float64]
    expected_error: float


def calibration(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], num_bins: int = 15
) -> Calibration:
    """Returns the `Calibration` of predictions: does 90 % confidence mean 90 % accuracy?

    The confidence of a prediction is the probability of its class. Bin m of M holds the confidences
    in ((m - 1) / M, m / M]. With n_m of all n predictions in bin m,

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
    with np.errstate(invalid="ignore"):  # The mean of an empty bin is NaN.
        confidences = np.bincount(bins, confidence, num_bins) / counts
        accuracies = np.bincount(bins, right, num_bins) / counts
    gaps = np.nan_to_num(np.abs(accuracies - confidences))
    return Calibration(counts, confidences, accuracies, float(gaps @ counts / len(labels)))


def log_loss(probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """Returns the mean of -log p(label): the cross-entropy, in nats.

    A probability of 0 counts as 2e-308, the smallest normal float64. (scikit-learn counts all
    probabilities below 2e-16 as 2e-16, and so its loss can differ from that of the training.)
    """
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())


NUM_RESAMPLES = 2000
# Resamples at most this many groups of examples: the same interval in a fraction of the time.
_MAX_GROUPS = 10_000


def regression_errors(
    values: npt.NDArray[np.floating], predictions: npt.NDArray[np.floating], mean: float
) -> dict[str, Any]:
    """Returns the errors of predictions of a quantity, in its units.

        mae = mean |y - p|, rmse = sqrt(mean (y - p)^2), r2 = 1 - sum (y - p)^2 / sum (y - mean y)^2

    Each has a 95 % interval from a bootstrap over the examples: `rmse_interval_95` is `[low,
    high]`. `baseline_rmse` is that of always predicting `mean`. R2 is `None` if all values are
    equal.

    Args:
        values: [examples].
        predictions: [examples].
        mean: the training split's mean.
    """
    values = np.asarray(values, np.float64)
    # Relative to their middle, so that no digits are lost if the mean is large.
    y, errors = values - np.median(values), values - np.asarray(predictions, np.float64)
    columns = np.stack([np.ones_like(y), abs(errors), errors**2, y, y**2], axis=1)
    found = dict(zip(_ERRORS, _errors(columns.sum(axis=0)), strict=True))
    draws = _errors(_resampled(columns))
    result: dict[str, Any] = {}
    for (name, value), draw in zip(found.items(), draws, strict=True):
        result[name] = float(value) if np.isfinite(value) else None
        draw = draw[np.isfinite(draw)]
        bounds = np.percentile(draw, [2.5, 97.5]).tolist() if len(draw) else None
        result[f"{name}_interval_95"] = bounds if result[name] is not None else None
    return {**result, "baseline_rmse": float(np.sqrt(np.mean((values - mean) ** 2)))}


_ERRORS = ("mae", "rmse", "r2")


def _errors(sums: npt.NDArray[np.float64]) -> tuple[Any, Any, Any]:
    """Returns MAE, RMSE and R2 from sums [..., 5] of 1, |e|, e^2, y and y^2."""
    n, absolute, squared, y, y_squared = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = y_squared - y**2 / n
        # The spread of equal values is rounding.
        r2 = 1 - squared / np.where(spread > 1e-9 * y_squared, spread, np.nan)
    return absolute / n, np.sqrt(squared / n), r2


def _resampled(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the sums [resamples, columns] of rows drawn with replacement, the same each time."""
    rng = np.random.RandomState(0)  # NumPy promises never to change its numbers.
    groups = min(len(columns), _MAX_GROUPS)
    order = rng.permutation(len(columns))
    starts = np.arange(groups) * len(columns) // groups
    sums = np.add.reduceat(columns[order], starts, axis=0)
    draws = np.empty((NUM_RESAMPLES, columns.shape[1]))
    for number in range(NUM_RESAMPLES):
        counts = np.bincount(rng.randint(0, groups, groups), minlength=groups)
        draws[number] = counts @ sums
    return draws
