"""Whether the model learns at all: from its inputs, and a few examples by heart."""

import math

import numpy as np
from matplotlib.axes import Axes

from tfcourse import averages
from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import Floats
from tfcourse.diagnosis.finding import Finding, judged, png, skipped
from tfcourse.diagnosis.short_training import STEPS, Course, Program, at_rate, highest_rate
from tfcourse.diagnosis.subject import Subject
from tfcourse.diagnosis.task import Task
from tfcourse.training.label_smoothing import unsmoothed

_RATIO_FINE, _RATIO_LOOK = 0.95, 1.0  # Losses with and without inputs.
_FEW = 16  # Examples to memorize.
_HEART_STEPS = 300
_HEART_FINE, _HEART_LOOK = 0.05, 0.3  # Relative to the loss of a guess.
_SPREAD = (1e-3, 1e3)  # Variances of a quantity that a usual learning rate can reach.
_TIMES = (1.0, 0.1, 10.0, 0.01)  # Factors of the learning rate, tried until one works.


def baseline(subject: Subject) -> Finding:
    """Trains briefly with the inputs and with zeros in their place; the zeros must do worse.

    The losses on the validation split are compared: labels that have nothing to do with the inputs
    can be memorized, but not predicted. Batches are normalized by their own moments.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019: input-independent baseline.
    """
    features, labels = subject.unseen
    courses, losses = {}, {}
    for name, inputs in (("first", features), ("zeroed", np.zeros_like(features))):
        courses[name] = subject.short.course(name)
        subject.put_back(courses[name].end)
        losses[name] = subject.mean_loss(inputs, labels, training=True)
    with_inputs, without = losses["first"], losses["zeroed"]
    if without <= 0:  # As Poisson's may be, or one with the wrong sign, which others find.
        return skipped(f"the loss with zeros is {without:.3g}: below 0, losses have no ratio")
    ratio = with_inputs / without
    verdict = judged(ratio, fine=_RATIO_FINE, look=_RATIO_LOOK)
    hint = (
        "The inputs do not help. Look at the batch with its labels: are labels shuffled against "
        "inputs, or inputs cut off? If not, look at the learning rate."
    )
    return Finding(
        verdict,
        f"validation loss {with_inputs:.3g} with inputs, {without:.3g} with zeros",
        f"less than {_RATIO_FINE:g} times that with zeros",
        ratio,
        hint,
        png(lambda axes: _draw_courses(axes[0, 0], courses), width=6.0, height=2.8),
    )


def _draw_courses(ax: Axes, courses: dict[str, Course]) -> None:
    for name, label in (("first", "with inputs"), ("zeroed", "with zeros")):
        ax.plot(_smooth(courses[name].losses), label=label)
    ax.set(xlabel="step", ylabel="training loss, smoothed", xlim=(0, STEPS))
    ax.legend()


def _smooth(losses: Floats) -> Floats:
    finite = losses[np.isfinite(losses)]
    return averages.exponentially_weighted_average(finite, 0.9, bias_correction=True)


def by_heart(subject: Subject) -> Finding:
    """Trains on a few examples only, without dropout and label smoothing, until the loss is
    about 0.

    A network that can't do this is broken, whatever its data. There are no more examples than
    inputs, so that a linear model can do it too. If the model's own rate fails, others are tried.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019: overfit one batch.
    """
    features, _ = subject.batch
    number = min(_FEW, len(features), max(2, math.prod(features.shape[1:])))
    order = np.random.default_rng(subject.seed).permutation(subject.num_examples)
    rate, tried = highest_rate(subject), {}
    goal = _HEART_FINE * subject.task.reference
    with interception.without_noise(subject.model), unsmoothed(), at_rate(subject) as table:
        program = Program(subject)
        for times in _TIMES:
            subject.put_back()
            table.assign(np.array([rate * times], np.float32), 0)
            course = program.train(order[:number], _HEART_STEPS, batch_size=number, enough=goal / 5)
            tried[times] = course.losses
            if 0 <= _least(course.losses) <= goal:
                break
    best = min(tried, key=lambda times: abs(_least(tried[times])))
    least = _least(tried[best])
    share = abs(least) / subject.task.reference
    verdict = judged(share, fine=_HEART_FINE, look=_HEART_LOOK)
    verdict = "broken" if least < -goal else verdict
    return Finding(
        verdict,
        f"loss {least:.3g} on {number} examples after {len(tried[best])} steps"
        + ("" if best == 1.0 else f", at {best:g} times the learning rate"),
        f"at most {goal:.2g}",
        share,
        _heart_hint(least, subject.task),
        png(lambda axes: _draw_tried(axes[0, 0], tried, goal), width=6.0, height=2.8),
    )


def _least(losses: Floats) -> float:
    """Returns the last loss, or the smallest of the last ten; infinite if one is not finite."""
    last = losses[-10:]
    return float(last.min()) if len(last) and np.isfinite(last).all() else math.inf


def _heart_hint(least: float, task: Task) -> str:
    if least < 0:
        return "The loss falls below 0: turn its sign."
    if task.kind == "quantity" and not _SPREAD[0] < task.reference < _SPREAD[1]:
        return f"Standardize the labels: their standard deviation is {task.reference**0.5:.2g}."
    return (
        "The model can't even learn these few examples. Fix the other broken checks first; if "
        "there are none, look at the sign of the loss and of the optimizer's update."
    )


def _draw_tried(ax: Axes, tried: dict[float, Floats], goal: float) -> None:
    for times, losses in tried.items():
        ax.plot(losses, label=f"{times:g} times the learning rate")
    ax.axhline(goal, ls="--", color="0.5")
    ax.set(xlabel="step", ylabel="loss", yscale="symlog" if _negative(tried) else "log")
    ax.legend()


def _negative(tried: dict[float, Floats]) -> bool:
    return any((losses <= 0).any() for losses in tried.values())
