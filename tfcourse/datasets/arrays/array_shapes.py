"""Recognizes the meaning of the axes of arrays, for which there are several conventions."""

import math

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import checks
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.errors import DataError

_MAX_CHANNELS = 4


def as_examples(where: str, features: npt.ArrayLike) -> Numbers:
    """Returns features as [examples, features] or [examples, height, width, channels].

    An array with three axes holds images [examples, height, width] if it is uint8 or its numbers
    look like grey values. Otherwise, it holds series [examples, steps, values], which become
    features [examples, steps * values]. Channels before height and width are moved to the end. A
    warning reports both.

    Raises:
        DataError: the values are not numbers, or the axes are others.
    """
    features = checks.numbers(where, features)
    if features.ndim == 3 and not _are_grey_images(features):
        steps, values = features.shape[1:]
        logging.warning(
            "%s: %d steps of %d values are taken as %d features, since they are not gray images. "
            "For images, write them as [examples, %d, %d, 1].",
            *(where, steps, values, steps * values, steps, values),
        )
        features = features.reshape(len(features), -1)
    elif features.ndim == 3 and features.dtype not in (np.uint8, bool):
        height, width = features.shape[1:]
        if height != width or features.min(initial=0) < 0:
            logging.warning(
                "%s: taken as gray images of %d x %d pixels. For features, reshape them to "
                "[examples, %d].",
                *(where, height, width, height * width),
            )
    if has_channels_first(features.shape):
        features = _channels_last(where, features)
    elif features.ndim == 4 and features.shape[-1] > _MAX_CHANNELS:
        logging.warning(
            "%s: taken as images of %d x %d pixels with %d channels. If the channels come before "
            "height and width, numpy.moveaxis(x, 1, -1) puts them last.",
            *(where, *features.shape[1:]),
        )
    return checks.as_features(where, features)


def like(where: str, features: npt.ArrayLike, input_shape: tuple[int, ...]) -> Numbers:
    """Returns the features of new examples, with the axes of the training data.

    Raises:
        DataError: the values are not numbers, or the axes have no meaning.
    """
    features = checks.numbers(where, features)
    shape = features.shape[1:]
    if features.shape == input_shape:
        raise DataError(
            f"{where}: expected several examples, {list(input_shape)} each; received one. "
            "x[numpy.newaxis] is an array of one example."
        )
    if len(shape) == 2 and (math.prod(shape),) == input_shape:
        features = features.reshape(len(features), -1)
    elif len(shape) == 3 and shape != input_shape and (*shape[1:], shape[0]) == input_shape:
        features = _channels_last(where, features)
    return checks.as_features(where, features)


def check_roles(source: str, x: tuple[str, Numbers], y: tuple[str, Numbers]) -> None:
    """Raises `DataError` if what is called x is probably the labels of what is called y.

    Args:
        source: for the message.
        x: the name and the array of the features.
        y: the name and the array of the labels.
    """
    (x_name, features), (y_name, labels) = x, y
    if features.ndim == 1 and labels.ndim > 1 and len(features) == len(labels):
        raise DataError(
            f"{source}: expected features in {x_name} and labels in {y_name}; received shapes "
            f"{features.shape} and {labels.shape}, which seem swapped. Swap them: "
            f"numpy.savez(..., {x_name}={y_name}, {y_name}={x_name})."
        )


def has_channels_first(shape: tuple[int, ...]) -> bool:
    """Returns whether a shape is [examples, channels, height, width], PyTorch's order.

    More than four channels are recognized if height and width are equal.
    """
    if len(shape) != 4 or min(shape[2:]) <= _MAX_CHANNELS:
        return False
    return shape[1] <= _MAX_CHANNELS or shape[1] != shape[2] == shape[3]


def _channels_last(where: str, features: Numbers) -> Numbers:
    logging.warning(
        "%s: the channels, %d, come before height and width; they are put last.",
        *(where, features.shape[1]),
    )
    return np.moveaxis(features, 1, -1)


def _are_grey_images(features: Numbers) -> bool:
    """Returns whether three axes are probably [examples, height, width]."""
    if features.dtype in (np.uint8, bool):
        return True
    height, width = features.shape[1:]
    if height == width or not features.size:
        return True
    if max(height, width) > 2 * min(height, width):
        return False
    low, high = features.min(), features.max()
    return bool(low >= 0 and (high <= 1 or (high > 15 and (features == features.round()).all())))


def as_labels(where: str, labels: npt.ArrayLike) -> Numbers:
    """Returns one label per example: squeezes [examples, 1] and decodes one-hot rows.

    Labels of other shapes are returned unchanged.
    """
    labels = np.asarray(labels)
    if labels.ndim > 1 and math.prod(labels.shape[1:]) == 1:
        return labels.reshape(len(labels))
    if are_one_hot(labels):
        logging.warning("%s: the one-hot labels are decoded to the numbers of their 1.", where)
        return labels.argmax(axis=1)
    return labels


def are_one_hot(labels: Numbers) -> bool:
    """Returns whether each row has a single 1 and is 0 elsewhere."""
    if (
        labels.ndim != 2
        or labels.dtype.kind not in "biuf"
        or labels.shape[1] < 2
        or not len(labels)
    ):
        return False
    return bool(((labels == 0) | (labels == 1)).all() and ((labels == 1).sum(axis=1) == 1).all())


def label_advice(features: Numbers, labels: Numbers) -> str:
    """Returns a sentence that says how to fix labels that do not match the features."""
    shape = features.shape[:-1] if features.shape[-1] == 1 else features.shape
    if labels.ndim == 1 and len(shape) > 1 and shape[-1] == len(labels):
        return "The examples come last: numpy.moveaxis(x, -1, 0) puts them first."
    if labels.shape == (1, len(features)):
        return "They are in one row: labels.ravel() makes one label of each."
    if labels.ndim == 2 and len(labels) == len(features) and labels.dtype.kind == "f":
        sums = labels.sum(axis=1)
        if (labels >= 0).all() and np.allclose(sums, 1, atol=1e-3):
            return "They look like probabilities: take labels.argmax(axis=1)."
    if labels.ndim > 1 and len(labels) == len(features):
        return "Several labels for an example can't be learned; take one column of them."
    if labels.ndim == 1:
        return "One of both was cut or filtered: do the same to the other."
    return "Pair them again at their source."
