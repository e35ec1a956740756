r"""Compares batch, mini-batch and stochastic descent by step, epoch, example and second.

    python -m recipes.claims.batch_size --flagfile=configs/batch_size.flags

Softmax regression by plain gradient descent. Each batch size uses the learning rate that reaches
the target cost in the fewest steps. Times are those of this machine.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

RATES_PER_DECADE, NUM_RATES = 6, 7  # For each batch size.
_STOPS = 100  # Points at which the cost is computed.
_BLOCK_SECONDS = 0.2  # The least that is timed at once.


@dataclasses.dataclass(frozen=True)
class BatchSize(Hyperparameters):
    batch_sizes: tuple[int, ...] = integers(
        (1, 8, 64, 512), "Examples per step, besides the full batch."
    )
    training_examples: int = integer(8_192, "Examples to train on.", interval="[10, inf)")
    epochs: int = integer(10, "Passes over them with mini-batches.", interval="[1, inf)")
    full_epochs: int = integer(
        300, "Passes, and so steps, with the full batch.", interval="[1, inf)"
    )
    target_cost: float = number(0.35, "Training cost to reach.", interval="(0, inf)")
    tuning_seeds: int = integer(2, "Trainings at each rate, to choose one.", interval="[1, inf)")
    num_seeds: int = integer(10, "Trainings with the rate that was chosen.", interval="[2, inf)")


def build(data: Dataset, rate: float, seed: int) -> "keras.Model":
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.GradientDescent(rate))
    return model


class Descent:
    """Trains by gradient descent with one batch size, any number of times."""

    def __init__(self, data: Dataset, batch_size: int, epochs: int) -> None:
        self.data = data
        self.batch_size = batch_size
        self.model = build(data, 0.1, seed=0)
        self.stepping = tfcourse.training.Stepping(self.model, data.train, batch_size)
        self.num_steps = epochs * self.stepping.steps_per_epoch
        self.evaluator = tfcourse.training.Evaluator(self.model)

    def cost(self) -> float:
        return self.evaluator.evaluate(self.data.train)["loss"]

    def curve(self, rate: float, seed: int, target: float | None = None) -> dict[str, np.ndarray]:
        """Returns `{"step", "cost"}`: arrays over the stops of one training.

        The cost is that of the whole training set. With a `target`, the training ends after the
        pass in which it is reached.
        """
        self.stepping.restart(build(self.data, rate, seed))
        a_pass = self.stepping.steps_per_epoch
        spaced = np.geomspace(1, self.num_steps, _STOPS).astype(int)
        stops, costs = np.unique([*spaced, a_pass]), [self.cost()]
        for stop in self.stepping.run(stops, seed):
            costs.append(self.cost())
            reached = target is not None and min(costs) <= target
            if stop >= a_pass and (reached or not np.isfinite(costs[-1])):
                break
        step = np.concatenate([[0], stops])[: len(costs)]
        return {"step": step, "cost": np.array(costs)}

    def seconds_per_step(self, seed: int) -> float:
        """Returns the time per step, from timing passes over all full batches.

        A smaller last batch runs in another program, so it is left out.
        """
        full = max(1, len(self.data.train) // self.batch_size)
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < _BLOCK_SECONDS:
            for _ in self.stepping.run([full], seed):
                float(self.model.get_metrics_result()["loss"])  # Waits until the steps are done.
            steps += full
        return (time.perf_counter() - begun) / steps


def reached(curve: Mapping[str, np.ndarray], target: float) -> float:
    """Returns the step at which the cost first falls to `target`, or infinity.

    The cost is interpolated linearly between two stops.
    """
    cost, step = curve["cost"], curve["step"]
    at = int(np.argmax(cost <= target))
    if not cost[at] <= target:
        return np.inf
    share = (cost[at - 1] - target) / (cost[at - 1] - cost[at])
    return float(step[at - 1] + share * (step[at] - step[at - 1]))


def measure(hp: BatchSize, descent: Descent, seed: int) -> dict[str, Any]:
    """Returns the measures of one batch size: the tried rates, a curve, one number per seed."""
    tuning = harness.seeds(seed, hp.tuning_seeds)

    def steps_to_target(rate: float) -> list[float]:
        return [_cost_of_rate(descent, rate, s, hp.target_cost) for s in tuning]

    start = 0.01 * np.sqrt(descent.batch_size)
    tuned = rates.tune(steps_to_target, start, per_decade=RATES_PER_DECADE, count=NUM_RATES)
    seeds = harness.seeds(seed, hp.num_seeds, skip=hp.tuning_seeds)
    curves = [descent.curve(tuned.rate, s, hp.target_cost) for s in seeds]
    a_pass = descent.stepping.steps_per_epoch
    steps = [min(reached(curve, hp.target_cost), descent.num_steps) for curve in curves]
    print(
        f"b = {descent.batch_size:,}: rate {tuned.rate:g}, cost {hp.target_cost:g} after "
        f"{np.mean(steps) * descent.batch_size:,.0f} examples",
        flush=True,
    )
    return {
        "tuned": dataclasses.asdict(tuned),
        "curve": descent.curve(tuned.rate, seeds[0]),
        "steps_to_target": steps,
        "first_pass": [float(c["cost"][list(c["step"]).index(a_pass)]) for c in curves],
    }


def _cost_of_rate(descent: Descent, rate: float, seed: int, target: float) -> float:
    """Returns the steps to the target, or, if it is missed, a number that ranks the misses."""
    curve = descent.curve(rate, seed, target)
    step = reached(curve, target)
    return step if np.isfinite(step) else descent.num_steps * curve["cost"][-1] / target


def measure_all(hp: BatchSize, data: Dataset, seed: int) -> dict[int, dict[str, Any]]:
    """Returns `{batch size: measures}`; the sizes are timed in turn, one round per seed."""
    m = len(data.train)
    sizes = [*(size for size in sorted(hp.batch_sizes) if size < m), m]
    descents = {
        size: Descent(data, size, hp.full_epochs if size == m else hp.epochs) for size in sizes
    }
    measured = {size: measure(hp, descent, seed) for size, descent in descents.items()}
    rounds = [
        {size: descent.seconds_per_step(seed) for size, descent in descents.items()}
        for _ in range(hp.num_seeds)
    ]
    for size, measures in measured.items():
        measures["seconds_per_step"] = [each[size] for each in rounds]
    return measured


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {batch size: measures}}`."""
    arms = {int(size): arm for size, arm in raw["arms"].items()}
    full = max(arms)
    names = {size: "the full batch" if size == full else f"b = {size:,}" for size in arms}
    for arm in arms.values():
        rates.best_rate(arm["tuned"])  # Raises at the edge.
    steps = {size: judging.values(arm["steps_to_target"]) for size, arm in arms.items()}
    examples = {size: each * size for size, each in steps.items()}
    seconds = {size: each * arms[size]["seconds_per_step"] for size, each in steps.items()}
    progress = tuple(
        judging.Comparison(
            names[size],
            judging.difference(arms[size]["first_pass"], arms[full]["first_pass"]),
            side="below", form="+.3f", shown={"cost": harness.spread(arms[size]["first_pass"])},
        )
        for size in arms if size != full
    )  # fmt: skip
    fastest = tuple(
        judging.Comparison(
            f"{unit}, against {names[size]}", judging.ratio(by[1], by[size]), 1.0, "below",
            form=".2f",
            shown={
                "b = 1": harness.spread(by[1], digits),
                "the other": harness.spread(by[size], digits),
            },
        )
        for unit, by, digits in (("examples", examples, 0), ("seconds", seconds, 2))
        for size in arms if size != 1
    )  # fmt: skip
    numbers = {
        **raw,
        "num_rates": NUM_RATES,
        "per_decade": RATES_PER_DECADE,
        "named": {names[size]: rates.best_rate(arm["tuned"]) for size, arm in arms.items()},
        "examples": {names[size]: values for size, values in examples.items()},
        "seconds": {names[size]: values for size, values in seconds.items()},
        "first_pass": {names[size]: arm["first_pass"] for size, arm in arms.items()},
    }
    return numbers, {
        "progress": judging.Claim("cost minus that of the full batch", progress, precision=0.1),
        "fastest": judging.Claim("of b = 1, as a multiple of the other's", fastest),
    }


def main(hp: BatchSize, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    data = dataclasses.replace(data, train=data.train.smaller(hp.training_examples))
    m = len(data.train)
    measured = measure_all(hp, data, options.seed)
    curves = {}
    for size, each in measured.items():
        seconds = each["curve"]["step"] * np.median(each["seconds_per_step"])
        curves[size] = {**each["curve"], "seconds": seconds}
    pictures.draw_costs(run.path / "batch_size.png", curves, m, hp.target_cost)
    metrics = {}
    for size, each in measured.items():
        name = "full" if size == m else str(size)
        steps = np.mean(each["steps_to_target"])
        metrics[f"rate_{name}"] = rates.best_rate(each["tuned"])
        metrics[f"examples_to_target_{name}"] = float(steps * size)
        metrics[f"seconds_per_step_{name}"] = float(np.median(each["seconds_per_step"]))
    raw = {"hp": dataclasses.asdict(hp), "num_examples": m, "arms": measured}
    return harness.report("batch_size", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main,
        BatchSize,
        batch_sizes=(1,),
        training_examples=128,
        epochs=4,
        full_epochs=60,
        target_cost=1.5,
        tuning_seeds=1,
        num_seeds=2,
    )
