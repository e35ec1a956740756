"""The labels: classes missing in training, and examples that may be mislabelled."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from tfcourse.diagnosis.examples import Floats, Labels, Rows, take
from tfcourse.diagnosis.finding import Finding, Verdict, judged, png, skipped
from tfcourse.diagnosis.inputs import are_images, draw_images
from tfcourse.diagnosis.subject import Subject
from tfcourse.diagnosis.tables import table_of
from tfcourse.reports import style

_RARE = 5  # A class with fewer examples can't be learned.
_LISTED = 20
_JUDGED = 5_000  # Examples of each half that are judged, at most.
# Shares of examples that look mislabelled.
_FINE, _LOOK = 0.04, 0.15
# The wrong examples, worst first, and a function that describes one: label and prediction.
Judged = tuple[npt.NDArray[np.bool_], Rows, Callable[[int], tuple[str, str]]]
_FAR = 6.0  # Largest distance of a quantity from its prediction, in robust deviations.


def classes(subject: Subject) -> Finding:
    """Counts the training examples of each class; no class may be missing.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019: become one with the data.
    """
    task = subject.task
    if task.kind == "quantity":
        return skipped("the label is a quantity")
    labels = task.classes(np.asarray(subject.data.train.labels))
    counts = np.bincount(labels, minlength=task.num_classes)
    least = int(counts.argmin())
    name = task.name_of(least)
    rare = counts[least] < _RARE
    verdict: Verdict = "broken" if counts[least] == 0 else "look" if rare else "fine"
    missing = [task.name_of(number) for number in np.flatnonzero(counts == 0).tolist()]
    hint = f"Add training examples of {', '.join(missing[:10])}, or leave the class out."
    if verdict == "look":
        hint = f"Collect more examples of {name}, or leave the class out."
    return Finding(
        verdict,
        f"{counts[least]} training examples of {name}, the rarest class",
        f"at least {_RARE}",
        float(counts[least]),
        hint,
        png(lambda axes: _draw_counts(axes[0, 0], counts, subject), width=6.0, height=2.4),
    )


def _draw_counts(ax: Axes, counts: npt.NDArray[np.int64], subject: Subject) -> None:
    ax.bar(range(len(counts)), counts, color=style.COLOURS[0])
    ax.set(ylabel="training examples", xlabel="class")
    if len(counts) <= 12:
        names = [subject.task.name_of(number)[:12] for number in range(len(counts))]
        ax.set_xticks(range(len(counts)), names)


def noise(subject: Subject) -> Finding:
    """Lists the training examples on which a model that has not seen them is most confidently
    wrong.

    An example counts if another class has a probability at least as high as the examples of that
    class have on average (confident learning, Northcutt et al., 2021, https://arxiv.org/abs/1911.00068).
    For a quantity, an example counts if it is 6 robust standard deviations from its prediction.
    """
    judged_by = {"first": "second", "second": "first"}
    parts = []
    for trained, other in judged_by.items():
        rows = subject.short.course(other).rows[:_JUDGED]
        subject.put_back(subject.short.course(trained).end)
        features, labels = take(subject.data.train, rows)
        parts.append((rows, labels, subject.predict(features)))
    rows, labels, outputs = (np.concatenate(each) for each in zip(*parts, strict=True))
    if not np.isfinite(outputs).all():
        return skipped("the outputs are not finite after the first steps")
    find = _far_off if subject.task.kind == "quantity" else _confidently_wrong
    wrong, order, told = find(subject, labels, outputs)
    share = float(wrong.mean())
    verdict = judged(share, fine=_FINE, look=_LOOK)
    hint = (
        "Look at the examples below, the worst first, and correct their labels. Rows count from "
        "0 in the training split."
    )
    worst = [index for index in order[:_LISTED] if wrong[index]] or list(order[:_LISTED])
    picture, table = _shown(subject, rows[worst], [told(index) for index in worst])
    return Finding(
        verdict,
        f"{100 * share:.1f} % of {len(rows):,} examples look mislabelled",
        f"at most {100 * _FINE:.0f} %",
        share,
        hint,
        picture,
        table,
    )


def _confidently_wrong(subject: Subject, labels: Labels, outputs: Floats) -> Judged:
    task = subject.task
    probabilities, given = task.probabilities(outputs), task.classes(labels)
    each = np.arange(len(given))
    own = probabilities[each, given]
    limits = np.array(
        [own[given == k].mean() if (given == k).any() else 1.0 for k in range(task.num_classes)]
    )
    others = probabilities.copy()
    others[each, given] = 0.0
    best = np.where(others >= limits, others, 0.0).argmax(axis=1)
    wrong = (others[each, best] >= limits[best]) & (others[each, best] > own)
    order = np.argsort(own - others[each, best], kind="stable")

    def told(index: int) -> tuple[str, str]:
        other = f"{task.name_of(best[index])} ({100 * others[index, best[index]]:.0f} %)"
        return task.name_of(given[index]), other

    return wrong, order, told


def _far_off(subject: Subject, labels: Labels, outputs: Floats) -> Judged:
    errors = outputs.reshape(len(outputs)).astype(float) - labels.reshape(len(labels))
    spread = 1.4826 * float(np.median(np.abs(errors - np.median(errors))))
    wrong = np.abs(errors) > _FAR * max(spread, 1e-12)
    target = getattr(subject.data, "target", None)
    units = target.in_units if target else np.asarray

    def told(index: int) -> tuple[str, str]:
        both = units(np.array([labels.reshape(-1)[index], outputs.reshape(-1)[index]]))
        return f"{both[0]:.4g}", f"{both[1]:.4g}"

    return wrong, np.argsort(-np.abs(errors), kind="stable"), told


def _shown(
    subject: Subject, rows: Rows, told: list[tuple[str, str]]
) -> tuple[bytes | None, tuple[tuple[str, ...], ...]]:
    """Returns the examples as a picture, or as a table if they are not images."""
    features, _ = take(subject.data.train, rows)
    given, other = ([pair[side] for pair in told] for side in (0, 1))
    if are_images(features):
        titles = [f"{a}\n{b}" for a, b in zip(given, other, strict=True)]
        head = (("row", "label", "model says"),)
        lines = tuple(zip(map(str, rows.tolist()), given, other, strict=True))
        return draw_images(features, titles, width=1.1, height=1.35), head + lines
    said = [("row", [str(row) for row in rows]), ("label", given), ("model says", other)]
    return None, table_of(subject.data, features, said)
