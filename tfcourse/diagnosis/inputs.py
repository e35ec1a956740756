"""The inputs: their scale, and one batch as the model sees it."""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes

from tfcourse.diagnosis import interception
from tfcourse.diagnosis.examples import Floats
from tfcourse.diagnosis.finding import Finding, between, png, skipped
from tfcourse.diagnosis.subject import Subject
from tfcourse.diagnosis.tables import table_of
from tfcourse.reports import style
from tfcourse.reports.digits import show_image

# Root mean squares of what goes into the first weights. MNIST in [0, 1] has 0.3, a standardized
# table 1; pixels up to 255 have 80.
_FINE, _LOOK = (0.01, 4.0), (1e-3, 10.0)
_LARGEST_COLUMN = 100.0
_SHOWN, _PER_ROW = 20, 10
_DISTINCT = 0.1  # The smallest share of distinct examples in a batch.


def scale(subject: Subject) -> Finding:
    """Compares the root mean square of the inputs of the first weights with 1.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.3: inputs near 0 with a variance
    near 1 train fastest.
    """
    seen = _seen(subject, subject.examples[0], noise=False)
    if seen is not None and isinstance(seen.layer, keras.layers.Embedding):
        return skipped(f"{seen.layer.name} looks rows up by their numbers, which have no scale")
    values = np.asarray(seen.inputs if seen else subject.examples[0], np.float64)
    columns = values.reshape(len(values), -1)
    sizes = np.sqrt((columns**2).mean(axis=0))
    size = float(np.sqrt((columns**2).mean()))
    verdict = between(size, fine=_FINE, look=_LOOK)
    if (columns == columns[:1]).all():
        verdict, hint = "broken", "Every example is the same. Look at how the inputs are read."
    elif verdict == "fine" and sizes.max() > _LARGEST_COLUMN:
        verdict = "look"
        hint = f"Standardize the inputs: number {int(sizes.argmax())} reaches {sizes.max():.3g}."
    else:
        hint = _scale_hint(columns)
    return Finding(
        verdict,
        f"root mean square {size:.3g}, from {columns.min():.3g} to {columns.max():.3g}",
        "root mean square 0.01 to 4",
        size,
        hint,
        png(lambda axes: _draw_values(axes[0, 0], columns), width=6.0, height=2.6),
    )


def _scale_hint(columns: Floats) -> str:
    if columns.min() >= 0 and 1 < columns.max() <= 255:
        return f"These look like unscaled pixels: divide the inputs by {columns.max():.0f}."
    return (
        "Standardize the inputs: subtract the mean of the training split and divide by its "
        "standard deviation."
    )


def _draw_values(ax: Axes, values: Floats) -> None:
    ax.hist(values.ravel(), bins=60, color=style.COLOURS[0])
    ax.set(yscale="log", xlabel="value that enters the first weights", ylabel="how often")


def batch(subject: Subject) -> Finding:
    """Shows a batch as it enters the model, augmented and scaled, with its labels.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019: visualize the data right
    before `y_hat = model(x)`.
    """
    features, labels = subject.batch
    first = _seen(subject, features, noise=True)
    seen = np.asarray(first.inputs if first else features)
    distinct = len({row.tobytes() for row in np.ascontiguousarray(features)})
    one = distinct == 1 < len(features)
    few = distinct < _DISTINCT * len(features)
    names = subject.task.names_of(labels[:_SHOWN])
    if seen.size == features.size:
        seen = seen.reshape(features.shape)
    is_image = are_images(seen)
    return Finding(
        "broken" if one else "look" if few else "fine",
        f"{distinct} of {len(features)} examples differ",
        "all differ",
        distinct / len(features),
        "Print one batch where it is read: examples are repeated." if one or few else "",
        draw_images(seen[:_SHOWN], names) if is_image else None,
        () if is_image else table_of(subject.data, seen[:_SHOWN], [("label", names)]),
    )


def are_images(features: Floats) -> bool:
    """Returns whether these are images, `[examples, height, width, 1 or 3 channels]`."""
    return features.ndim == 4 and features.shape[-1] in (1, 3)


def draw_images(
    images: Floats, names: list[str], *, width: float = 0.75, height: float = 1.0
) -> bytes:
    """Returns images in rows of ten, each with its name above; dark pixels are large values."""
    low, high = float(images.min()), float(images.max())
    scaled = (images - low) / max(high - low, 1e-12)

    def draw(axes: np.ndarray) -> None:
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, image, name in zip(axes.flat, scaled, names, strict=False):
            show_image(ax, image)
            ax.set_title(name, loc="center", fontsize=8)

    columns, rows = min(len(images), _PER_ROW), -(-len(images) // _PER_ROW)
    return png(draw, columns=columns, rows=rows, width=width, height=height)


def _seen(subject: Subject, features: Floats, *, noise: bool) -> interception.Seen | None:
    """Returns the first layer with weights and its input, in training."""
    with interception.watched(subject.model) as calls:
        if noise:
            subject.model(tf.convert_to_tensor(features), training=True)
        else:
            subject.forward(features, training=True)
    return next((each for each in calls if interception.has_kernel(each.layer)), None)
