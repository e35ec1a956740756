"""This project: `tfcourse.training.fit`, as the recipes call it.

The clock of an epoch runs from before the order of its examples is drawn until the loss and
accuracy of its last block are known, callbacks and the check for NaN included. Validation, which
`fit` always does, comes after that.
"""

import types
from typing import Any

from tfcourse.system import quiet_import

quiet_import.import_tensorflow()  # As every recipe does.

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.contestants.pace import Pace  # noqa: E402
from benchmarks.contestants.task import (  # noqa: E402
    INPUT_SHAPE,
    NUM_CLASSES,
    Arrays,
    Task,
    scaled,
)
from tfcourse import models, optimizers, training  # noqa: E402
from tfcourse.datasets import Split  # noqa: E402


class Paced(keras.callbacks.Callback):
    """Lets `fit` train an epoch whenever `pace` asks for one."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        if batch == self.params["steps"] - 1:
            self._pace.trained(logs["loss"], logs["accuracy"])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        self._pace.tested(logs["val_accuracy"])
        self.model.stop_training = not self._pace.more()


def prepare(task: Task, arrays: Arrays) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        train=Split(scaled(arrays.train_images), arrays.train_labels),
        validation=Split(scaled(arrays.test_images), arrays.test_labels),
    )


def run(task: Task, data: types.SimpleNamespace, pace: Pace) -> None:
    training.set_seed(task.seed)
    precision: Any = task.variant
    training.set_precision(precision)
    model = models.MODELS[task.model](INPUT_SHAPE, NUM_CLASSES)
    training.compile_classifier(model, optimizers.Adam(task.learning_rate))
    if pace.more():
        training.fit(
            model,
            data,
            epochs=task.max_epochs,
            batch_size=task.batch_size,
            seed=task.seed,
            callbacks=[Paced(pace)],
            verbose=0,
        )
    pace.finish(lambda path: model.save(f"{path}.keras"))


def threads(task: Task) -> int | str:
    return tf.config.threading.get_intra_op_parallelism_threads() or "all cores"
