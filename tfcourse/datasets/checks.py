"""What every array has to stand before it is trained on.

None of these faults stops a training by itself: a label out of range is a silent NaN on a GPU and
under XLA, one NaN pixel makes every weight NaN, labels 3.7 are cut to 3.
"""

import numpy as np

from tfcourse.datasets import array_files
from tfcourse.datasets.errors import DataError


def check_pairs(name, pairs, num_classes, *, scaled=True):
    """Checks whole splits.

    Args:
        name: str, the dataset's name for messages.
        pairs: dict of split name to `(features, labels)`: features of a whole-number or
            floating type [examples, height, width, channels], labels integer [examples].
        num_classes: int.
        scaled: bool, whether floating features have to lie in [0, 1]. Else they have to be finite,
            and may be [examples, features].

    Raises:
        DataError: naming the split, and the first bad example where it is one.
    """
    shapes = {split: features.shape[1:] for split, (features, _) in pairs.items()}
    if len(set(shapes.values())) > 1:
        raise DataError(f"{name}: expected one shape of example in all splits; received {shapes}.")
    for split, (features, labels) in pairs.items():
        where = f"{name}, split {split}"
        check_shapes(where, features, labels, (4,) if scaled else (2, 4))
        check_label_range(where, labels, num_classes)
        if not scaled:
            array_files.check_finite(where, features)
        elif np.issubdtype(features.dtype, np.floating):
            check_unit_interval(where, features)


def check_shapes(where, features, labels, ranks=(4,)):
    """Checks that there are images, or what else `ranks` allow, and as many labels."""
    if features.ndim not in ranks:
        raise DataError(
            f"{where}: expected features [examples, height, width, channels]; received shape "
            f"{features.shape}. Reshape them, such as features.reshape(-1, 28, 28, 1)."
        )
    if labels.ndim != 1:
        raise DataError(
            f"{where}: expected one label per example; received labels of shape {labels.shape}. "
            "If they are one-hot, take labels.argmax(axis=1)."
        )
    if len(features) != len(labels):
        raise DataError(
            f"{where}: expected as many labels as examples; received {len(features)} examples and "
            f"{len(labels)} labels. Pair them again at their source."
        )
    if not features.size:
        raise DataError(
            f"{where}: expected at least one example; received features of shape "
            f"{features.shape}. Check how they were selected."
        )


def whole_labels(where, labels):
    """Returns labels as int32. Whole numbers of a floating type pass, 3.7 does not."""
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels.astype(np.int32)
    if not np.issubdtype(labels.dtype, np.number) or np.iscomplexobj(labels):
        raise DataError(
            f"{where}: expected whole numbers as labels; received type {labels.dtype}. Number the "
            "classes, such as by np.unique(labels, return_inverse=True)."
        )
    limits = np.iinfo(np.int32)
    bad = ~((labels == np.floor(labels)) & (labels >= limits.min) & (labels <= limits.max))
    if bad.any():
        index = _first(bad)
        raise DataError(
            f"{where}: expected whole numbers as labels; received {labels[index]} at "
            f"{_place(index)}. Correct or remove it."
        )
    return labels.astype(np.int32)


def check_label_range(where, labels, num_classes):
    bad = (labels < 0) | (labels >= num_classes)
    if bad.any():
        index = _first(bad)
        raise DataError(
            f"{where}: expected labels in [0, {num_classes}); received {labels[index]} at "
            f"{_place(index)}. Correct it, or name all classes."
        )


def check_unit_interval(where, features):
    """Checks that all values are finite and in [0, 1]."""
    # minimum and maximum hand a NaN on, so two passes without a copy tell that all is well.
    smallest, largest = features.min(), features.max()
    if smallest >= 0 and largest <= 1:
        return
    finite = np.isfinite(features)
    if not finite.all():
        index = _first(~finite)
        raise DataError(
            f"{where}: expected finite features; received {features[index]} at {_place(index)}. "
            "Correct or remove that example."
        )
    mend = "Divide by 255." if smallest >= 0 and largest <= 255 else "Scale them to [0, 1]."
    raise DataError(
        f"{where}: expected features in [0, 1]; received values from {smallest:g} to {largest:g}. "
        f"{mend}"
    )


def _first(bad):
    return np.unravel_index(int(bad.argmax()), bad.shape)


def _place(index):
    example, *rest = (int(i) for i in index)
    return f"example {example}" + (f", position {tuple(rest)}" if rest else "")
