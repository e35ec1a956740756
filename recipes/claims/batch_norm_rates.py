r"""At which learning rates networks learn, with and without batch normalization, shallow and deep.

    python -m recipes.claims.batch_norm_rates --flagfile=configs/batch_norm_rates.flags

Each network trains for a few steps at each rate of a wide range. A rate is usable where the
accuracy on validation reaches a target; the test set is not used.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number, texts
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# `{(depth, activation): {"with" or "without": accuracies [seeds, rates]}}`.
Measured = dict[tuple[int, str], dict[str, np.ndarray]]
RATES = tuple(float(f"{10**power:.3g}") for power in np.arange(-4, 2.1, 0.5))


@dataclasses.dataclass(frozen=True)
class BatchNormRates(Hyperparameters):
    depths: tuple[int, ...] = integers((3, 20), "Numbers of hidden layers.")
    activations: tuple[str, ...] = texts(("sigmoid", "relu"), "Of the hidden layers.")
    width: int = integer(100, "Units of each.", interval="[1, inf)")
    steps: int = integer(1000, "Steps of a training.", interval="[1, inf)")
    batch_size: int | Literal["full"] = batch_size(60, "Examples per step.")
    target_accuracy: float = number(0.8, "From here on a rate is usable.", interval="(0, 1)")
    num_seeds: int = integer(2, "Trainings at each rate.", interval="[2, inf)")


def build(
    hp: BatchNormRates, data: Dataset, depth: int, activation: str, batch_norm: bool, seed: int
) -> "keras.Model":
    layers: dict[str, Any] = {"activation": activation, "batch_norm": batch_norm}
    # The learning rate is set anew before each training.
    return harness.plain_mlp(data, (hp.width,) * depth, 0.1, seed, **layers)


def accuracies(
    hp: BatchNormRates, data: Dataset, seeds: Sequence[int], **network: Any
) -> np.ndarray:
    """Returns the accuracy on validation after the steps, [seeds, rates]."""
    model = build(hp, data, **network, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(model)
    found = np.zeros([len(seeds), len(RATES)])
    for row, seed in enumerate(seeds):
        start = build(hp, data, **network, seed=seed)
        for column, rate in enumerate(RATES):
            start.optimizer.learning_rate = rate
            stepping.restart(start)
            for _ in stepping.run([hp.steps], seed):
                if network["batch_norm"]:
                    # What the moving averages miss after few steps is another recipe's subject.
                    # At too high a rate the network diverges, and there is nothing to estimate.
                    with (
                        np.errstate(invalid="ignore"),
                        contextlib.suppress(tfcourse.training.NotFiniteError),
                    ):
                        tfcourse.training.reestimate_batch_norm(model, data.train.features[:5000])
                found[row, column] = evaluator.evaluate(data.validation)["accuracy"]
    return found


def decades(accuracy: np.ndarray, target: float) -> float:
    """Returns the powers of ten that the usable rates span, of accuracies [rates].

    One usable rate alone counts as its share of the grid.
    """
    usable = np.flatnonzero(accuracy >= target)
    if not len(usable):
        return 0.0
    step = np.log10(RATES[1] / RATES[0])
    return float((usable[-1] - usable[0] + 1) * step)


def measure(hp: BatchNormRates, data: Dataset, seeds: Sequence[int]) -> Measured:
    measured: Measured = {}
    for depth, activation in itertools.product(hp.depths, hp.activations):
        networks = measured.setdefault((depth, activation), {})
        for name in ("without", "with"):
            networks[name] = accuracies(
                hp, data, seeds, depth=depth, activation=activation, batch_norm=name == "with"
            )
            spans = [decades(row, hp.target_accuracy) for row in networks[name]]
            print(
                f"{depth} layers of {activation}, {name} batch norm: usable rates span "
                f"{np.mean(spans):.1f} decades, best accuracy {networks[name].max():.3f}",
                flush=True,
            )
    return measured


def summarize(
    measured: Measured, hp: BatchNormRates
) -> tuple[dict[tuple[int, str], Any], dict[tuple[int, str], Any]]:
    """Returns `(decades [seeds], best accuracy of all rates)`, each as `measured` is nested."""

    def each(function: Callable[[np.ndarray], Any]) -> dict[tuple[int, str], dict[str, Any]]:
        return {
            network: {name: function(values) for name, values in networks.items()}
            for network, networks in measured.items()
        }

    target = hp.target_accuracy
    spans = each(lambda values: np.array([decades(row, target) for row in values]))
    return spans, each(lambda values: float(values.mean(axis=0).max()))


def findings(measured: Measured, hp: BatchNormRates) -> harness.Findings:
    spans, best = summarize(measured, hp)
    shallow, deep = min(hp.depths), max(hp.depths)
    numbers = {
        "hp": dataclasses.asdict(hp),
        "shallow": shallow,
        "deep": deep,
        "rates": RATES,
        # {depth: {activation: {network: numbers}}}
        "arms": {
            depth: {
                activation: {
                    name: {
                        "decades": spans[depth, activation][name],
                        "best": best[depth, activation][name],
                        "accuracy_by_rate": values,
                    }
                    for name, values in measured[depth, activation].items()
                }
                for activation in hp.activations
            }
            for depth in (shallow, deep)
        },
    }

    def gained(depth: int, activation: str) -> float:
        both = spans[depth, activation]
        return both["with"].mean() - both["without"].mean()

    def trains(activation: str, name: str) -> bool:
        return spans[deep, activation][name].min() > 0

    return numbers, {
        # Far wider: by half a power of ten or more.
        "wider": [gained(d, a) > 0.49 for d in (shallow, deep) for a in hp.activations],
        "faster": [best[shallow, a]["with"] > best[shallow, a]["without"] for a in hp.activations],
        "deep": [trains(a, "with") and not trains(a, "without") for a in hp.activations],
    }


def main(hp: BatchNormRates, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    seeds = harness.seeds(options.seed, hp.num_seeds)
    measured = measure(hp, data, seeds)
    pictures.draw_usable_rates(
        run.path / "batch_norm_rates.png",
        np.array(RATES),
        {f"{depth} layers, {activation}": m for (depth, activation), m in measured.items()},
        hp.target_accuracy,
    )
    numbers = zip(("decades", "best"), summarize(measured, hp), strict=True)
    metrics = {
        f"{quantity}_{activation}_{depth}_{name}": float(np.mean(values))
        for quantity, nested in numbers
        for (depth, activation), both in nested.items()
        for name, values in both.items()
    }
    return harness.results("batch_norm_rates", metrics, findings(measured, hp), data)


if __name__ == "__main__":
    harness.run(main, BatchNormRates, depths=(1, 2), width=8, steps=5, num_seeds=2)
