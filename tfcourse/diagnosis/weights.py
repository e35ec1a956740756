"""Checks of the weights: which are trained, and how far a step moves them."""

from collections.abc import Sized

import keras
import numpy as np
from matplotlib.axes import Axes

from tfcourse.diagnosis import interception, short_training
from tfcourse.diagnosis.finding import Finding, Verdict, between, png, skipped
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style

_EXPECTED = 1e-3
_FINE, _LOOK = (1e-5, 0.1), (1e-7, 1.0)


def frozen(subject: Subject) -> Finding:
    """Looks for layers with weights, none of which are trained.

    Source: Google's Deep Learning Tuning Playbook, 2023: make sure that what is trained is what
    you think is.
    """
    layers = {
        layer.name: sum(int(np.prod(weight.shape)) for weight in weights)
        for layer in interception.inner_layers(subject.model)
        if (weights := _weights(layer))
    }
    trained = {id(variable) for variable in subject.model.trainable_variables}
    left = [
        layer.name
        for layer in interception.inner_layers(subject.model)
        if layer.name in layers and not any(id(w) in trained for w in _weights(layer))
    ]
    if not layers:
        return skipped("no layer has weights")
    share = sum(layers[name] for name in left) / sum(layers.values())
    verdict: Verdict = "broken" if len(left) == len(layers) else "look" if left else "fine"
    names = ", ".join(left[:8])
    return Finding(
        verdict,
        f"{len(left)} of {len(layers)} layers with weights are frozen"
        + (f": {names}, {100 * share:.0f} % of the weights" if left else ""),
        "none, unless it is meant",
        float(len(left)),
        f"If it is not meant, set `trainable = True` on {names} and compile again." if left else "",
        png(lambda axes: _draw_frozen(axes[0, 0], layers, left), width=6.0, height=_high(layers)),
    )


def _weights(layer: keras.Layer) -> list[keras.Variable]:
    """Returns a layer's own weights that training could change."""
    generators = ("seed_generator_state", "seed")
    weights = interception.own_weights(layer)
    averages = ("moving_mean", "moving_variance")
    return [w for w in weights if w.name not in (*generators, *averages)]


def _high(rows: Sized) -> float:
    return 1.0 + 0.25 * len(rows)


def _draw_frozen(ax: Axes, layers: dict[str, int], left: list[str]) -> None:
    colours = ["0.7" if name in left else style.COLOURS[0] for name in layers]
    ax.barh(list(layers), list(layers.values()), color=colours)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="weights; grey: frozen")


def updates(subject: Subject) -> Finding:
    """Measures how far a step moves each kernel relative to its size; about 1e-3 is usual.

    The result is the median over the first hundred steps, without those in which a schedule's
    rate is below a tenth of its highest. Kernels that start at 0 are left out.

    Source: CS231n, "Ratio of weights:updates"; Karpathy's makemore, part 3.
    """
    measured = subject.short.course("first").updates
    ratios = {name: by for name, by in measured.items() if by and max(by.values()) < 1e6}
    if not ratios:
        return skipped(
            "no trained kernel differs from 0 at first, or the loss is not finite at once"
        )
    full = 0.1 * short_training.highest_rate(subject)
    steps = {step for by in ratios.values() for step in by}
    counted = {step for step in steps if short_training.rate_at(subject, step) >= full} or steps
    medians = {
        name: float(np.median([by[step] for step in counted & by.keys()]))
        for name, by in ratios.items()
    }
    worst = max(medians, key=lambda name: abs(np.log10(max(medians[name], 1e-12) / _EXPECTED)))
    ratio = medians[worst]
    verdict = between(ratio, fine=_FINE, look=_LOOK)
    if ratio == 0.0:
        hint = f"Nothing reaches {worst}: look at the gradients, and at dead units before it."
    elif ratio < _EXPECTED:
        hint = (
            "Raise `learning_rate`, tenfold at a time, unless another check finds it too high or "
            "units dead: then correct that first."
        )
    else:
        hint = "Lower `learning_rate`, to a tenth at a time."
    return Finding(
        verdict,
        f"{ratio:.1e} of {worst}, the farthest from {_EXPECTED:g}",
        f"about {_EXPECTED:g}; {_FINE[0]:g} to {_FINE[1]:g} is fine",
        ratio,
        hint,
        png(lambda axes: _draw_updates(axes[0, 0], ratios), width=6.4, height=2.8),
    )


def _draw_updates(ax: Axes, ratios: dict[str, dict[int, float]]) -> None:
    for name, by_step in ratios.items():
        ax.plot(list(by_step), [max(r, 1e-12) for r in by_step.values()], ".-", label=name)
    ax.axhline(_EXPECTED, ls="--", color="0.5")
    ax.set(xlabel="step", ylabel="update / weight", yscale="log")
    if len(ratios) <= 8:
        style.label_lines(ax)
