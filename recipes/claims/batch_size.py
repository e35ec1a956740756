r"""Batch, mini-batch and stochastic descent on one problem: cost by step, epoch, example, second.

    python -m recipes.claims.batch_size --flagfile=configs/batch_size.flags

Softmax regression by plain gradient descent. The learning rate of each batch size is the best of
the same few, by the training cost at the end of its budget. Seconds are those of this machine.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclasses.dataclass(frozen=True)
class BatchSize(Hyperparameters):
    batch_sizes: tuple[int, ...] = integers((1, 8, 64, 512), "Examples per step, besides all.")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    epochs: int = integer(10, "Passes over them with mini-batches.", interval="[1, inf)")
    full_epochs: int = integer(
        300, "Passes with the full batch: so many steps.", interval="[1, inf)"
    )
    target_cost: float = number(0.35, "Training cost that is to be reached.", interval="(0, inf)")
    num_seeds: int = integer(3, "Trainings with the rate that was chosen.", interval="[2, inf)")


def build(data: Dataset, rate: float, seed: int) -> "keras.Model":
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.GradientDescent(rate))
    return model


class Descent:
    """Trains by gradient descent with one batch size, again and again."""

    def __init__(self, data: Dataset, batch_size: int, epochs: int) -> None:
        self.data = data
        self.batch_size = batch_size
        self.model = build(data, RATES[0], seed=0)
        self.stepping = tfcourse.training.Stepping(self.model, data.train, batch_size)
        self.num_steps = epochs * self.stepping.steps_per_epoch
        self.evaluator = tfcourse.training.Evaluator(self.model)

    def cost(self) -> float:
        return self.evaluator.evaluate(self.data.train)["loss"]

    def curve(self, rate: float, seed: int) -> dict[str, np.ndarray]:
        """Returns `{"step", "seconds", "cost"}`: arrays over the stops of one training.

        The cost is of the whole training set; the clock stands still while it is computed.
        """
        self.stepping.restart(build(self.data, rate, seed))
        stops = np.unique(np.geomspace(1, self.num_steps, 40).astype(int))
        seconds, costs = [0.0], [self.cost()]
        begun = time.perf_counter()
        for _ in self.stepping.run(stops, seed):
            float(self.model.get_metrics_result()["loss"])  # Waits until the steps are done.
            seconds.append(seconds[-1] + time.perf_counter() - begun)
            costs.append(self.cost())
            begun = time.perf_counter()
        step = np.concatenate([[0], stops])
        return {"step": step, "seconds": np.array(seconds), "cost": np.array(costs)}

    def choose_rate(self, seed: int) -> float:
        """Returns the rate with the lowest training cost at the end of the budget."""
        costs: dict[float, float] = {}
        for rate in RATES:
            self.stepping.restart(build(self.data, rate, seed))
            for _ in self.stepping.run([self.num_steps], seed):
                costs[rate] = np.nan_to_num(self.cost(), nan=np.inf)
        return min(costs, key=lambda rate: costs[rate])


def reached(curve: Mapping[str, np.ndarray], target: float) -> tuple[float, float]:
    """Returns the step and seconds at which the cost first falls to `target`, or infinity.

    Between two stops the cost is taken to fall in a straight line.
    """
    cost = curve["cost"]
    at = np.argmax(cost <= target)
    if cost[at] > target:
        return np.inf, np.inf
    share = (cost[at - 1] - target) / (cost[at - 1] - cost[at])
    step, seconds = (
        curve[name][at - 1] + share * (curve[name][at] - curve[name][at - 1])
        for name in ("step", "seconds")
    )
    return step, seconds


def measure(hp: BatchSize, data: Dataset, batch_size: int, seed: int) -> dict[str, Any]:
    """Returns what one batch size does: curves, and arrays of one number a seed."""
    full = batch_size == len(data.train)
    descent = Descent(data, batch_size, hp.full_epochs if full else hp.epochs)
    rate = descent.choose_rate(seed)
    # Seeds that the choice has not seen.
    seeds = harness.seeds(seed, hp.num_seeds, skip=1)
    curves = [descent.curve(rate, s) for s in seeds]
    steps, seconds = np.transpose([reached(curve, hp.target_cost) for curve in curves])
    result = {
        "rate": rate,
        "curves": curves,
        "examples_to_target": steps * batch_size,
        "seconds_to_target": seconds,
        "seconds_per_step": np.array([c["seconds"][-1] / c["step"][-1] for c in curves]),
    }
    print(
        f"b = {batch_size:,}: rate {rate:g}, {np.median(result['seconds_per_step']) * 1e6:,.0f} µs "
        f"a step; cost {hp.target_cost:g} after {np.mean(steps * batch_size):,.0f} examples, "
        f"{np.mean(seconds):.2f} s",
        flush=True,
    )
    return result


def by_name(measured: Mapping[int, Any], num_examples: int) -> dict[str, Any]:
    """Returns `measured`, by what a sentence calls each batch size."""
    return {
        "the full batch" if size == num_examples else f"b = {size:,}": measures
        for size, measures in measured.items()
    }


def findings(
    measured: dict[int, dict[str, Any]], hp: BatchSize, num_examples: int
) -> harness.Findings:
    """Returns what the template tells, of `{batch size: measures}`."""

    def fastest(name: str) -> int:
        return min(measured, key=lambda size: np.mean(measured[size][name]))

    first_epoch = {
        size: np.interp(num_examples, m["curves"][0]["step"] * size, m["curves"][0]["cost"])
        for size, m in measured.items()
    }
    arms = {size: {**m, "first_epoch": first_epoch[size]} for size, m in measured.items()}
    numbers = {
        "hp": dataclasses.asdict(hp),
        "num_examples": num_examples,
        "num_rates": len(RATES),
        "arms": by_name(arms, num_examples),
    }
    return numbers, {
        "progress": [max(list(first_epoch.values())[:-1]) < first_epoch[num_examples]],
        "fastest": [fastest("examples_to_target") == 1, fastest("seconds_to_target") == 1],
    }


def main(hp: BatchSize, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    smaller = data.train.smaller(hp.training_examples)
    data = dataclasses.replace(data, train=smaller)
    m = len(smaller)
    sizes = [*(size for size in sorted(hp.batch_sizes) if size < m), m]
    measured = {size: measure(hp, data, size, options.seed) for size in sizes}
    pictures.draw_costs(
        run.path / "batch_size.png",
        {size: numbers["curves"][0] for size, numbers in measured.items()},
        m,
        hp.target_cost,
    )
    names = ("rate", "seconds_per_step", "examples_to_target", "seconds_to_target")
    metrics = {
        f"{name}_{'full' if size == m else size}": float(np.mean(measured[size][name]))
        for size in sizes
        for name in names
    }
    metrics = {name: value for name, value in metrics.items() if np.isfinite(value)}
    return harness.results("batch_size", metrics, findings(measured, hp, m), data)


if __name__ == "__main__":
    harness.run(
        main,
        BatchSize,
        batch_sizes=(1, 32),
        training_examples=100,
        epochs=2,
        full_epochs=2,
        num_seeds=2,
    )
