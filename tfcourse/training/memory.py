"""What a piece of work needs of memory."""

from collections.abc import Callable

import tensorflow as tf


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
