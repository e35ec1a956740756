r"""Ioffe and Szegedy's first experiment: a sigmoid network with and without batch normalization.

    python -m recipes.claims.batch_norm --flagfile=configs/batch_norm.flags

Section 4.1 and figure 1 of the paper, https://arxiv.org/abs/1502.03167: binary images, three hidden
layers of 100 sigmoid units, 60 examples per step, 50,000 steps, test accuracy by step. The paper
states neither the learning rate nor the initial weights. Here, both networks use the values with
which the network without batch normalization is closest to the paper's curve. Among rates from 0.02
to 0.4 and standard deviations from 0.03 to 0.3, measured on validation with another seed at 5,000
to 20,000 steps, these are 0.05 and 0.1, 3.6 points away (root mean square). The network with batch
normalization did not influence this choice.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset, Split
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# Read off figure 1 (a): test accuracy by step.
PAPER = {
    "without": {5_000: 0.784, 10_000: 0.926, 15_000: 0.953, 20_000: 0.963, 44_000: 0.972},
    "with": {5_000: 0.956, 10_000: 0.966, 15_000: 0.972, 20_000: 0.974, 49_000: 0.9816},
}
PERCENTILES = (15, 50, 85)  # As in figure 1 (b) and (c).
NUM_STOPS = 50
EARLY = 5_000  # Step at which it should be ahead.


@dataclasses.dataclass(frozen=True)
class BatchNorm(Hyperparameters):
    steps: int = integer(50_000, "Steps of a training.", interval="[50, inf)")
    hidden_units: tuple[int, ...] = integers((100, 100, 100), "Widths of the hidden layers.")
    batch_size: int | Literal["full"] = batch_size(60, "Examples per step.")
    learning_rate: float = number(0.05, "Step size of both networks.", interval="(0, 1000]")
    initial_sd: float = number(
        0.1, "Standard deviation of the initial weights.", interval="(0, inf)"
    )
    num_seeds: int = integer(3, "Trainings of each network.", interval="[2, inf)")


def binary(data: Dataset) -> Dataset:
    """Returns `data` with every pixel 0 or 1."""

    def threshold(split: Any) -> Split:
        return dataclasses.replace(split, features=(split.features > 0.5).astype("float32"))

    splits: dict[str, Any] = {
        name: threshold(getattr(data, name)) for name in ("train", "validation", "test")
    }
    return dataclasses.replace(data, **splits)


def build(hp: BatchNorm, data: Dataset, batch_norm: bool, seed: int) -> "keras.Model":
    layers: dict[str, Any] = {"batch_norm": batch_norm, "initial_sd": hp.initial_sd}
    return harness.plain_mlp(data, hp.hidden_units, hp.learning_rate, seed, **layers)


def train(
    hp: BatchNorm, data: Dataset, batch_norm: bool, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Returns `{"accuracy": [seeds, stops], "drift": [seeds], "inputs": [stops, examples, units]}`.

    The inputs are those of the last hidden layer's sigmoids, for the first seed.
    """
    model = build(hp, data, batch_norm, seeds[0])
    stepping = tfcourse.training.Stepping(model, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(model)
    shown = data.test.smaller(500).features
    accuracies: list[list[float]] = []
    inputs: list[np.ndarray] = []
    drifts: list[float] = []
    for seed in seeds:
        stepping.restart(build(hp, data, batch_norm, seed))
        accuracies.append([])
        of_seed = []
        for _ in stepping.run(stops_of(hp), seed):
            accuracies[-1].append(evaluator.evaluate(data.test)["accuracy"])
            of_seed.append(inputs_of_last_sigmoids(model, shown))
        inputs = inputs or of_seed
        drifts.append(drift(np.array(of_seed)))
        name = "with" if batch_norm else "without"
        print(f"{name} batch norm, seed {seed}: {accuracies[-1][-1]:.4f}", flush=True)
    return {
        "accuracy": np.array(accuracies), "drift": np.array(drifts), "inputs": np.array(inputs)
    }  # fmt: skip


def inputs_of_last_sigmoids(model: "keras.Model", features: Any) -> np.ndarray:
    """Returns the inputs of the last hidden layer's sigmoids at inference, [examples, units]."""
    for layer in model.layers[:-2]:  # All but these sigmoids and the logits.
        features = layer(features)
    return features.numpy()


def stops_of(hp: BatchNorm) -> np.ndarray:
    return np.arange(NUM_STOPS + 1) * (hp.steps // NUM_STOPS)


def drift(inputs: np.ndarray) -> float:
    """Returns how far a unit's inputs drift, as the median over units.

    The drift is the change of their median from the first tenth of training to its end, in units of
    their final 15 to 85 % range."""
    low, median, high = np.percentile(inputs, PERCENTILES, axis=1)  # [stops, units] each
    begin = len(inputs) // 10
    return float(np.median(np.abs(median[-1] - median[begin]) / (high[-1] - low[-1])))


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {network: measures}}`."""
    stops = np.array(raw["stops"])
    early = int(np.argmin(np.abs(stops - EARLY)))
    accuracies = {name: np.array(arm["accuracy"]) for name, arm in raw["arms"].items()}
    by_stop = {name: values.mean(axis=0) for name, values in accuracies.items()}
    reached = stops[by_stop["with"] >= by_stop["without"][-1]]
    numbers = {
        **raw,
        "at": {
            when: {name: values[:, stop] for name, values in accuracies.items()}
            for when, stop in (("early", early), ("end", -1))
        },
        "steps": {"early": stops[early], "end": stops[-1]},
        "reached": reached[0] if len(reached) else None,
        "paper": {
            "early": {name: values[EARLY] for name, values in PAPER.items()},
            "end": {name: max(values.values()) for name, values in PAPER.items()},
        },
    }

    def ahead(when: str) -> judging.Claim:
        networks, paper = numbers["at"][when], numbers["paper"][when]
        compared = judging.Comparison(
            f"{numbers['steps'][when]:,} steps",
            judging.difference(networks["with"], networks["without"]), form="+.1f", scale=100,
            shown={
                **{name: f"{harness.spread(a, 2, 100)} %" for name, a in networks.items()},
                "in the paper": f"{100 * (paper['with'] - paper['without']):+.1f}",
            },
        )  # fmt: skip
        return judging.Claim("accuracy: with minus without (points)", (compared,), precision=0.01)

    arms = {name: arm["drift"] for name, arm in raw["arms"].items()}
    moved = judging.Comparison(
        "median unit", judging.ratio(arms["with"], arms["without"]), 1.0, "below", form=".2f",
        shown={name: harness.spread(values, 3) for name, values in arms.items()},
    )  # fmt: skip
    return numbers, {
        "faster": ahead("early"),
        "higher": ahead("end"),
        "inputs": judging.Claim(
            "change with batch normalization, as a multiple of that without", (moved,)
        ),
    }


def main(hp: BatchNorm, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    data = binary(data)
    seeds = harness.seeds(options.seed, hp.num_seeds)
    measured = {name: train(hp, data, name == "with", seeds) for name in ("without", "with")}
    stops = stops_of(hp)
    accuracies = {name: m["accuracy"] for name, m in measured.items()}
    inputs = {name: m["inputs"] for name, m in measured.items()}
    pictures.draw_paper(run.path / "batch_norm.png", stops, accuracies, PAPER)
    pictures.draw_inputs(run.path / "batch_norm_inputs.png", stops, inputs, PERCENTILES)
    at = {f"{stop // 1000}k": i for i, stop in enumerate(stops) if stop in (5_000, 10_000, 20_000)}
    metrics = {
        f"accuracy_{name}_{when}": float(np.mean(m["accuracy"][:, index]))
        for name, m in measured.items()
        for when, index in {**at, "end": -1}.items()
    }
    arms = {name: {k: m[k] for k in ("accuracy", "drift")} for name, m in measured.items()}
    raw = {"hp": dataclasses.asdict(hp), "stops": stops, "arms": arms}
    return harness.report("batch_norm", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, BatchNorm, steps=50, num_seeds=2)
