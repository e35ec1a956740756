"""Pictures of single examples: images with their labels, and one with its probabilities."""

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from tfcourse.reports import style

_COLUMNS = 10
_OTHER_CLASSES = "0.75"  # Matplotlib's name for a light grey.


def draw_images(
    features: npt.NDArray[np.floating], labels: Sequence[str | int], path: os.PathLike[str] | str
) -> None:
    """Writes images, ten per row and each below its label, into the PNG file `path`.

    Args:
        features: [images, height, width, channels], in [0, 1], with 1 channel (grey) or 3 (red,
            green, blue).
        labels: one per image.

    Raises:
        ValueError: if there is not one label for each image.
    """
    if len(features) != len(labels):
        raise ValueError(
            "There must be one label for each image. "
            f"Received: len(features)={len(features)}, len(labels)={len(labels)}"
        )
    columns = min(len(labels), _COLUMNS)
    rows = -(-len(labels) // _COLUMNS)
    with style.picture(path, columns=columns, rows=rows, width=0.75, height=1.0) as axes:
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, image, label in zip(axes.flat, features, labels, strict=False):
            show_image(ax, image)
            ax.set_title(str(label), loc="center")


def draw_prediction(
    image: npt.NDArray[np.floating],
    probabilities: npt.ArrayLike,
    class_names: Sequence[str],
    path: os.PathLike[str] | str,
    label: int | None = None,
) -> None:
    """Writes an image, and a bar for the probability of each class, into the PNG file `path`.

    Args:
        image: [height, width, channels], as in `draw_images`.
        probabilities: [classes], in [0, 1].
        class_names: one per class.
        label: the true class, if known.
    """
    probabilities = np.asarray(probabilities)
    best = int(probabilities.argmax())
    with style.picture(path, columns=2, width=3.0, height=2.8) as axes:
        picture, bars = axes[0]
        show_image(picture, image)
        picture.set_axis_off()
        if label is not None:
            picture.set_title(f"label: {class_names[label]}")
        colours = [_OTHER_CLASSES] * len(class_names)
        colours[best] = style.COLOURS[0]
        drawn = bars.barh(range(len(class_names)), probabilities, color=colours)
        bars.bar_label(drawn, [f"{100 * p:.1f} %" for p in probabilities], padding=3, fontsize=8)
        bars.set_yticks(range(len(class_names)), class_names)
        bars.invert_yaxis()
        bars.set_xlim(0, 1.2)  # Room for the figure behind a bar of 1.
        bars.set_xticks([0, 0.5, 1])
        bars.set_xlabel("probability")
        bars.grid(visible=False, axis="y")
        bars.set_title(f"prediction: {class_names[best]}")


def show_image(ax: Axes, image: npt.NDArray[np.floating]) -> None:
    """Shows an image [height, width, channels] in [0, 1]; the 1 of a grey one is dark."""
    grey = image.shape[-1] == 1
    ax.imshow(image[..., 0] if grey else image, cmap="gray_r" if grey else None, vmin=0, vmax=1)
