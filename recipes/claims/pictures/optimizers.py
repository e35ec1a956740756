"""Optimizers side by side: how they take to learning rates, and what they reach seed by seed."""

from collections.abc import Mapping

import numpy as np

from tfcourse import choices
from tfcourse.reports import style

NAMES = {
    **{name: choice.label for name, choice in choices.OPTIMIZERS.items()},
    # Peers of a claim.
    "sgd_nesterov": "SGD with Nesterov momentum",
    "adagrad_constant": "AdaGrad, constant rate",
}
COLOURS = dict(zip(NAMES, style.colours(), strict=False))


def draw_sensitivity(
    curves: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], path: style.File
) -> None:
    """Writes validation error against learning rate into the PNG file `path`.

    Args:
        curves: `{model: {optimizer: (rates, errors)}}`, float arrays; errors are shares.
    """
    with style.picture(path, columns=len(curves), width=5.6, height=3.6) as axes:
        for ax, (model, by_optimizer) in zip(axes[0], curves.items(), strict=True):
            ax.set(xscale="log", yscale="log", xlabel="learning rate")
            for optimizer, (rates, errors) in by_optimizer.items():
                percent = 100 * np.maximum(errors, 1e-3)  # 0 has no place on the axis.
                best = int(np.argmin(percent))
                look = {"color": COLOURS[optimizer], "label": NAMES[optimizer]}
                ax.plot(rates, percent, marker=".", **look)
                ax.plot(rates[best], percent[best], "o", color=look["color"], markersize=9)
            style.ticks(ax.yaxis, [1, 2, 3, 5, 10, 20, 50, 100])
            ax.set_ylabel("validation error (%)")
            ax.set_title(f"{choices.MODELS[model].label}; dots: the best")
            style.label_lines(ax)


def draw_seeds(accuracies: Mapping[str, style.Arrays], path: style.File) -> None:
    """Writes each seed's test accuracy, and the means, into the PNG file `path`.

    Args:
        accuracies: `{model: {optimizer: float array [seeds]}}`, shares of examples.
    """
    with style.picture(path, columns=len(accuracies), width=4.6, height=2.8) as axes:
        for ax, (model, by_optimizer) in zip(axes[0], accuracies.items(), strict=True):
            for row, (optimizer, values) in enumerate(by_optimizer.items()):
                colour = COLOURS[optimizer]
                spread = np.linspace(-0.2, 0.2, len(values))
                ax.plot(100 * values, row + spread, ".", color=colour, alpha=0.7)
                ax.plot([100 * values.mean()] * 2, [row - 0.32, row + 0.32], color=colour)
                ax.text(
                    100 * values.mean(), row - 0.36, f"{100 * values.mean():.2f} %", ha="center"
                )
            ax.set_yticks(range(len(by_optimizer)), [NAMES[name] for name in by_optimizer])
            ax.set_ylim(len(by_optimizer) - 0.5, -0.75)
            ax.set_xlabel("test accuracy (%); dots are seeds")
            ax.set_title(choices.MODELS[model].label)


def draw_paper(curves: style.Arrays, paper: Mapping[str, float], path: style.File) -> None:
    """Writes training cost by epoch, and a paper's values at the end, into the PNG file `path`.

    Args:
        curves: `{optimizer: float array [seeds, epochs]}`.
        paper: `{optimizer: cost at the last epoch}`; it may leave out some.
    """
    with style.picture(path, width=7.4, height=3.8) as axes:
        ax = axes[0, 0]
        for optimizer, values in curves.items():
            epochs = np.arange(1, values.shape[1] + 1)
            colour, label = COLOURS[optimizer], NAMES[optimizer]
            style.band(ax, epochs, values, color=colour, label=label, alpha=0.2)
            if optimizer in paper:
                look = {"color": colour, "mfc": "white", "clip_on": False}
                ax.plot(epochs[-1], paper[optimizer], "D", **look)
        ax.set(xlabel="epoch", ylabel="training cost (nats)", xlim=(0, epochs[-1]))
        ax.set_ylim(top=min(0.8, 1.05 * max(values.mean(axis=0)[0] for values in curves.values())))
        ax.set_title("softmax regression on MNIST")
        highest = epochs[-1], max(paper.values())
        style.note(ax, "the paper's ◇", highest, (-10, 0), ha="right", va="center")
        style.label_lines(ax)
