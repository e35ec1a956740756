"""What a piece of work needs of memory, and what there is none for."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfcourse import out_of_memory
from tfcourse.datasets import memory
from tfcourse.training.keras_internals import all_layers, variable_begun_by

_CHECKED_BYTES = 1 << 20  # Many small ones are not worth the look.


@contextlib.contextmanager
def within_memory() -> Iterator[None]:
    """While it is open, a variable that does not fit into the free memory is refused.

    Without, TensorFlow would fail in words of its own, or the system end the process. A GPU has
    memory of its own, and says itself where it is out.

    Raises:
        OutOfMemoryError: with both numbers, before any memory is taken.
    """

    def create(next_creator: Callable[..., tf.Variable], **arguments: Any) -> tf.Variable:
        variable = variable_begun_by(arguments["initial_value"])
        if variable is not None:
            num_bytes = _bytes(variable.shape, variable.dtype)
            if num_bytes > _CHECKED_BYTES:
                _check(num_bytes, f"{variable.path} takes")
        return next_creator(**arguments)

    with contextlib.nullcontext() if _has_gpu() else tf.variable_creator_scope(create):
        yield


def check_step(model: keras.Model, batch_size: int) -> None:
    """Refuses a model of which a step can't fit into the free memory.

    Counted is what any step holds at once, besides the weights: a gradient for each of them, and
    what the layers with weights make of the batch. What is more, differs from machine to machine;
    the optimizer's slots are looked at as they are made.

    Args:
        model: compiled and built; its weights have taken their memory.
        batch_size: >= 1, examples per step.

    Raises:
        OutOfMemoryError: with both numbers.
    """
    if _has_gpu():
        return
    gradients = sum(_bytes(weight.shape, weight.dtype) for weight in model.trainable_variables)
    layers = [layer for layer in all_layers(model) if layer.trainable_variables]
    made = batch_size * sum(map(_bytes_per_example, layers))
    _check(gradients + made, f"a step of {batch_size} examples takes at least")


def _bytes_per_example(layer: keras.Layer) -> int:
    """Returns what a layer makes of an example; 0 where it does not tell."""
    try:
        outputs = tf.nest.flatten(layer.output)
        return sum(_bytes(output.shape[1:], output.dtype) for output in outputs)
    except (AttributeError, TypeError, ValueError):  # It is used several times, or not yet.
        return 0


def _bytes(shape: tuple[int | None, ...], dtype: Any) -> int:
    return math.prod(n or 1 for n in shape) * tf.as_dtype(str(dtype)).size


def _check(num_bytes: int, what: str) -> None:
    out_of_memory.check(num_bytes, memory.available_bytes(), what)


def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def peak_bytes(work: Callable[[], object]) -> int | None:
    """Returns the bytes that TensorFlow held at most during `work()`, beyond those before.

    They are those of its allocator, on the GPU where there is one. On the CPU it does not count
    blocks of less than a quarter of a MiB.

    Args:
        work: function without arguments.

    Returns:
        int >= 0, or `None` where the allocator keeps no count.
    """
    device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
    try:
        tf.config.experimental.reset_memory_stats(device)
        before = tf.config.experimental.get_memory_info(device)["current"]
        work()
        return tf.config.experimental.get_memory_info(device)["peak"] - before
    except (ValueError, tf.errors.InvalidArgumentError):
        return None
