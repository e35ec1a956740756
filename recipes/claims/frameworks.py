r"""Measures one small network in NumPy by hand, TensorFlow, Keras and, where installed, others.

    python -m recipes.claims.frameworks --flagfile=configs/frameworks.flags

The implementations are recipes/claims/one_network/*.py, one class each, with the same weights at
the start, the same batches and plain gradient descent. PyTorch and JAX take part where they are
installed. A matrix product in Python loops beside NumPy's is the same idea in small.
"""

import dataclasses
import pathlib

import numpy as np

import tfcourse
from recipes.claims import pictures, verdicts
from recipes.claims.one_network import measures
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, number

NAMES = {
    "numpy": "NumPy by hand",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "torch": "PyTorch",
    "jax": "JAX",
}


@dataclasses.dataclass(frozen=True)
class Frameworks(Hyperparameters):
    hidden_units: int = integer(128, "Width of the hidden layer.", interval="[1, inf)")
    batch_size: int | str = batch_size(128, "Examples a step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, inf)")
    examples: int = integer(12_800, "Images of one timed pass.", interval="[1, inf)")
    rounds: int = integer(10, "Timed passes of each.", interval="[2, inf)")
    steps: int = integer(50, "Steps over which losses are compared.", interval="[1, inf)")
    matrix_size: int = integer(160, "Rows of the largest matrix.", interval="[2, inf)")


def networks():
    """Returns `{name: module}` of the implementations that can run here, in the order of NAMES."""
    from recipes.claims.one_network import keras as frameworks_keras
    from recipes.claims.one_network import numpy as frameworks_numpy
    from recipes.claims.one_network import tensorflow as frameworks_tensorflow

    found = {
        "numpy": frameworks_numpy,
        "tensorflow": frameworks_tensorflow,
        "keras": frameworks_keras,
    }
    try:
        from recipes.claims.one_network import torch as frameworks_torch

        found["torch"] = frameworks_torch
    except ImportError:
        print("PyTorch is not installed: its row is left out")
    try:
        from recipes.claims.one_network import jax as frameworks_jax

        found["jax"] = frameworks_jax
    except ImportError:
        print("JAX is not installed: its row is left out")
    return found


def initial_weights(hyperparameters, inputs, classes, seed):
    """Returns W1, b1, W2, b2 as float32 arrays."""
    layers = tfcourse.from_scratch.initialize(
        (inputs, hyperparameters.hidden_units, classes), seed=seed, dtype="float32"
    )
    return [layer[name] for layer in layers for name in ("weights", "biases")]


def evidence(lines, backward, difference, speeds, sizes, seconds):
    """Returns the rows of docs/evidence.md."""

    thousands = {name: verdicts.mean_and_spread(v / 1000, 0) for name, v in speeds.items()}
    by_hand = np.median(speeds["numpy"])
    ratios = [loop / numpy for loop, numpy in zip(*seconds, strict=True)]
    others = [name for name in lines if name != "numpy"]
    return [
        verdicts.claim(
            6,
            "You write the forward pass, the framework does the backward pass.",
            f"The same network by hand has {backward} lines of backward pass, in "
            f"{', '.join(NAMES[name] for name in others)} none; from the same weights, over "
            f"{difference[1]} steps, the losses differ by at most {difference[0]:.1g} of their "
            "value (float32).",
            verdicts.verdict_of(difference[0] < 1e-4),
            "frameworks.png",
        ),
        verdicts.claim(
            6,
            "From scratch takes more code than with a framework.",
            "Lines of code, without comments and docstrings: "
            + ", ".join(f"{NAMES[name]} {count}" for name, count in lines.items())
            + ".",
            verdicts.verdict_of(*(lines[name] < lines["numpy"] for name in others)),
            "frameworks.png",
        ),
        verdicts.claim(
            6,
            "Everything from scratch in NumPy does not scale; a framework runs faster.",
            "Thousand examples a second: "
            + ", ".join(f"{NAMES[name]} {text}" for name, text in thousands.items())
            + f" (mean and standard deviation of {len(speeds['numpy'])} rounds in turn).",
            verdicts.verdict_of(*(np.median(speeds[name]) > by_hand for name in others)),
            "frameworks.png",
        ),
        verdicts.claim(
            6,
            "Vectorized NumPy is far faster than Python loops.",
            f"A product of {sizes[-1]} x {sizes[-1]} matrices takes {seconds[0][-1]:.3g} s in "
            f"loops, {seconds[1][-1]:.2g} s in NumPy: {ratios[-1]:,.0f} times as long (medians of "
            f"5); of {sizes[0]} x {sizes[0]}, {ratios[0]:,.0f} times.",
            verdicts.verdict_of(*(ratio > 10 for ratio in ratios)),
            "frameworks_matrix.png",
        ),
    ]


def largest_difference(losses):
    """Returns how much a loss differs from the one by hand, as a share of it, at most."""
    by_hand = losses["numpy"]
    return max(float(np.max(np.abs(v - by_hand) / by_hand)) for v in losses.values())


def main(hyperparameters, data, options, run):
    hp = hyperparameters
    train = data.train.smaller(hp.examples)
    order = np.random.default_rng(options.seed).permutation(len(train))
    images = np.ascontiguousarray(train.features[order].reshape(len(order), -1))
    labels = train.labels[order]
    found = networks()
    weights = initial_weights(hp, images.shape[1], data.num_classes, options.seed)
    sources = {n: pathlib.Path(module.__file__).read_text() for n, module in found.items()}
    lines = {name: measures.lines_of_code(source) for name, source in sources.items()}
    backward = sources["numpy"].partition("# The backward pass")[2].partition("# The step")[0]
    backward = measures.lines_of_code("#" + backward)
    difference = largest_difference(measures.losses_by_step(found, weights, images, labels, hp))
    speeds = measures.examples_per_second(found, weights, images, labels, hp)
    sizes = sorted({max(1, hp.matrix_size // share) for share in (8, 4, 2, 1)})
    seconds = measures.time_matrix_products(sizes, options.seed)
    draw = pictures.frameworks
    draw.draw_frameworks(NAMES, lines, speeds, run.path / "frameworks.png")
    draw.draw_matrix_products(sizes, seconds, run.path / "frameworks_matrix.png")
    rows = evidence(
        lines,
        backward,
        (difference, hp.steps),
        speeds,
        sizes,
        seconds,
    )
    print("\n".join(f"{row['claim']} {row['verdict']}: {row['measured']}" for row in rows))
    by_hand = np.median(speeds["numpy"])
    return {
        "largest_difference": difference,
        "loops_to_numpy": seconds[0][-1] / seconds[1][-1],
        **{f"{name}_lines": count for name, count in lines.items()},
        **{f"{n}_speed": float(np.median(values) / by_hand) for n, values in speeds.items()},
        "dataset": data.name,
        "fallback_from": list(data.fallback_from),
        "evidence": rows,
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        Frameworks,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "rounds": 2, "steps": 3, "matrix_size": 16},
    )
