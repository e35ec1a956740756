"""Gradients of automatic differentiation against finite differences of the loss."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes

from tfcourse.diagnosis.examples import Floats, Labels
from tfcourse.diagnosis.finding import Finding, judged, png, skipped
from tfcourse.diagnosis.short_training import short_path
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style

_EXAMPLES = 64
_VARIABLES = 12  # At most this many are checked.
# Intended changes of the loss. Large steps are affected by curvature, small ones by float32's
# rounding; the best result counts.
_CHANGES = (0.03, 0.01, 0.003, 0.001, 0.0003, 0.00003)
_LONGEST = 0.1  # Largest step relative to the weights.
# Relative to the largest gradient; smaller ones, as of a bias before batch norm, are rounding.
_NEGLIGIBLE = 1e-3
_FINE, _LOOK = 0.05, 0.3


def finite_differences(subject: Subject) -> Finding:
    """Compares each gradient's length with the slope of the loss along it.

    For a variable `w` with gradient `g`, along `d = g / |g|`:

        (loss(w + e d) - loss(w - e d)) / (2 e)  =  |g|   but for e^2 and rounding

    Where `g` is 0, `d` is random and the slope must be 0 too: a gradient may be lost on its way.

    Source: CS231n, "Gradient checks": centred differences, a relative error, several step sizes.
    """
    half = [layer for layer in subject.model.layers if "16" in layer.compute_dtype]
    if half:
        return skipped(f"{half[0].name} computes in half precision, too coarse for differences")
    features, labels = (array[:_EXAMPLES] for array in subject.batch)
    variables = list(subject.model.trainable_variables)
    if not variables:
        return skipped("nothing is trainable")
    gradients = _gradients(subject, features, labels)
    chosen = variables[:: -(-len(variables) // _VARIABLES)]
    largest = max(float(np.linalg.norm(g)) for g in gradients)
    pairs = {}
    for variable, gradient in zip(variables, gradients, strict=True):
        if any(variable is each for each in chosen):
            slopes = _slopes(subject, variable, gradient, features, labels)
            pairs[short_path(variable.path)] = float(np.linalg.norm(gradient)), slopes
    errors = {name: _error(*pair, _NEGLIGIBLE * largest) for name, pair in pairs.items()}
    worst = max(errors, key=lambda name: errors[name])
    error = errors[worst]
    verdict = judged(error, fine=_FINE, look=_LOOK)
    hint = (
        f"The gradient of {worst} is not the slope of the loss. Look for own gradients "
        "(`tf.custom_gradient`), `stop_gradient`, rounding or argmax behind it."
    )
    return Finding(
        verdict,
        f"relative error {error:.1e}, largest for {worst}",
        f"at most {_FINE:g}",
        error,
        hint,
        png(
            lambda axes: _draw(axes[0, 0], errors),
            width=6.0,
            height=1.0 + 0.25 * len(errors),
        ),
    )


def _loss(subject: Subject, features: Floats, labels: Labels) -> Any:
    return subject.loss(subject.forward(features, training=True), labels)


def _gradients(subject: Subject, features: Floats, labels: Labels) -> list[Floats]:
    """Returns the gradients of all variables, float64; 0 if there is no gradient."""
    variables = [each.value for each in subject.model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = _loss(subject, features, labels)
    found = tape.gradient(loss, variables, unconnected_gradients="zero")
    return [np.asarray(tf.convert_to_tensor(each), np.float64) for each in found]


def _slopes(
    subject: Subject, variable: keras.Variable, gradient: Floats, features: Floats, labels: Labels
) -> list[float]:
    """Returns the slope of the loss along the gradient of `variable`, for several steps."""
    weights, size = variable.numpy().astype(np.float64), float(np.linalg.norm(gradient))
    direction = gradient
    if size == 0.0:
        direction = np.random.default_rng(0).normal(size=gradient.shape)
    direction = direction / np.linalg.norm(direction)
    loss = abs(float(_loss(subject, features, labels)))
    longest = _LONGEST * max(float(np.linalg.norm(weights)), 1.0)
    slopes = []
    for change in _CHANGES:
        step = min(change * max(loss, 0.1) / max(size, 1e-12), longest)
        ends = []
        for sign in (1.0, -1.0):
            variable.assign(weights + sign * step * direction)
            ends.append(float(_loss(subject, features, labels)))
        slopes.append((ends[0] - ends[1]) / (2.0 * step))
    variable.assign(weights)
    return slopes


def _error(size: float, slopes: list[float], negligible: float) -> float:
    # If all of them are 0, they agree.
    errors = (abs(s - size) / max(abs(s), size, negligible, 1e-30) for s in slopes)
    return float(np.nan_to_num(min(errors), nan=np.inf))


def _draw(ax: Axes, errors: dict[str, float]) -> None:
    ax.plot([max(e, 1e-7) for e in errors.values()], list(errors), "o", color=style.COLOURS[0])
    ax.axvline(_FINE, ls="--", color="0.5")
    ax.set(xscale="log", xlabel="relative error; dashed: what is fine", xlim=(1e-7, 10))
    ax.invert_yaxis()
