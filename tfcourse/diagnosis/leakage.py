"""Finds examples of the validation and test splits that are also in the training split."""

import hashlib
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from tfcourse import training_data
from tfcourse.diagnosis.examples import Rows, spread, take
from tfcourse.diagnosis.finding import Finding, judged, png
from tfcourse.diagnosis.inputs import are_images, draw_images
from tfcourse.diagnosis.subject import Subject
from tfcourse.diagnosis.tables import table_of
from tfcourse.reports import style

_AT_ONCE = 10_000
_MOST = 100_000  # Examples of a split that are read.
_FINE, _LOOK = 0.005, 0.05  # Shares of copies.
_SHOWN = 10


def duplicates(subject: Subject) -> Finding:
    """Looks for exact copies of training examples in the other splits.

    If rows of the training split repeat each other as often, as in a table with few values, copies
    are to be expected, and the verdict is at most "look".

    Source: Google's Deep Learning Tuning Playbook, 2023: what is tuned on must not be trained on,
    https://github.com/google-research/tuning_playbook.
    """
    train = set(_digests(subject.data.train))
    read = min(subject.num_examples, _MOST)
    repeated = 1.0 - len(train) / read
    counts, copies = {}, {}
    for name in ("validation", "test"):
        split = getattr(subject.data, name, None)
        if split is None:
            continue
        seen = np.array([digest in train for digest in _digests(split)], bool)
        counts[name] = len(seen)
        copies[name] = spread(len(split.labels), _MOST)[seen]
    number, among = sum(map(len, copies.values())), sum(counts.values())
    share = number / max(among, 1)
    verdict = judged(share, fine=_FINE, look=_LOOK)
    if verdict == "broken" and repeated >= share / 2:
        verdict = "look"
    where = ", ".join(f"{len(rows)} in {name}" for name, rows in copies.items())
    hint = "Remove the copies from the training split, or split the data again by what is copied."
    shares = {name: len(rows) / max(counts[name], 1) for name, rows in copies.items()}
    picture, table = _shown(subject, copies)
    return Finding(
        verdict,
        f"{number} of {among:,} examples are in the training split too ({where})",
        f"at most {100 * _FINE:.1f} %",
        share,
        hint,
        picture or png(lambda axes: _draw(axes[0, 0], shares), width=5.0, height=1.8),
        table,
    )


def _digests(split: training_data.Split) -> Iterator[bytes]:
    """Yields a digest of each example's features."""
    rows = spread(len(split.labels), _MOST)
    for start in range(0, len(rows), _AT_ONCE):
        features, _ = take(split, rows[start : start + _AT_ONCE])
        for row in np.ascontiguousarray(features):
            yield hashlib.blake2b(row.tobytes(), digest_size=12).digest()


def _draw(ax: Axes, shares: dict[str, float]) -> None:
    drawn = ax.barh(
        list(shares), [100 * share for share in shares.values()], color=style.COLOURS[1]
    )
    ax.bar_label(drawn, [f"{100 * share:.2g} %" for share in shares.values()], padding=3)
    ax.set(xlim=(0, max(5.0, 130 * max(shares.values(), default=0))), xlabel="copies, %")


def _shown(
    subject: Subject, copies: dict[str, Rows]
) -> tuple[bytes | None, tuple[tuple[str, ...], ...]]:
    """Returns some copies as a picture, or as a table if they are not images."""
    for name, rows in copies.items():
        if not len(rows):
            continue
        features, labels = take(getattr(subject.data, name), rows[:_SHOWN])
        said = [f"{name} {row}" for row in rows[:_SHOWN]]
        if are_images(features):
            return draw_images(features, said, width=1.1, height=1.2), ()
        names = subject.task.names_of(labels)
        return None, table_of(subject.data, features, [("copy", said), ("label", names)])
    return None, ()
