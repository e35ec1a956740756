r"""Shows softmax regression: its regions on points, two classes as logistic regression, MNIST.

    python -m recipes.claims.softmax_regression --flagfile=configs/softmax_regression.flags

The pictures: decision regions for 3 to 6 classes, the weights of each digit, the confusion
matrix, and the test images that are wrong with the most confidence.
"""

import dataclasses

import numpy as np
from sklearn.metrics import confusion_matrix

import tfcourse
from recipes.claims import pictures, softmax_points, verdicts
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, integer, number

NUM_SHOWN = 20  # Most confidently wrong images.


@dataclasses.dataclass(frozen=True)
class SoftmaxRegression(Hyperparameters):
    points: int = integer(60, "Points of each class in the plane.", interval="[5, inf)")
    steps: int = integer(2000, "Steps of gradient descent on points.", interval="[1, inf)")
    epochs: int = integer(20, "Passes over the images.", interval="[1, inf)")
    learning_rate: float = number(0.003, "Adam's, on images.", interval="(0, inf)")
    num_seeds: int = integer(3, "Trainings on images.", interval="[1, inf)")


def fit_images(hyperparameters, data, seed):
    """Returns the trained Keras model."""
    hp = hyperparameters
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    steps = tfcourse.batching.steps_per_epoch(len(data.train.labels), 128)
    rate = tfcourse.schedules.ExponentialDecay(hp.learning_rate, steps, decay_rate=0.9)
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(rate))
    tfcourse.training.fit(model, data, epochs=hp.epochs, batch_size=128, seed=seed, verbose=0)
    return model


def probabilities(model, split):
    """Returns the probability of each class, float32 [examples, classes]."""
    return np.asarray(tfcourse.layers.softmax(tfcourse.training.predict(model, split.features)))


def evidence(hyperparameters, regions, differences, images):
    """Returns the rows of docs/evidence.md."""
    hp = hyperparameters
    broken = sum(left for left, _ in regions.values())
    segments = sum(total for _, total in regions.values())
    path, optimum = differences
    return [
        verdicts.claim(
            5,
            "The decision boundary of softmax regression between any two classes is linear.",
            f"{min(regions)} to {max(regions)} classes of points in the plane: of {segments:,} "
            f"random segments with both ends in one region, {broken} leave it in between; regions "
            "are convex just where the boundaries are straight.",
            verdicts.verdict_of(broken == 0),
            "softmax_regression.png",
        ),
        verdicts.claim(
            5,
            "With two classes, softmax regression is logistic regression.",
            f"{hp.steps:,} steps of gradient descent on {2 * hp.points} points, in float64: the "
            f"probabilities differ by at most {path:.1g} from those of the sigmoid form at twice "
            f"the rate, and by {optimum:.1g} from scikit-learn's LogisticRegression, which goes on "
            "to the optimum.",
            verdicts.verdict_of(path < 1e-12, optimum < 1e-4),
            "softmax_regression.png",
        ),
        verdicts.claim(
            5,
            "Softmax gives each class a probability, and they sum to 1.",
            f"On {len(images['labels']):,} test images no sum differs from 1 by more than "
            f"{images['deviation']:.1g} (float32). Test accuracy "
            f"{verdicts.mean_and_spread(100 * images['accuracies'], 2)} % ({hp.num_seeds} seeds); "
            f"the surest mistake is a {images['truth']} that is taken for a {images['said']} with "
            f"probability {images['surest']:.5f}.",
            verdicts.verdict_of(images["deviation"] < 1e-5),
            "softmax_regression_wrong.png",
        ),
    ]


def study_images(hyperparameters, data, seed, folder):
    """Trains on images, draws the first seed's model into `folder`, returns its numbers."""
    # The largest seed is followed by 0.
    seeds = [(seed + offset) % 2**32 for offset in range(hyperparameters.num_seeds)]
    models = [fit_images(hyperparameters, data, other) for other in seeds]
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
        "labels": labels,
        "accuracies": np.array(accuracies),
        "deviation": float(np.abs(guess.sum(axis=1) - 1).max()),
        "truth": names[labels[surest[0]]],
        "said": names[predictions[surest[0]]],
        "surest": float(guess[surest[0]].max()),
    }


def main(hyperparameters, data, options, run):
    fits, regions, differences = softmax_points.study(
        hyperparameters.points, hyperparameters.steps, options.seed
    )
    pictures.softmax.draw_regions(fits, run.path / "softmax_regression.png")
    images = study_images(hyperparameters, data, options.seed, run.path)
    rows = evidence(hyperparameters, regions, differences, images)
    print("\n".join(f"{row['claim']} {row['verdict']}: {row['measured']}" for row in rows))
    return {
        "broken_segments": sum(left for left, _ in regions.values()),
        "difference_to_sigmoid": differences[0],
        "difference_to_scikit_learn": differences[1],
        "test_accuracy": float(images["accuracies"].mean()),
        "dataset": data.name,
        "fallback_from": list(data.fallback_from),
        "evidence": rows,
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        SoftmaxRegression,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "steps": 50, "epochs": 2, "num_seeds": 1},
    )
