"""Optimizers on their way down cost functions of two parameters, still and moving."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from recipes.claims.pictures.optimizers import COLOURS, NAMES
from tfcourse.reports import style

_FRAMES = 32
_LAST_FRAMES = 6  # The last frame is held for a while.
_FAR = 1e6
_ROWS = 0.33  # Height of the key's four rows, as a part of the axes.


def draw_race(
    landscapes: Mapping[str, Any], paths: Mapping[str, style.Arrays], path: style.File
) -> None:
    """Writes the contours and the paths down them into the PNG file `path`.

    Args:
        paths: `{landscape: {optimizer: float array [steps + 1, 2]}}`.
    """
    with style.picture(path, columns=len(landscapes), width=3.6, height=3.7) as axes:
        for ax, (name, landscape) in zip(axes[0], landscapes.items(), strict=True):
            _draw_contours(ax, landscape)
            ax.set_title(f"{name}: steps needed")
            top = _free_top(ax, paths[name])
            for row, (optimizer, points) in enumerate(paths[name].items()):
                colour = COLOURS[optimizer]
                ax.plot(*points.T, color=colour, linewidth=1.3, marker=".", markersize=3)
                _write(ax, top, row, f"{NAMES[optimizer]} {len(points) - 1:,}", colour)


def animate_race(
    landscapes: Mapping[str, Any], paths: Mapping[str, style.Arrays], path: pathlib.Path
) -> None:
    """Writes the same race as the GIF file `path`; the moments of its frames grow by a factor."""
    slowest = max(len(points) for races in paths.values() for points in races.values())
    growing = np.unique(np.geomspace(1, slowest, _FRAMES).astype(int)) - 1
    moments = [*growing, *[growing[-1]] * _LAST_FRAMES]
    with style.animation(path, columns=len(landscapes)) as (axes, take_frame):
        runners = []
        for ax, (name, landscape) in zip(axes, landscapes.items(), strict=True):
            _draw_contours(ax, landscape)
            top = _free_top(ax, paths[name])
            for row, (optimizer, points) in enumerate(paths[name].items()):
                colour = COLOURS[optimizer]
                trail = ax.plot([], [], color=colour, linewidth=1.3)[0]
                head = ax.plot([], [], "o", color=colour, markersize=6)[0]
                text = _write(ax, top, row, "", colour)
                runners.append((ax, trail, head, points, text, optimizer))
        for moment in moments:
            for ax, trail, head, points, text, optimizer in runners:
                ax.set_title(f"step {moment:,}")
                trail.set_data(*points[: moment + 1].T)
                head.set_data(*points[: moment + 1][-1:].T)
                done = moment >= len(points) - 1
                text.set_text(NAMES[optimizer] + (f" {len(points) - 1:,}" if done else ""))
            take_frame()


def draw_paths(
    landscape: Any,
    paths: style.Arrays,
    path: style.File,
    *,
    examples_per_step: Mapping[str, int] | None = None,
    names: tuple[str, str] = ("x", "y"),
) -> None:
    """Writes paths over the contours, and the cost along them, into the PNG file `path`.

    Args:
        landscape: `tfcourse.landscapes.Landscape`, or an object with its attributes.
        paths: `{label: float array [steps + 1, 2]}`; they may leave the picture.
        examples_per_step: `{label: int}`, to draw the cost by examples seen; by default it is
            drawn by step.
    """
    with style.picture(path, columns=2, width=4.4, height=3.8) as axes:
        map_axes, cost_axes = axes[0]
        _draw_contours(map_axes, landscape)
        map_axes.set(xlabel=names[0], ylabel=names[1])
        costs = []
        for look, (label, points) in zip(style.looks(), paths.items(), strict=False):
            with np.errstate(all="ignore"):  # A diverging path ends at infinity.
                cost = np.asarray(landscape.cost(points))
            seen = np.arange(len(cost)) * (examples_per_step or {}).get(label, 1)
            near = (np.abs(points) < _FAR).all(axis=1)  # It may have diverged.
            map_axes.plot(*points[near].T, lw=1.2, marker=".", ms=3, **look)
            cost_axes.plot(seen, np.where(cost > 0, cost, np.nan), label=label, **look)
            costs.extend(cost[np.isfinite(cost)])
        start = float(landscape.cost(np.array(landscape.start)))
        limits = max(min(costs), 1e-9 * start) / 1.5, min(max(costs), 10 * start) * 1.5
        cost_axes.set(yscale="log", ylim=limits)
        cost_axes.set(title="cost", xlabel="examples seen" if examples_per_step else "step")
        map_axes.set_title("start: square, minima: stars")
        style.label_lines(cost_axes, gap=0.08)


def draw_count(condition_numbers: np.ndarray, steps: style.Arrays, path: style.File) -> None:
    """Writes how many times as fast momentum is, by condition number, into the PNG file `path`.

    Args:
        condition_numbers: float array of shape `[quadratics]`.
        steps: `{"gradient_descent": steps, "momentum": steps}`, arrays of that shape.
    """
    gain = steps["gradient_descent"] / steps["momentum"]
    won = gain > 1
    with style.picture(path, width=6.0, height=3.6) as axes:
        ax = axes[0, 0]
        for rows, optimizer in ((won, "momentum"), (~won, "gradient_descent")):
            ax.plot(condition_numbers[rows], gain[rows], ".", color=COLOURS[optimizer])
        ax.axhline(1.0, color="0.3", linewidth=1)
        ax.set(xscale="log", yscale="log", xlabel="condition number of the quadratic")
        ax.set_ylabel("steps of gradient descent\n/ steps of momentum")
        style.ticks(ax.yaxis, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10])
        ax.minorticks_off()
        ax.set_ylim(min(gain.min(), 0.5) / 1.3, max(gain.max(), 2.0) * 1.6)
        ax.set_title("both with the best rate of one grid, momentum with beta 0.9")
        for height, name, rows, optimizer in (
            (0.92, "momentum", won, "momentum"),
            (0.06, "gradient descent", ~won, "gradient_descent"),
        ):
            text = f"{name} needs fewer steps: {rows.sum()} of {len(rows)}"
            colour = COLOURS[optimizer]
            place = (0.02, "left") if height > 0.5 else (0.98, "right")
            ax.text(place[0], height, text, ha=place[1], color=colour, transform=ax.transAxes)


def _draw_contours(ax: Axes, landscape: Any) -> None:
    left, right, bottom, top = landscape.window
    x, y = np.meshgrid(np.linspace(left, right, 121), np.linspace(bottom, top, 121))
    cost = np.asarray(landscape.cost(np.stack([x, y], axis=-1)))
    ax.contour(
        x, y, cost, np.geomspace(cost.max() * 1e-4, cost.max(), 14), colors="0.75", linewidths=0.8
    )
    ax.plot(*np.transpose(landscape.minima), "*", color="black", markersize=9, zorder=5)
    ax.plot(*landscape.start, "s", color="0.3", markersize=5, zorder=5)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")
    ax.grid(visible=False)


def _free_top(ax: Axes, paths: style.Arrays) -> float:
    """Returns the height of the first row: at the top, or at the bottom if more paths are above."""
    points = ax.transData.transform(np.concatenate(list(paths.values())))
    x, y = ax.transAxes.inverted().transform(points).T
    right = x > 0.4
    above, below = (right & (y > 1 - _ROWS)).sum(), (right & (y < _ROWS)).sum()
    return 0.97 if above <= below else _ROWS


def _write(ax: Axes, top: float, row: int, text: str, colour: str) -> Text:
    """Writes dark text, which any colour's key goes with, at the right of a row."""
    height = top - 0.075 * row
    ax.plot([0.94, 0.98], [height - 0.03] * 2, color=colour, lw=3, transform=ax.transAxes)
    return ax.text(
        0.92,
        height,
        text,
        ha="right",
        va="top",
        transform=ax.transAxes,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
    )
