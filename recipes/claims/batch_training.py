r"""Compares on-line with batch training on small tables, as Wilson and Martinez did.

    python -m recipes.claims.batch_training --flagfile=configs/batch_training.flags

D. R. Wilson and T. R. Martinez, The general inefficiency of batch training for gradient descent
learning, Neural Networks 16, 2003. The comparison matches the course's batch and stochastic
descent. Both use the same networks with one hidden layer of sigmoid units. On-line training takes
one step per example, batch training one step per pass.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from tfcourse import command_line
from tfcourse.command_line import Options
from tfcourse.from_scratch import Array, Layer
from tfcourse.hyperparameters import Hyperparameters, integer, number, texts
from tfcourse.run_directory import RunDirectory

ARMS = ONLINE, BATCH = "on-line", "batch"
RATES_PER_DECADE, NUM_RATES = 3, 5  # For each arm.
START = {ONLINE: 0.1, BATCH: 3.0}
AS_ACCURATE = -0.02  # Accuracy that on-line training may lose.
_TEST = 0.3  # Share of the examples.


@dataclasses.dataclass(frozen=True)
class BatchTraining(Hyperparameters):
    tables: tuple[str, ...] = texts(
        ("wine", "breast_cancer", "digits"), "Data sets of scikit-learn."
    )
    hidden_units: int = integer(10, "Sigmoid units of the hidden layer.", interval="[1, inf)")
    target_cost: float = number(0.1, "Training cost to reach.", interval="(0, inf)")
    epochs: int = integer(150, "Most passes of on-line training.", interval="[1, inf)")
    batch_epochs: int = integer(5_000, "Most passes of batch training.", interval="[1, inf)")
    tuning_seeds: int = integer(6, "Trainings at each rate, to choose one.", interval="[1, inf)")
    num_seeds: int = integer(40, "Trainings with the rate that was chosen.", interval="[2, inf)")


class Split(NamedTuple):
    x: Array
    one_hot: Array
    x_test: Array
    labels_test: np.ndarray


def split(table: str, seed: int) -> Split:
    """Returns a random split, with inputs standardized by the training part."""
    import sklearn.datasets

    x, labels = getattr(sklearn.datasets, f"load_{table}")(return_X_y=True)
    order = np.random.default_rng([seed, 0]).permutation(len(x))
    test, train = np.split(order, [round(_TEST * len(x))])
    scale = np.maximum(x[train].std(axis=0), 1e-6)  # Some pixels are always 0.
    x = (x - x[train].mean(axis=0)) / scale
    return Split(x[train], np.eye(labels.max() + 1)[labels[train]], x[test], labels[test])


def train(hp: BatchTraining, data: Split, arm: str, rate: float, seed: int) -> dict[str, Any]:
    """Returns `{"costs", "accuracy"}`: one cost per pass, up to the target or a divergence."""
    sizes = data.x.shape[1], hp.hidden_units, data.one_hot.shape[1]
    layers = tfcourse.from_scratch.initialize(sizes, seed=seed)
    costs = [_cost(layers, data)]
    for epoch in range(budget(hp, arm)):
        order = np.random.default_rng([seed, 1, epoch]).permutation(len(data.x))
        for batch in order[:, np.newaxis] if arm == ONLINE else (order,):
            _, layers = tfcourse.from_scratch.train_step(
                layers, data.x[batch], data.one_hot[batch], learning_rate=rate, activation="sigmoid"
            )
        costs.append(_cost(layers, data))
        if costs[-1] <= hp.target_cost or not costs[-1] < 10 * costs[0]:
            break
    guesses = tfcourse.from_scratch.predict(layers, data.x_test, activation="sigmoid")
    return {"costs": costs, "accuracy": float((guesses == data.labels_test).mean())}


def _cost(layers: list[Layer], data: Split) -> float:
    logits, _ = tfcourse.from_scratch.forward(layers, data.x, activation="sigmoid")
    return float(tfcourse.from_scratch.cross_entropy(logits, data.one_hot)[0])


def passes(hp: BatchTraining, arm: str, costs: Sequence[float]) -> float:
    """Returns the passes to the target, or, if it is missed, a number that ranks the misses."""
    if costs[-1] <= hp.target_cost:
        return len(costs) - 1
    return budget(hp, arm) * max(1.0, costs[-1] / hp.target_cost)


def budget(hp: BatchTraining, arm: str) -> int:
    return hp.epochs if arm == ONLINE else hp.batch_epochs


def measure(hp: BatchTraining, table: str, seed: int) -> dict[str, dict[str, Any]]:
    """Returns `{arm: {"tuned", "passes": [seeds], "accuracy": [seeds], "curve": [passes]}}`."""
    measured = {}
    for arm in ARMS:

        def trained(rate: float, seeds: Sequence[int], arm: str = arm) -> list[dict[str, Any]]:
            return [train(hp, split(table, s), arm, rate, s) for s in seeds]

        def costs(rate: float, arm: str = arm, trained: Any = trained) -> list[float]:
            tuning = harness.seeds(seed, hp.tuning_seeds)
            return [passes(hp, arm, each["costs"]) for each in trained(rate, tuning)]

        tuned = rates.tune(costs, START[arm], per_decade=RATES_PER_DECADE, count=NUM_RATES)
        runs = trained(tuned.rate, harness.seeds(seed, hp.num_seeds, skip=hp.tuning_seeds))
        measured[arm] = {
            "tuned": dataclasses.asdict(tuned),
            "passes": [min(passes(hp, arm, run["costs"]), budget(hp, arm)) for run in runs],
            "accuracy": [each["accuracy"] for each in runs],
            "curve": runs[0]["costs"],
        }
        told = harness.spread(measured[arm]["passes"], 1)
        print(f"{table}, {arm}: rate {tuned.rate:g}, {told} passes", flush=True)
    return measured


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, of `{"arms": {table: {arm: measures}}}`."""
    arms = raw["arms"]
    for each in arms.values():
        for arm in ARMS:
            rates.best_rate(each[arm]["tuned"])  # Raises at the edge.
    named = {table.replace("_", " "): each for table, each in arms.items()}
    faster = tuple(
        judging.Comparison(
            table, judging.ratio(each[BATCH]["passes"], each[ONLINE]["passes"]), 1.0, form=".2f",
            shown={arm: harness.spread(each[arm]["passes"], 1) for arm in ARMS},
        )
        for table, each in named.items()
    )  # fmt: skip
    accurate = tuple(
        judging.Comparison(
            table, judging.difference(each[ONLINE]["accuracy"], each[BATCH]["accuracy"]),
            AS_ACCURATE, form="+.1f", scale=100,
            shown={arm: f"{harness.spread(each[arm]['accuracy'], 1, 100)} %" for arm in ARMS},
        )
        for table, each in named.items()
    )  # fmt: skip
    numbers = {
        **raw, "named": named, "num_rates": NUM_RATES, "per_decade": RATES_PER_DECADE,
        "as_accurate": AS_ACCURATE, "test": _TEST,
    }  # fmt: skip
    return numbers, {
        "passes": judging.Claim("passes in batches, as a multiple of those on-line", faster),
        "accuracy": judging.Claim("accuracy on-line minus in batches (points)", accurate, 0.02),
    }


def main(hp: BatchTraining, options: Options, run: RunDirectory) -> dict[str, Any]:
    measured = {table: measure(hp, table, options.seed) for table in hp.tables}
    curves = {
        table.replace("_", " "): {arm: np.array(m["curve"]) for arm, m in arms.items()}
        for table, arms in measured.items()
    }
    pictures.draw_passes(run.path / "batch_training.png", curves, hp.target_cost)
    metrics = {
        f"passes_{table}_{arm.replace('-', '')}": float(np.mean(m["passes"]))
        for table, arms in measured.items()
        for arm, m in arms.items()
    }
    raw = {"hp": dataclasses.asdict(hp), "arms": measured}
    return harness.report("batch_training", metrics, raw, judge)


if __name__ == "__main__":
    command_line.run(
        main,
        BatchTraining,
        smoke={"tables": ("wine",), "target_cost": 0.5, "tuning_seeds": 1, "num_seeds": 2},
    )
