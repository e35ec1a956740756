"""Selects examples of a split by their rows, in the form for a model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse import training_data
from tfcourse.datasets.examples import scaled

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[Any]


def take(split: training_data.Split, rows: Rows) -> tuple[Floats, Labels]:
    """Returns features and labels of some rows, in the form for a model."""
    features = training_data.kept_features(split)
    taken = features.read(rows) if hasattr(features, "read") else np.asarray(features)[rows]
    if getattr(split, "pixels", None) is not None:
        taken = scaled(taken)
    return taken, np.asarray(split.labels)[rows]


def spread(number: int, most: int) -> Rows:
    """Returns at most `most` of the rows 0 to `number - 1`, evenly spaced."""
    return np.arange(number) if number <= most else np.arange(most) * number // most
