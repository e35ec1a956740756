"""A sweep in one picture: the score by each hyperparameter, and the best score so far."""

import itertools
import os
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes

from tfcourse.reports import style
from tfcourse.tuning import sweeps
from tfcourse.tuning.report.findings import short
from tfcourse.tuning.space import Axis

_TICKS = (0.0, 0.5, 1.0)
_MOST_TICKS = 8


def draw_sweep(sweep: sweeps.Sweep, path: str | os.PathLike[str] | BinaryIO) -> None:
    """Writes the finished trials of `sweep` into the PNG file `path`."""
    trials = [trial for trial in sweep.finished() if sweep.score(trial) is not None]
    scores = np.array([sweep.score(trial) for trial in trials])
    better = np.minimum if sweeps.is_minimized(sweep.objective) else np.maximum
    axes_of_space = sweep.space.axes
    rows = len(axes_of_space) // 2 + 1  # Two per row, with a place for the best so far.
    with style.picture(path, columns=2, rows=rows, width=4.2, height=2.7) as axes:
        for ax in axes.flat[len(axes_of_space) + 1 :]:
            ax.set_axis_off()
        for ax, axis in zip(axes.flat, axes_of_space, strict=False):
            _draw_axis(ax, axis, sweep, trials, scores)
        _draw_best_so_far(axes.flat[len(axes_of_space)], sweep, trials, scores, better)
        for ax in axes[:, 0]:
            ax.set_ylabel(sweep.objective.replace("val_", "validation "))


def _draw_axis(
    ax: Axes, axis: Axis, sweep: sweeps.Sweep, trials: list[sweeps.Trial], scores: np.ndarray
) -> None:
    """Draws the score by position on the axis's own scale."""
    # Inactive values, and those of an earlier search, may have no place on the axis.
    active = [trial.values.get(axis.name) in axis.scale for trial in trials]
    at = [axis.scale.position_of(t.values[axis.name]) for t in itertools.compress(trials, active)]
    ax.plot(at, scores[active], "o", color=style.COLOURS[0], alpha=0.7)
    best = sweep.best
    score = None if best is None else sweep.score(best)
    if best is not None and score is not None and best.values.get(axis.name) in axis.scale:
        ax.plot(
            axis.scale.position_of(best.values[axis.name]),
            score,
            "o",
            color=style.COLOURS[1],
            markersize=11,
            mfc="none",
            mew=2,
        )
    values = axis.scale.options or ()
    if not 0 < len(values) <= _MOST_TICKS:
        values = tuple(axis.scale.value_at(tick) for tick in _TICKS)
    ax.set_xticks([axis.scale.position_of(v) for v in values], [short(v) for v in values])
    ax.set(xlim=(-0.06, 1.06), xlabel=axis.name.replace("_", " "))
    ax.set_title(axis.scale.title)


def _draw_best_so_far(
    ax: Axes, sweep: sweeps.Sweep, trials: list[sweeps.Trial], scores: np.ndarray, better: np.ufunc
) -> None:
    numbers = [trial.number + 1 for trial in trials]
    ax.plot(numbers, scores, ".", color="0.6")
    if trials:
        so_far = better.accumulate(scores)
        ax.step(numbers, so_far, where="post", color=style.COLOURS[1])
        ax.set_title(f"best: {so_far[-1]:.4f}")
    ax.set(xlabel="trial", xlim=(0, sweep.settings.trials + 1))
    style.whole_numbers(ax.xaxis)
