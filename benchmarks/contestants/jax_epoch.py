"""Raw JAX, Adam written out: the epoch is one compiled `lax.scan` where that is the fastest.

The variant "ordered" does by hand what tfcourse does to a plain Keras model: it orders the examples
of an epoch once, and computes the few columns of the last layer along their long side.
"""

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.contestants import task as tasks
from benchmarks.contestants.pace import Pace, drive
from benchmarks.contestants.task import Arrays, Task

# Images and labels: of training, and of the test on the device.
Data = tuple[tuple[np.ndarray, np.ndarray], tuple[jax.Array, jax.Array]]
Tree = Any  # Arrays in nested lists.
State = list[Any]  # Parameters, statistics, the averages m and v, and the number of steps.
Epoch = Callable[[State, np.ndarray], tuple[State, jax.Array, jax.Array]]


def prepare(task: Task, arrays: Arrays) -> Data:
    return (
        (arrays.train_images, arrays.train_labels),
        (jnp.asarray(arrays.test_images), jnp.asarray(arrays.test_labels)),
    )


def run(task: Task, data: Data, pace: Pace) -> None:
    train, test = data
    rng = np.random.default_rng(task.seed)
    parameters, statistics = INITIAL[task.model](jax.random.key(task.seed))
    if task.variant == "ordered":
        parameters[-1][0] = parameters[-1][0].T  # Adam is then vectorized along 784.
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = [parameters, statistics, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), int)]
    epoch = ordered_epoch if task.variant == "ordered" else EPOCH[task.model]
    train_epoch = epoch(task, *train)
    test_all = jax.jit(functools.partial(accuracy, forward_of(task)))

    def train_once() -> tuple[float, float]:
        nonlocal state
        # JAX sorts random numbers to permute: NumPy is much faster.
        order = rng.permutation(len(train[1])).astype(np.int32).reshape(-1, task.batch_size)
        state, loss, share_correct = train_epoch(state, order)
        return float(loss), float(share_correct)

    def save(path: str) -> None:
        np.savez(path, *jax.tree.leaves(state))

    drive(pace, train_once, lambda: float(test_all(state[0], state[1], *test)), save)


def scanned_epoch(task: Task, images: np.ndarray, labels: np.ndarray) -> Epoch:
    """Gathers batches inside the compiled loop."""
    images, labels = jnp.asarray(images), jnp.asarray(labels)

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: State, order: np.ndarray, images: jax.Array, labels: jax.Array) -> Any:
        take_step = functools.partial(gathered_step, task, images, labels)
        state, (losses, num_correct) = lax.scan(take_step, state, order)
        return state, losses.mean(), num_correct.sum() / len(labels)

    return lambda state, order: epoch(state, order, images, labels)


def ordered_epoch(task: Task, images: np.ndarray, labels: np.ndarray) -> Epoch:
    """Orders the epoch's examples with NumPy, and scans over batches that lie in one piece."""

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: State, *batches: np.ndarray) -> tuple[State, jax.Array, jax.Array]:
        state, (losses, num_correct) = lax.scan(functools.partial(step, task), state, batches)
        return state, losses.mean(), num_correct.mean() / task.batch_size

    return lambda state, order: epoch(state, images[order], labels[order])


def stepwise_epoch(task: Task, images: np.ndarray, labels: np.ndarray) -> Epoch:
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    take_step = jax.jit(functools.partial(gathered_step, task), donate_argnums=2)

    def epoch(state: State, order: np.ndarray) -> tuple[State, jax.Array, jax.Array]:
        losses, num_correct = [], []
        for indices in order:
            state, (loss, correct) = take_step(images, labels, state, indices)
            losses.append(loss)
            num_correct.append(correct)
        return state, sum(losses) / len(losses), sum(num_correct) / len(labels)

    return epoch


def gathered_step(
    task: Task, images: jax.Array, labels: jax.Array, state: State, indices: jax.Array
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    # The indices are in bounds; JAX would check each of them.
    return step(task, state, tuple(gathered(array, indices) for array in (images, labels)))


def gathered(array: jax.Array, indices: jax.Array) -> jax.Array:
    return array.at[indices].get(mode="promise_in_bounds", unique_indices=True)


def step(
    task: Task, state: State, batch: tuple[jax.Array, ...]
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    parameters, statistics, m, v, t = state
    image, label = batch
    gradient_of = jax.value_and_grad(functools.partial(objective, forward_of(task)), has_aux=True)
    (loss, (statistics, num_correct)), gradients = gradient_of(parameters, statistics, image, label)
    parameters, m, v = adam(parameters, gradients, m, v, t + 1, task.learning_rate)
    return [parameters, statistics, m, v, t + 1], (loss, num_correct)


def forward_of(task: Task) -> Callable[..., Any]:
    last = long_product if task.variant == "ordered" else jnp.matmul
    return functools.partial(FORWARD[task.model], last)


def long_product(x: jax.Array, transposed_kernel: jax.Array) -> jax.Array:
    # Without the barrier XLA would compute the ten columns one by one.
    return lax.optimization_barrier(transposed_kernel @ x.T).T


def objective(
    forward: Callable[..., Any],
    parameters: Tree,
    statistics: Tree,
    image: jax.Array,
    label: jax.Array,
) -> tuple[jax.Array, tuple[Tree, jax.Array]]:
    logits, statistics = forward(parameters, statistics, image, training=True)
    log_probabilities = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(
        log_probabilities, label[:, None], axis=1, mode="promise_in_bounds"
    )
    loss = -chosen.mean()
    return loss, (statistics, (logits.argmax(axis=1) == label).sum())


def adam(
    parameters: Tree,
    gradients: Tree,
    m: Tree,
    v: Tree,
    t: Any,
    learning_rate: float,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Tree, Tree, Tree]:
    root = jnp.sqrt(1.0 - beta_2**t)
    rate = learning_rate * root / (1.0 - beta_1**t)
    m = jax.tree.map(lambda m, g: beta_1 * m + (1.0 - beta_1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: beta_2 * v + (1.0 - beta_2) * g * g, v, gradients)
    parameters = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + epsilon * root), parameters, m, v
    )
    return parameters, m, v


def accuracy(
    forward: Callable[..., Any],
    parameters: Tree,
    statistics: Tree,
    images: jax.Array,
    labels: jax.Array,
) -> jax.Array:
    size = min(tasks.TEST_BATCH, len(labels))

    def correct(batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        image, label = batch
        logits, _ = forward(parameters, statistics, image, training=False)
        return (logits.argmax(axis=1) == label).sum()

    batches = images.reshape(-1, size, *images.shape[1:]), labels.reshape(-1, size)
    return lax.map(correct, batches).sum() / len(labels)


def batch_norm(
    parameters: Tree, statistics: Tree, x: jax.Array, training: bool
) -> tuple[jax.Array, Tree]:
    axes = tuple(range(x.ndim - 1))
    mean, variance = statistics
    if training:
        momentum = tasks.BATCH_NORM_MOMENTUM
        batch_mean, batch_variance = x.mean(axes), x.var(axes)
        statistics = [
            momentum * mean + (1.0 - momentum) * batch_mean,
            momentum * variance + (1.0 - momentum) * batch_variance,
        ]
        mean, variance = batch_mean, batch_variance
    scale, offset = parameters
    factor = scale * lax.rsqrt(variance + tasks.BATCH_NORM_EPSILON)
    return (x - mean) * factor + offset, statistics


def dense_forward(
    last: Callable[..., jax.Array], parameters: Tree, statistics: Tree, x: jax.Array, training: bool
) -> tuple[jax.Array, Tree]:
    """Dense layers; a batch normalization and ReLU between any two."""
    x = scaled(x).reshape(len(x), -1)
    *hidden, (weights, bias) = parameters
    moved = []
    for (kernel, norm), old in zip(hidden, statistics, strict=True):
        x, new = batch_norm(norm, old, x @ kernel, training)
        x = jax.nn.relu(x)
        moved.append(new)
    return last(x, weights) + bias, moved


def cnn_forward(
    last: Callable[..., jax.Array], parameters: Tree, statistics: Tree, x: jax.Array, training: bool
) -> tuple[jax.Array, Tree]:
    *stages, (weights, bias) = parameters
    x = scaled(x)
    moved = []
    for (kernel, norm), old in zip(stages, statistics, strict=True):
        x = lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x, new = batch_norm(norm, old, x, training)
        x = max_pool(jax.nn.relu(x))
        moved.append(new)
    return last(x.reshape(len(x), -1), weights) + bias, moved


def scaled(images: jax.Array) -> jax.Array:
    """The images stay bytes until they are used: a quarter of the memory traffic."""
    return images.astype(jnp.float32) / 255.0


def max_pool(x: jax.Array) -> jax.Array:
    # The gradient of `lax.reduce_window` takes XLA twenty times as long on the CPU.
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    above = jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2])
    return jnp.maximum(above, jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2]))


def initial(kernel_shapes: Sequence[tuple[int, ...]], key: jax.Array) -> tuple[Tree, Tree]:
    """Returns parameters and statistics: Glorot uniform kernels, the last with a bias."""
    glorot = jax.nn.initializers.glorot_uniform()
    kernels = [
        glorot(jax.random.fold_in(key, number), shape) for number, shape in enumerate(kernel_shapes)
    ]
    widths = [shape[-1] for shape in kernel_shapes]
    hidden = [
        [kernel, [jnp.ones(width), jnp.zeros(width)]]
        for kernel, width in zip(kernels[:-1], widths[:-1], strict=True)
    ]
    statistics = [[jnp.zeros(width), jnp.ones(width)] for width in widths[:-1]]
    return [*hidden, [kernels[-1], jnp.zeros(widths[-1])]], statistics


def dense_shapes(*hidden_units: int) -> list[tuple[int, ...]]:
    return list(itertools.pairwise((28 * 28, *hidden_units, tasks.NUM_CLASSES)))


def cnn_shapes() -> list[tuple[int, ...]]:
    kernels = [(3, 3, *pair) for pair in itertools.pairwise((1, *tasks.FILTERS))]
    return [*kernels, (tasks.LAST_SIDE**2 * tasks.FILTERS[-1], tasks.NUM_CLASSES)]


INITIAL = {
    "softmax_regression": functools.partial(initial, dense_shapes()),
    "batch_norm_mlp": functools.partial(initial, dense_shapes(*tasks.HIDDEN_UNITS)),
    "small_cnn": functools.partial(initial, cnn_shapes()),
}
# Inside a loop XLA on the CPU takes ten times as long for the CNN's convolutions.
EPOCH = {
    "softmax_regression": scanned_epoch,
    "batch_norm_mlp": scanned_epoch,
    "small_cnn": stepwise_epoch,
}
FORWARD = {
    "softmax_regression": dense_forward,
    "batch_norm_mlp": dense_forward,
    "small_cnn": cnn_forward,
}


def threads(task: Task) -> int | None:
    return os.cpu_count()
