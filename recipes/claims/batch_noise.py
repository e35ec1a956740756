r"""How noisy the cost curve of a batch size is, and what memory its step needs.

    python -m recipes.claims.batch_noise --flagfile=configs/batch_noise.flags

Softmax regression by plain gradient descent, every batch size at the same learning rate; the cost
is that of each step's own mini-batch, as one sees it in training.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import batch_size, harness, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number
from tfcourse.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class BatchNoise(Hyperparameters):
    batch_sizes: tuple[int, ...] = integers((1, 8, 64, 512, 4096), "Examples per step, and all.")
    learning_rate: float = number(0.01, "Step size of all.", interval="(0, inf)")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    steps: int = integer(200, "Steps; noise is measured in the second half.", interval="[4, inf)")
    num_seeds: int = integer(3, "Trainings with each batch size.", interval="[2, inf)")


def noise_of(costs: np.ndarray) -> float:
    """Returns the scatter of a cost curve around its trend, from its second half.

    Two steps of white noise differ by sqrt(2) of its standard deviation; the trend adds little.
    """
    return float(np.std(np.diff(costs[len(costs) // 2 :])) / np.sqrt(2))


def measure(hp: BatchNoise, data: Dataset, size: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Returns the costs by step of each seed, their noise, and the bytes of a step."""
    model = batch_size.build(data, hp.learning_rate, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, size)
    curves: list[list[float]] = []
    for seed in seeds:
        stepping.restart(batch_size.build(data, hp.learning_rate, seed))
        curves.append([])
        for _ in stepping.run(range(1, hp.steps + 1), seed):
            curves[-1].append(float(model.get_metrics_result()["loss"]))
    another_step = functools.partial(next, stepping.run((1,), seeds[0]))
    return {
        "curve": np.array(curves[0]),
        "noise": np.array([noise_of(np.array(curve)) for curve in curves]),
        "bytes": tfcourse.training.peak_bytes(another_step),
    }


def findings(
    measured: dict[int, dict[str, Any]], hp: BatchNoise, num_examples: int
) -> harness.Findings:
    """Returns what the template tells, of `{batch size: measures}`."""
    noise = [np.mean(m["noise"]) for m in measured.values()]
    parts = np.log(list(measured)[:-1])
    numbers = {
        "hp": dataclasses.asdict(hp),
        "arms": {
            "the full batch" if size == num_examples else f"b = {size:,}": measures
            for size, measures in measured.items()
        },
        "power": np.polyfit(parts, np.log(noise[:-1]), 1)[0],
    }
    holds = {"noise": list(np.diff(noise) < 0)}
    count = [m["bytes"] for m in measured.values()]
    if None not in count:
        holds["memory"] = [count[-1] > count[0], *(np.diff(count) >= 0)]
    return numbers, holds


def main(hp: BatchNoise, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    train = data.train.smaller(hp.training_examples)
    data = dataclasses.replace(data, train=train)
    m = len(train)
    sizes = [*(size for size in sorted(hp.batch_sizes) if size < m), m]
    seeds = harness.seeds(options.seed, hp.num_seeds)
    measured = {size: measure(hp, data, size, seeds) for size in sizes}
    pictures.draw_noise(run.path / "batch_noise.png", measured, m)
    metrics = {
        **{
            f"noise_{'full' if size == m else size}": float(np.mean(numbers["noise"]))
            for size, numbers in measured.items()
        },
        "bytes": {str(size): numbers["bytes"] for size, numbers in measured.items()},
    }
    return harness.results("batch_noise", metrics, findings(measured, hp, m), data)


if __name__ == "__main__":
    harness.run(main, BatchNoise, batch_sizes=(1, 32), steps=8, num_seeds=2)
