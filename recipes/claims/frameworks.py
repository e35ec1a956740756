r"""Measures one small network in NumPy by hand, TensorFlow, Keras and, where installed, others.

    python -m recipes.claims.frameworks --flagfile=configs/frameworks.flags

The implementations are in recipes/claims/one_network/*.py, one class each, with the same initial
weights, the same batches and plain gradient descent. PyTorch and JAX take part if they are
installed. A matrix product in Python loops is also compared with NumPy's.
"""

import dataclasses
import importlib
import inspect
import itertools
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures
from recipes.claims.one_network import measures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number
from tfcourse.run_directory import RunDirectory

NAMES = {
    "numpy": "NumPy by hand",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "torch": "PyTorch",
    "jax": "JAX",
}
FASTER = 1.25  # Times NumPy's speed: less could turn over with the processor.


@dataclasses.dataclass(frozen=True)
class Frameworks(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((32, 128, 512, 2048), "Widths of the hidden layer.")
    batch_sizes: tuple[int, ...] = integers((32, 128, 1024), "Examples per step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, inf)")
    examples: int = integer(4_096, "Images of one timed pass.", interval="[1, inf)")
    rounds: int = integer(8, "Timed passes of each.", interval="[2, inf)")
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


def initial_weights(units: int, inputs: int, classes: int, seed: int) -> list[np.ndarray]:
    """Returns W1, b1, W2, b2 as float32 arrays."""
    layers = tfcourse.from_scratch.initialize((inputs, units, classes), seed=seed, dtype="float32")
    return [layer[name] for layer in layers for name in ("weights", "biases")]


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims."""
    lines, others = raw["lines"], [name for name in raw["lines"] if name != "numpy"]
    code = tuple(
        judging.Comparison(
            NAMES[name], judging.exact(lines[name] - lines["numpy"]), side="below", form="+g",
            shown={"lines": str(lines[name]), "by hand": str(lines["numpy"])},
        )
        for name in others
    )  # fmt: skip
    speed = tuple(
        _faster(f"{units} units, batches of {batch}", arms)
        for units, by_batch in raw["speeds"].items()
        for batch, arms in by_batch.items()
    )
    loops = tuple(
        judging.Comparison(
            f"{size} x {size}", judging.ratio(slow, fast), 10.0, form=",.0f", unit=" times"
        )
        for size, slow, fast in zip(raw["sizes"], *raw["seconds"], strict=True)
    )
    difference = judging.exact(raw["largest_difference"])
    backward = judging.Comparison("", difference, 1e-4, "below", form=".1g")
    numbers = {
        **raw, "others": [NAMES[name] for name in others], "names": NAMES,
        "faster": FASTER, "faster_from": _crossings(raw["speeds"]),
        "in_all": _medians(raw["speeds"]),
    }  # fmt: skip
    return numbers, {
        "backward": judging.Claim("largest relative difference between losses", (backward,)),
        "code": judging.Claim("lines of code: framework minus by hand", code),
        "speed": judging.Claim("speed of TensorFlow, as a multiple of NumPy's", speed),
        "loops": judging.Claim("time in Python loops, as a multiple of NumPy's", loops),
    }


def _faster(condition: str, arms: Mapping[str, Any]) -> judging.Comparison:
    """Compares TensorFlow with NumPy, round by round, and shows the medians of all."""
    speeds = {name: np.array(arm["examples_per_second"]) for name, arm in arms.items()}
    return judging.Comparison(
        condition, judging.ratio(speeds["tensorflow"], speeds["numpy"]), FASTER, form=".2f",
        unit=" times",
        shown={NAMES[name]: f"{np.median(each) / 1000:.0f}" for name, each in speeds.items()},
    )  # fmt: skip


def _medians(speeds: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Returns `{name: {units: {batch: median examples per second}}}`."""
    return {
        name: {
            units: {
                batch: np.median(arms[name]["examples_per_second"]) for batch, arms in by.items()
            }
            for units, by in speeds.items()
        }
        for name in next(iter(next(iter(speeds.values())).values()))
    }


def _crossings(speeds: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    """Returns `{name: {batch: units from which it is faster than NumPy, or None}}`."""
    medians = _medians(speeds)
    by_hand = medians.pop("numpy")
    units = sorted(speeds, key=int)
    found: dict[str, dict[str, str | None]] = {}
    for name, theirs in medians.items():
        for batch in speeds[units[0]]:
            lost = [i for i, u in enumerate(units) if theirs[u][batch] <= by_hand[u][batch]]
            first = lost[-1] + 1 if lost else 0
            found.setdefault(name, {})[batch] = units[first] if first < len(units) else None
    return found


def largest_difference(losses: Mapping[str, np.ndarray]) -> float:
    """Returns the largest relative difference of a loss from NumPy's."""
    by_hand = losses["numpy"]
    return max(float(np.max(np.abs(v - by_hand) / by_hand)) for v in losses.values())


def main(hp: Frameworks, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    train = data.train.smaller(hp.examples)
    order = np.random.default_rng(options.seed).permutation(len(train))
    images = np.ascontiguousarray(train.features[order].reshape(len(order), -1))
    labels = train.labels[order]
    modules = networks()
    sources = {n: inspect.getsource(module) for n, module in modules.items()}
    lines = {name: measures.lines_of_code(source) for name, source in sources.items()}
    by_chain_rule = sources["numpy"].partition("# The backward pass")[2]
    backward = measures.lines_of_code("#" + by_chain_rule.partition("# The step")[0])

    def weights(units: int) -> list[np.ndarray]:
        return initial_weights(units, images.shape[1], data.num_classes, options.seed)

    first = weights(hp.hidden_units[0]), images, labels, hp.batch_sizes[0]
    losses = measures.losses_by_step(
        modules, *first, learning_rate=hp.learning_rate, steps=hp.steps
    )
    difference = largest_difference(losses)
    speeds: dict[int, dict[int, Any]] = {}
    for units, batch in itertools.product(hp.hidden_units, hp.batch_sizes):
        contest = weights(units), images, labels, min(batch, len(labels))
        speeds.setdefault(units, {})[batch] = measures.speeds(
            modules, *contest, learning_rate=hp.learning_rate, rounds=hp.rounds
        )
        print(f"{units} units, batches of {batch}: timed", flush=True)
    sizes = sorted({max(1, hp.matrix_size // share) for share in (8, 4, 2, 1)})
    seconds = measures.time_matrix_products(sizes, options.seed)
    pictures.frameworks.draw_speeds(NAMES, speeds, run.path / "frameworks.png")
    loops, numpy = ([float(np.median(rounds)) for rounds in each] for each in seconds)
    pictures.frameworks.draw_matrix_products(
        sizes, (loops, numpy), run.path / "frameworks_matrix.png"
    )
    metrics = {
        "largest_difference": difference,
        "loops_to_numpy": loops[-1] / numpy[-1],
        **{f"{name}_lines": count for name, count in lines.items()},
    }
    raw = {
        "hp": dataclasses.asdict(hp), "lines": lines, "backward": backward,
        "largest_difference": difference, "speeds": speeds, "sizes": sizes, "seconds": seconds,
    }  # fmt: skip
    return harness.report("frameworks", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, Frameworks, hidden_units=(8,), batch_sizes=(32,), rounds=2, steps=3, matrix_size=16
    )
