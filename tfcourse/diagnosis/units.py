"""Units that do nothing: dead, saturated, or the same as another one of their layer."""

import dataclasses

import keras
import numpy as np
from matplotlib.axes import Axes

from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import Floats
from tfcourse.diagnosis.finding import Finding, judged, png, skipped
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style

_RELUS = ("relu", "relu6")
_ENDS = {
    **{"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)},
    **{"tanh": (-1.0, 1.0), "hard_tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)},
}
_PRODUCTS = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_PASSING = (keras.layers.Dropout, keras.layers.Flatten)  # They leave a linear layer linear.
_NEAR = 0.02  # Distance from an end of the range, as a share of it.
_ALWAYS = 0.95  # A unit is saturated if it is near its limit for this share of the examples.
_COMPARED = 256  # Values by which two units are compared.
_FINE, _LOOK = 0.2, 0.5


@dataclasses.dataclass(frozen=True)
class Useless:
    """The shares of a layer's units that are useless."""

    dead: float
    saturated: float
    identical: float

    @property
    def share(self) -> float:
        """The share of all useless units."""
        return self.dead + self.saturated + self.identical


def useless(subject: Subject) -> Finding:
    """Counts the units of each hidden layer that can't help, at the start and after some steps.

    A unit is dead if a ReLU returns 0 for every example, saturated if a sigmoid or tanh is
    almost always at its limit, identical if it returns the same as another one: both then get the
    same gradient forever. If no layer has an activation, linear layers in a row are reported.

    Source: CS231n, "Activation functions" and "Weight initialization" (all zero is a pitfall).
    """
    at = {"at the start": _by_layer(subject)}
    if not at["at the start"]:
        return _linear_in_a_row(subject)
    subject.put_back(subject.short.course("first").end)
    at["after the first steps"] = _by_layer(subject)
    when, name = max(
        ((when, name) for when, layers in at.items() for name in layers),
        key=lambda place: at[place[0]][place[1]].share,
    )
    worst = at[when][name]
    verdict = judged(worst.share, fine=_FINE, look=_LOOK)
    return Finding(
        verdict,
        f"{100 * worst.dead:.0f} % dead, {100 * worst.saturated:.0f} % saturated, "
        f"{100 * worst.identical:.0f} % identical in {name}, {when}",
        f"together at most {100 * _FINE:.0f} %",
        worst.share,
        _hint(worst, name, at["at the start"][name]),
        png(lambda axes: _draw(axes[0], at), columns=2, width=4.0, height=_high(at)),
    )


def _linear_in_a_row(subject: Subject) -> Finding:
    """Returns what was found where no hidden layer can be counted: linear layers in a row."""
    features, _ = subject.batch
    with interception.watched(subject.model) as calls:
        subject.forward(features, training=True)
    made_by: dict[int, str] = {}  # The linear layer, by the identity of its outputs.
    chained = []
    for layer, inputs, outputs in calls:
        before = made_by.get(id(inputs))
        if isinstance(layer, _PRODUCTS):
            chained += [(before, layer.name)] if before else []
            if not activation_of(layer):
                made_by[id(outputs)] = layer.name
        elif before and isinstance(layer, _PASSING):
            made_by[id(outputs)] = before
    if not chained:
        return skipped("no hidden layer has an activation that dies or saturates")
    first, second = chained[0]
    return Finding(
        "look",
        f"{len(chained)} times, as from {first} to {second}, there is no activation in between",
        "an activation between layers",
        float(len(chained)),
        f'Give {first} an activation, such as `activation="relu"`: without one, two layers can do '
        "no more than one.",
    )


def _hint(worst: Useless, name: str, before: Useless) -> str:
    if before.share <= _FINE:
        return f"Lower `learning_rate`: the units of {name} worked before the first steps."
    if worst.identical >= max(worst.dead, worst.saturated):
        return f'Begin {name} with random weights: `kernel_initializer="glorot_uniform"`.'
    if worst.saturated >= worst.dead:
        return f"Begin {name} with smaller weights, or put batch normalization before it."
    return (
        f"Begin the biases of {name} at 0 and its weights at random "
        '(`kernel_initializer="he_normal"`), or put batch normalization before it.'
    )


def activation_of(layer: keras.layers.Layer) -> str:
    """Returns the name of the activation that a layer applies, or ""."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return "" if name == "linear" else name


def _by_layer(subject: Subject) -> dict[str, Useless]:
    features, _ = subject.examples
    with interception.watched(subject.model) as calls:
        subject.forward(features, training=True)
    found = {}
    for seen in calls[:-1]:  # The last layer's outputs are not units.
        kind = activation_of(seen.layer)
        if kind in _RELUS or kind in _ENDS:
            values = np.asarray(seen.outputs, np.float32)
            found[seen.layer.name] = _useless(values.reshape(-1, values.shape[-1]), kind)
    return found


def _useless(values: Floats, kind: str) -> Useless:
    """Returns the shares of useless units, for values [examples, units]."""
    units = values.shape[1]
    dead = (values == 0.0).all(axis=0) if kind in _RELUS else np.zeros(units, bool)
    saturated = np.zeros(units, bool)
    if kind in _ENDS:
        low, high = _ENDS[kind]
        near = _NEAR * (high - low)
        saturated = ((values < low + near) | (values > high - near)).mean(axis=0) >= _ALWAYS
    others = values[:: -(-len(values) // _COMPARED), ~dead & ~saturated]
    different = np.unique(others, axis=1).shape[1] if others.size else 0
    identical = others.shape[1] - different
    # One of several identical units is useful, unless it is the only one left.
    return Useless(float(dead.mean()), float(saturated.mean()), identical / units)


def _high(at: dict[str, dict[str, Useless]]) -> float:
    return 1.3 + 0.25 * max(map(len, at.values()))


def _draw(row: np.ndarray, at: dict[str, dict[str, Useless]]) -> None:
    kinds = {"dead": style.COLOURS[1], "saturated": style.COLOURS[4], "identical": "0.5"}
    for ax, (when, layers) in zip(row, at.items(), strict=True):
        left = np.zeros(len(layers))
        for kind, colour in kinds.items():
            shares = 100 * np.array([getattr(each, kind) for each in layers.values()])
            ax.barh(list(layers), shares, left=left, color=colour, label=kind)
            left += shares
        ax.set(xlim=(0, 100), xlabel="units, %")
        ax.set_title(when)
        ax.invert_yaxis()
    _legend(row[1])


def _legend(ax: Axes) -> None:
    ax.legend(loc="lower right", fontsize=8)
    ax.set_yticklabels([])
