r"""Illustrates softmax regression: its regions, two classes as logistic regression, MNIST.

    python -m recipes.claims.softmax_regression --flagfile=configs/softmax_regression.flags

The pictures show decision regions for 3 to 6 classes, the weights of each digit, the confusion
matrix, and the test images that are misclassified with the highest confidence.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import confusion_matrix

import tfcourse
from recipes.claims import harness, judging, pictures, softmax_points
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

NUM_SHOWN = 20  # Most confidently wrong images.
# Largest share of segments that leave their region, and differences in a probability: of one path
# in float64, of two ways to an optimum, of a sum in float32.
STRAIGHT, SAME_PATH, SAME_OPTIMUM, SUM = 1e-3, 1e-12, 1e-4, 1e-5


@dataclasses.dataclass(frozen=True)
class SoftmaxRegression(Hyperparameters):
    points: int = integer(60, "Points of each class in the plane.", interval="[5, inf)")
    steps: int = integer(2000, "Steps of gradient descent on points.", interval="[1, inf)")
    epochs: int = integer(20, "Passes over the images.", interval="[1, inf)")
    learning_rate: float = number(0.003, "Adam's step size, on images.", interval="(0, inf)")
    num_seeds: int = integer(3, "Trainings on images.", interval="[2, inf)")
    point_seeds: int = integer(10, "Sets of points of two classes.", interval="[2, inf)")


def fit_images(hp: SoftmaxRegression, data: Dataset, seed: int) -> "keras.Model":
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    steps = tfcourse.batching.steps_per_epoch(len(data.train.labels), 128)
    rate = tfcourse.schedules.ExponentialDecay(hp.learning_rate, steps, decay_rate=0.9)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(rate))
    tfcourse.training.fit(model, data, epochs=hp.epochs, batch_size=128, seed=seed, verbose=0)
    return model


def probabilities(model: "keras.Model", split: Any) -> np.ndarray:
    """Returns the probability of each class, float32 [examples, classes]."""
    return np.asarray(tfcourse.layers.softmax(tfcourse.training.predict(model, split.features)))


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from the measurements of `main`."""
    regions, differences, images = raw["regions"], raw["differences"], raw["images"]
    broken, segments = (sum(counts) for counts in zip(*regions.values(), strict=True))
    numbers = {
        **raw,
        "classes": {"fewest": min(regions), "most": max(regions)},
        "segments": segments,
        "broken": broken,
        "straight": STRAIGHT,
        "same": {"path": SAME_PATH, "optimum": SAME_OPTIMUM, "sum": SUM},
    }
    linear = tuple(
        judging.Comparison(
            f"{classes} classes", judging.share(left, total), STRAIGHT, "below", form=".1e",
            shown={"segments": f"{total:,}", "that leave": f"{left:,}"},
        )
        for classes, (left, total) in regions.items()
    )  # fmt: skip

    def largest(condition: str, values: Sequence[float], bound: float) -> judging.Comparison:
        return judging.Comparison(condition, judging.mean(values), bound, "below", form=".0e")

    same = (
        largest("to gradient descent on the sigmoid form", differences["path"], SAME_PATH),
        largest("to scikit-learn's optimum", differences["optimum"], SAME_OPTIMUM),
    )
    sums = (largest("", images["deviations"], SUM),)
    return numbers, {
        "linear": judging.Claim("share of segments that leave their region", linear),
        "two_classes": judging.Claim("largest difference in a probability", same),
        "probabilities": judging.Claim("largest difference of a sum from 1", sums),
    }


def study_images(
    hp: SoftmaxRegression, data: Dataset, seed: int, folder: pathlib.Path
) -> dict[str, Any]:
    """Trains on images, draws the first seed's model into `folder`, returns its results."""
    seeds = harness.seeds(seed, hp.num_seeds)
    models = [fit_images(hp, data, other) for other in seeds]
    guesses = [probabilities(model, data.test) for model in models]
    labels, names = data.test.labels, data.class_names
    accuracies = [float((guess.argmax(axis=1) == labels).mean()) for guess in guesses]
    model, guess = models[0], guesses[0]
    predictions = guess.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    surest = wrong[np.argsort(-guess[wrong].max(axis=1), kind="stable")[:NUM_SHOWN]]
    softmax = pictures.softmax
    softmax.draw_weights(
        model.get_weights()[0].reshape(*data.input_shape, -1),
        names,
        folder / "softmax_regression_weights.png",
    )
    tfcourse.reports.draw_confusion(
        confusion_matrix(labels, predictions, labels=range(len(names))),
        names,
        folder / "softmax_regression_confusion.png",
    )
    tfcourse.reports.draw_images(
        data.test.features[surest],
        [f"{names[labels[i]]} as {names[predictions[i]]}" for i in surest],
        folder / "softmax_regression_wrong.png",
    )
    return {
        "examples": len(labels),
        "accuracies": accuracies,
        "deviations": [float(np.abs(each.sum(axis=1) - 1).max()) for each in guesses],
        "truth": names[labels[surest[0]]],
        "said": names[predictions[surest[0]]],
        "surest": float(guess[surest[0]].max()),
    }


def main(
    hp: SoftmaxRegression, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    fits, regions = softmax_points.study(hp.points, hp.steps, options.seed)
    path, optimum = zip(
        *(
            softmax_points.study_two_classes(hp.points, hp.steps, seed)
            for seed in harness.seeds(options.seed, hp.point_seeds)
        ),
        strict=True,
    )
    pictures.softmax.draw_regions(fits, run.path / "softmax_regression.png")
    images = study_images(hp, data, options.seed, run.path)
    metrics = {
        "broken_segments": sum(left for left, _ in regions.values()),
        "difference_to_sigmoid": max(path),
        "difference_to_scikit_learn": max(optimum),
        "test_accuracy": float(np.mean(images["accuracies"])),
    }
    raw = {
        "hp": dataclasses.asdict(hp),
        "regions": regions,
        "differences": {"path": path, "optimum": optimum},
        "images": images,
    }
    return harness.report("softmax_regression", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, SoftmaxRegression, steps=50, epochs=2, num_seeds=2, point_seeds=2)
