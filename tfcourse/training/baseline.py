"""The baseline of a classifier: always predicting the most frequent class of the training set."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse import batching, datasets, training_data
from tfcourse.training.evaluation import Evaluator

_BATCH = 1000


def of_classes(
    evaluator: Evaluator, data: datasets.Dataset, test: Mapping[str, float]
) -> dict[str, Any]:
    """Returns the accuracy of always predicting one class, and the classes never predicted.

    Args:
        evaluator: the trained model's.
        data: the data set that it was trained on.
        test: the model's metrics on the test split.
    """
    counts = np.bincount(data.train.labels, minlength=data.num_classes)
    most = int(counts.argmax())
    return {
        "most_frequent_class": data.class_names[most],
        "val_baseline_accuracy": float((data.validation.labels == most).mean()),
        "test_baseline_accuracy": float((data.test.labels == most).mean()),
        "never_predicted": _never_predicted(evaluator, data, test.get("accuracy")),
    }


def _never_predicted(
    evaluator: Evaluator, data: datasets.Dataset, accuracy: float | None
) -> list[str]:
    """Returns the classes of the test split that the model predicts for none of its examples."""
    labels = data.test.labels
    counts = np.bincount(labels, minlength=data.num_classes)
    # All examples of such a class are wrong. If there are fewer errors than that, skip the pass.
    if accuracy is None or (1 - accuracy) * len(labels) < counts[counts > 0].min() - 0.5:
        return []
    said = np.bincount(_predictions(evaluator, data.test), minlength=data.num_classes)
    missed = np.flatnonzero((counts > 0) & (said == 0))
    return [data.class_names[number] for number in missed.tolist()]


def _predictions(evaluator: Evaluator, split: Any) -> npt.NDArray[np.int64]:
    if not training_data.stays_on_disk(split):
        return evaluator.predict(split.features).argmax(axis=-1)
    parts = batching.evaluation_batches(split, _BATCH)  # The split stays on the disk.
    return np.concatenate([evaluator.predict(features).argmax(axis=-1) for features, _ in parts])
