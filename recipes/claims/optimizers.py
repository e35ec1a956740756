r"""Compares the four optimizers on MNIST, each with its own tuned learning rate, over seeds.

    python -m recipes.claims.optimizers --flagfile=configs/optimizers.flags

Every optimizer is tried with every rate of one grid, chosen by validation accuracy after the last
epoch; then it trains with other seeds at that rate. The pictures: validation accuracy against
rate, and test accuracy by seed.
"""

import copy
import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

import tfcourse
from recipes.claims import harness, pictures
from tfcourse.choices import MODELS, OPTIMIZERS
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number, texts
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# `{model: {optimizer: numbers}}`, of one number for each rate or seed.
Results = Mapping[str, Mapping[str, np.ndarray]]
WITHIN = 0.01  # of the best validation accuracy, a learning rate counts as a good one.


@dataclasses.dataclass(frozen=True)
class Optimizers(Hyperparameters):
    models: tuple[str, ...] = texts(("softmax_regression", "batch_norm_mlp"), "Networks.")
    hidden_units: tuple[int, ...] = integers((128,), "Hidden layers of the MLP.")
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.")
    epochs: int = integer(3, "Passes over the training set.", interval="[1, inf)")
    lowest_rate: float = number(1e-4, "Lowest learning rate of the grid.", interval="(0, inf)")
    decades: int = integer(5, "Powers of ten that the grid spans.", interval="[1, inf)")
    rates_per_decade: int = integer(2, "Learning rates a power of ten.", interval="[1, inf)")
    num_seeds: int = integer(10, "Trainings at the chosen rate.", interval="[2, inf)")

    def __post_init__(self):
        super().__post_init__()
        if not set(self.models) <= set(MODELS):
            raise ValueError(
                f"`models` must be among {', '.join(MODELS)}. Received: models={self.models}"
            )

    @property
    def rates(self) -> np.ndarray:
        count = self.decades * self.rates_per_decade + 1
        return self.lowest_rate * np.logspace(0, self.decades, count)


def build(
    hp: Optimizers,
    data: Dataset,
    model: str,
    optimizer: str,
    learning_rate: float,
    seed: int,
    **arguments: Any,
) -> "keras.Model":
    """Returns the compiled network `model` for `data`."""
    tfcourse.training.set_seed(seed)
    sized = "hidden_units" in MODELS[model].takes
    shape = {"hidden_units": hp.hidden_units} if sized else {}
    network = tfcourse.models.MODELS[model](data.input_shape, data.num_classes, **shape)
    rule = tfcourse.optimizers.OPTIMIZERS[optimizer](learning_rate, **arguments)
    tfcourse.training.compile_classifier(network, rule)
    return network


def compare(
    hp: Optimizers, data: Dataset, model: str, optimizer: str, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tunes the rate of one optimizer on one model, then trains with `num_seeds` other seeds.

    Returns:
        `(validation accuracies, test accuracies, training losses)`: a value a rate, then one a
        seed.
    """
    choice = hp, data, model, optimizer
    network = build(*choice, hp.rates[0], seed)
    stepping = tfcourse.training.Stepping(network, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(network)

    def train(rate: float, seed: int) -> float:
        """Returns the mean training loss over the last epoch."""
        stepping.restart(build(*choice, rate, seed))
        run_epochs(stepping, hp.epochs, seed)
        return float(network.get_metrics_result()["loss"])

    tuned, accuracies, losses = [], [], []
    for rate in hp.rates:
        train(rate, seed)
        tuned.append(evaluator.evaluate(data.validation)["accuracy"])
    best = hp.rates[np.argmax(tuned)]
    for other in harness.seeds(seed, hp.num_seeds, skip=1):
        losses.append(train(best, other))
        accuracies.append(evaluator.evaluate(data.test)["accuracy"])
    return np.array(tuned), np.array(accuracies), np.array(losses)


def run_epochs(stepping: "tfcourse.training.Stepping", epochs: int, seed: int) -> None:
    for _ in stepping.run(stepping.steps_per_epoch * np.arange(1, epochs + 1), seed):
        pass


def largest_difference_to_rmsprop(hp: Optimizers, data: Dataset, seed: int) -> float:
    """Returns how far Adam with beta_1 = 0, uncorrected, ends from RMSProp in any weight."""
    weights = []
    variants: tuple[tuple[str, dict[str, Any]], ...] = (
        ("rmsprop", {"beta": 0.9, "epsilon": 1e-7}),
        ("adam", {"beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-7, "bias_correction": False}),
    )
    for optimizer, arguments in variants:
        network = build(hp, data, hp.models[0], optimizer, 1e-3, seed, **arguments)
        run_epochs(tfcourse.training.Stepping(network, data.train, hp.batch_size), 1, seed)
        weights.append(network.get_weights())
    return max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))


def wins(accuracies: Results, losses: Results) -> tuple[int, int, int]:
    """Returns `(more accurate, lower loss, pairs)`: seeds in which momentum beats descent."""
    pairs = [(a["momentum"], a["gradient_descent"]) for a in accuracies.values()]
    more_accurate = sum(int((ours > theirs).sum()) for ours, theirs in pairs)
    lower = [loss["momentum"] < loss["gradient_descent"] for loss in losses.values()]
    return more_accurate, int(np.sum(lower)), sum(len(ours) for ours, _ in pairs)


def good_decades(hp: Optimizers, tuned: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns how many powers of ten the rates span that come within `WITHIN` of the best."""
    best = max(values.max() for values in tuned.values())
    steps = {name: int((values >= best - WITHIN).sum()) for name, values in tuned.items()}
    return {name: count / hp.rates_per_decade for name, count in steps.items()}


def findings(
    hp: Optimizers, tuned: Results, accuracies: Results, losses: Results, difference: float
) -> harness.Findings:
    more_accurate, lower, pairs = wins(accuracies, losses)
    interval = stats.binomtest(more_accurate, pairs).proportion_ci(method="wilson")
    good = {model: good_decades(hp, by_optimizer) for model, by_optimizer in tuned.items()}
    firsts = [max(by, key=lambda name: by[name].mean()) for by in accuracies.values()]
    numbers = {
        "hp": dataclasses.asdict(hp),
        "rates": hp.rates,
        "within": WITHIN,
        "wins": {"accuracy": more_accurate, "loss": lower, "pairs": pairs},
        "interval": [interval.low, interval.high],
        "difference": difference,
        "arms": {
            MODELS[model].label: {
                pictures.optimizers.NAMES[name]: {
                    "test_accuracy": accuracies[model][name],
                    "loss": losses[model][name],
                    "val_accuracy_by_rate": values,
                    "good_decades": good[model][name],
                }
                for name, values in by_optimizer.items()
            }
            for model, by_optimizer in tuned.items()
        },
    }
    return numbers, {
        "momentum": [more_accurate >= 0.9 * pairs, lower >= 0.9 * pairs],
        "adam": [first == "adam" for first in firsts],
        "rate": [decades["adam"] == max(decades.values()) for decades in good.values()],
        "both": [difference == 0.0],
    }


def main(hp: Optimizers, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    tuned: dict[str, dict[str, np.ndarray]] = {model: {} for model in hp.models}
    accuracies, losses = copy.deepcopy(tuned), copy.deepcopy(tuned)
    metrics: dict[str, Any] = {}
    for model, name in itertools.product(hp.models, OPTIMIZERS):
        results = compare(hp, data, model, name, options.seed)
        tuned[model][name], accuracies[model][name], losses[model][name] = results
        rate = hp.rates[results[0].argmax()]
        mean, deviation = results[1].mean(), results[1].std(ddof=1)
        print(
            f"{model:>18}  {name:>16}  rate {rate:8.2g}  test accuracy {mean:.4f} ± {deviation:.4f}"
        )
        metrics[f"{model}_{name}_rate"] = float(rate)
        metrics[f"{model}_{name}_accuracy"] = float(mean)
        metrics[f"{model}_{name}_accuracy_deviation"] = float(deviation)
    difference = largest_difference_to_rmsprop(hp, data, options.seed)
    more_accurate, lower, pairs = wins(accuracies, losses)
    draw = pictures.optimizers
    draw.draw_sensitivity(hp.rates, tuned, run.path / "optimizers.png")
    draw.draw_seeds(accuracies, run.path / "optimizers_seeds.png")
    metrics |= {
        "momentum_wins_accuracy": more_accurate / pairs,
        "momentum_wins_loss": lower / pairs,
        "adam_minus_rmsprop": difference,
    }
    found = findings(hp, tuned, accuracies, losses, difference)
    return harness.results("optimizers", metrics, found, data)


if __name__ == "__main__":
    harness.run(
        main,
        Optimizers,
        models=("softmax_regression",),
        epochs=1,
        decades=2,
        rates_per_decade=1,
        lowest_rate=0.001,
        num_seeds=2,
    )
