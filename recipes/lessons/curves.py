"""Losses and accuracies by epoch, over seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import tfcourse
from recipes.claims.trainings import Trainings

Curves = dict[str, npt.NDArray[np.float64]]  # metric: [seeds, epochs]


def curves(trainings: Trainings, seeds: Sequence[int], epochs: Sequence[int], **run: Any) -> Curves:
    """Returns the loss and accuracy on both splits after each of `epochs`.

    Args:
        **run: other arguments of `Trainings.run`.
    """
    found = [[_measured(trainings) for _ in trainings.run(seed, epochs, **run)] for seed in seeds]
    return {
        metric: np.array([[measured[metric] for measured in curve] for curve in found])
        for metric in found[0][0]
    }


def _measured(trainings: Trainings) -> dict[str, float]:
    """Returns cross-entropy and accuracy; the model's own loss would include its penalties."""
    data, measured = trainings.data, {}
    for name, split in (("train", data.train), ("val", data.validation)):
        logits = trainings.evaluator.predict(split.features).astype("float64")
        with np.errstate(all="ignore"):
            loss, _ = tfcourse.from_scratch.cross_entropy(
                logits, np.eye(data.num_classes)[split.labels]
            )
        measured[f"{name}_loss"] = float(loss)
        measured[f"{name}_accuracy"] = float(np.mean(logits.argmax(axis=1) == split.labels))
    return measured
