r"""Compares the four optimizers on MNIST, each with its tuned learning rate, over several seeds.

    python -m recipes.claims.optimizers --flagfile=configs/optimizers.flags

Every optimizer gets the best of the same number of rates, by validation accuracy after the last
epoch. It then trains with other seeds at that rate and at its usual one, and the test accuracy is
judged. The pictures show validation error by rate, and test accuracy by seed.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from recipes.claims.trainings import Trainings
from tfcourse.choices import MODELS
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, texts
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

RATES_PER_DECADE, NUM_RATES = 3, 9  # For each optimizer.
# The course's four, with Keras's default rates, and where the search begins.
USUAL = {"gradient_descent": 0.01, "momentum": 0.01, "rmsprop": 0.001, "adam": 0.001}
START = {"gradient_descent": 0.5, "momentum": 0.5, "rmsprop": 0.003, "adam": 0.003}


@dataclasses.dataclass(frozen=True)
class Optimizers(Hyperparameters):
    models: tuple[str, ...] = texts(("softmax_regression", "batch_norm_mlp"), "Networks.")
    hidden_units: tuple[int, ...] = integers((128,), "Hidden layers of the MLP.")
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.")
    epochs: int = integer(3, "Passes over the training set.", interval="[1, inf)")
    tuning_seeds: int = integer(2, "Trainings at each rate, to choose one.", interval="[1, inf)")
    num_seeds: int = integer(16, "Trainings at the chosen rate.", interval="[2, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.models) <= set(MODELS):
            raise ValueError(
                f"`models` must be among {', '.join(MODELS)}. Received: models={self.models}"
            )


def build(
    hp: Optimizers,
    data: Dataset,
    model: str,
    optimizer: str,
    learning_rate: Any,
    **arguments: Any,
) -> "keras.Model":
    """Returns the compiled network `model` for `data`."""
    sized = "hidden_units" in MODELS[model].takes
    shape = {"hidden_units": hp.hidden_units} if sized else {}
    network = tfcourse.models.MODELS[model](data.input_shape, data.num_classes, **shape)
    rule = tfcourse.optimizers.OPTIMIZERS[optimizer](learning_rate, **arguments)
    tfcourse.training.compile_classifier(network, rule)
    return network


def trainings_of(
    hp: Optimizers, data: Dataset, model: str, optimizer: str, **arguments: Any
) -> Trainings:
    """Returns the `Trainings` of one model with one optimizer."""
    made = functools.partial(build, hp, data, model, optimizer, **arguments)
    return Trainings(made, data, hp.batch_size, hp.epochs)


def train(trainings: Trainings, epochs: int, rate: float, seed: int) -> float:
    """Returns the mean training loss over the last epoch."""
    for _ in trainings.run(seed, range(1, epochs + 1), rate):
        pass
    return float(trainings.model.get_metrics_result()["loss"])


def validation_error(trainings: Trainings, epochs: int, rate: float, seed: int) -> float:
    train(trainings, epochs, rate, seed)
    return 1 - trainings.evaluator.evaluate(trainings.data.validation)["accuracy"]


def compare(hp: Optimizers, data: Dataset, model: str, optimizer: str, seed: int) -> dict[str, Any]:
    """Tunes the rate of one optimizer on one model, then trains with `num_seeds` other seeds."""
    trainings = trainings_of(hp, data, model, optimizer)
    seeds = harness.seeds(seed, hp.tuning_seeds)
    tuned = rates.tune(
        lambda rate: [validation_error(trainings, hp.epochs, rate, s) for s in seeds],
        START[optimizer], per_decade=RATES_PER_DECADE, count=NUM_RATES,
    )  # fmt: skip
    found: dict[str, Any] = {"tuned": dataclasses.asdict(tuned), "loss": [], "test_accuracy": []}
    found["usual_test_accuracy"] = []
    for other in harness.seeds(seed, hp.num_seeds, skip=hp.tuning_seeds):
        found["loss"].append(train(trainings, hp.epochs, tuned.rate, other))
        found["test_accuracy"].append(trainings.evaluator.evaluate(data.test)["accuracy"])
        train(trainings, hp.epochs, USUAL[optimizer], other)
        found["usual_test_accuracy"].append(trainings.evaluator.evaluate(data.test)["accuracy"])
    return found


def largest_difference_to_rmsprop(hp: Optimizers, data: Dataset, seed: int) -> float:
    """Returns the largest weight difference between uncorrected Adam, beta_1 = 0, and RMSProp."""
    weights = []
    variants: tuple[tuple[str, dict[str, Any]], ...] = (
        ("rmsprop", {"beta": 0.9, "epsilon": 1e-7}),
        ("adam", {"beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-7, "bias_correction": False}),
    )
    for optimizer, arguments in variants:
        trainings = trainings_of(hp, data, hp.models[0], optimizer, **arguments)
        train(trainings, 1, 1e-3, seed)
        weights.append(trainings.model.get_weights())
    return max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))


def momentum_wins(raw: Mapping[str, Any]) -> tuple[judging.Comparison, ...]:
    """Returns how often momentum beats plain descent with the same seed."""
    compared = []
    for model, arms in raw["arms"].items():
        won = np.greater(
            arms["momentum"]["test_accuracy"], arms["gradient_descent"]["test_accuracy"]
        )
        compared.append(
            judging.Comparison(
                f"MNIST, {MODELS[model].label}", judging.share(int(won.sum()), len(won)), 0.9,
                form=".0f", scale=100, unit=" %", shown={"cases won": f"{won.sum()} of {len(won)}"},
            )
        )  # fmt: skip
    return tuple(compared)


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    arms, names = raw["arms"], pictures.optimizers.NAMES
    for arm in (arm for by_optimizer in arms.values() for arm in by_optimizer.values()):
        rates.best_rate(arm["tuned"])  # Raises at the edge.

    def points(model: str, name: str, of: str = "test_accuracy") -> str:
        return f"{harness.spread(arms[model][name][of], 2, 100)} %"

    def at_rates(model: str, name: str) -> str:
        tuned = rates.best_rate(arms[model][name]["tuned"])
        usual = points(model, name, "usual_test_accuracy")
        return f"{usual} at {USUAL[name]:g}, {points(model, name)} at {tuned:g}"

    def reached(model: str, name: str) -> list[float]:
        return arms[model][name]["test_accuracy"]

    adam = tuple(
        judging.Comparison(
            f"{MODELS[model].label}, against {names[name]}",
            judging.difference(reached(model, "adam"), reached(model, name)),
            scale=100, shown={"Adam": points(model, "adam"), "the other": points(model, name)},
        )
        for model in arms for name in USUAL if name != "adam"
    )  # fmt: skip
    rate = tuple(
        judging.Comparison(
            MODELS[model].label,
            judging.difference(arms[model]["adam"]["usual_test_accuracy"], reached(model, "adam")),
            -0.01, scale=100, shown={names[name]: at_rates(model, name) for name in USUAL},
        )
        for model in arms
    )  # fmt: skip
    difference = judging.Comparison(
        "", judging.exact(raw["adam_minus_rmsprop"]), 1e-9, "below", form="g"
    )
    numbers = {
        **raw, "num_rates": NUM_RATES, "per_decade": RATES_PER_DECADE, "usual": USUAL,
        "labels": {model: MODELS[model].label for model in arms}, "names": names,
    }  # fmt: skip
    effect = "test accuracy: Adam minus the other (points)"
    usual = "Adam's test accuracy: default rate minus tuned (points)"
    return numbers, {
        "adam": judging.Claim(effect, adam, precision=0.0025),
        "rate": judging.Claim(usual, rate, precision=0.005),
        "both": judging.Claim("largest difference between weights", (difference,)),
    }


def _curve(tuned: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rates, and the mean error at each."""
    return np.array(tuned["rates"]), np.mean(tuned["costs"], axis=1)


def main(hp: Optimizers, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    arms: dict[str, dict[str, Any]] = {model: {} for model in hp.models}
    metrics: dict[str, Any] = {}
    for model, name in itertools.product(hp.models, USUAL):
        arms[model][name] = compare(hp, data, model, name, options.seed)
        rate = rates.best_rate(arms[model][name]["tuned"])
        reached = np.array(arms[model][name]["test_accuracy"])
        print(
            f"{model:>18}  {name:>16}  rate {rate:8.2g}  test accuracy "
            f"{harness.spread(reached, 4)}",
            flush=True,
        )
        metrics[f"{model}_{name}_rate"] = rate
        metrics[f"{model}_{name}_accuracy"] = float(reached.mean())
    metrics["adam_minus_rmsprop"] = largest_difference_to_rmsprop(hp, data, options.seed)
    draw = pictures.optimizers
    tuned = {m: {n: _curve(arm["tuned"]) for n, arm in by.items()} for m, by in arms.items()}
    draw.draw_sensitivity(tuned, run.path / "optimizers.png")
    accuracies = {
        m: {n: np.array(arm["test_accuracy"]) for n, arm in by.items()} for m, by in arms.items()
    }
    draw.draw_seeds(accuracies, run.path / "optimizers_seeds.png")
    raw = {
        "hp": dataclasses.asdict(hp), "arms": arms,
        "adam_minus_rmsprop": metrics["adam_minus_rmsprop"],
    }  # fmt: skip
    return harness.report("optimizers", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, Optimizers, models=("softmax_regression",), epochs=1, tuning_seeds=1, num_seeds=2
    )
