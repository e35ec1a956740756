"""Softmax regression in pictures: regions in the plane, and weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfcourse.reports import style

_MARKERS = "osD^vP"


def draw_regions(fits: Mapping[int, tuple[np.ndarray, np.ndarray, Any]], path: style.File) -> None:
    """Writes the decision regions of several fits into the PNG file `path`.

    Args:
        fits: `{classes: (points [n, 2], labels [n], layers)}`, a linear classifier's layers as in
            `tfcourse.from_scratch`.
    """
    with style.picture(path, columns=len(fits), width=3.0, height=3.0) as axes:
        for ax, (num_classes, (points, labels, layers)) in zip(axes[0], fits.items(), strict=True):
            reach = 1.1 * np.abs(points).max()
            line = np.linspace(-reach, reach, 400)
            plane = np.stack(np.meshgrid(line, line), axis=-1)
            regions = (plane @ layers[0]["weights"] + layers[0]["biases"]).argmax(axis=-1)
            for label in range(num_classes):
                colour = style.COLOURS[label]
                # Between 0.5 and 1.5 lies where the region is: one filled contour a class.
                ax.contourf(line, line, regions == label, [0.5, 1.5], colors=colour, alpha=0.25)
                ax.plot(*points[labels == label].T, _MARKERS[label], color=colour, markersize=2.5)
            right = (points @ layers[0]["weights"] + layers[0]["biases"]).argmax(axis=1) == labels
            ax.set(title=f"{num_classes} classes: {100 * right.mean():.0f} % right", aspect="equal")
            ax.set(xlabel="x₁", ylabel="x₂" if ax is axes[0, 0] else "")
            ax.grid(visible=False)


def draw_weights(weights: np.ndarray, class_names: Sequence[str], path: style.File) -> None:
    """Writes the weights of each class as an image into the PNG file `path`.

    Args:
        weights: float array of shape `[height, width, channels, classes]`; the mean over channels
            is drawn.
    """
    images = np.moveaxis(weights.mean(axis=2), -1, 0)
    # A few pixels that are nearly always 0 may have any weight; the scale is left to the others.
    limit = np.quantile(np.abs(images), 0.99)
    columns = min(len(class_names), 5)
    rows = -(-len(class_names) // columns)
    with style.picture(path, columns=columns, rows=rows, width=1.5, height=1.6) as axes:
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, name, image in zip(axes.flat, class_names, images, strict=False):
            shown = ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            ax.set_title(name)
        bar = axes[0, 0].figure.colorbar(shown, ax=axes, shrink=0.8)
        bar.set_label("weight: red speaks for the class")
