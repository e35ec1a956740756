"""What batch normalization changes: accuracy, inputs of a layer, usable rates, inference."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from tfcourse.reports import style

_COLOUR = {"without": style.COLOURS[1], "with": style.COLOURS[0]}


def draw_paper(
    path: style.File,
    stops: np.ndarray,
    accuracies: style.Arrays,
    paper: Mapping[str, Mapping[int, float]],
) -> None:
    """Writes test accuracy by step, beside the paper's, into the PNG file `path`.

    Args:
        accuracies: `{"with" or "without": [seeds, stops]}`; mean and extremes are drawn.
        paper: `{"with" or "without": {step: accuracy}}`.
    """
    with style.picture(path, width=6.8, height=3.6) as axes:
        ax = axes[0, 0]
        for name, values in accuracies.items():
            colour = _COLOUR[name]
            style.band(ax, stops, values, color=colour, label=f"{name} batch norm", alpha=0.2)
            ax.plot(*zip(*paper[name].items(), strict=True), "o", color=colour, mfc="white")
        step, value = next(iter(paper["without"].items()))
        style.note(ax, "○ the paper's figure 1a", (step, value), (10, -4), color="0.3")
        ax.set(title="a sigmoid network on binary MNIST", xlabel="step", ylabel="test accuracy")
        ax.set(xlim=(0, stops[-1]), ylim=(0.7, 1.0))
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        style.label_lines(ax)


def draw_inputs(
    path: style.File, stops: np.ndarray, inputs: style.Arrays, percentiles: Sequence[float]
) -> None:
    """Writes how the inputs of a layer's activations move in training into the PNG file `path`.

    Args:
        inputs: `{"with" or "without": [stops, examples, units]}`.
        percentiles: three numbers in [0, 100], to be drawn of the unit that moves like most.
    """
    with style.picture(path, columns=2, rows=2, height=2.7) as axes:
        for column, (name, values) in zip(axes.T, inputs.items(), strict=True):
            lines = np.percentile(values, percentiles, axis=1)  # [percentiles, stops, units]
            unit = _typical(lines[1])
            for line, percentile in zip(lines[:, :, unit], percentiles, strict=True):
                look = "-" if percentile == percentiles[1] else "--"
                column[0].plot(stops, line, look, color=_COLOUR[name], label=f"{percentile} %")
            column[0].set(title=f"{name} batch norm: one unit", xlabel="step")
            column[0].xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
            for index in (0, len(stops) // 10, len(stops) - 1):
                density, edges = np.histogram(values[index], bins=80, density=True)
                column[1].plot(
                    (edges[1:] + edges[:-1]) / 2,
                    density,
                    color=str(0.75 - 0.75 * (index / (len(stops) - 1)) ** 0.3),
                    label=f"step {stops[index]:,}",
                    linewidth=1.3,
                )
            column[1].set(title="all units", xlabel="input of the sigmoid")
            column[1].legend(fontsize=8)
        axes[0, 0].set_ylabel("input of the sigmoid")
        axes[1, 0].set_ylabel("density")
        _share_y(axes[0])
        for ax in axes[0]:
            style.label_lines(ax, gap=0.09)


def _typical(medians: np.ndarray) -> int:
    """Returns the unit whose median moves as far as the middle one of all, [stops, units]."""
    moves = np.ptp(medians, axis=0)
    return int(np.argsort(moves)[len(moves) // 2])


def _share_y(axes: Sequence[Axes]) -> None:
    low, high = zip(*(ax.get_ylim() for ax in axes), strict=True)
    for ax in axes:
        ax.set_ylim(min(low), max(high))


def draw_usable_rates(
    path: style.File,
    rates: Sequence[float] | np.ndarray,
    accuracies: Mapping[str, style.Arrays],
    target: float,
) -> None:
    """Writes the accuracy by learning rate, a panel a network, into the PNG file `path`.

    Args:
        accuracies: `{title: {"with" or "without": [seeds, rates]}}`.
    """
    columns = min(2, len(accuracies))
    rows = -(-len(accuracies) // columns)
    with style.picture(path, columns=columns, rows=rows, height=2.7) as axes:
        for ax, (title, networks) in zip(axes.flat, accuracies.items(), strict=True):
            for name, values in networks.items():
                label = f"{name} batch norm"
                style.band(ax, rates, values, ".-", color=_COLOUR[name], label=label)
            ax.axhline(target, color="0.5", ls=":", linewidth=1)
            ax.set(title=title, xscale="log", ylim=(0, 1))
        for ax in axes[:, -1]:
            style.label_lines(ax, gap=0.1)
        for ax in axes[-1]:
            ax.set_xlabel("learning rate")
        for ax in axes[:, 0]:
            ax.set_ylabel("validation accuracy")


def draw_lag(
    path: style.File,
    stops: Sequence[int],
    losses: style.Arrays,
    changes: Mapping[str, Sequence[float]],
) -> None:
    """Writes how the moving averages lag, and what a sample alone gets, into the PNG `path`.

    Args:
        losses: `{kind of mean and variance: [seeds, stops]}`, validation costs.
        changes: `{"inference" or "training": [seeds]}`, largest change of a sample's logits.
    """
    with style.picture(path, columns=2) as axes:
        lag, alone = axes[0]
        # The second is broad, so that it shows on both sides of the third, which covers it.
        for width, (label, values) in zip((1.8, 5.0, 1.8), losses.items(), strict=True):
            style.band(lag, stops, values, ".-", label=label, linewidth=width)
        lag.set(xscale="log", yscale="log", xlabel="step", ylabel="validation cost (nats)")
        style.ticks(lag.yaxis, [0.1, 0.2, 0.5, 1, 2])
        lag.set_title("cost at inference, by mean and variance used")
        style.label_lines(lag)
        for place, change in enumerate(changes.values()):
            alone.plot([place] * len(change), change, "o", color=style.COLOURS[place], alpha=0.6)
        alone.set_xticks(range(len(changes)), [f"{mode} mode" for mode in changes])
        alone.set(yscale="log", xlim=(-0.6, len(changes) - 0.4), ylabel="change of logits")
        alone.set_title("one sample: alone against in a batch")


def draw_shifts(
    path: style.File,
    examples: style.Arrays,
    accuracies: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    """Writes accuracy on shifted images, with an example of each, into the PNG file `path`.

    Args:
        examples: `{shift: image}`, [height, width, channels] in [0, 1].
        accuracies: `{shift: {network: [seeds]}}`; mean and standard deviation are drawn.
    """
    with style.picture(path, width=7.2, height=3.8) as axes:
        ax = axes[0, 0]
        places = np.arange(len(accuracies))[::-1]
        networks = next(iter(accuracies.values()))
        colours = (_COLOUR["without"], _COLOUR["with"], style.COLOURS[2])
        for offset, (colour, network) in enumerate(zip(colours, networks, strict=True)):
            values = [row[network] for row in accuracies.values()]
            ax.errorbar(
                np.mean(values, axis=1),
                places + 0.22 * (1 - offset),
                xerr=np.std(values, axis=1),
                fmt="o",
                color=colour,
                label=network,
            )
        ax.set_yticks(places, list(accuracies))
        ax.set(xlim=(0, 1.0), ylim=(-0.6, len(places) - 0.4))
        ax.set(xlabel="test accuracy", title="images unlike those in training")
        for place, image in zip(places, examples.values(), strict=True):
            inset = ax.inset_axes(
                [1.02, place - 0.4, 0.12, 0.8], transform=ax.get_yaxis_transform()
            )
            inset.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
            inset.set_axis_off()
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=9)
