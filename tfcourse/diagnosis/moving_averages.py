"""Batch normalization's moving averages against the moments of batches."""

import numpy as np
from matplotlib.axes import Axes

from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import take
from tfcourse.diagnosis.finding import Finding, judged, png, skipped
from tfcourse.diagnosis.subject import Subject
from tfcourse.reports import style

_EXAMPLES = 2000
_FINE, _LOOK = 0.15, 0.5  # Relative to the loss of a guess.


def lag(subject: Subject) -> Finding:
    """Compares the loss in training mode with that at inference, on the same training examples.

    Only batch normalization differs, since dropout is off in both. Averages that lag behind the
    weights increase the loss at inference.

    Source: Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167, section 3.1.
    """
    layers = interception.batch_norms(subject.model)
    if not layers:
        return skipped("there is no batch normalization")
    course = subject.short.course("first")
    subject.put_back(course.end)
    features, labels = take(subject.data.train, course.rows[:_EXAMPLES])
    losses = {
        "training mode": subject.mean_loss(features, labels, training=True),
        "inference mode": subject.mean_loss(features, labels, training=False),
    }
    gap = losses["inference mode"] - losses["training mode"]
    share = gap / subject.task.reference
    verdict = judged(share, fine=_FINE, look=_LOOK)
    momentum = max(layer.momentum for layer in layers)
    hint = (
        f"Lower the momentum of batch normalization from {momentum:g} to 0.9, or call "
        "`training.reestimate_batch_norm(model, data.train.features)` after training."
    )
    if momentum <= 0.9:
        hint = "Use larger batches or a lower `learning_rate`: the averages can't follow."
    if subject.batch_size == 1:
        hint = "Use larger batches: normalized by its own mean, a single example is always 0."
    return Finding(
        verdict,
        f"loss {losses['inference mode']:.3g} at inference, "
        f"{losses['training mode']:.3g} in training mode, after {len(course.losses)} steps",
        f"at most {_FINE * subject.task.reference:.2g} apart",
        share,
        hint,
        png(lambda axes: _draw(axes[0, 0], losses), width=5.0, height=1.8),
    )


def _draw(ax: Axes, losses: dict[str, float]) -> None:
    values = np.nan_to_num(list(losses.values()), posinf=0.0)
    drawn = ax.barh(list(losses), values, color=style.COLOURS[:2])
    ax.bar_label(drawn, [f"{value:.3g}" for value in losses.values()], padding=3)
    ax.set(xlabel="loss", xlim=(0, 1.2 * max(values.max(), 1e-6)))
    ax.invert_yaxis()
