r"""Measures one small network in NumPy by hand, TensorFlow, Keras and, where installed, others.

    python -m recipes.claims.frameworks --flagfile=configs/frameworks.flags

The implementations are recipes/claims/one_network/*.py, one class each, with the same weights at
the start, the same batches and plain gradient descent. PyTorch and JAX take part where they are
installed. A matrix product in Python loops beside NumPy's is the same idea in small.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from recipes.claims.one_network import measures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, number
from tfcourse.run_directory import RunDirectory

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
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, inf)")
    examples: int = integer(12_800, "Images of one timed pass.", interval="[1, inf)")
    rounds: int = integer(10, "Timed passes of each.", interval="[2, inf)")
    steps: int = integer(50, "Steps over which losses are compared.", interval="[1, inf)")
    matrix_size: int = integer(160, "Rows of the largest matrix.", interval="[2, inf)")


def networks() -> dict[str, ModuleType]:
    """Returns `{name: module}` of the implementations that can run here, in the order of NAMES."""
    found = {}
    for name, label in NAMES.items():
        try:
            found[name] = importlib.import_module(f"recipes.claims.one_network.{name}")
        except ImportError:
            print(f"{label} is not installed: its row is left out")
    return found


def initial_weights(hp: Frameworks, inputs: int, classes: int, seed: int) -> list[np.ndarray]:
    """Returns W1, b1, W2, b2 as float32 arrays."""
    layers = tfcourse.from_scratch.initialize(
        (inputs, hp.hidden_units, classes), seed=seed, dtype="float32"
    )
    return [layer[name] for layer in layers for name in ("weights", "biases")]


def findings(
    hp: Frameworks,
    lines: Mapping[str, int],
    backward: int,
    difference: float,
    speeds: Mapping[str, np.ndarray],
    sizes: Sequence[int],
    seconds: tuple[Sequence[float], Sequence[float]],
) -> harness.Findings:
    """Returns what the template tells."""
    by_hand = np.median(speeds["numpy"])
    ratios = [loop / numpy for loop, numpy in zip(*seconds, strict=True)]
    others = [name for name in lines if name != "numpy"]
    numbers = {
        "hp": dataclasses.asdict(hp),
        "backward": backward,
        "difference": difference,
        "arms": {
            NAMES[name]: {"lines": lines[name], "examples_per_second": speeds[name]}
            for name in lines
        },
        "others": [NAMES[name] for name in others],
        "products": [
            {"size": size, "loops": loops, "numpy": numpy}
            for size, loops, numpy in zip(sizes, *seconds, strict=True)
        ],
    }
    return numbers, {
        "backward": [difference < 1e-4],
        "code": [lines[name] < lines["numpy"] for name in others],
        "speed": [np.median(speeds[name]) > by_hand for name in others],
        "loops": [ratio > 10 for ratio in ratios],
    }


def largest_difference(losses: Mapping[str, np.ndarray]) -> float:
    """Returns how much a loss differs from the one by hand, as a share of it, at most."""
    by_hand = losses["numpy"]
    return max(float(np.max(np.abs(v - by_hand) / by_hand)) for v in losses.values())


def main(hp: Frameworks, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    train = data.train.smaller(hp.examples)
    order = np.random.default_rng(options.seed).permutation(len(train))
    images = np.ascontiguousarray(train.features[order].reshape(len(order), -1))
    labels = train.labels[order]
    modules = networks()
    weights = initial_weights(hp, images.shape[1], data.num_classes, options.seed)
    sources = {n: inspect.getsource(module) for n, module in modules.items()}
    lines = {name: measures.lines_of_code(source) for name, source in sources.items()}
    by_chain_rule = sources["numpy"].partition("# The backward pass")[2]
    backward = measures.lines_of_code("#" + by_chain_rule.partition("# The step")[0])
    difference = largest_difference(measures.losses_by_step(modules, weights, images, labels, hp))
    speeds = measures.examples_per_second(modules, weights, images, labels, hp)
    sizes = sorted({max(1, hp.matrix_size // share) for share in (8, 4, 2, 1)})
    seconds = measures.time_matrix_products(sizes, options.seed)
    draw = pictures.frameworks
    draw.draw_frameworks(NAMES, lines, speeds, run.path / "frameworks.png")
    draw.draw_matrix_products(sizes, seconds, run.path / "frameworks_matrix.png")
    by_hand = np.median(speeds["numpy"])
    metrics = {
        "largest_difference": difference,
        "loops_to_numpy": seconds[0][-1] / seconds[1][-1],
        **{f"{name}_lines": count for name, count in lines.items()},
        **{f"{n}_speed": float(np.median(values) / by_hand) for n, values in speeds.items()},
    }
    found = findings(hp, lines, backward, difference, speeds, sizes, seconds)
    return harness.results("frameworks", metrics, found, data)


if __name__ == "__main__":
    harness.run(main, Frameworks, rounds=2, steps=3, matrix_size=16)
