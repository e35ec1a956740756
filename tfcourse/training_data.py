"""The data that a model is trained on: splits of examples, in memory or on the disk."""

from typing import Any, Protocol

import numpy as np


class Split(Protocol):
    """Examples and their labels.

    Attributes:
        features: array or tensor `[examples, ...]`, or a dict or tuple of them; or an object for
            data on the disk, whose method `read` returns the given rows.
        labels: array or tensor `[examples, ...]`, or a dict or tuple of them.
    """

    @property
    def features(self) -> Any: ...

    @property
    def labels(self) -> Any: ...


class Data(Protocol):
    """A split for training, and one for choosing the best epoch."""

    @property
    def train(self) -> Split: ...

    @property
    def validation(self) -> Split: ...


def num_examples(split: Split) -> int:
    """Returns the number of examples of a split."""
    import tensorflow as tf

    return len(tf.nest.flatten(split.labels)[0])


def kept_features(split: Split) -> Any:
    """Returns the features of a split as they are stored: as bytes if it has `pixels`.

    Reading `features` would make them, in four times the memory.
    """
    pixels = getattr(split, "pixels", None)
    return split.features if pixels is None else pixels


def stays_on_disk(split: Split) -> bool:
    """Returns whether the features of a split are read when they are needed."""
    return hasattr(kept_features(split), "read")


def first_examples(split: Split, number: int) -> tuple[Any, Any]:
    """Returns features and labels of the first examples, as a model takes them."""
    import tensorflow as tf

    pixels = getattr(split, "pixels", None)
    if pixels is not None:
        # Computed as the split computes them.
        return np.divide(pixels[:number], 255, dtype=np.float32), split.labels[:number]
    both = split.features, split.labels
    return tf.nest.map_structure(lambda array: array[:number], both)
