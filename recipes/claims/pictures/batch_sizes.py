"""Gradient descent with several batch sizes, along the four axes that tell them apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfcourse.reports import style


def draw_costs(
    path: style.File, curves: Mapping[int, style.Arrays], num_examples: int, target: float
) -> None:
    """Writes the training cost by step, epoch, example and second into the PNG file `path`.

    Args:
        curves: `{batch size: {"step": ..., "seconds": ..., "cost": ...}}`, arrays of equal length.
    """
    with style.picture(path, columns=2, rows=2, height=3.0) as axes:
        for colour, (size, curve) in zip(style.colours(), curves.items(), strict=False):
            examples = curve["step"] * size
            by = {
                "step": curve["step"],
                "epoch": examples / num_examples,
                "example": examples,
                "second": curve["seconds"],
            }
            label = _name(size, num_examples)
            for ax, values in zip(axes.flat, by.values(), strict=True):
                # What was before the first step has no place on a logarithmic axis.
                ax.plot(values[1:], curve["cost"][1:], color=colour, label=label)
        lowest = 0.9 * min(target, *(curve["cost"].min() for curve in curves.values()))
        for ax, unit in zip(axes.flat, by, strict=True):
            ax.set(xscale="log", yscale="log", xlabel=f"{unit}s", title=f"by {unit}")
            ax.axhline(target, color="0.5", ls=":", linewidth=1)
            style.ticks(ax.yaxis, [0.2, 0.3, 0.5, 1, 2])
            ax.minorticks_off()
            ax.set_ylim(lowest, 3)
        for ax in axes[:, 0]:
            ax.set_ylabel("training cost (nats)")
        for ax in axes[:, 1]:
            style.label_lines(ax, gap=0.09)


def draw_noise(
    path: style.File, measured: Mapping[int, Mapping[str, Any]], num_examples: int
) -> None:
    """Writes what a batch size does to the cost curve and to memory into the PNG file `path`.

    Args:
        measured: `{batch size: {"curve": [steps], "noise": [seeds], "bytes": [seeds] or None}}`,
            with the cost of each step on its own mini-batch.
        num_examples: int, in the training set: the size of the last batch.
    """
    memory = {s: np.mean(m["bytes"]) / 2**20 for s, m in measured.items() if m["bytes"] is not None}
    with style.picture(path, columns=3 if memory else 2, width=3.9) as axes:
        curves, scatter = axes[0, :2]
        shown = {size: m["curve"] for size, m in measured.items() if size in (1, 64, num_examples)}
        for colour, (size, costs) in zip(("0.7", *style.COLOURS), shown.items(), strict=False):
            curves.plot(costs, color=colour, label=_name(size, num_examples), linewidth=1.2)
        curves.set(title="cost of each step's batch", xlabel="step", ylabel="cost (nats)")
        curves.set_ylim(0, 4)
        style.label_lines(curves, gap=0.09)
        sizes = np.array(list(measured))
        means = np.array([np.mean(m["noise"]) for m in measured.values()])
        scatter.loglog(sizes, means, "o-")
        slope = 2 * means[0] / np.sqrt(sizes[:-1])
        scatter.loglog(sizes[:-1], slope, ":", color="k", linewidth=1)
        style.note(scatter, "1 / √b", (sizes[-2], slope[-1]), (-12, 10))
        scatter.set(title="its scatter around the trend", xlabel="batch size b", ylabel="nats")
        if memory:
            axes[0, 2].plot(list(memory), list(memory.values()), "o-")
            axes[0, 2].set(title="memory of a step", xlabel="batch size b", ylabel="MiB")
            axes[0, 2].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def draw_passes(path: style.File, curves: Mapping[str, style.Arrays], target: float) -> None:
    """Writes the training cost by passes over the data into the PNG file `path`.

    Args:
        curves: `{data set: {arm: cost before the first pass and after each}}`.
    """
    with style.picture(path, columns=len(curves), width=2.6, height=2.8) as axes:
        for ax, (table, arms) in zip(axes[0], curves.items(), strict=True):
            for arm, costs in arms.items():
                ax.plot(costs, ".-", label=arm)
            ax.axhline(target, color="0.5", ls=":", linewidth=1)
            ax.set(yscale="log", xlabel="passes over the data", title=table)
            style.whole_numbers(ax.xaxis)
            style.ticks(ax.yaxis, [0.1, 0.2, 0.5, 1, 2])
            ax.minorticks_off()
        axes[0, 0].set_ylabel("training cost (nats)")
        axes[0, -1].legend(loc="upper right")


def _name(size: int, num_examples: int) -> str:
    return f"all {size:,}" if size == num_examples else f"b = {size:,}"
