"""The digits that ship with scikit-learn: small images that need no network."""

import importlib.metadata

import numpy as np

from tfcourse.datasets import splits
from tfcourse.datasets.array_cache import UnscaledDataset

USES = ()
NUM_VALIDATION = 270
NUM_TEST = 270


def version() -> str:
    return f"scikit-learn {importlib.metadata.version('scikit-learn')}"


def read() -> UnscaledDataset:
    """Returns the 1,797 8x8 images, 1,257 of them for training, as an `UnscaledDataset`."""
    from sklearn.datasets import load_digits  # Takes a second.

    digits = load_digits()
    features = digits.images[..., np.newaxis].astype(np.uint8)  # uint8 [1797, 8, 8, 1], 0 to 16.
    labels = digits.target.astype(np.int32)  # int32 [1797]
    return UnscaledDataset(
        name="digits",
        splits=splits.three_way_split(features, labels, NUM_VALIDATION, NUM_TEST),
        maximum=16,
        class_names=tuple(str(digit) for digit in digits.target_names),
        origin=f"{version()}: load_digits",
    )
