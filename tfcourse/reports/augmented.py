"""The picture of images as a model with augmentation sees them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfcourse import datasets
from tfcourse.reports import style

if TYPE_CHECKING:
    import keras

    from tfcourse.datasets.streamed import StreamedSplit

_COLUMNS = 8
_VERSIONS = 4  # Of each image.


def draw_augmented(
    layers: "Sequence[keras.layers.Layer]",
    split: "datasets.Split | StreamedSplit",
    path: os.PathLike[str] | str,
) -> None:
    """Writes images, each with its augmented versions below, into the PNG file `path`.

    Args:
        layers: layers for images in the form used in training, as from `models.augmentation`.
        split: the training split.
        path: the picture's path.
    """
    images: Any = split.smaller(_COLUMNS).features
    rows = [images]
    for _ in range(_VERSIONS):
        changed = images
        for layer in layers:
            changed = layer(changed, training=True)
        rows.append(np.asarray(changed))
    low, high = float(images.min()), float(images.max())  # Arrays may have any range.
    with style.picture(path, columns=len(images), rows=len(rows), width=0.9, height=0.95) as axes:
        grid = np.atleast_2d(axes)
        for row, shown in enumerate(rows):
            for ax, image in zip(grid[row], shown, strict=True):
                ax.set_axis_off()
                shown_image = ((image - low) / ((high - low) or 1)).clip(0, 1)
                is_gray = shown_image.shape[-1] == 1
                ax.imshow(
                    shown_image[..., 0] if is_gray else shown_image, cmap="gray", vmin=0, vmax=1
                )
        grid[0][0].set_title("as they are", loc="left", fontsize=8)
        grid[1][0].set_title("as the model sees them", loc="left", fontsize=8)
