"""A person's own NumPy arrays as a `Dataset`."""

import numpy as np

from tfcourse.datasets import checks, splits
from tfcourse.datasets.dataset import Dataset, Split
from tfcourse.datasets.errors import DataError


def from_arrays(train, validation=None, test=None, *, class_names=None, name="arrays"):
    """Returns arrays as a `Dataset`, checked and copied.

    A split that is not given is cut off the training split: a tenth, stratified, the same in
    every run.

    Args:
        train: pair `(features, labels)`. Features: [examples, height, width, channels] or
            [examples, height, width], finite, in [0, 1]. Labels: whole numbers [examples] in
            [0, classes).
        validation: such a pair, or None.
        test: such a pair, or None.
        class_names: sequence of str, one per class. By default "0", "1", ... up to the largest
            label.
        name: str, for messages and records.

    Raises:
        DataError: if an array does not fit; names the split and the first bad example.

    Examples:
        >>> images, labels = np.zeros((100, 8, 8)), np.arange(100) % 10
        >>> tfcourse.datasets.from_arrays((images, labels)).train
        Split(81 examples (8, 8, 1))
    """
    given = {"train": train, "validation": validation, "test": test}
    pairs = {
        split: _as_arrays(f"{name}, split {split}", *pair)
        for split, pair in given.items()
        if pair is not None
    }
    if class_names is None:
        largest = max(int(labels.max(initial=0)) for _, labels in pairs.values())
        class_names = [str(label) for label in range(largest + 1)]
    checks.check_pairs(name, pairs, len(class_names))
    return Dataset(
        name=name,
        class_names=tuple(str(class_name) for class_name in class_names),
        origin="arrays",
        **{split: Split(*pair) for split, pair in splits.complete(name, pairs).items()},
    )


def _as_arrays(where, features, labels):
    try:
        features = np.asarray(features)
    except ValueError as error:
        raise DataError(
            f"{where}: expected images of one shape; received {error}. Resize or cut them."
        ) from error
    if not np.issubdtype(features.dtype, np.number) or np.iscomplexobj(features):
        raise DataError(
            f"{where}: expected numbers as features; received type {features.dtype}. Convert them."
        )
    if features.ndim == 3:
        features = features[..., np.newaxis]
    # float64 beyond float32's range becomes infinite here, and is then refused as such.
    with np.errstate(over="ignore"):
        return features.astype(np.float32), checks.whole_labels(where, labels)
