"""What a contestant is asked to train, and the arrays it is given."""

import dataclasses
import os
from typing import Any

import numpy as np

INPUT_SHAPE = (28, 28, 1)
NUM_CLASSES = 10
HIDDEN_UNITS = (512, 256)
FILTERS = (16, 32, 64)
# The images' side in each of the CNN's stages, and after the last.
SIDES = (28, 14, 7)
LAST_SIDE = 3
# As in `tfcourse.models`.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-3
TEST_BATCH = 1000
LEARNING_RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Task:
    """One model to train at one batch size."""

    model: str  # A key of `tfcourse.models.MODELS`.
    batch_size: int  # Divides the number of examples.
    learning_rate: float  # Adam's, constant.
    seed: int
    variant: str  # Which of a module's ways to train.
    data: str  # Path of an .npz with uint8 images and int32 labels.
    max_examples: int  # How many training examples make an epoch.
    max_test_examples: int  # How many examples are tested.
    target: float | None  # Test accuracy at which a race ends; None is no race.
    max_epochs: int  # Where a race is given up.
    save_to: str | None  # Where the model goes after `max_epochs`; None is no whole command.
    started: float  # `time.time()` when the process was started.


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Images uint8 [examples, 28, 28, 1] and labels int32 [examples]."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def load(cls, task: Task) -> "Arrays":
        with np.load(task.data) as file:
            return cls(
                file["train_images"][: task.max_examples],
                file["train_labels"][: task.max_examples],
                file["test_images"][: task.max_test_examples],
                file["test_labels"][: task.max_test_examples],
            )


def scaled(images: np.ndarray) -> np.ndarray:
    """Returns `images` as float32 in [0, 1]."""
    return np.divide(images, 255, dtype=np.float32)


def task(
    model: str, batch_size: int, data: os.PathLike[str], max_examples: int, **others: Any
) -> dict[str, Any]:
    """Returns the fields of a `Task`, but for those that its process sets."""
    return {
        "model": model,
        "batch_size": batch_size,
        "learning_rate": LEARNING_RATE,
        "seed": 0,
        "data": str(data),
        "max_examples": max_examples,
        # Little to test, since what is measured is training; a race tests all.
        "max_test_examples": 256,
        "target": None,
        "save_to": None,
        "max_epochs": 1_000_000,
        **others,
    }
