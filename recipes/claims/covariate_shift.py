r"""Classifies images unlike those in training, with and without batch normalization.

    python -m recipes.claims.covariate_shift --flagfile=configs/covariate_shift.flags

Erratum E10: the slides call batch normalization robust to covariate shift (train on black cats,
test on cats of other colours). Two networks train on white digits. The test images are then
coloured, brightened, dimmed, inverted or moved.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
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

AS_TRAINED = "as in training"
# Of images [examples, height, width, 3].
SHIFTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    AS_TRAINED: lambda images: images,
    "red": lambda images: images * np.array([1.0, 0.1, 0.1]),
    "blue": lambda images: images * np.array([0.1, 0.1, 1.0]),
    "brightened": lambda images: 0.5 + 0.5 * images,
    "dimmed": lambda images: 0.3 * images,
    "inverted": lambda images: 1.0 - images,
    "moved by 1/10": lambda images: np.roll(images, round(images.shape[2] / 10), axis=2),
}
NETWORKS = WITHOUT, WITH, ANEW = "without", "with batch norm", "with, averages taken anew"
ROBUST = -0.05  # The largest drop in accuracy of a robust network.


@dataclasses.dataclass(frozen=True)
class CovariateShift(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((100, 100, 100), "Widths of the hidden layers.")
    epochs: int = integer(2, "Passes over the training set.", interval="[1, inf)")
    training_examples: int = integer(20_000, "Examples to train on.", interval="[10, inf)")
    batch_size: int | Literal["full"] = batch_size(60, "Examples per step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, 1000]")
    num_seeds: int = integer(10, "Trainings of each network.", interval="[2, inf)")


def coloured(data: Dataset) -> Dataset:
    """Returns `data` with its grey images as white images in three channels."""

    def three(split: Any) -> Split:
        features = np.repeat(split.features[..., :1], 3, axis=-1)
        return dataclasses.replace(split, features=features)

    return dataclasses.replace(
        data, train=three(data.train), validation=three(data.validation), test=three(data.test)
    )


def train(hp: CovariateShift, data: Dataset, batch_norm: bool, seed: int) -> "keras.Model":
    """Returns the network of the best epoch on validation."""
    layers: dict[str, Any] = {"activation": "relu", "batch_norm": batch_norm}
    model = harness.plain_mlp(data, hp.hidden_units, hp.learning_rate, seed, **layers)
    with tfcourse.training.shared_programs():
        tfcourse.training.fit(
            model, data, epochs=hp.epochs, batch_size=hp.batch_size, seed=seed, verbose=0
        )
    return model


def shifted(split: Any) -> dict[str, Split]:
    """Returns `{shift: split}` with the images of `split` shifted."""
    return {
        name: dataclasses.replace(split, features=shift(split.features).astype("float32"))
        for name, shift in SHIFTS.items()
    }


def measure(
    hp: CovariateShift, data: Dataset, seeds: Sequence[int]
) -> dict[str, dict[str, list[float]]]:
    """Returns `{shift: {network: accuracies [seeds]}}` on the test images.

    The third network is the second one with means and variances estimated on the shifted images,
    which needs no labels.
    """
    splits = shifted(data.test)
    accuracies: dict[str, dict[str, list[float]]] = {
        name: {network: [] for network in NETWORKS} for name in SHIFTS
    }
    for seed in seeds:
        for network in (WITHOUT, WITH):
            model = train(hp, data, network == WITH, seed)
            evaluator = tfcourse.training.Evaluator(model)
            for name, split in splits.items():
                accuracies[name][network].append(evaluator.evaluate(split)["accuracy"])
                if network == WITH:
                    kept = model.get_weights()
                    tfcourse.training.reestimate_batch_norm(model, split.features)
                    accuracies[name][ANEW].append(evaluator.evaluate(split)["accuracy"])
                    model.set_weights(kept)
        print(f"seed {seed}: { {n: round(a[WITH][-1], 3) for n, a in accuracies.items()} }")
    return accuracies


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    arms = raw["arms"]
    names = [name for name in SHIFTS if name != AS_TRAINED]

    def shown(name: str) -> dict[str, str]:
        return {each: f"{harness.spread(arms[name][each], 1, 100)} %" for each in NETWORKS}

    robust = tuple(
        judging.Comparison(
            name, judging.difference(arms[name][WITH], arms[AS_TRAINED][WITH]), ROBUST,
            form="+.1f", scale=100, shown=shown(name),
        )
        for name in names
    )  # fmt: skip
    better = tuple(
        judging.Comparison(
            name, judging.difference(arms[name][WITH], arms[name][WITHOUT]),
            form="+.1f", scale=100,
        )
        for name in names
    )  # fmt: skip
    numbers = {**raw, "names": names, "robust": -ROBUST, "as_trained": AS_TRAINED}
    return numbers, {
        "robust": judging.Claim(
            "accuracy minus that on images like those in training (points)", robust, 0.06
        ),
        "better": judging.Claim("accuracy: with minus without (points)", better, 0.06),
    }


def main(hp: CovariateShift, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    data = coloured(dataclasses.replace(data, train=data.train.smaller(hp.training_examples)))
    seeds = harness.seeds(options.seed, hp.num_seeds)
    accuracies = measure(hp, data, seeds)
    examples = {name: split.features[0] for name, split in shifted(data.test).items()}
    pictures.draw_shifts(run.path / "covariate_shift.png", examples, accuracies)
    short = {WITHOUT: "without", WITH: "with", ANEW: "anew"}
    metrics = {
        f"accuracy_{re.sub('[ /]', '_', name)}_{short[network]}": float(np.mean(values))
        for name, networks in accuracies.items()
        for network, values in networks.items()
    }
    raw = {"hp": dataclasses.asdict(hp), "arms": accuracies}
    return harness.report("covariate_shift", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, CovariateShift, hidden_units=(8,), epochs=1, training_examples=100, num_seeds=2
    )
