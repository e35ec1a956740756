"""How much memory a training needs, and errors if it does not fit."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfcourse import training_data
from tfcourse.datasets import memory
from tfcourse.system import machine, nvidia, out_of_memory
from tfcourse.training.keras_internals import all_layers, variable_begun_by

_CHECKED_BYTES = 1 << 20  # Smaller ones are not worth checking.
_most = 0  # The most bytes that were free for this process on its GPU.


@contextlib.contextmanager
def within_memory() -> Iterator[None]:
    """Context: making a variable that does not fit into the free memory is an error.

    Otherwise, TensorFlow would fail with an obscure message, or the system would kill the process.

    Raises:
        OutOfMemoryError: states the required and the free memory, before any memory is taken.
    """

    def create(next_creator: Callable[..., tf.Variable], **arguments: Any) -> tf.Variable:
        variable = variable_begun_by(arguments["initial_value"])
        if variable is not None:
            num_bytes = _bytes(variable.shape, variable.dtype)
            if num_bytes > _CHECKED_BYTES:
                _check(num_bytes, f"{variable.path} takes")
        return next_creator(**arguments)

    with tf.variable_creator_scope(create):
        yield


def check_step(model: keras.Model, batch_size: int) -> None:
    """Raises an error if a training step can't fit into the free memory.

    It counts what every step holds at the same time, besides the weights: their gradients, and the
    outputs of the layers with weights. Anything else depends on the machine. The optimizer's slots
    are checked when they are made.

    Args:
        model: compiled and built; its weights have taken their memory.
        batch_size: >= 1, examples per step.

    Raises:
        OutOfMemoryError: states the required and the free memory.
    """
    gradients = sum(_bytes(weight.shape, weight.dtype) for weight in model.trainable_variables)
    layers = [layer for layer in all_layers(model) if layer.trainable_variables]
    made = batch_size * sum(map(_bytes_per_example, layers))
    _check(gradients + made, f"a step of {batch_size} examples takes at least")


def _bytes_per_example(layer: keras.Layer) -> int:
    """Returns the bytes of a layer's output per example; 0 if its shape is unknown."""
    try:
        outputs = tf.nest.flatten(layer.output)
        return sum(_bytes(output.shape[1:], output.dtype) for output in outputs)
    except (AttributeError, TypeError, ValueError):  # It is called several times, or not yet.
        return 0


def _bytes(shape: tuple[int | None, ...], dtype: Any) -> int:
    return math.prod(n or 1 for n in shape) * tf.as_dtype(getattr(dtype, "name", str(dtype))).size


def data_fits(data: training_data.Data) -> bool:
    """Returns whether the training and validation sets fit into the memory of the device that
    trains.

    If not, prints a line: batches are then copied from the machine's memory as they are needed.
    """
    splits = (data.train, data.validation)
    arrays = [(training_data.kept_features(split), split.labels) for split in splits]
    if any(map(training_data.stays_on_disk, splits)) or fits(*arrays):
        return True
    print(
        f"The data takes {_size(*arrays) >> 20:,} MiB, more than half of the {_free() >> 20:,} MiB "
        "that are free on the GPU: each batch comes from the machine's memory",
        flush=True,
    )
    return False


def fits(*arrays: Any) -> bool:
    """Returns whether nests of arrays fit into the memory of the device that trains, beside a
    model.

    On a GPU, they may take half of its free memory; on a CPU, they are in its memory already.
    """
    return not _has_gpu() or _size(*arrays) <= memory.SHARE * _free()


def _size(*arrays: Any) -> int:
    return sum(_bytes(tuple(each.shape), each.dtype) for each in tf.nest.flatten(arrays))


def _free() -> int:
    """Returns the free memory of the device that trains, or infinity if it is unknown."""
    if not _has_gpu():
        return machine.available_bytes()
    found = nvidia.free_bytes()
    if found is None:
        return sys.maxsize
    # Memory that TensorFlow has allocated but does not use is still free for us.
    used = tf.config.experimental.get_memory_info("GPU:0")["current"]
    global _most
    _most = max(_most, found + used)
    return _most - used


def _check(num_bytes: int, what: str) -> None:
    place = " on the GPU" if _has_gpu() else ""
    out_of_memory.check(num_bytes, _free(), what, place)


def _has_gpu() -> bool:
    return bool(tf.config.list_logical_devices("GPU"))


def peak_bytes(work: Callable[[], object]) -> int | None:
    """Returns the peak memory of TensorFlow during `work()`, minus what it held before, in bytes.

    The allocator counts them, that of the GPU if there is one. On the CPU, it does not count blocks
    of less than a quarter of a MiB.

    Args:
        work: function without arguments.

    Returns:
        int >= 0, or `None` if the allocator does not count.
    """
    device = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"
    try:
        tf.config.experimental.reset_memory_stats(device)
        before = tf.config.experimental.get_memory_info(device)["current"]
        work()
        return tf.config.experimental.get_memory_info(device)["peak"] - before
    except (ValueError, tf.errors.InvalidArgumentError):
        return None
