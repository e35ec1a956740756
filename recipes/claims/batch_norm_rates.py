r"""Measures at which learning rates networks learn, shallow and deep, with and without batch norm.

    python -m recipes.claims.batch_norm_rates --flagfile=configs/batch_norm_rates.flags

Each network trains for a few steps at each rate of a wide range. A rate is usable if the validation
accuracy reaches a target; the test set is not used.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number, texts
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# `{(depth, activation): {"with" or "without": accuracies [seeds, rates]}}`.
Measured = dict[tuple[int, str], dict[str, np.ndarray]]
FAR_WIDER = 0.5  # Powers of ten: three times as wide.
RATES = tuple(float(f"{10**power:.3g}") for power in np.arange(-4, 2.1, 0.5))


@dataclasses.dataclass(frozen=True)
class BatchNormRates(Hyperparameters):
    depths: tuple[int, ...] = integers((3, 20), "Numbers of hidden layers.")
    activations: tuple[str, ...] = texts(("sigmoid", "relu"), "Activations of the hidden layers.")
    width: int = integer(100, "Units of each hidden layer.", interval="[1, inf)")
    steps: int = integer(1000, "Steps of a training.", interval="[1, inf)")
    batch_size: int | Literal["full"] = batch_size(60, "Examples per step.")
    target_accuracy: float = number(0.8, "Accuracy from which a rate is usable.", interval="(0, 1)")
    num_seeds: int = integer(5, "Trainings at each rate.", interval="[3, inf)")


def build(
    hp: BatchNormRates, data: Dataset, depth: int, activation: str, batch_norm: bool, seed: int
) -> "keras.Model":
    layers: dict[str, Any] = {"activation": activation, "batch_norm": batch_norm}
    # The learning rate is set before each training.
    return harness.plain_mlp(data, (hp.width,) * depth, 0.1, seed, **layers)


def accuracies(
    hp: BatchNormRates, data: Dataset, seeds: Sequence[int], **network: Any
) -> np.ndarray:
    """Returns the validation accuracy after the steps, [seeds, rates]."""
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

    A single usable rate counts as its share of the grid.

    Raises:
        EdgeError: the first or the last rate is usable, so rates beyond it may be usable too.
    """
    usable = np.flatnonzero(accuracy >= target)
    if not len(usable):
        return 0.0
    if usable[0] == 0 or usable[-1] == len(RATES) - 1:
        raise rates.EdgeError("a rate at the edge of the range is usable; widen it")
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


def best_of_others(accuracy: np.ndarray) -> np.ndarray:
    """Returns each seed's accuracy at the rate that is best for the other seeds, [seeds].

    Raises:
        EdgeError: that rate is the first or the last one.
    """
    found = []
    for seed in range(len(accuracy)):
        costs = 1 - np.delete(accuracy, seed, axis=0).T
        rate = rates.best_rate({"rates": RATES, "costs": costs})
        found.append(accuracy[seed, RATES.index(rate)])
    return np.array(found)


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims; `raw` has the accuracies by network."""
    target = raw["hp"]["target_accuracy"]
    depths = sorted(int(depth) for depth in raw["arms"])
    arms = {
        (depth, activation): {name: np.array(values) for name, values in networks.items()}
        for depth in depths
        for activation, networks in raw["arms"][str(depth)].items()
    }
    spans = {
        network: {
            name: np.array([decades(row, target) for row in values]) for name, values in by.items()
        }
        for network, by in arms.items()
    }
    names = {network: f"{network[0]} layers, {network[1]}" for network in arms}

    def shown(by: Mapping[str, np.ndarray], digits: int, times: float = 1) -> dict[str, str]:
        return {name: harness.spread(by[name], digits, times) for name in ("with", "without")}

    wider = tuple(
        judging.Comparison(
            names[network], judging.difference(by["with"], by["without"]), FAR_WIDER, form="+.2f",
            shown=shown(by, 1),
        )
        for network, by in spans.items()
    )  # fmt: skip
    best = {
        network: {name: best_of_others(values) for name, values in by.items()}
        for network, by in arms.items()
        if network[0] == depths[0]
    }
    faster = tuple(
        judging.Comparison(
            names[network], judging.difference(by["with"], by["without"]), scale=100,
            shown={name: f"{text} %" for name, text in shown(by, 1, 100).items()},
        )
        for network, by in best.items()
    )  # fmt: skip
    numbers = {
        **raw, "shallow": depths[0], "deep": depths[-1],
        "best": {names[n]: by for n, by in best.items()},
        "spans": {names[n]: by for n, by in spans.items()}, "far_wider": FAR_WIDER,
    }  # fmt: skip
    return numbers, {
        "wider": judging.Claim(
            "range of usable rates in powers of ten: with minus without", wider, 0.6
        ),
        "faster": judging.Claim("accuracy: with minus without (points)", faster, 0.03),
        "deep": _deep(arms, depths[-1], target, names),
    }


def _deep(
    arms: Mapping[tuple[int, str], Mapping[str, np.ndarray]],
    depth: int,
    target: float,
    names: Mapping[tuple[int, str], str],
) -> judging.Claim:
    """Returns the claim about the deepest networks: they train with batch norm, but not without."""
    compared = []
    for network, by in arms.items():
        if network[0] != depth:
            continue
        for name in ("with", "without"):
            side: Literal["above", "below"] = "above" if name == "with" else "below"
            # At whichever rate is best for the seed itself: the kindest to a network that fails.
            best = by[name].max(axis=1)
            compared.append(
                judging.Comparison(
                    f"{names[network]}, {name}", judging.mean(best), target, side, form=".1f",
                    scale=100, unit=" %",
                )
            )  # fmt: skip
    return judging.Claim("accuracy at the best rate", tuple(compared), precision=0.2)


def main(hp: BatchNormRates, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    seeds = harness.seeds(options.seed, hp.num_seeds)
    measured = measure(hp, data, seeds)
    pictures.draw_usable_rates(
        run.path / "batch_norm_rates.png",
        np.array(RATES),
        {f"{depth} layers, {activation}": m for (depth, activation), m in measured.items()},
        hp.target_accuracy,
    )
    metrics = {}
    for (depth, activation), both in measured.items():
        for name, values in both.items():
            spans = [decades(row, hp.target_accuracy) for row in values]
            metrics[f"decades_{activation}_{depth}_{name}"] = float(np.mean(spans))
            metrics[f"best_{activation}_{depth}_{name}"] = float(values.mean(axis=0).max())
    arms: dict[int, dict[str, Any]] = {}
    for (depth, activation), both in measured.items():
        arms.setdefault(depth, {})[activation] = both
    raw = {"hp": dataclasses.asdict(hp), "rates": RATES, "arms": arms}
    return harness.report("batch_norm_rates", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, BatchNormRates, depths=(1, 2), width=8, steps=5, num_seeds=3)
