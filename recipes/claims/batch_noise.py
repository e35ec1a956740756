r"""Measures the noise of the cost curve for each batch size, and the memory of a step.

    python -m recipes.claims.batch_noise --flagfile=configs/batch_noise.flags

Softmax regression by plain gradient descent, with the same learning rate for every batch size. The
cost is that of each step's own mini-batch, as seen in training.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import batch_size, harness, judging, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number
from tfcourse.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class BatchNoise(Hyperparameters):
    batch_sizes: tuple[int, ...] = integers(
        (1, 8, 64, 512, 4096), "Examples per step, besides the full batch."
    )
    learning_rate: float = number(0.01, "Step size of every batch size.", interval="(0, inf)")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    steps: int = integer(200, "Steps; noise is measured in the second half.", interval="[4, inf)")
    num_seeds: int = integer(10, "Trainings with each batch size.", interval="[2, inf)")


def noise_of(costs: np.ndarray) -> float:
    """Returns the scatter of a cost curve around its trend, from its second half.

    Two steps of white noise differ by sqrt(2) times its standard deviation; the trend adds little.
    """
    return float(np.std(np.diff(costs[len(costs) // 2 :])) / np.sqrt(2))


def measure(hp: BatchNoise, data: Dataset, size: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Returns the first seed's costs by step, and each seed's noise and memory per step."""
    model = batch_size.build(data, hp.learning_rate, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, size)
    curves: list[list[float]] = []
    counted: list[int | None] = []
    for seed in seeds:
        stepping.restart(batch_size.build(data, hp.learning_rate, seed))
        curves.append([])
        for _ in stepping.run(range(1, hp.steps + 1), seed):
            curves[-1].append(float(model.get_metrics_result()["loss"]))
        another_step = functools.partial(next, stepping.run((1,), seed))
        counted.append(tfcourse.training.peak_bytes(another_step))
    return {
        "curve": np.array(curves[0]),
        "noise": np.array([noise_of(np.array(curve)) for curve in curves]),
        "bytes": None if None in counted else np.array(counted),
    }


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {batch size: measures}}`."""
    arms = {int(size): arm for size, arm in raw["arms"].items()}
    names = {size: "the full batch" if size == max(arms) else f"b = {size:,}" for size in arms}
    pairs = list(itertools.pairwise(sorted(arms)))
    noise = tuple(
        judging.Comparison(
            f"{names[size]}, against {names[larger]}",
            judging.ratio(arms[larger]["noise"], arms[size]["noise"]), 1.0, "below", form=".2f",
            shown={
                "of the smaller": harness.spread(arms[size]["noise"], 3),
                "of the larger": harness.spread(arms[larger]["noise"], 3),
            },
        )
        for size, larger in pairs
    )  # fmt: skip
    claims = {"noise": judging.Claim("noise of the larger, as a multiple", noise, precision=0.2)}
    memory = tuple(
        judging.Comparison(
            f"{names[larger]}, beyond {names[size]}",
            judging.difference(arms[larger]["bytes"], arms[size]["bytes"]),
            form="+.1f", scale=2**-20,
            shown={"MiB": harness.spread(arms[larger]["bytes"], 1, 2**-20)},
        )
        for size, larger in pairs
        if any(arms[larger]["bytes"] or ())  # None where nothing is counted, 0 where too little.
    )  # fmt: skip
    if memory:
        claims["memory"] = judging.Claim("additional memory (MiB)", memory)
    parts = sorted(arms)[:-1]
    means = [np.mean(arms[size]["noise"]) for size in parts]
    numbers = {
        **raw,
        "named": {names[size]: arm for size, arm in arms.items()},
        **({"memory": True} if memory else {}),
        "power": np.polyfit(np.log(parts), np.log(means), 1)[0],
    }
    return numbers, claims


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
        "bytes": {str(size): harness.plain(m["bytes"]) for size, m in measured.items()},
    }
    arms = {
        size: {"noise": each["noise"], "bytes": each["bytes"]} for size, each in measured.items()
    }
    raw = {"hp": dataclasses.asdict(hp), "arms": arms}
    return harness.report("batch_noise", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, BatchNoise, batch_sizes=(1, 32), steps=8, num_seeds=2)
