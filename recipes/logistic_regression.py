r"""Classifies two species of iris by gradient descent on the cross-entropy.

    python -m recipes.logistic_regression --flagfile=configs/logistic_regression.flags

The steps are those of linear regression, with h(x) = sigmoid(b + w x). The data are the 100
flowers of Iris versicolor and virginica in Fisher's table, which ships with scikit-learn. For
comparison, it prints the optimum, found by Newton's method. With --batch_size below 100, --seed
shuffles the flowers in every epoch; otherwise nothing is random.
"""

import dataclasses
import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.special
import sklearn.datasets

import tfcourse
from recipes.linear_regression import SHOWN_STEPS
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, number
from tfcourse.run_directory import RunDirectory

Array = npt.NDArray[np.floating]

SPECIES = ("versicolor", "virginica")
FEATURES = ("petal length (cm)", "petal width (cm)")
NAMES = ("b", "w_length", "w_width")


@dataclasses.dataclass(frozen=True)
class LogisticRegression(Hyperparameters):
    learning_rate: float = number(1.0, "Step size on the cross-entropy.", interval="(0, inf)")
    batch_size: int | Literal["full"] = batch_size("full", "Flowers per step; 1 is stochastic.")
    epochs: int = integer(200, "Passes over the flowers.", interval="[1, inf)")


def flowers() -> tuple[Array, Array]:
    """Returns petals in cm, [100, 2], and labels: 0 for versicolor, 1 for virginica."""
    iris = sklearn.datasets.load_iris(as_frame=True)
    two = iris.frame[iris.frame["target"] > 0]
    return two[list(FEATURES)].to_numpy(float), two["target"].to_numpy(float) - 1


def standardized(petals: Array) -> Array:
    """Returns `petals` with mean 0 and standard deviation 1 over the 100 flowers."""
    known, _ = flowers()
    return (petals - known.mean(axis=0)) / known.std(axis=0)


def fit(hyperparameters: LogisticRegression, seed: int) -> Array:
    """Returns b and the weights before the first and after each step, [steps + 1, 3]."""
    petals, labels = flowers()
    size = tfcourse.batching.resolve_batch_size(hyperparameters.batch_size, len(labels))
    if hyperparameters.batch_size not in (size, "full"):
        print(f"--batch_size={hyperparameters.batch_size} is too many: all {size} are taken")
    return tfcourse.gradient_tape.linear_regression(
        standardized(petals),
        labels,
        learning_rate=hyperparameters.learning_rate,
        batch_size=size,
        epochs=hyperparameters.epochs,
        seed=seed if size < len(labels) else None,
        h=tfcourse.gradient_tape.probability,
    )


def scores(theta: Array, petals: Array) -> Array:
    """Returns b + w x of each flower, [..., flowers], for theta [..., 3]."""
    return theta[..., :1] + theta[..., 1:] @ standardized(petals).T


def cross_entropy(theta: Array) -> Array:
    """Returns the mean of -log of the probability of the true species, for theta [..., 3]."""
    petals, labels = flowers()
    # log(1 + exp(-z)) where the label is 1 and z the score, without overflow.
    return np.logaddexp(0.0, (1 - 2 * labels) * scores(theta, petals)).mean(axis=-1)


def optimum(steps: int = 20) -> Array:
    """Returns the theta with the smallest cross-entropy, by Newton's method."""
    petals, labels = flowers()
    x = np.column_stack([np.ones(len(labels)), standardized(petals)])
    theta = np.zeros(3)
    for _ in range(steps):
        h = 1 / (1 + np.exp(-x @ theta))
        curvature = x.T @ (x * (h * (1 - h))[:, np.newaxis])
        theta = theta - np.linalg.solve(curvature, x.T @ (h - labels))
    return theta


def accuracy(theta: Array) -> float:
    petals, labels = flowers()
    return float(np.mean((scores(theta, petals) > 0) == labels))


def print_table(path: Array, best: Array) -> None:
    print(f"{'step':>14}" + "".join(f"{n:>14}" for n in (*NAMES, "cross-entropy", "accuracy")))
    last = len(path) - 1
    rows = [(str(step), path[step]) for step in [*(s for s in SHOWN_STEPS if s < last), last]]
    for name, theta in [*rows, ("optimum", best)]:
        values = *theta, cross_entropy(theta), accuracy(theta)
        print(f"{name:>14}" + "".join(f" {value:13.6f}" for value in values))


def draw(path: Array, best: Array, file: os.PathLike[str] | str) -> None:
    """Writes a PNG: the flowers with lines of equal probability, and the cross-entropy by step."""
    style = tfcourse.reports.style
    petals, labels = flowers()
    with style.picture(file, columns=2) as axes:
        plane, costs = axes[0]
        beside = {"versicolor": (2.9, 1.5), "virginica": (6.0, 1.5)}
        for label, (species, marker) in enumerate(zip(SPECIES, "os", strict=True)):
            dots = plane.plot(*petals[labels == label].T, marker, alpha=0.6, ms=5)[0]
            plane.text(*beside[species], species, color=dots.get_color(), weight="bold")
        length, width = np.meshgrid(np.linspace(2.8, 7.1, 100), np.linspace(0.9, 2.6, 100))
        grid = np.column_stack([length.ravel(), width.ravel()])
        chance = scipy.special.expit(scores(path[-1], grid)).reshape(length.shape)
        levels = plane.contour(
            length, width, chance, [0.1, 0.5, 0.9], colors="0.3", linestyles=[":", "-", ":"]
        )
        plane.clabel(levels, fmt=lambda level: f"{level:.0%}")
        title = f"probability of {SPECIES[1]} after {len(path) - 1} steps"
        plane.set(title=title, xlabel=FEATURES[0], ylabel=FEATURES[1])
        costs.semilogy(cross_entropy(path), label="gradient descent")
        costs.axhline(cross_entropy(best), ls="--", color=style.COLOURS[1], label="optimum")
        costs.set(title="cross-entropy", xlabel="step")
        style.ticks(costs.yaxis, [0.1, 0.2, 0.3, 0.5, 0.7])
        costs.legend()


def main(
    hyperparameters: LogisticRegression, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    path, best = fit(hyperparameters, options.seed), optimum()
    print_table(path, best)
    draw(path, best, run.path / "curves.png")
    return {
        **dict(zip(NAMES, path[-1], strict=True)),
        "cross_entropy": cross_entropy(path[-1]),
        "train_accuracy": accuracy(path[-1]),
        "optimum_cross_entropy": cross_entropy(best),
        "steps": len(path) - 1,
        "train_examples": 100,
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(main, LogisticRegression, smoke={"epochs": 2})
