"""What searches found, and what mattered in them."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfcourse.choices import MODELS, OPTIMIZERS
from tfcourse.reports import style


def draw_searches(
    path: style.File,
    found: Mapping[tuple[str, str], Mapping[int, np.ndarray]],
    titles: Mapping[str, str],
) -> None:
    """Writes the lowest error by number of trials, a panel per space, into the PNG file `path`.

    Args:
        found: `{(tuner, space): {trials: array [seeds]}}`, the best validation accuracy.
        titles: `{space: str}`.
    """
    spaces = list(dict.fromkeys(space for _, space in found))
    tuners = list(dict.fromkeys(tuner for tuner, _ in found))
    with style.picture(path, columns=len(spaces), width=4.2) as axes:
        for ax, space in zip(axes[0], spaces, strict=True):
            for place, (colour, tuner) in enumerate(zip(style.colours(), tuners, strict=False)):
                by_trials = found[tuner, space]
                errors = np.array([100 * (1 - best) for best in by_trials.values()])
                # Side by side, so that none hides another.
                trials = np.array(list(by_trials)) * 1.05 ** (place - 1.5)
                deviation = errors.std(axis=1, ddof=1)
                ax.errorbar(trials, errors.mean(axis=1), deviation, fmt="o-", color=colour,
                            label=tuner.replace("_", " "), markersize=4, capsize=2)  # fmt: skip
            ax.set(title=titles[space], xlabel="trials", xscale="log", yscale="log")
            style.ticks(ax.xaxis, list(by_trials))
            low, high = ax.get_ylim()
            ticks = [5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 70, 100]
            style.ticks(ax.yaxis, [tick for tick in ticks if low <= tick <= high])
        axes[0, 0].set_ylabel("lowest validation error (%)")
        axes[0, 0].legend(loc="upper right")


def draw_importances(
    path: style.File, measured: Mapping[str, Mapping[str, style.Arrays]], tiers: Mapping[str, int]
) -> None:
    """Writes each hyperparameter's share of the explained variance into the PNG file `path`.

    Args:
        measured: `{optimizer: {"all": shares, "better half": shares}}`, where shares are
            `{hyperparameter: array}`, a value for each resample.
        tiers: `{hyperparameter: int in [1, 4]}`, how important the course calls it.
    """
    with style.picture(path, columns=2, rows=len(measured), height=2.6) as axes:
        for row, (optimizer, numbers) in zip(axes, measured.items(), strict=True):
            for ax, subset in zip(row, ("all", "better half"), strict=True):
                shares = numbers[subset]
                order = sorted(shares, key=lambda name: shares[name].mean())
                means = [shares[name].mean() for name in order]
                ax.barh(
                    range(len(order)),
                    means,
                    xerr=[shares[name].std() for name in order],
                    color=[style.COLOURS[tiers[name] - 1] for name in order],
                    ecolor="0.4",
                )
                labels = [f"{name.replace('_', ' ')} ({tiers[name]})" for name in order]
                ax.set_yticks(range(len(order)), labels)
                ax.set_xlim(0, 1)
                ax.grid(axis="y", visible=False)
                which = "all trials" if subset == "all" else "the better half of them"
                ax.set_title(f"{OPTIMIZERS[optimizer].label}: {which}")
        for ax in axes[-1]:
            ax.set_xlabel("share of the variance; (n): the course's tier")


def draw_errors(
    path: style.File,
    errors: Mapping[str, Sequence[float]],
    published: Mapping[str, Sequence[tuple[str, float]]],
) -> None:
    """Writes test errors of seeds, beside published ones, into the PNG file `path`.

    Args:
        errors: `{model: [test error in per cent, one a seed]}`.
        published: `{model: [(name, test error in per cent), ...]}`.
    """
    rows: list[tuple[str, Sequence[float], str]] = []
    for model, values in errors.items():
        rows += [(name, [error], "0.45") for name, error in published[model]]
        rows.append((f"{MODELS[model].label}, here", values, style.COLOURS[0]))
    with style.picture(path, width=8.4, height=0.34 * len(rows) + 0.8) as axes:
        ax = axes[0, 0]
        for place, (_, values, colour) in enumerate(rows):
            ax.plot(values, np.full(len(values), -place), "o", color=colour, alpha=0.7)
            text = f"{np.mean(values):.3g} %"
            if len(values) > 1:
                text = f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f} %"
            style.note(ax, text, (max(values), -place), (9, 0), va="center")
        ax.set_yticks(-np.arange(len(rows)), [name for name, _, _ in rows])
        ax.set(xscale="log", xlabel="error on the test set (%)", xlim=(0.3, 30))
        style.ticks(ax.xaxis, [0.5, 1, 2, 5, 10, 20])
        ax.grid(axis="y", visible=False)
