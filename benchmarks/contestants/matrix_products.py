"""The floor: the matrix products of a step and nothing else, each timed for itself.

A layer has three: forward, the gradient of its kernel, and that of its input, which the first
layer does not need. A convolution counts as the product that it amounts to, its patches laid out
beforehand, or as the convolution of PyTorch where that is faster. Nothing waits for a result of
another, operands stay in the cache where they fit, and nothing is allocated.
"""

import importlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.contestants import task as tasks
from benchmarks.contestants.pace import Pace
from benchmarks.contestants.task import Arrays, Task

Timer = Callable[[int], float]  # Of a number of steps; returns seconds.


def layers(model: str, batch_size: int) -> list[tuple[int, int, int]]:
    """Returns (rows, inputs, outputs) of every layer's forward product."""
    if model == "small_cnn":
        channels = itertools.pairwise((1, *tasks.FILTERS))
        stages = [
            (batch_size * side**2, 9 * inputs, outputs)
            for side, (inputs, outputs) in zip(tasks.SIDES, channels, strict=True)
        ]
        features = tasks.LAST_SIDE**2 * tasks.FILTERS[-1]
        return [*stages, (batch_size, features, tasks.NUM_CLASSES)]
    hidden = tasks.HIDDEN_UNITS if model == "batch_norm_mlp" else ()
    widths = (28 * 28, *hidden, tasks.NUM_CLASSES)
    return [(batch_size, *pair) for pair in itertools.pairwise(widths)]


def products(model: str, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields operands and result shape of every product of a step, transposed views included."""
    rng = np.random.default_rng(0)
    for number, (rows, inputs, outputs) in enumerate(layers(model, batch_size)):
        x = rng.normal(size=(rows, inputs)).astype("float32")
        kernel = rng.normal(size=(inputs, outputs)).astype("float32")
        gradient = rng.normal(size=(rows, outputs)).astype("float32")
        yield x, kernel
        yield x.T, gradient
        if number:
            yield gradient, kernel.T


def prepare(task: Task, arrays: Arrays) -> int:
    return max(1, task.max_examples // task.batch_size)


def run(task: Task, num_steps: int, pace: Pace) -> None:
    timers = TIMERS[task.variant](task)
    while pace.more():
        parts = [timer(num_steps) / num_steps for timer in timers]
        pace.trained(0.0, 0.0, parts=parts)


def seconds_of(function: Callable[[], object], num_steps: int) -> float:
    started = time.perf_counter()
    for _ in range(num_steps):
        function()
    return time.perf_counter() - started


def numpy_timers(task: Task) -> list[Timer]:
    def timer(a: Any, b: Any) -> Timer:
        out = np.empty((a.shape[0], b.shape[1]), "float32")
        return lambda num_steps: seconds_of(lambda: np.matmul(a, b, out=out), num_steps)

    return [timer(a, b) for a, b in products(task.model, task.batch_size)]


def torch_timers(task: Task) -> list[Timer]:
    torch = importlib.import_module("torch")

    def timer(a: Any, b: Any) -> Timer:
        a, b = torch.from_numpy(a), torch.from_numpy(b)
        out = torch.empty((a.shape[0], b.shape[1]))
        return lambda num_steps: seconds_of(lambda: torch.mm(a, b, out=out), num_steps)

    timers = [timer(a, b) for a, b in products(task.model, task.batch_size)]
    if task.model != "small_cnn":
        return timers
    convolutions = torch_convolutions(torch, task.batch_size)
    return [
        *(faster(*pair) for pair in zip(timers, convolutions, strict=False)),
        *timers[len(convolutions) :],
    ]


def faster(first: Timer, second: Timer) -> Timer:
    return lambda num_steps: min(first(num_steps), second(num_steps))


def torch_convolutions(torch: Any, batch_size: int) -> list[Timer]:
    """Timers of the convolutions themselves, in the order of `products`."""
    timers: list[Timer] = []
    for side, (inputs, outputs) in zip(
        tasks.SIDES, itertools.pairwise((1, *tasks.FILTERS)), strict=True
    ):
        layout = {"memory_format": torch.channels_last}
        x = torch.randn(batch_size, inputs, side, side).to(**layout)
        kernel = torch.randn(outputs, inputs, 3, 3).to(**layout)
        gradient = torch.randn(batch_size, outputs, side, side).to(**layout)
        timers.append(convolution(torch, x, kernel))
        timers.append(convolution_gradient(torch, gradient, x, kernel, [False, True, False]))
        if timers[2:]:
            timers.append(convolution_gradient(torch, gradient, x, kernel, [True, False, False]))
    return timers


def convolution(torch: Any, x: Any, kernel: Any) -> Timer:
    def call() -> None:
        torch.nn.functional.conv2d(x, kernel, padding=1)

    return lambda num_steps: seconds_of(call, num_steps)


def convolution_gradient(
    torch: Any, gradient: Any, x: Any, kernel: Any, wanted: list[bool]
) -> Timer:
    geometry = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)

    def call() -> None:
        torch.ops.aten.convolution_backward(gradient, x, kernel, None, *geometry, wanted)

    return lambda num_steps: seconds_of(call, num_steps)


def xla_timers(task: Task) -> list[Timer]:
    jax = importlib.import_module("jax")

    def timer(a: Any, b: Any) -> Timer:
        # An operand that depends on the step keeps XLA from taking the product out of the loop.
        stack = jax.numpy.stack([a, a + 1.0])

        @jax.jit
        def repeat(num_steps: int, stack: Any, b: Any, out: Any) -> Any:
            def product(step: Any, _: Any) -> Any:
                return jax.lax.dynamic_index_in_dim(stack, step % 2, keepdims=False) @ b

            return jax.lax.fori_loop(0, num_steps, product, out)

        out = jax.numpy.zeros((a.shape[0], b.shape[1]))
        b = jax.numpy.asarray(b)

        def seconds(num_steps: int) -> float:
            return seconds_of(lambda: repeat(num_steps, stack, b, out).block_until_ready(), 1)

        return seconds

    return [timer(a, b) for a, b in products(task.model, task.batch_size)]


TIMERS: dict[str, Callable[[Task], list[Timer]]] = {
    "numpy": numpy_timers,
    "torch": torch_timers,
    "xla": xla_timers,
}


def threads(task: Task) -> int | None:
    return os.cpu_count()
