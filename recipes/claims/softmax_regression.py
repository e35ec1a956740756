r"""Shows softmax regression: its regions on points, two classes as logistic regression, MNIST.

    python -m recipes.claims.softmax_regression --flagfile=configs/softmax_regression.flags

The pictures: decision regions for 3 to 6 classes, the weights of each digit, the confusion
matrix, and the test images that are wrong with the most confidence.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import confusion_matrix

import tfcourse
from recipes.claims import harness, pictures, softmax_points
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

NUM_SHOWN = 20  # Most confidently wrong images.


@dataclasses.dataclass(frozen=True)
class SoftmaxRegression(Hyperparameters):
    points: int = integer(60, "Points of each class in the plane.", interval="[5, inf)")
    steps: int = integer(2000, "Steps of gradient descent on points.", interval="[1, inf)")
    epochs: int = integer(20, "Passes over the images.", interval="[1, inf)")
    learning_rate: float = number(0.003, "Adam's, on images.", interval="(0, inf)")
    num_seeds: int = integer(3, "Trainings on images.", interval="[1, inf)")


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


def findings(
    hp: SoftmaxRegression,
    regions: Mapping[int, tuple[int, int]],
    differences: tuple[float, float],
    images: Mapping[str, Any],
) -> harness.Findings:
    path, optimum = differences
    broken, segments = (sum(counts) for counts in zip(*regions.values(), strict=True))
    numbers = {
        "hp": dataclasses.asdict(hp),
        "classes": {"fewest": min(regions), "most": max(regions)},
        "regions": regions,
        "segments": segments,
        "broken": broken,
        "differences": {"path": path, "optimum": optimum},
        "images": images,
    }
    return numbers, {
        "linear": [broken == 0],
        "two_classes": [path < 1e-12, optimum < 1e-4],
        "probabilities": [images["deviation"] < 1e-5],
    }


def study_images(
    hp: SoftmaxRegression, data: Dataset, seed: int, folder: pathlib.Path
) -> dict[str, Any]:
    """Trains on images, draws the first seed's model into `folder`, returns its numbers."""
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
        "deviation": float(np.abs(guess.sum(axis=1) - 1).max()),
        "truth": names[labels[surest[0]]],
        "said": names[predictions[surest[0]]],
        "surest": float(guess[surest[0]].max()),
    }


def main(
    hp: SoftmaxRegression, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    fits, regions, differences = softmax_points.study(hp.points, hp.steps, options.seed)
    pictures.softmax.draw_regions(fits, run.path / "softmax_regression.png")
    images = study_images(hp, data, options.seed, run.path)
    metrics = {
        "broken_segments": sum(left for left, _ in regions.values()),
        "difference_to_sigmoid": differences[0],
        "difference_to_scikit_learn": differences[1],
        "test_accuracy": float(np.mean(images["accuracies"])),
    }
    found = findings(hp, regions, differences, images)
    return harness.results("softmax_regression", metrics, found, data)


if __name__ == "__main__":
    harness.run(main, SoftmaxRegression, steps=50, epochs=2, num_seeds=1)
