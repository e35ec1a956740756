"""Keras on its JAX backend: the same Keras model in one compiled `lax.scan` per epoch.

`fit` of that backend calls a compiled step per batch. Keras's guide to a loop of one's own on JAX
(https://keras.io/guides/writing_a_custom_training_loop_in_jax) is followed, its step in a scan.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import functools
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
from jax import lax

from benchmarks.contestants.jax_epoch import gathered, scaled
from benchmarks.contestants.pace import Pace, drive
from benchmarks.contestants.task import INPUT_SHAPE, NUM_CLASSES, TEST_BATCH, Arrays, Task
from tfcourse import models

# Images and labels: of training, on the device, and of the test.
Data = tuple[tuple[jax.Array, jax.Array], tuple[np.ndarray, np.ndarray]]
State = tuple[list[jax.Array], ...]  # Values of weights, of other variables, and of slots.


def prepare(task: Task, arrays: Arrays) -> Data:
    train = jax.numpy.asarray(arrays.train_images), jax.numpy.asarray(arrays.train_labels)
    return train, (arrays.test_images, arrays.test_labels)


def run(task: Task, data: Data, pace: Pace) -> None:
    (images, labels), test = data
    keras.utils.set_random_seed(task.seed)
    rng = np.random.default_rng(task.seed)
    model = models.MODELS[task.model](INPUT_SHAPE, NUM_CLASSES)
    optimizer = keras.optimizers.Adam(task.learning_rate)
    optimizer.build(model.trainable_variables)
    kept = model.trainable_variables, model.non_trainable_variables, optimizer.variables
    # Copies: the variables' own values are not to be donated.
    state = tuple([jax.numpy.copy(variable.value) for variable in each] for each in kept)
    train_epoch = scanned_epoch(functools.partial(step, model, optimizer, images, labels))
    test_all = jax.jit(functools.partial(num_correct, model))

    def train_once() -> tuple[float, float]:
        nonlocal state
        order = rng.permutation(len(labels)).astype(np.int32).reshape(-1, task.batch_size)
        state, losses, correct = train_epoch(state, order)
        return float(losses.mean()), float(correct.sum()) / len(labels)

    def accuracy() -> float:
        size = min(TEST_BATCH, len(test[1]))
        batches = zip(*(np.split(array, len(array) // size) for array in test), strict=True)
        return sum(int(test_all(*state[:2], *batch)) for batch in batches) / len(test[1])

    def save(path: str) -> None:
        for variables, values in zip(kept, state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        model.save(f"{path}.keras")

    drive(pace, train_once, accuracy, save)


def step(
    model: keras.Model,
    optimizer: keras.Optimizer,
    images: jax.Array,
    labels: jax.Array,
    state: State,
    indices: jax.Array,
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    trained, others, slots = state

    def objective(trained: list[jax.Array], others: list[jax.Array]) -> Any:
        image, label = scaled(gathered(images, indices)), gathered(labels, indices)
        logits, others = model.stateless_call(trained, others, image, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(label, logits, from_logits=True)
        return losses.mean(), (others, (logits.argmax(axis=1) == label).sum())

    gradient_of = jax.value_and_grad(objective, has_aux=True)
    (loss, (others, correct)), gradients = gradient_of(trained, others)
    trained, slots = optimizer.stateless_apply(slots, gradients, trained)
    return (trained, others, slots), (loss, correct)


def scanned_epoch(take_step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: State, order: np.ndarray) -> tuple[State, jax.Array, jax.Array]:
        state, (losses, correct) = lax.scan(take_step, state, order)
        return state, losses, correct

    return epoch


def num_correct(
    model: keras.Model,
    trained: list[jax.Array],
    others: list[jax.Array],
    images: jax.Array,
    labels: jax.Array,
) -> jax.Array:
    logits, _ = model.stateless_call(trained, others, scaled(images), training=False)
    return (logits.argmax(axis=1) == labels).sum()


def threads(task: Task) -> int | None:
    return os.cpu_count()
