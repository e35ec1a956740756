"""What a step of each optimizer costs beside Keras's own of the same rule.

    python -m benchmarks.optimizers --markdown=docs/performance_optimizers.md

Both update equal variables from equal gradients, in one process and in turns: one pair is a batch
of steps of ours and one of Keras's, in alternating order, so that a slow moment of the machine
hits both. Reported is the median of the pairs' ratios. PyTorch and Optax are timed beside them,
where installed, with the optimizer that comes closest to the rule.
"""

import argparse
import datetime
import importlib.metadata
import itertools
import os
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from benchmarks import pages
from tfcourse import optimizers
from tfcourse.run_directory import environment

# Takes a step, and waits until it has ended.
Stepper = tuple[Callable[[], Any], Callable[[], Any]]
# Widths of fully connected networks; both have weights and biases to update.
SIZES = {"670 thousand": (784, 512, 512, 10), "10 million": (784, 2600, 2600, 450, 10)}
PACKAGES = ("tensorflow", "keras", "numpy", "torch", "jax", "optax")  # Whose versions are told.
TURN_SECONDS = 0.03
NUM_LAYOUTS = 4
MODES = {
    "eager": lambda step: step,
    "tf.function": tf.function,
    "XLA": lambda step: tf.function(step, jit_compile=True),
}
KERAS = {
    "gradient_descent": lambda: keras.optimizers.SGD(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.001, rho=0.9),
    "adam": lambda: keras.optimizers.Adam(0.001),
}
TORCH = {
    "gradient_descent": lambda torch, w: torch.optim.SGD(w, lr=0.01),
    "momentum": lambda torch, w: torch.optim.SGD(w, lr=0.1, momentum=0.9, dampening=0.9),
    "rmsprop": lambda torch, w: torch.optim.RMSprop(w, lr=0.001, alpha=0.9),
    "adam": lambda torch, w: torch.optim.Adam(w, lr=0.001),
}
OPTAX = {
    "gradient_descent": lambda optax: optax.sgd(0.01),
    "momentum": lambda optax: optax.sgd(0.01, momentum=0.9),
    "rmsprop": lambda optax: optax.rmsprop(0.001, decay=0.9),
    "adam": lambda optax: optax.adam(0.001),
}


def arrays(widths: Sequence[int]) -> list[np.ndarray]:
    """Gradients or weights of a fully connected network, as float32 arrays."""
    rng = np.random.default_rng(0)
    shapes = [shape for i, o in itertools.pairwise(widths) for shape in ((i, o), (o,))]
    return [rng.normal(size=shape, scale=0.01).astype("float32") for shape in shapes]


def keras_step(optimizer: keras.Optimizer, widths: Sequence[int], mode: str) -> Stepper:
    variables = [keras.Variable(array) for array in arrays(widths)]
    gradients = [tf.constant(array) for array in arrays(widths)]
    optimizer.build(variables)
    step = MODES[mode](lambda: optimizer.apply(gradients, variables))
    return step, lambda: variables[-1].numpy()


def torch_step(torch: Any, make_optimizer: Callable[..., Any], widths: Sequence[int]) -> Stepper:
    weights = [torch.tensor(array, requires_grad=True) for array in arrays(widths)]
    for weight, gradient in zip(weights, arrays(widths), strict=True):
        weight.grad = torch.tensor(gradient)
    optimizer = make_optimizer(torch, weights)
    return optimizer.step, lambda: None


def optax_step(
    jax: Any, optax: Any, make_optimizer: Callable[..., Any], widths: Sequence[int]
) -> Stepper:
    optimizer = make_optimizer(optax)
    gradients = [jax.numpy.asarray(array) for array in arrays(widths)]
    state = {"weights": [jax.numpy.asarray(array) for array in arrays(widths)]}
    state["slots"] = optimizer.init(state["weights"])

    def update(weights: Any, slots: Any) -> Any:
        updates, slots = optimizer.update(gradients, slots, weights)
        return optax.apply_updates(weights, updates), slots

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def step() -> None:
        state["weights"], state["slots"] = compiled(state["weights"], state["slots"])

    return step, lambda: jax.block_until_ready(state["weights"])


def seconds_per_step(stepper: Stepper, num_steps: int) -> float:
    step, wait = stepper
    start = time.perf_counter()
    for _ in range(num_steps):
        step()
    wait()
    return (time.perf_counter() - start) / num_steps


def compare(steppers: Mapping[str, Stepper], num_pairs: int) -> dict[str, np.ndarray]:
    """Seconds per step of every stepper in turns, as {name: [num_pairs]}."""
    for stepper in steppers.values():
        seconds_per_step(stepper, 3)
    # Short turns: what else the machine does then slows both halves of a pair.
    num_steps = max(1, round(TURN_SECONDS / seconds_per_step(steppers["Keras"], 3)))
    seconds: dict[str, list[float]] = {name: [] for name in steppers}
    for pair in range(num_pairs):
        names = list(steppers) if pair % 2 else list(steppers)[::-1]
        for name in names:
            seconds[name].append(seconds_per_step(steppers[name], num_steps))
    return {name: np.array(values) for name, values in seconds.items()}


def peers(rule: str, widths: Sequence[int], mode: str) -> dict[str, Stepper]:
    """Steppers of PyTorch (eager) and Optax (compiled), where the mode and installation fit."""
    if mode == "eager" and is_installed("torch"):
        import torch

        return {"PyTorch": torch_step(torch, TORCH[rule], widths)}
    if mode == "XLA" and is_installed("jax") and is_installed("optax"):
        import jax
        import optax

        return {"Optax": optax_step(jax, optax, OPTAX[rule], widths)}
    return {}


def measure(
    num_pairs: int,
    sizes: Mapping[str, Sequence[int]],
    modes: Sequence[str],
    rules: Sequence[str],
) -> Iterator[dict[str, str]]:
    """Yields one row of the table after another."""
    for size, widths in sizes.items():
        for mode in modes:
            for rule in rules:
                # Where the arrays lie in memory favours one or the other: several layouts.
                layouts = [
                    compare(build_steppers(rule, widths, mode, layout), num_pairs // NUM_LAYOUTS)
                    for layout in range(NUM_LAYOUTS)
                ]
                seconds = {
                    name: np.concatenate([layout[name] for layout in layouts])
                    for name in layouts[0]
                }
                yield row(size, mode, rule, seconds)


def build_steppers(rule: str, widths: Sequence[int], mode: str, layout: int) -> dict[str, Stepper]:
    """Steppers by name; every other layout has Keras's arrays first."""
    make = {"ours": optimizers.OPTIMIZERS[rule], "Keras": KERAS[rule]}
    names = list(make) if layout % 2 else list(make)[::-1]
    ours_and_keras = {name: keras_step(make[name](), widths, mode) for name in names}
    return {**ours_and_keras, **peers(rule, widths, mode)}


def row(size: str, mode: str, rule: str, seconds: Mapping[str, np.ndarray]) -> dict[str, str]:
    ratios = seconds["ours"] / seconds["Keras"]
    low, median, high = np.percentile(ratios, [25, 50, 75])
    peer = next((name for name in seconds if name not in ("ours", "Keras")), None)
    return {
        "parameters": size,
        "mode": mode,
        "optimizer": rule,
        "ours, ms": f"{1e3 * np.median(seconds['ours']):.3f}",
        "Keras, ms": f"{1e3 * np.median(seconds['Keras']):.3f}",
        "ours / Keras": f"{median:.3f}",
        "quartiles": f"{low:.3f} to {high:.3f}",
        "peer, ms": f"{peer} {1e3 * np.median(seconds[peer]):.3f}" if peer else "",
    }


def is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def markdown(rows: list[dict[str, str]], note: str) -> str:
    """Returns the page docs/performance_optimizers.md."""
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    return pages.render("optimizers.md.j2", rows=cells, note=note)


def measured_on(num_pairs: int) -> str:
    """Returns one line on what was measured, where and with what."""
    where = environment.machine(PACKAGES)
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (
        f"n = {num_pairs} interleaved pairs in {NUM_LAYOUTS} memory layouts, "
        f"{where['cores']} cores of {where['cpu']}, load {os.getloadavg()[0]:.1f} at the end, "
        f"{where['system']}, Python {where['python']}, {versions}, {datetime.date.today()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=60, help="pairs per row, at least 12")
    parser.add_argument("--optimizers", default=",".join(KERAS), help="which rows")
    parser.add_argument("--modes", default=",".join(MODES), help="which rows")
    parser.add_argument("--smoke", action="store_true", help="few pairs of tiny variables")
    parser.add_argument("--markdown", type=pathlib.Path, help="page to write")
    arguments = parser.parse_args()
    if arguments.pairs < 12:
        parser.error(f"--pairs must be at least 12; received {arguments.pairs}")
    num_pairs = NUM_LAYOUTS if arguments.smoke else arguments.pairs
    sizes: Mapping[str, Sequence[int]] = {"133": (10, 8, 5)} if arguments.smoke else SIZES
    rows = []
    for result in measure(
        num_pairs, sizes, arguments.modes.split(","), arguments.optimizers.split(",")
    ):
        rows.append(result)
        print("  ".join(f"{value:>14}" for value in result.values()), flush=True)
    note = measured_on(num_pairs)
    print(note)
    if arguments.markdown:
        arguments.markdown.write_text(markdown(rows, note))


if __name__ == "__main__":
    main()
