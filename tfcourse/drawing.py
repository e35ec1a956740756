"""A drawn digit as an image like those that a classifier was trained on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Span = tuple[int, int]  # Where the ink begins and ends.


def features_of(ink: npt.ArrayLike, input_shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Returns a drawing as one example, with the size and position of the digits in the data sets.

    As in MNIST, the longer side of the drawing is scaled to 20/28 of the image, and the centre of
    mass is moved, by whole pixels, to the middle pixel. Images of 8 x 8 pixels are made like
    scikit-learn's digits: NIST's programs stretch a digit to the full height and 20/32 of the
    width; here, the width is stretched at most twice as much as the height, so that a single stroke
    stays narrow. Every pixel is the mean of the ink in its part of the drawing.

    Reference: LeCun et al., 1998, http://yann.lecun.com/exdb/mnist/; Garris et al., NIST Form-Based
    Handprint Recognition System, 1994; Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49

    Args:
        ink: [height, width], finite and >= 0; 0 without ink.
        input_shape: `(height, width, 1)`, the shape of the model's input.

    Returns:
        [1, height, width, 1] in [0, 1].

    Raises:
        ValueError: if nothing is drawn, or the model does not take images with one channel.

    Examples:
        >>> ink = np.zeros((280, 280))
        >>> ink[40:240, 130:150] = 255  # A stroke from top to bottom.
        >>> features = tfcourse.drawing.features_of(ink, (28, 28, 1))[0, :, :, 0]
        >>> features[3:6, 12:17].round(1)
        array([[0., 0., 0., 0., 0.],
               [0., 1., 1., 0., 0.],
               [0., 1., 1., 0., 0.]], dtype=float32)
    """
    ink = np.asarray(ink, np.float64)
    if ink.ndim != 2 or not ink.any():
        raise ValueError(
            f"`ink` must be [height, width] with something drawn. Received: shape={ink.shape}"
        )
    if len(input_shape) != 3 or input_shape[2] != 1:
        raise ValueError(
            "the model must take images (height, width, 1). "
            f"Received: input_shape={tuple(input_shape)}"
        )
    spans = [_span(np.any(ink, axis=axis)) for axis in (1, 0)]
    if tuple(input_shape[:2]) == (8, 8):
        starts, steps = _as_in_digits(spans)
    else:
        starts, steps = _as_in_mnist(ink, spans, input_shape)
    rows, columns = map(_coverage, ink.shape, input_shape, starts, steps)
    image = rows @ (ink / ink.max()) @ columns.T
    return image.astype(np.float32)[np.newaxis, :, :, np.newaxis]


def ink_of(picture: npt.ArrayLike) -> tuple[Array, bool]:
    """Returns the ink in a picture of a digit, such as a scan, and whether it is dark on light.

    The background is the median of the outermost pixels. Pixels that differ from it by less than a
    fifth of the ink's contrast count as paper grain or shadow.

    Args:
        picture: [height, width], finite; larger is brighter.

    Returns:
        [height, width], 0 without ink; and `True` for dark ink.

    Examples:
        >>> tfcourse.drawing.ink_of([[250, 240, 250], [250, 50, 150], [250, 245, 250]])
        (array([[  0.,   0.,   0.],
               [  0., 160.,  60.],
               [  0.,   0.,   0.]]), True)
    """
    picture = np.asarray(picture, np.float64)
    contrast = picture - np.median(picture[_outermost(picture.shape)])
    is_dark = -contrast.min() > contrast.max()
    ink = -contrast if is_dark else contrast
    return np.clip(ink - ink.max() / 5, 0.0, None), bool(is_dark)


def edge_brightness(images: npt.ArrayLike) -> float:
    """Returns the mean of the outermost pixels: near 0 for white on black, near 1 for black on
    white.

    Args:
        images: [examples, height, width, 1] in [0, 1].

    Examples:
        >>> images = np.zeros((1, 5, 5, 1))
        >>> images[0, 2, 2] = 1
        >>> tfcourse.drawing.edge_brightness(images), tfcourse.drawing.edge_brightness(1 - images)
        (0.0, 1.0)
    """
    images = np.asarray(images)
    return float(images[:, _outermost(images.shape[1:3])].mean(dtype=np.float64))


def _outermost(shape: Sequence[int]) -> npt.NDArray[np.bool]:
    is_outermost = np.ones(shape, bool)
    is_outermost[1:-1, 1:-1] = False
    return is_outermost


def _span(is_inked: npt.NDArray[np.bool]) -> Span:
    first, last = np.flatnonzero(is_inked)[[0, -1]].tolist()
    return first, last + 1


def _as_in_digits(spans: Sequence[Span]) -> tuple[list[float], list[float]]:
    """Returns, for both axes, where the image begins in the drawing and the size of its pixels."""
    height, width = (end - start for start, end in spans)
    steps = [height / 8, max(width / 5, height / 16)]
    return [sum(span) / 2 - 4 * step for span, step in zip(spans, steps, strict=True)], steps


def _as_in_mnist(
    ink: Array, spans: Sequence[Span], input_shape: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Returns the same for MNIST."""
    step = max(end - start for start, end in spans) / (min(input_shape[:2]) * 20 / 28)
    starts = []
    for axis, (start, _) in enumerate(spans):
        masses = ink.sum(axis=1 - axis)
        centre = (np.arange(len(masses)) + 0.5) @ masses / masses.sum()
        # Between two pixels it counts as in the second, however it is rounded.
        pixel = np.floor((centre - start) / step + 1e-6)
        starts.append(start - step * (input_shape[axis] // 2 - pixel))
    return starts, [step, step]


def _coverage(length: int, size: int, start: float, step: float) -> Array:
    """Returns the share of output pixel i that covers input pixel j, [size, length].

    Output pixels are `step` input pixels long, and the first begins at `start`.
    """
    starts = start + step * np.arange(size)[:, np.newaxis]
    pixels = np.arange(length)
    overlap = np.minimum(starts + step, pixels + 1) - np.maximum(starts, pixels)
    return np.clip(overlap, 0.0, None) / step
