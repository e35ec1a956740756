r"""Trains with the slides' three decays, a constant rate and one cycle, each at its best rate.

    python -m recipes.claims.learning_rate_decay --flagfile=configs/learning_rate_decay.flags

The initial rate of each schedule is the best of the same few on validation; then several seeds
train with it. The test set is not used.
"""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from tfcourse.choices import SCHEDULES
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# `{schedule: {"initial_rate": float, metric: [seeds, epochs], ...}}`.
Measured = dict[str, dict[str, Any]]
# Tried for each schedule.
INITIAL_RATES = (0.1, 0.3, 1.0, 3.0)
DECAYS = ("exponential", "root", "inverse_time")
PRINTED_RATES = {  # For an initial rate of 0.1, in the epochs counted from 0.
    "exponential": {0: 0.1, 1: 0.095, 2: 0.09025, 5: 0.07737809375, 10: 0.05987369392},
    "root": {0: 0.1, 1: 0.0707106781, 4: 0.0447213595, 9: 0.0316227766},
    "inverse_time": {0: 0.1, 1: 0.05, 2: 0.0333333333, 5: 0.0166666667, 10: 0.0090909091},
}


@dataclasses.dataclass(frozen=True)
class LearningRateDecay(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((128,), "Widths of the hidden layers.")
    epochs: int = integer(10, "Passes over the training set.", interval="[1, inf)")
    batch_size: int | Literal["full"] = batch_size(64, "Examples per step.")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    num_seeds: int = integer(3, "Trainings with the rate that was chosen.", interval="[2, inf)")


def schedule(
    name: str, initial_rate: float, hp: LearningRateDecay, num_examples: int
) -> "keras.optimizers.schedules.LearningRateSchedule":
    """Returns the schedule `name`; the decays have the slides' own constants."""
    return tfcourse.schedules.build(
        name,
        initial_rate,
        steps_per_epoch=tfcourse.batching.steps_per_epoch(num_examples, hp.batch_size),
        epochs=hp.epochs,
    )


class Trainings:
    """Trains one network again and again with schedules that a table of rates stands for.

    So one compiled program serves them all; the rates are those of `schedule`, step by step.
    """

    def __init__(self, hp: LearningRateDecay, data: Dataset) -> None:
        self.hp = hp
        self.data = data
        self.steps_per_epoch = tfcourse.batching.steps_per_epoch(len(data.train), hp.batch_size)
        self.rates = tfcourse.training.RateTable(hp.epochs * self.steps_per_epoch)
        self.model = self.build(seed=0)
        self.stepping = tfcourse.training.Stepping(self.model, data.train, hp.batch_size)
        self.evaluator = tfcourse.training.Evaluator(self.model)

    def build(self, seed: int) -> "keras.Model":
        tfcourse.training.set_seed(seed)
        shape, classes = self.data.input_shape, self.data.num_classes
        model = tfcourse.models.batch_norm_mlp(shape, classes, self.hp.hidden_units)
        tfcourse.training.compile_classifier(model, tfcourse.optimizers.Momentum(self.rates))
        return model

    def train(self, name: str, initial_rate: float, seed: int) -> dict[str, list[float]]:
        """Returns `{"loss", "val_loss", "val_accuracy"}` after each epoch; NaN once it diverged."""
        hp = self.hp
        self.rates.set_to(schedule(name, initial_rate, hp, len(self.data.train)))
        self.stepping.restart(self.build(seed))
        history: dict[str, list[float]] = {"loss": [], "val_loss": [], "val_accuracy": []}
        stops = self.steps_per_epoch * np.arange(1, hp.epochs + 1)
        for _ in self.stepping.run(stops, seed):
            validation = self.evaluator.evaluate(self.data.validation)
            history["loss"].append(self.evaluator.evaluate(self.data.train)["loss"])
            history["val_loss"].append(validation["loss"])
            history["val_accuracy"].append(validation["accuracy"])
        return history


def choose_rate(trainings: Trainings, name: str, seed: int) -> float:
    """Returns the initial rate with the lowest validation cost after the last epoch."""
    costs = {rate: trainings.train(name, rate, seed)["val_loss"][-1] for rate in INITIAL_RATES}
    return min(costs, key=lambda rate: np.nan_to_num(costs[rate], nan=np.inf))


def measure(hp: LearningRateDecay, data: Dataset, seed: int) -> Measured:
    trainings = Trainings(hp, data)
    measured: Measured = {}
    for name in SCHEDULES:
        rate = choose_rate(trainings, name, seed)
        # Seeds that the choice has not seen.
        seeds = harness.seeds(seed, hp.num_seeds, skip=1)
        histories = [trainings.train(name, rate, s) for s in seeds]
        measured[name] = {"initial_rate": rate}
        for metric in ("loss", "val_loss", "val_accuracy"):
            measured[name][metric] = np.array([h[metric] for h in histories])
        cost = measured[name]["loss"][:, -1].mean()
        print(f"{name}: initial rate {rate:g}, cost {cost:.4f}", flush=True)
    return measured


def formula_error() -> float:
    """Returns the largest relative error of the schedules to the slides' printed rates."""
    errors = []
    for name, printed in PRINTED_RATES.items():
        rates = tfcourse.schedules.build(name, 0.1, steps_per_epoch=7, epochs=11)
        for epoch, value in printed.items():
            # In the first and the last step of the epoch: it changes once an epoch.
            for step in (7 * epoch, 7 * epoch + 6):
                errors.append(abs(float(rates(step)) / value - 1))
    return max(errors)


def findings(measured: Measured, error: float, hp: LearningRateDecay) -> harness.Findings:
    cost = {name: float(m["loss"][:, -1].mean()) for name, m in measured.items()}
    accuracy = {name: m["val_accuracy"][:, -1].mean() for name, m in measured.items()}
    best = min(DECAYS, key=lambda name: cost[name])
    ends = INITIAL_RATES[0], INITIAL_RATES[-1]
    numbers = {
        "hp": dataclasses.asdict(hp),
        "num_rates": len(INITIAL_RATES),
        "arms": {
            name: {**m, "cost": m["loss"][:, -1], "accuracy": accuracy[name]}
            for name, m in measured.items()
        },
        "decays": DECAYS,
        "best_decay": best,
        "at_edge": [name for name, m in measured.items() if m["initial_rate"] in ends],
        "formula_error": error,
    }
    return numbers, {
        "decay": [cost[name] < cost["constant"] for name in DECAYS],
        "formulas": [error < 1e-6],
        "one_cycle": [
            cost["one_cycle"] < cost[best],
            accuracy["one_cycle"] > max(accuracy[name] for name in DECAYS),
        ],
    }


def draw(measured: Measured, hp: LearningRateDecay, num_examples: int, file: pathlib.Path) -> None:
    steps = tfcourse.batching.steps_per_epoch(num_examples, hp.batch_size)
    at = np.arange(steps * hp.epochs)
    rates = {
        name.replace("_", " "): (
            at / steps,
            tfcourse.schedules.values(schedule(name, 1.0, hp, num_examples), len(at)),
        )
        for name in measured
    }
    costs = {name.replace("_", " "): numbers["loss"] for name, numbers in measured.items()}
    pictures.draw_decays(file, rates, costs)


def main(
    hp: LearningRateDecay, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    train_split = data.train.smaller(hp.training_examples)
    data = dataclasses.replace(data, train=train_split)
    measured = measure(hp, data, options.seed)
    error = formula_error()
    draw(measured, hp, len(data.train), run.path / "learning_rate_decay.png")
    found = findings(measured, error, hp)
    metrics = {
        **{
            f"{metric}_{name}": float(numbers[metric][:, -1].mean())
            for name, numbers in measured.items()
            for metric in ("loss", "val_loss", "val_accuracy")
        },
        **{f"initial_rate_{name}": numbers["initial_rate"] for name, numbers in measured.items()},
        "decays_below_constant": sum(found[1]["decay"]),  # of three
        "formula_error": error,
    }
    return harness.results("learning_rate_decay", metrics, found, data)


if __name__ == "__main__":
    harness.run(main, LearningRateDecay, epochs=2, training_examples=128, num_seeds=2)
