"""Activations and gradients through the layers in the first hundred steps, as histograms."""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes

from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import Floats
from tfcourse.diagnosis.finding import Finding, between, png, skipped
from tfcourse.diagnosis.short_training import KEPT, Program, State
from tfcourse.diagnosis.subject import Subject
from tfcourse.diagnosis.units import activation_of
from tfcourse.reports import style

_FINE, _LOOK = (1e-2, 1e2), (1e-4, 1e4)  # Lengths of the gradients of first and last layer.
_DRAWN = 4  # Layers.
_BINS = 41


class Flow(NamedTuple):
    """What passes through one layer."""

    name: str
    activations: Floats
    gradients: Floats  # Of the loss with respect to the activations.


Flows = dict[int, list[Flow]]  # By step.


def histograms(subject: Subject) -> Finding:
    """Compares the lengths of the gradients in the first and the last hidden layer.

    Gradients vanish or explode if one is many times the other. The picture shows the same training
    with and without batch normalization.

    Source: Glorot and Bengio, 2010, http://proceedings.mlr.press/v9/glorot10a.html; Karpathy's
    makemore, part 3.
    """
    course = subject.short.course("first")
    flows = {step: _flow(subject, course.states[step]) for step in KEPT if step in course.states}
    layers = flows[0]
    if len(layers) < 2:
        return skipped("fewer than two hidden layers have an activation")
    ratios = {step: _ratio(each) for step, each in flows.items()}
    step = max(ratios, key=lambda step: abs(np.log10(max(ratios[step], 1e-30))))
    ratio = ratios[step]
    verdict = between(ratio, fine=_FINE, look=_LOOK)
    if not np.isfinite(course.losses).all():
        verdict, step = "broken", len(course.losses)
    hint = "Put batch normalization before the activations, or begin with weights of another size "
    hint += '(`kernel_initializer="he_normal"` for relu, "glorot_uniform" for tanh).'
    if not np.isfinite(course.losses).all():
        hint = "The loss is not finite: lower `learning_rate` to a tenth, and scale the inputs."
    names = f"{layers[0].name} and {layers[-1].name}"
    columns = {"as it is": flows, **_other(subject)}
    return Finding(
        verdict,
        f"gradients of {names}: {ratio:.2g} to 1 at step {step}",
        f"{_FINE[0]:g} to {_FINE[1]:g}",
        ratio,
        hint,
        _picture(columns),
    )


def _other(subject: Subject) -> dict[str, Flows]:
    """Returns the flows of the same training without batch normalization, or with it."""
    has = bool(interception.batch_norms(subject.model))
    if not has and not interception.hidden_products(subject.model):
        return {}
    changed: Callable[..., contextlib.AbstractContextManager[None]]
    changed = interception.without_batch_norm if has else interception.with_batch_norm
    with changed(subject.model):
        subject.put_back()
        rows = subject.short.course("first").rows
        course = Program(subject).train(rows, max(KEPT), kept=KEPT)
        flows = {s: _flow(subject, course.states[s]) for s in KEPT if s in course.states}
    return {"without batch norm" if has else "with batch norm": flows}


def _flow(subject: Subject, state: State) -> list[Flow]:
    """Returns what passes through the hidden layers with an activation, on the first batch."""
    subject.put_back(state)
    features, labels = subject.batch
    with interception.watched(subject.model) as calls, tf.GradientTape() as tape:
        loss = subject.loss(subject.forward(features, training=True), labels)
    hidden = [seen for seen in calls[:-1] if activation_of(seen.layer)]
    gradients = tape.gradient(loss, [seen.outputs for seen in hidden], unconnected_gradients="zero")
    return [
        Flow(seen.layer.name, np.asarray(seen.outputs, float), np.asarray(gradient, float))
        for seen, gradient in zip(hidden, gradients, strict=True)
    ]


def _ratio(flows: list[Flow]) -> float:
    if len(flows) < 2:
        return 1.0
    first, last = (float(np.linalg.norm(flows[place].gradients)) for place in (0, -1))
    return first / max(last, 1e-30)


def _picture(columns: dict[str, Flows]) -> bytes:
    some = next(iter(columns.values()))[0]
    places = np.unique(np.linspace(0, len(some) - 1, _DRAWN).round().astype(int))

    def draw(axes: np.ndarray) -> None:
        for row, place in enumerate(places):
            for side, (title, flows) in enumerate(columns.items()):
                for offset, what in enumerate(("activations", "gradients")):
                    ax = axes[row, 2 * side + offset]
                    _draw_histograms(ax, {s: getattr(f[place], what) for s, f in flows.items()})
                    if row == 0:
                        ax.set_title(f"{what}\n{title}")
            axes[row, 0].set_ylabel(some[place].name)
        axes[0, 0].legend(fontsize=7, title="step", title_fontsize=7)

    return png(draw, columns=2 * len(columns), rows=len(places), width=2.5, height=1.7)


def _draw_histograms(ax: Axes, values: dict[int, Floats]) -> None:
    finite = {step: v[np.isfinite(v)] for step, v in values.items()}
    widest = max((float(np.abs(v).max()) for v in finite.values() if v.size), default=1.0) or 1.0
    edges = np.linspace(-widest, widest, _BINS + 1)
    for colour, (step, each) in zip(style.colours(), finite.items(), strict=False):
        counts, _ = np.histogram(each, edges)
        ax.stairs(counts / max(each.size, 1), edges, color=colour, label=str(step), lw=1.2)
    ax.set(yscale="log", ylim=(1e-4, 1.5))
    ax.tick_params(labelsize=7)
    ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
    ax.xaxis.get_offset_text().set_fontsize(7)
