"""Implementations of one network side by side: their code and their speed."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfcourse.reports import style


def draw_frameworks(
    names: Mapping[str, str], lines: Mapping[str, int], speeds: style.Arrays, path: style.File
) -> None:
    """Writes lines of code and examples a second as bars into the PNG file `path`.

    Args:
        names: `{name: label}`, of these and perhaps of others.
        speeds: `{name: float array [rounds]}`, examples a second.
    """
    colours = dict(zip(lines, style.colours(), strict=False))
    with style.picture(path, columns=2, width=4.4, height=2.8) as axes:
        for ax, name in zip(axes[0], ("lines of code", "thousand examples a second"), strict=True):
            for row, (framework, count) in enumerate(lines.items()):
                rounds = speeds[framework] / 1000
                value = count if ax is axes[0, 0] else np.median(rounds)
                ax.barh(row, value, color=colours[framework], alpha=0.75)
                if ax is axes[0, 1]:
                    ax.plot(rounds, [row] * len(rounds), "|", color="black", markersize=8)
                    value = max(value, rounds.max())
                label = f" {count}" if ax is axes[0, 0] else f" {np.median(rounds):.0f}"
                ax.text(value, row, label, va="center")
            ax.margins(x=0.15)
            labels = [names[name] if ax is axes[0, 0] else "" for name in lines]
            ax.set_yticks(range(len(lines)), labels)
            ax.invert_yaxis()
            ax.grid(visible=False, axis="y")
            ax.set_xlabel(name)
        axes[0, 0].set_title("the same network")
        axes[0, 1].set_title("bars: medians; ticks: rounds")


def draw_matrix_products(
    sizes: Sequence[int], seconds: tuple[Sequence[float], Sequence[float]], path: style.File
) -> None:
    """Writes the time of a matrix product in loops and in NumPy into the PNG file `path`."""
    with style.picture(path, width=5.6, height=3.2) as axes:
        ax = axes[0, 0]
        for label, times in zip(("Python loops", "NumPy"), seconds, strict=True):
            ax.plot(sizes, times, marker="o", label=label)
        ax.set(xscale="log", yscale="log", xlabel="rows and columns", ylabel="seconds a product")
        style.ticks(ax.xaxis, sizes)
        ax.minorticks_off()
        style.label_lines(ax)
