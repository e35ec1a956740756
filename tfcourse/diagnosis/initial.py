"""The model before its first step: its loss, and its outputs against what the loss takes."""

import numpy as np
from matplotlib.axes import Axes

from tfcourse.diagnosis.finding import Finding, between, png, skipped
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style

_EXCESS_FINE, _EXCESS_LOOK = 2.0, 5.0  # Above log C.
_TIMES_FINE, _TIMES_LOOK = 4.0, 20.0  # The variance of a quantity.
_LEAST = 0.5  # Relative to the loss of a guess.
_SUM = 1e-3  # Rounding of a sum of probabilities.


def loss(subject: Subject) -> Finding:
    """Compares the loss at initialization with log C, or the variance of the quantity.

    An untrained network gives all classes about the same probability. Random logits
    of variance v cost about v / 2 more.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019: verify loss @ init.
    """
    if subject.is_trained:
        return skipped("the model is trained already")
    task = subject.task
    features, labels = subject.examples
    value, reference = subject.mean_loss(features, labels, training=True), task.reference
    if task.kind == "quantity":
        ends = _TIMES_FINE * reference, _TIMES_LOOK * reference
        expected = f"about {reference:.3g}, the variance of the labels; at most "
        expected += f"{_TIMES_FINE:g} times it"
    else:
        ends = reference + _EXCESS_FINE, reference + _EXCESS_LOOK
        expected = f"about {reference:.3g}, the logarithm of {task.num_classes} classes; at most "
        expected += f"{_EXCESS_FINE:g} more"
    # Other losses than cross-entropy and squared error, such as Huber's, may be smaller.
    low = _LEAST * reference if task.known_loss else 0.0
    verdict = between(value, fine=(low, ends[0]), look=(low, ends[1]))
    if verdict == "broken" and value >= 0 and not task.known_loss:
        verdict = "look"  # The expected value of such a loss is unknown.
    return Finding(
        verdict,
        f"{value:.3g}",
        expected,
        value,
        _loss_hint(value, low, task.kind),
        png(
            lambda axes: _draw(axes[0, 0], subject, value),
            width=6.0,
            height=2.4,
        ),
    )


def _loss_hint(value: float, low: float, kind: str) -> str:
    if value < low:
        return (
            "This is less than guessing costs. Look at the loss: its sign, a mean over too much, "
            "or labels that the inputs contain."
        )
    hint = "The first outputs are too large. Scale the inputs, and begin the last layer with "
    hint += '`kernel_initializer="zeros"`'
    return hint + (", and standardize the labels." if kind == "quantity" else ".")


def _draw(ax: Axes, subject: Subject, value: float) -> None:
    """Draws the first outputs: probabilities of each class, or the quantity."""
    features, labels = subject.batch
    outputs = np.asarray(subject.forward(features, training=True))
    if subject.task.kind == "quantity":
        both = {"labels": labels.ravel(), "first outputs": outputs.ravel()}
        for name, values in both.items():
            ax.hist(values, bins=30, alpha=0.6, label=name)
        ax.set(xlabel="standardized quantity", ylabel="examples")
        ax.legend()
        return
    mean = subject.task.probabilities(outputs).mean(axis=0)
    shares = np.bincount(subject.task.classes(labels), minlength=len(mean)) / len(labels)
    places = np.arange(len(mean))
    ax.bar(places - 0.2, shares, 0.4, label="share of the labels", color="0.7")
    ax.bar(places + 0.2, mean, 0.4, label="mean first probability")
    if len(mean) <= 12:
        ax.set_xticks(places, [subject.task.name_of(k)[:12] for k in range(len(mean))])
    ax.set(xlabel="class", ylim=(0, 1.35 * max(shares.max(), np.nanmax(mean), 1e-6)))
    ax.legend(ncols=2, loc="upper left")
    ax.set_title(f"loss {value:.3g}")


def outputs(subject: Subject) -> Finding:
    """Checks whether the outputs are logits or probabilities, and which of them the loss expects.

    Source: Karpathy's list of common mistakes, 2018: you passed softmaxed outputs to a loss that
    expects raw logits.
    """
    task = subject.task
    if task.kind == "quantity":
        return skipped("the label is a quantity")
    # Over many examples, the logits of a single output are hardly all between 0 and 1.
    features, _ = subject.examples if task.kind == "binary" else subject.batch
    values = np.asarray(subject.forward(features, training=True), np.float64)
    if task.kind == "binary" and np.ptp(values) == 0.0:
        return _all_equal(float(values.flat[0]))
    off = max(0.0, -float(values.min()), float(values.max()) - 1.0)
    measured = f"from {values.min():.3g} to {values.max():.3g}"
    if task.kind == "classes":
        off = max(off, float(np.abs(values.sum(axis=-1) - 1.0).max()))
        measured = f"the outputs of an example sum to 1 within {off:.2g}"
    are_probabilities = off <= _SUM
    right = are_probabilities != task.from_logits or not task.known_loss
    measured = f"{'probabilities' if are_probabilities else 'logits'}: {measured}"
    activation = "softmax" if task.kind == "classes" else "sigmoid"
    expected = "logits" if task.from_logits else "probabilities"
    hint = "Compile the model with `from_logits=True`, or end it with a "
    hint += f"{activation}."
    if task.from_logits:
        hint = f"The {activation} is in the model and in the loss. Leave it out of the model, or "
        hint += "compile with `from_logits=False`."
    return Finding(
        "fine" if right else "broken",
        measured,
        expected if task.known_loss else "unknown: the loss is a custom function",
        off,
        "" if right else hint,
        png(lambda axes: _draw_outputs(axes[0, 0], values), width=6.0, height=2.0),
    )


def _all_equal(value: float) -> Finding:
    if value != 1.0:
        return skipped("all first outputs are equal")
    hint = "A softmax of one output is always 1. End the model with a sigmoid."
    return Finding("broken", "every output is 1", "outputs differ", value, hint)


def _draw_outputs(ax: Axes, values: np.ndarray) -> None:
    ax.hist(values.ravel(), bins=50, color=style.COLOURS[0])
    ax.set(xlabel="output", ylabel="how often")
