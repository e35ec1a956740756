"""Exponentially weighted averages of a noisy series, and what each length costs."""

from collections.abc import Mapping

import numpy as np

from tfcourse.reports import style

_START_DAYS = 60


def draw_averages(
    path: style.File,
    values: np.ndarray,
    true_mean: np.ndarray,
    averages: Mapping[float, tuple[np.ndarray, np.ndarray]],
    unit: str,
) -> None:
    """Writes a series with its averages into the PNG file `path`: all of it, and its start.

    Args:
        values: float array [days], the noisy series.
        true_mean: float array [days], what it scatters around.
        averages: `{beta: (uncorrected, corrected)}`, float arrays [days] each.
    """
    days = np.arange(1, len(values) + 1)
    with style.picture(path, columns=2) as axes:
        year, start = axes[0]
        for ax, shown in ((year, slice(None)), (start, slice(_START_DAYS))):
            ax.plot(days[shown], values[shown], ".", color="0.75", markersize=4)
            ax.plot(days[shown], true_mean[shown], ":", color="k", linewidth=1.2, label="true mean")
            for colour, (beta, both) in zip(style.colours(), averages.items(), strict=False):
                # A year shows no difference; the start shows hardly anything else.
                for average, look in zip(both, ("--", "-"), strict=True):
                    if look == "-" or ax is start:
                        label = f"β = {beta:g}" if look == "-" else f"{beta:g}, uncorrected"
                        ax.plot(days[shown], average[shown], look, color=colour, label=label)
            ax.set(xlabel="day", ylabel=f"temperature ({unit})")
            style.label_lines(ax)
        year.set_title("one year, bias-corrected")
        start.set_title(f"the first {_START_DAYS} days")


def draw_windows(
    path: style.File,
    windows: np.ndarray,
    parts: style.Arrays,
    marked: Mapping[float, str],
    unit: str,
) -> None:
    """Writes the error by length of the average into the PNG file `path`.

    Args:
        windows: float array [windows], `1 / (1 - beta)` each.
        parts: `{label: errors}`, float arrays [seeds, windows]; mean and spread are drawn.
        marked: `{window: label}`, to be pointed at.
    """
    with style.picture(path, width=6.4) as axes:
        ax = axes[0, 0]
        for label, errors in parts.items():
            # Each of the parts lies on the whole at one end: that one is broad, and shows beside.
            width = 5.0 if label == "both" else 1.8
            style.band(ax, windows, errors, of="deviation", label=label, linewidth=width)
        for window, label in marked.items():
            ax.axvline(window, color="0.5", ls=":", linewidth=1)
            style.note(
                ax, label, (window, 1.0), (-4, -8), ha="right", color="0.3",
                xycoords=("data", "axes fraction"),
            )  # fmt: skip
        ax.set_xscale("log")
        style.ticks(ax.xaxis, [1, 2, 5, 10, 20, 50])
        ax.set_xlim(right=1.1 * windows[-1])
        ax.set_ylim(bottom=0)
        ax.set(
            title="error to the true mean, after the start",
            xlabel="1 / (1 - β), days",
            ylabel=f"root mean square ({unit})",
        )
        style.label_lines(ax)
