"""This project: `tfcourse.training.fit`, as the recipes call it.

The clock of an epoch runs from before the order of its examples is drawn until the loss and
accuracy of its last block are known, callbacks and the check for NaN included. Validation, which
`fit` always does, comes after that.
"""

import types

from tfcourse import quiet_import

quiet_import.import_tensorflow()  # As every recipe does.

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.contestants.task import INPUT_SHAPE, NUM_CLASSES, scaled  # noqa: E402
from tfcourse import models, optimizers, training  # noqa: E402
from tfcourse.datasets import Split  # noqa: E402


class Paced(keras.callbacks.Callback):
    """Lets `fit` train an epoch whenever `pace` asks for one."""

    def __init__(self, pace):
        super().__init__()
        self._pace = pace

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.params["steps"] - 1:
            self._pace.trained(logs["loss"], logs["accuracy"])

    def on_epoch_end(self, epoch, logs=None):
        self._pace.tested(logs["val_accuracy"])
        self.model.stop_training = not self._pace.more()


def prepare(task, arrays):
    return types.SimpleNamespace(
        train=Split(scaled(arrays.train_images), arrays.train_labels),
        validation=Split(scaled(arrays.test_images), arrays.test_labels),
    )


def run(task, data, pace):
    training.set_seed(task.seed)
    training.set_precision(task.variant)
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


def threads(task):
    return tf.config.threading.get_intra_op_parallelism_threads() or "all cores"
