"""Implementations of one network side by side: their code and their speed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfcourse.reports import style


def draw_speeds(
    names: Mapping[str, str], speeds: Mapping[int, Mapping[int, Any]], path: style.File
) -> None:
    """Writes examples per second by width, a panel per batch size, into the PNG file `path`.

    Args:
        names: `{name: label}`, of these and perhaps of others.
        speeds: `{units: {batch size: {name: {"examples_per_second": [rounds], ...}}}}`; the median
            and the extremes are drawn.
    """
    batches = list(next(iter(speeds.values())))
    with style.picture(path, columns=len(batches), width=3.6, height=3.6) as axes:
        for ax, batch in zip(axes[0], batches, strict=True):
            for place, name in enumerate(next(iter(speeds.values()))[batch]):
                rounds = np.array(
                    [by[batch][name]["examples_per_second"] for by in speeds.values()]
                )
                middle = np.median(rounds, axis=1)
                errors = middle - rounds.min(axis=1), rounds.max(axis=1) - middle
                ax.errorbar(list(speeds), middle / 1000, np.array(errors) / 1000, fmt="o-",
                            color=style.COLOURS[place], label=names[name], markersize=4,
                            capsize=2)  # fmt: skip
            ax.set(title=f"batches of {batch:,}", xscale="log", yscale="log", xlabel="hidden units")
            style.ticks(ax.xaxis, list(speeds))
            style.ticks(ax.yaxis, [2, 5, 10, 20, 50, 100, 200, 500, 1000])
        axes[0, 0].set_ylabel("thousand examples per second")
        axes[0, -1].legend(fontsize=9)


def draw_matrix_products(
    sizes: Sequence[int], seconds: tuple[Sequence[float], Sequence[float]], path: style.File
) -> None:
    """Writes the time of a matrix product in loops and in NumPy into the PNG file `path`."""
    with style.picture(path, width=5.6, height=3.2) as axes:
        ax = axes[0, 0]
        for label, times in zip(("Python loops", "NumPy"), seconds, strict=True):
            ax.plot(sizes, times, marker="o", label=label)
        ax.set(xscale="log", yscale="log", xlabel="rows and columns", ylabel="seconds per product")
        style.ticks(ax.xaxis, sizes)
        ax.minorticks_off()
        style.label_lines(ax)
