"""What searches found, and what mattered in them."""

from collections.abc import Mapping, Sequence

import numpy as np

from tfcourse.reports import style


def draw_searches(
    path: style.File, found: Mapping[tuple[str, str], np.ndarray], titles: Mapping[str, str]
) -> None:
    """Writes the lowest error by trial, and where each search ended, into the PNG file `path`.

    Args:
        found: `{(tuner, space): array [seeds, trials]}`, the best validation accuracy so far.
        titles: `{space: str}`, in the order of the panels.
    """
    tuners = list(dict.fromkeys(tuner for tuner, _ in found))
    spaces = [space for space in titles if (tuners[0], space) in found]
    columns = min(3, len(spaces))
    low = min(float((1 - best).min()) for best in found.values())
    ticks = [tick for tick in (0.02, 0.05, 0.1, 0.2, 0.5, 1) if tick > 0.8 * low]
    with style.picture(path, columns=columns, rows=-(-len(spaces) // columns), width=3.7) as axes:
        for ax, space in zip(axes.flat, spaces, strict=False):
            for colour, tuner in zip(style.colours(), tuners, strict=False):
                best = found[tuner, space]
                trials = np.arange(1, best.shape[1] + 1)
                label = tuner.replace("_", " ")
                ax.plot(trials, 1 - best.mean(axis=0), color=colour, label=label)
                ends = np.full(len(best), trials[-1])
                ax.plot(ends, 1 - best[:, -1], "o", color=colour, alpha=0.6, markersize=4)
            ax.set(title=titles[space], xlabel="trial", yscale="log", ylim=(0.8 * low, 1))
            style.ticks(ax.yaxis, ticks)
        for ax in axes[:, 0]:
            ax.set_ylabel("lowest validation error so far")
        for ax in axes.flat[len(spaces) :]:
            ax.set_axis_off()
        for row in range(len(axes)):
            style.label_lines(axes.flat[min((row + 1) * columns, len(spaces)) - 1])


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
                ax.set_title(f"{optimizer}: {which}")
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
        rows.append((model.replace("_", " "), values, style.COLOURS[0]))
    with style.picture(path, width=8.4, height=0.34 * len(rows) + 0.8) as axes:
        ax = axes[0, 0]
        for place, (_, values, colour) in enumerate(rows):
            ax.plot(values, np.full(len(values), -place), "o", color=colour, alpha=0.7)
            text = f"{np.mean(values):.3g} %"
            if len(values) > 1:
                text = f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f} %"
            style.note(ax, text, (max(values), -place), (9, 0), va="center", color=colour)
        ax.set_yticks(-np.arange(len(rows)), [name for name, _, _ in rows])
        ax.set(xscale="log", xlabel="error on the test set (%)", xlim=(0.3, 30))
        style.ticks(ax.xaxis, [0.5, 1, 2, 5, 10, 20])
        ax.grid(axis="y", visible=False)
