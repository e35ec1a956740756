r"""Trains with the slides' three decays, a constant rate and one cycle, each at its best rate.

    python -m recipes.claims.learning_rate_decay --flagfile=configs/learning_rate_decay.flags

There is a small and a large budget of epochs. The initial rate of each schedule is the best of the
same few rates, by the final training cost, which is also the judged result. The test set is not
used.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from recipes.claims.trainings import Trainings
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# `{schedule: {"tuned": rates and costs, metric: [seeds, epochs], ...}}`.
Measured = dict[str, dict[str, Any]]
DECAYS = ("exponential", "root", "inverse_time")
COMPARED = ("constant", *DECAYS, "one_cycle")
RATES_PER_DECADE, NUM_RATES = 4, 5  # For each schedule.
PRINTED_RATES = {  # For an initial rate of 0.1, in the epochs counted from 0.
    "exponential": {0: 0.1, 1: 0.095, 2: 0.09025, 5: 0.07737809375, 10: 0.05987369392},
    "root": {0: 0.1, 1: 0.0707106781, 4: 0.0447213595, 9: 0.0316227766},
    "inverse_time": {0: 0.1, 1: 0.05, 2: 0.0333333333, 5: 0.0166666667, 10: 0.0090909091},
}


@dataclasses.dataclass(frozen=True)
class LearningRateDecay(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((128,), "Widths of the hidden layers.")
    budgets: tuple[int, ...] = integers((3, 10), "Passes over the training set, small and large.")
    batch_size: int | Literal["full"] = batch_size(64, "Examples per step.")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    tuning_seeds: int = integer(2, "Trainings at each rate, to choose one.", interval="[1, inf)")
    num_seeds: tuple[int, ...] = integers(
        (8, 8), "Trainings with the rate that was chosen, for each budget."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.num_seeds) != len(self.budgets):
            raise ValueError(
                f"`num_seeds` must hold a number for each of the {len(self.budgets)} budgets. "
                f"Received: num_seeds={self.num_seeds}"
            )


def build(hp: LearningRateDecay, data: Dataset, rate: Any) -> "keras.Model":
    """Returns the network, compiled with momentum."""
    model = tfcourse.models.batch_norm_mlp(data.input_shape, data.num_classes, hp.hidden_units)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.Momentum(rate))
    return model


def history(
    trainings: Trainings, seed: int, epochs: Sequence[int], rate: float, schedule: str
) -> dict[str, list[float]]:
    """Returns `{"loss", "val_accuracy"}` after each of `epochs`; NaN after a divergence."""
    found: dict[str, list[float]] = {"loss": [], "val_accuracy": []}
    evaluate, data = trainings.evaluator.evaluate, trainings.data
    for _ in trainings.run(seed, epochs, rate, schedule):
        found["loss"].append(evaluate(data.train)["loss"])
        found["val_accuracy"].append(evaluate(data.validation)["accuracy"])
    return found


def measure(hp: LearningRateDecay, data: Dataset, seed: int) -> dict[int, Measured]:
    """Returns `{epochs: {schedule: measures}}`."""
    trainings = Trainings(functools.partial(build, hp, data), data, hp.batch_size, max(hp.budgets))
    measured: dict[int, Measured] = {}
    for epochs, count in zip(hp.budgets, hp.num_seeds, strict=True):
        seeds = harness.seeds(seed, count, skip=hp.tuning_seeds)
        for name in COMPARED:
            measures = _measure(hp, trainings, name, seed, epochs, seeds)
            measured.setdefault(epochs, {})[name] = measures
            cost = np.mean(measures["loss"], axis=0)[-1]
            rate = rates.best_rate(measures["tuned"])
            print(f"{epochs} epochs, {name}: initial rate {rate:g}, cost {cost:.4f}", flush=True)
    return measured


def _measure(
    hp: LearningRateDecay,
    trainings: Trainings,
    name: str,
    seed: int,
    epochs: int,
    seeds: Sequence[int],
) -> dict[str, Any]:
    def costs(rate: float) -> list[float]:
        return [
            history(trainings, s, [epochs], rate, name)["loss"][-1]
            for s in harness.seeds(seed, hp.tuning_seeds)
        ]

    tuned = rates.tune(costs, 0.5, per_decade=RATES_PER_DECADE, count=NUM_RATES)
    every = range(1, epochs + 1)
    histories = [history(trainings, s, every, tuned.rate, name) for s in seeds]
    curves = {metric: [h[metric] for h in histories] for metric in histories[0]}
    return {"tuned": dataclasses.asdict(tuned), **curves}


def formula_error() -> float:
    """Returns the largest relative error of the schedules compared with the slides' rates."""
    errors = []
    for name, printed in PRINTED_RATES.items():
        schedule = tfcourse.schedules.build(name, 0.1, steps_per_epoch=7, epochs=11)
        for epoch, value in printed.items():
            # In the first and the last step of the epoch: it changes once per epoch.
            for step in (7 * epoch, 7 * epoch + 6):
                errors.append(abs(float(schedule(step)) / value - 1))
    return max(errors)


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {epochs: measures}}`."""
    cost = {
        epochs: {name: np.array(arm["loss"])[:, -1] for name, arm in arms.items()}
        for epochs, arms in raw["arms"].items()
    }
    best = {epochs: min(DECAYS, key=lambda n: by[n].mean()) for epochs, by in cost.items()}

    def compared(name: str, other: str, epochs: str) -> judging.Comparison:
        arms = raw["arms"][epochs]
        theirs = harness.spread(cost[epochs][other], 4)
        return judging.Comparison(
            f"{name.replace('_', ' ')}, {epochs} epochs",
            judging.ratio(cost[epochs][name], cost[epochs][other]), 1.0, "below", form=".2f",
            shown={
                "initial rate": f"{rates.best_rate(arms[name]['tuned']):g}",
                "cost": harness.spread(cost[epochs][name], 4),
                "compared with": f"{other.replace('_', ' ')}: {theirs}",
            },
        )  # fmt: skip

    numbers = {
        **raw, "decays": DECAYS, "cost": cost, "best": best, "num_rates": NUM_RATES,
        "per_decade": RATES_PER_DECADE,
    }  # fmt: skip
    effect = "cost, as a multiple of the other's"
    decays = tuple(compared(name, "constant", epochs) for epochs in cost for name in DECAYS)
    cycles = tuple(compared("one_cycle", best[epochs], epochs) for epochs in cost)
    error = judging.Comparison("", judging.exact(raw["formula_error"]), 1e-6, "below", form=".0e")
    return numbers, {
        "decay": judging.Claim(effect, decays, precision=0.25),
        "formulas": judging.Claim("largest relative error", (error,)),
        "one_cycle": judging.Claim(effect, cycles, precision=0.25),
    }


def draw(
    measured: Measured, hp: LearningRateDecay, num_examples: int, epochs: int, file: pathlib.Path
) -> None:
    steps = tfcourse.batching.steps_per_epoch(num_examples, hp.batch_size)
    at = np.arange(steps * epochs)
    schedules = {}
    for name in measured:
        schedule = tfcourse.schedules.build(name, 1.0, steps_per_epoch=steps, epochs=epochs)
        rates_of_steps = tfcourse.schedules.values(schedule, len(at))
        schedules[name.replace("_", " ")] = at / steps, rates_of_steps
    costs = {name.replace("_", " "): np.array(arm["loss"]) for name, arm in measured.items()}
    pictures.draw_decays(file, schedules, costs)


def main(
    hp: LearningRateDecay, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    data = dataclasses.replace(data, train=data.train.smaller(hp.training_examples))
    measured = measure(hp, data, options.seed)
    longest = max(measured)
    draw(measured[longest], hp, len(data.train), longest, run.path / "learning_rate_decay.png")
    metrics = {"formula_error": formula_error()}
    for epochs, arms in measured.items():
        for name, arm in arms.items():
            metrics[f"loss_{name}_{epochs}"] = float(np.mean(arm["loss"], axis=0)[-1])
            metrics[f"val_accuracy_{name}_{epochs}"] = float(
                np.mean(arm["val_accuracy"], axis=0)[-1]
            )
            metrics[f"initial_rate_{name}_{epochs}"] = rates.best_rate(arm["tuned"])
    raw = {
        "hp": dataclasses.asdict(hp), "arms": measured, "formula_error": metrics["formula_error"]
    }  # fmt: skip
    return harness.report("learning_rate_decay", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, LearningRateDecay, budgets=(1,), training_examples=128, tuning_seeds=1, num_seeds=(2,)
    )
