"""The learning rate against what the finder suggests."""

import math
import types

import numpy as np
from matplotlib.axes import Axes

from tfcourse import datasets
from tfcourse.diagnosis.examples import spread, take
from tfcourse.diagnosis.finding import Finding, between, png
from tfcourse.diagnosis.short_training import highest_rate
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style
from tfcourse.training.learning_rate_finder import LearningRateCurve, find_learning_rate

_STEPS = 150
_FINE, _LOOK = 0.01, 1e-3  # The smallest shares of the suggested rate.


def learning_rate(subject: Subject) -> Finding:
    """Compares the learning rate (the highest one of a schedule) with that of the finder.

    The suggested rate, where the loss falls most steeply, is a safe constant one; a schedule may
    peak higher. A rate beyond that of the lowest loss is worth a look; one at which the loss
    diverges is broken.

    Source: Smith, 2015, https://arxiv.org/abs/1506.01186, as in `find_learning_rate`.
    """
    rows = spread(subject.num_examples, _STEPS * subject.batch_size)
    split = datasets.dataset.Split(*take(subject.data.train, rows))
    curve = find_learning_rate(
        subject.model,
        types.SimpleNamespace(train=split, validation=split),
        batch_size=min(subject.batch_size, len(rows)),
        seed=subject.seed,
        num_steps=_STEPS,
    )
    rate, suggested = highest_rate(subject), curve.suggestion
    if suggested is None:
        return Finding(
            "look",
            "the loss did not fall at any learning rate",
            "it falls at some rate",
            float("nan"),
            "Look at the other checks first: nothing can be learned so far.",
        )
    lowest = float(curve.rates[curve.smoothed.argmin()])
    end = float(curve.rates[-1]) if len(curve.rates) < _STEPS else math.inf
    fine, look = ((share * suggested, top) for share, top in ((_FINE, lowest), (_LOOK, end)))
    verdict = between(rate, fine=fine, look=look)
    times = rate / suggested
    ratio = f"{times:,.0f}" if times >= 1000 else f"{times:.3g}"
    hint = f"Train with `learning_rate={suggested:.2g}`."
    return Finding(
        verdict,
        f"{rate:.3g} at most, {ratio} times the suggested {suggested:.2g}",
        f"{fine[0]:.1g} to {lowest:.2g}, where the loss is lowest"
        + ("" if end == math.inf else f"; at {end:.2g} it diverges"),
        times,
        hint,
        png(lambda axes: _draw(axes[0, 0], curve, rate), width=6.0, height=3.0),
    )


def _draw(ax: Axes, curve: LearningRateCurve, rate: float) -> None:
    ax.plot(curve.rates, curve.losses, color="0.75", lw=1.0, label="of each step")
    ax.plot(curve.rates, curve.smoothed, label="smoothed")
    ax.axvline(curve.suggestion or np.nan, color=style.COLOURS[1], lw=1.2, label="suggested")
    ax.axvline(rate, color=style.COLOURS[2], lw=1.2, ls="--", label="yours")
    ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    lowest = min(curve.smoothed, default=0.0)  # Below 0 for a loss like Poisson's.
    ax.set_ylim(min(0.0, 1.3 * lowest), 1.3 * max(curve.smoothed[:10], default=1.0))
    ax.legend(loc="lower left")
