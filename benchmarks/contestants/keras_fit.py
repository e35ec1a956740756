"""Keras `fit` on TensorFlow: on arrays, on the pipeline of the TFDS guide, and tuned.

The clock of an epoch runs from one `on_epoch_end` to the next inside one call of `fit`, which
measures without validation data.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contestants.pace import Pace
from benchmarks.contestants.task import INPUT_SHAPE, NUM_CLASSES, TEST_BATCH, Arrays, Task, scaled
from tfcourse import models

Examples = tuple[np.ndarray, np.ndarray]  # Images and labels.
Data = tuple[dict[str, Any], Any]  # The arguments of `fit`, and its validation data.


class Paced(keras.callbacks.Callback):
    """Lets `fit` train an epoch whenever `pace` asks for one."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        self._pace.trained(logs["loss"], logs["accuracy"])
        if self._pace.tests:
            self._pace.tested(logs["val_accuracy"])
        self.model.stop_training = not self._pace.more()


def prepare(task: Task, arrays: Arrays) -> Data:
    train = arrays.train_images, arrays.train_labels
    test = arrays.test_images, arrays.test_labels
    if task.variant == "guide":
        return guide_pipelines(train, test, task.batch_size)
    train, test = (scaled(train[0]), train[1]), (scaled(test[0]), test[1])
    if task.variant == "tuned":
        return tuned_pipelines(train, test, task.batch_size)
    return {"x": train[0], "y": train[1], "batch_size": task.batch_size}, test


def guide_pipelines(train: Examples, test: Examples, batch_size: int) -> Data:
    """The pipelines of https://www.tensorflow.org/datasets/keras_example."""

    def normalize(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(image, tf.float32) / 255.0, label

    def normalized(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
        # On a GPU-less machine the arrays become tensors without a copy to a device.
        examples = tf.data.Dataset.from_tensor_slices((images, labels))
        return examples.map(normalize, num_parallel_calls=tf.data.AUTOTUNE)

    train_set = normalized(*train).cache().shuffle(len(train[1])).batch(batch_size)
    test_set = normalized(*test).batch(batch_size).cache()
    arguments = {"x": train_set.prefetch(tf.data.AUTOTUNE), "shuffle": False}
    return arguments, test_set.prefetch(tf.data.AUTOTUNE)


def tuned_pipelines(train: Examples, test: Examples, batch_size: int) -> Data:
    """Batches gathered by index, so that tf.data works once per batch and not per example."""
    features, labels = (tf.constant(array) for array in train)

    def gather(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(features, indices), tf.gather(labels, indices)

    order = tf.data.Dataset.range(len(train[1])).shuffle(len(train[1]))
    batches = order.batch(batch_size, drop_remainder=True).map(gather).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    test_set = tf.data.Dataset.from_tensor_slices(test).batch(TEST_BATCH).cache()
    return {"x": batches.with_options(options), "shuffle": False}, test_set


def run(task: Task, data: Data, pace: Pace) -> None:
    arguments, test = data
    keras.utils.set_random_seed(task.seed)
    model = models.MODELS[task.model](INPUT_SHAPE, NUM_CLASSES)
    compile_model = functools.partial(
        model.compile,
        optimizer=keras.optimizers.Adam(task.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    if task.variant == "tuned":
        # XLA's convolutions on the CPU are many times slower than TensorFlow's own.
        jit_compile = task.model != "small_cnn"
        steps = int(np.ceil(task.max_examples / task.batch_size))
        compile_model(jit_compile=jit_compile, steps_per_execution=steps)
    else:
        compile_model()
    if pace.tests:
        arguments["validation_data"] = test
    if pace.more():
        model.fit(**arguments, epochs=task.max_epochs, callbacks=[Paced(pace)], verbose=0)
    pace.finish(lambda path: model.save(f"{path}.keras"))


def threads(task: Task) -> int | str:
    return tf.config.threading.get_intra_op_parallelism_threads() or "all cores"
