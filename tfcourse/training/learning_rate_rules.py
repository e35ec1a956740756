"""Four rules of fastai that suggest a learning rate from a curve of losses at rising rates.

They may differ by a factor of ten or more: each is a rule of thumb for reading the same curve.

Reference: `lr_find` of fastai 2, https://docs.fast.ai/callback.schedule.html#lrfinder
"""

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_FIRST = 10  # The first ones average few losses.
_LAST = 5  # The last ones lead up to the divergence.
_SLIDE_WIDTH = 15  # Steps.
_SLIDE_SLOPE = 0.005  # Of the loss, per step.


def suggestions(rates: Floats, smoothed: Floats) -> dict[str, float]:
    """Returns `{rule: rate}`, without the rules that find no rate.

    Args:
        rates: float array [steps], rising, evenly spaced on a log axis.
        smoothed: float array [steps], an average of the losses; the first 10 values average only a
            few losses, and do not count.
    """
    found = {name: rule(rates, smoothed) for name, rule in RULES.items()}
    return {name: rate for name, rate in found.items() if rate is not None}


def steep(rates: Floats, smoothed: Floats) -> float | None:
    """Returns the rate at the steepest descent of `smoothed` against log(rate), or `None`.

    Only the part before the smallest loss counts. After it, the loss jumps up and down, often more
    steeply, at rates that are too high for training.
    """
    if len(rates) < _FIRST + 2:
        return None
    slopes = np.gradient(smoothed, np.log(rates))[_FIRST : int(np.argmin(smoothed)) + 1]
    if len(slopes) == 0 or slopes.min() >= 0.0:
        return None
    return float(rates[_FIRST + slopes.argmin()])


def valley(rates: Floats, smoothed: Floats) -> float | None:
    """Returns the rate in the middle of the longest valley, or `None`.

    The valley is the longest decreasing subsequence of the losses, which may skip steps. It is
    assumed to begin as many steps before its end as it has members; the rate is half that length
    after the beginning.
    """
    rates, smoothed = _inner(rates, smoothed)
    if len(rates) < 2 or (np.diff(smoothed) >= 0.0).all():
        return None
    lengths = np.ones(len(smoothed), int)  # Of the longest valley that ends at each step.
    for step in range(1, len(smoothed)):
        higher = smoothed[:step] > smoothed[step]
        lengths[step] = 1 + lengths[:step][higher].max(initial=0)
    length, end = int(lengths.max()), int(lengths.argmax())
    return float(rates[max(end - length + int(length / 3) + int(length / 3 / 2), 0)])


def minimum(rates: Floats, smoothed: Floats) -> float | None:
    """Returns a tenth of the rate with the smallest loss; `None` if the first loss is smallest."""
    rates, smoothed = _inner(rates, smoothed)
    if len(rates) == 0 or smoothed.argmin() == 0:
        return None
    return float(rates[smoothed.argmin()] / 10.0)


def slide(rates: Floats, smoothed: Floats) -> float | None:
    """Returns the left end of an interval that slides from right to left, or `None`.

    Two points, 15 steps apart, move from the end to the left until the slope of the loss is nearly
    the same at both. The rate is that of the left point, one move earlier.
    """
    rates, smoothed = _inner(rates, smoothed)
    if len(rates) <= _SLIDE_WIDTH + 1:
        return None
    slopes = np.gradient(smoothed)
    differences = np.abs(slopes[_SLIDE_WIDTH:] - slopes[:-_SLIDE_WIDTH])[::-1]
    steeper = itertools.takewhile(lambda difference: difference > _SLIDE_SLOPE, differences)
    slid = max(sum(1 for _ in steeper), 1)
    return float(rates[len(differences) - slid])


def _inner(rates: Floats, smoothed: Floats) -> tuple[Floats, Floats]:
    return rates[_FIRST:-_LAST], smoothed[_FIRST:-_LAST]


RULES: dict[str, Callable[[Floats, Floats], float | None]] = {
    "steep": steep,
    "valley": valley,
    "minimum": minimum,
    "slide": slide,
}
