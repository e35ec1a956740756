"""How hyperparameters are found: by watching one model, by training many, by drawing points."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle

from tfcourse.reports import style
from tfcourse.scales import Scale, format_value

Box = Mapping[str, tuple[float, float]]  # Ends on each axis, in [0, 1].
_TICKS = (0.0, 0.5, 1.0)
_MAP = "viridis"
_TIERS = ("first", "second", "third", "rarely tuned")


class Point(NamedTuple):
    """A trial: where it lies on two axes, in [0, 1], and its validation accuracy."""

    x: float
    y: float
    score: float


class Curve(NamedTuple):
    """A trial: its learning rate, and a cost per epoch."""

    rate: float
    costs: Sequence[float]


def draw_panda_and_caviar(
    path: style.File,
    watched: style.Arrays,
    rates: Mapping[int, float],
    side_by_side: Sequence[Curve],
) -> None:
    """Writes one model's curves, nudged on the way, beside those of many into the PNG file `path`.

    Args:
        watched: `{label: cost per epoch}` of the one model.
        rates: `{epochs done: learning rate from there on}`, from 0 on.
        side_by_side: of the many; the one that comes lowest is drawn thick.
    """
    with style.picture(path, columns=2, width=5.0, height=3.6) as axes:
        panda, caviar = axes[0]
        for label, costs in watched.items():
            panda.semilogy(np.arange(1, len(costs) + 1), costs, label=label)
        _write_rates(panda, rates, len(costs))
        panda.set(title="panda: one model, watched and nudged", xlabel="epoch", ylabel="cost")
        panda.legend(loc="center right")
        norm = LogNorm(min(c.rate for c in side_by_side), max(c.rate for c in side_by_side))
        colour = ScalarMappable(norm, _MAP)
        best = min(side_by_side, key=lambda curve: np.nanmin(curve.costs))
        for curve in sorted(side_by_side, key=lambda curve: curve is best):
            look: dict[str, Any] = {"lw": 3.5} if curve is best else {"lw": 1.2, "alpha": 0.8}
            epochs = np.arange(1, len(curve.costs) + 1)
            caviar.semilogy(epochs, curve.costs, color=colour.to_rgba(np.array(curve.rate)), **look)
        title = f"caviar: {len(side_by_side)} models, thick the best (rate {best.rate:.2g})"
        caviar.set(title=title, xlabel="epoch", ylabel="validation cost")
        caviar.figure.colorbar(colour, ax=caviar, label="learning rate")
        for ax in axes[0]:
            style.whole_numbers(ax.xaxis)


def _write_rates(ax: Axes, rates: Mapping[int, float], epochs: int) -> None:
    """Writes each learning rate above the epochs in which it held, and a line where it changed."""
    starts = [*rates, epochs]
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.18)
    for (start, rate), end in zip(rates.items(), starts[1:], strict=True):
        if start:
            ax.axvline(start + 0.5, color="0.4", ls="--", lw=1)
        middle = (max(start, 0.5) + end + 0.5) / 2
        ax.text(
            middle,
            0.97,
            f"rate\n{rate:g}",
            ha="center",
            va="top",
            transform=ax.get_xaxis_transform(),
        )


def draw_projections(
    path: style.File,
    searches: Mapping[str, Sequence[Point]],
    axes_of_space: Sequence[tuple[str, Scale]],
) -> None:
    """Writes points of searches with their projections on both axes into the PNG file `path`.

    It is figure 1 of Bergstra and Bengio (2012), with real trials: above the points is the score
    by the first hyperparameter alone, beside them that by the second alone.

    Args:
        searches: `{title: points}`, a panel each.
        axes_of_space: label and scale of x and of y.
    """
    scores = [point.score for points in searches.values() for point in points]
    norm = Normalize(min(scores), max(scores))
    room = (max(scores) - min(scores)) * 0.12
    limits = min(scores) - room, max(scores) + room
    (xlabel, xscale), (ylabel, yscale) = axes_of_space
    with style.picture(path, columns=len(searches), width=5.2, height=4.8) as axes:
        # The layout leaves too little room above for an inset.
        axes[0, 0].figure.get_layout_engine().set(rect=(0, 0, 1, 0.95))
        for ax, (title, points) in zip(axes[0], searches.items(), strict=True):
            x, y, score = (np.array(column) for column in zip(*points, strict=True))
            above = ax.inset_axes((0, 1.04, 1, 0.32), sharex=ax)
            beside = ax.inset_axes((1.04, 0, 0.32, 1), sharey=ax)
            for at in x:
                ax.axvline(at, color="0.6", lw=0.8, ls=":")
                above.axvline(at, color="0.6", lw=0.8, ls=":")
            for at in y:
                ax.axhline(at, color="0.6", lw=0.8, ls=":")
                beside.axhline(at, color="0.6", lw=0.8, ls=":")
            ax.scatter(x, y, c=score, norm=norm, cmap=_MAP, s=70, ec="0.2", zorder=3)
            above.plot(x, score, "o", color=style.COLOURS[0], ms=5)
            beside.plot(score, y, "o", color=style.COLOURS[1], ms=5)
            above.set(ylim=limits, ylabel="accuracy")
            beside.set(xlim=limits, xlabel="accuracy")
            # In the free corner: there is no room for a title above an inset.
            text = f"{title}:\n{len(points)} trials,\n{len(set(x))} values\nof each"
            ax.text(1.2, 1.2, text, ha="center", va="center", transform=ax.transAxes)
            above.tick_params(labelbottom=False)
            beside.tick_params(labelleft=False)
            for inset in (above, beside):
                inset.grid(visible=False)
            ax.grid(visible=False)
            ax.set(xlim=(-0.08, 1.08), ylim=(-0.08, 1.08), xlabel=xlabel, ylabel=ylabel)
            _tick(ax.xaxis, xscale)
            _tick(ax.yaxis, yscale)
        axes[0, 0].figure.colorbar(
            ScalarMappable(norm, _MAP), ax=axes, label="validation accuracy", shrink=0.7
        )


def draw_rounds(
    path: style.File,
    rounds: Sequence[tuple[Box, Sequence[Point]]],
    axes_of_space: Sequence[tuple[str, str, Scale]],
) -> None:
    """Writes the boxes of a search from coarse to fine, a panel per round, into the PNG `path`.

    Args:
        rounds: the box of each round and the points drawn in it.
        axes_of_space: name, label and scale of x and of y.
    """
    scores = [point.score for _, points in rounds for point in points]
    norm = Normalize(min(scores), max(scores))
    (xname, xlabel, xscale), (yname, ylabel, yscale) = axes_of_space
    with style.picture(path, columns=len(rounds), width=3.7, height=3.7) as axes:
        for number, (ax, (_, points)) in enumerate(zip(axes[0], rounds, strict=True)):
            for earlier in range(number + 1):
                (left, right), (low, high) = (rounds[earlier][0][n] for n in (xname, yname))
                now = earlier == number
                edge = Rectangle(
                    (left, low), right - left, high - low, lw=2.5 if now else 1, fill=now,
                    fc=(0, 0, 0, 0.06), ec=style.COLOURS[earlier], clip_on=False, zorder=2,
                )  # fmt: skip
                ax.add_patch(edge)
                if not now:
                    old = rounds[earlier][1]
                    ax.plot([p.x for p in old], [p.y for p in old], "o", color="0.8", ms=4)
            x, y, score = (np.array(column) for column in zip(*points, strict=True))
            ax.scatter(x, y, c=score, norm=norm, cmap=_MAP, s=60, ec="0.2", zorder=3)
            ax.set_title(f"round {number + 1}: best {max(score):.3f}", color=style.COLOURS[number])
            ax.grid(visible=False)
            ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel=xlabel)
            _tick(ax.xaxis, xscale)
            _tick(ax.yaxis, yscale)
        axes[0, 0].set_ylabel(ylabel)
        axes[0, 0].figure.colorbar(
            ScalarMappable(norm, _MAP), ax=axes, label="validation accuracy", shrink=0.9
        )


def _tick(axis: Any, scale: Scale) -> None:
    """Writes values of a hyperparameter where they lie on its scale."""
    texts = [format_value(float(f"{scale.value_at(position):.3g}")) for position in _TICKS]
    axis.set_ticks(_TICKS, labels=texts)


def draw_tiers(
    path: style.File, measured: Mapping[str, style.Arrays], tiers: Mapping[str, int]
) -> None:
    """Writes hyperparameters in the course's tiers, with measured importances, into `path`.

    Args:
        measured: `{title: {hyperparameter: shares of the variance, one per resample}}`.
        tiers: `{hyperparameter: int in [1, 4]}`, how important the course calls it.
    """
    rows = max(len(shares) for shares in measured.values())
    with style.picture(path, columns=len(measured), width=5.0, height=0.42 * rows + 1.1) as axes:
        for ax, (title, shares) in zip(axes[0], measured.items(), strict=True):
            names = sorted(shares, key=lambda name: (tiers[name], -shares[name].mean()))
            for place, name in enumerate(names):
                colour = style.COLOURS[tiers[name] - 1]
                mean, deviation = shares[name].mean(), shares[name].std()
                ax.axhspan(place - 0.5, place + 0.5, color=colour, alpha=0.12, lw=0)
                ax.barh(place, mean, 0.6, xerr=deviation, color=colour, ecolor="0.3")
                style.note(ax, f"{mean:.0%}", (mean + deviation, place), (5, 0), va="center")
            for tier, label in enumerate(_TIERS, start=1):
                members = [place for place, name in enumerate(names) if tiers[name] == tier]
                if members:
                    ax.text(
                        0.985, np.mean(members), label, ha="right", va="center", weight="bold",
                        color=style.COLOURS[tier - 1], transform=ax.get_yaxis_transform(),
                    )  # fmt: skip
            ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
            ax.set(xlim=(0, 1.15), ylim=(len(names) - 0.5, -0.5), title=title)
            ax.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "100 %"])
            ax.set_xlabel("share of the variance of the validation accuracy")
            ax.grid(axis="y", visible=False)
