"""Mini-batches of arrays, in an order that is a pure function of (seed, epoch).

An epoch is one pass over the m training examples in `ceil(m / b)` steps of `b` examples; the last
step has the rest. `b = m` is batch gradient descent, `b = 1` stochastic gradient descent.
"""

import functools
import numbers
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tensorflow as tf

from tfcourse import checked
from tfcourse.system import machine
from tfcourse.training_data import Split, num_examples

FULL_BATCH_BELOW = 1000
SMALLEST_BATCH, LARGEST_BATCH = 16, 512
MIN_STEPS_PER_EPOCH = 100
# The rest is for the framework, the weights and the optimizer's slots.
MEMORY_SHARE_FOR_BATCH = 0.5


def epoch_permutation(
    num_examples: int, seed: "int | tf.Tensor", epoch: "int | tf.Tensor"
) -> "tf.Tensor":
    """Returns the order of examples in an epoch, int32 [num_examples].

    The same (seed, epoch) gives the same order, eagerly and in a graph; other epochs give other
    orders. 0 is a seed like any other. XLA does not have this operation on the CPU, so do not call
    it in functions compiled with `jit_compile=True`.

    Args:
        num_examples: int >= 1.
        seed: int or integer tensor.
        epoch: int or integer tensor, counted from 0.

    Examples:
        >>> order = tfcourse.batching.epoch_permutation
        >>> first, again, second = (order(1000, seed=1, epoch=epoch) for epoch in (0, 0, 1))
        >>> np.array_equal(first, again), np.array_equal(first, second)
        (True, False)
    """
    import tensorflow as tf

    pair = [_int64(number) for number in (seed, epoch)]
    if not tf.executing_eagerly():
        return _permutation(num_examples, *pair)
    return _traced_permutation()(tf.constant(num_examples), *pair)


def _int64(number: "int | tf.Tensor") -> "tf.Tensor":
    import tensorflow as tf

    # Casting an int takes as long as a third of a permutation.
    return tf.constant(number, tf.int64) if type(number) is int else tf.cast(number, tf.int64)


@functools.cache
def _traced_permutation() -> Any:
    """Returns `_permutation` in one call; its thirty operations take six times as long."""
    import tensorflow as tf

    specs = [tf.TensorSpec([], dtype) for dtype in (tf.int32, tf.int64, tf.int64)]
    return tf.function(_permutation, autograph=False).get_concrete_function(*specs)


def _permutation(
    num_examples: "int | tf.Tensor", seed: "tf.Tensor", epoch: "tf.Tensor"
) -> "tf.Tensor":
    import tensorflow as tf

    pair = tf.stack([seed, epoch])
    # "philox" by name, because the automatic choice depends on the device.
    return tf.random.experimental.stateless_shuffle(tf.range(num_examples), seed=pair, alg="philox")


def resolve_batch_size(batch_size: int | Literal["full"], num_examples: int) -> int:
    """Returns the batch size in examples.

    Args:
        batch_size: int >= 1, or "full" for all examples. A larger size than there are examples
            means all; the caller can compare and warn.
        num_examples: int >= 1.

    Raises:
        ValueError: if `batch_size` is neither.

    Examples:
        >>> tfcourse.batching.resolve_batch_size("full", 1000)
        1000
        >>> tfcourse.batching.resolve_batch_size(64, 10)
        10
    """
    checked.count("num_examples", num_examples)
    if batch_size == "full":
        return num_examples
    if (
        not isinstance(batch_size, numbers.Integral)
        or isinstance(batch_size, bool)
        or batch_size < 1
    ):
        raise ValueError(
            f'`batch_size` must be a whole number >= 1 or "full". Received: batch_size={batch_size}'
        )
    return min(int(batch_size), num_examples)


def steps_per_epoch(
    num_examples: int, batch_size: int | Literal["full"], drop_remainder: bool = False
) -> int:
    """Returns `ceil(num_examples / batch_size)`, or the floor with `drop_remainder`.

    Examples:
        >>> tfcourse.batching.steps_per_epoch(60_000, 128)
        469
        >>> tfcourse.batching.steps_per_epoch(60_000, 128, drop_remainder=True)
        468
    """
    size = resolve_batch_size(batch_size, num_examples)
    return num_examples // size if drop_remainder else -(-num_examples // size)


def guideline_batch_size(
    num_examples: int, bytes_per_example: float, memory_bytes: float | None = None
) -> int:
    """Returns the batch size that the course's guideline gives.

    With fewer than 1,000 examples, it is all of them: batch gradient descent. Otherwise, it is a
    power of two from 16 to 512. The guideline does not say which one; this returns the largest that
    makes at least 100 full steps per epoch, because fewer steps learn less per epoch and smaller
    batches use the device poorly; 16 if none does. The batch must fit into half of the memory.

    Args:
        num_examples: int >= 1.
        bytes_per_example: number > 0, what one example occupies in a training step: its
            features, and about twice the activations of all layers.
        memory_bytes: number > 0, memory of the device. By default that of this machine, or of the
            container or job that this process runs in; give it for a GPU.

    Raises:
        ValueError: if an argument is out of range, or not even 16 examples fit.

    Examples:
        >>> tfcourse.batching.guideline_batch_size(900, bytes_per_example=10_000)
        900
        >>> tfcourse.batching.guideline_batch_size(60_000, bytes_per_example=10_000)
        512
    """
    memory_bytes = machine.memory_bytes() if memory_bytes is None else memory_bytes
    for name, value in {
        "num_examples": num_examples,
        "bytes_per_example": bytes_per_example,
        "memory_bytes": memory_bytes,
    }.items():
        if not value > 0:
            raise ValueError(f"`{name}` must be > 0. Received: {name}={value}")
    fitting = int(MEMORY_SHARE_FOR_BATCH * memory_bytes // bytes_per_example)
    if num_examples < FULL_BATCH_BELOW and num_examples <= fitting:
        return num_examples
    if fitting < SMALLEST_BATCH:
        raise ValueError(
            f"Not even {SMALLEST_BATCH} examples fit into half of the memory. Received: "
            f"bytes_per_example={bytes_per_example}, memory_bytes={memory_bytes}"
        )
    wanted = min(num_examples // MIN_STEPS_PER_EPOCH, fitting, LARGEST_BATCH)
    return max(SMALLEST_BATCH, 1 << (max(wanted, 1).bit_length() - 1))


def training_batches(
    split: Split,
    batch_size: int | Literal["full"],
    seed: int,
    epoch: int,
    first_step: int = 0,
    drop_remainder: bool = False,
) -> "tf.data.Dataset":
    """Returns one epoch's mini-batches as a `tf.data.Dataset`, in the order of (seed, epoch).

    Args:
        split: has `features` [examples, ...] and `labels` [examples]. Features on the disk have a
            method `read` that returns the given rows.
        batch_size: int >= 1 or "full".
        seed: int.
        epoch: int >= 0.
        first_step: int in [0, steps per epoch], where to start: a resumed run skips the steps that
            are done, without reading their examples.
        drop_remainder: bool, leave out a smaller last batch.

    Raises:
        ValueError: if `batch_size` or `first_step` is out of range.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> batches = tfcourse.batching.training_batches(digits.train, 500, seed=1, epoch=0)
        >>> [len(labels) for _, labels in batches]
        [500, 500, 257]
    """
    steps = steps_per_epoch(num_examples(split), batch_size, drop_remainder)
    if not 0 <= first_step <= steps:
        raise ValueError(
            f"`first_step` must lie in [0, {steps}]. Received: first_step={first_step}"
        )
    order = epoch_permutation(num_examples(split), seed, epoch)
    return _tuned(_batches(_resident(split), order, batch_size, range(first_step, steps)))


def evaluation_batches(split: Split, batch_size: int | Literal["full"]) -> "tf.data.Dataset":
    """Returns all examples in order, including a smaller last batch.

    Args:
        split: has `features` [examples, ...] and `labels` [examples].
        batch_size: int >= 1 or "full".

    Raises:
        ValueError: if `batch_size` is out of range.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> batches = tfcourse.batching.evaluation_batches(digits.test, 100)
        >>> sum(len(labels) for _, labels in batches) == len(digits.test)
        True
    """
    import tensorflow as tf

    steps = steps_per_epoch(num_examples(split), batch_size)
    order = tf.range(num_examples(split))
    return _tuned(_batches(_resident(split), order, batch_size, range(steps)))


def _resident(split: Split) -> "tuple[Any, tf.Tensor]":
    import tensorflow as tf

    # tf.data runs on the host: arrays on a GPU would be copied back for every batch.
    with tf.device("CPU:0"):
        stays = hasattr(split.features, "read")  # On the disk.
        convert = functools.partial(tf.nest.map_structure, tf.convert_to_tensor)
        return split.features if stays else convert(split.features), convert(split.labels)


def _batches(
    resident: "tuple[Any, tf.Tensor]",
    order: "tf.Tensor",
    batch_size: int | Literal["full"],
    steps: range,
) -> "tf.data.Dataset":
    """Gathers whole batches by index, so that tf.data works per batch and not per example."""
    import tensorflow as tf

    features, labels = resident
    size = resolve_batch_size(batch_size, len(order))

    @tf.autograph.experimental.do_not_convert
    def batch(step: "tf.Tensor") -> tuple[Any, Any]:
        rows = order[step * size : (step + 1) * size]
        return _take(features, rows), _take(labels, rows)

    # Several batches are read and decoded at a time if they come from the disk.
    at_a_time = None if not hasattr(features, "read") else min(8, machine.num_cores())
    return tf.data.Dataset.range(steps.start, steps.stop).map(batch, at_a_time)


def _take(features: Any, rows: "tf.Tensor") -> Any:
    import tensorflow as tf

    if not hasattr(features, "read"):
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), features)
    taken = tf.numpy_function(features.read, [rows], tf.float32, stateful=False)
    return tf.ensure_shape(taken, [None, *features.shape[1:]])


def _tuned(batches: "tf.data.Dataset") -> "tf.data.Dataset":
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False  # It costs more than it gives on so short a pipeline.
    options.deterministic = True
    return batches.prefetch(2).with_options(options)
