"""The experiments in the notebooks: each draws a picture in seconds.

Each function is a small experiment for a lesson. The recipes imported here run the full experiments
over several seeds; docs/evidence.md has their results.
"""

import functools
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import (
    batch_noise,
    batch_norm_rates,
    batch_size,
    moving_average,
    optimizers,
    pictures,
    softmax_points,
)
from recipes.tutorials import tensorflow_1
from tfcourse.datasets import Dataset
from tfcourse.reports.style import File

_LINE = (3.0, 2.0)  # theta of the made-up data, and
_NUM_EXAMPLES = 1000  # as on the slide.


def draw_linear_descent(
    batch_sizes: Sequence[int], learning_rate: float, path: File, epochs: int = 1
) -> None:
    """Draws how linear regression finds its two parameters with several batch sizes.

    Args:
        batch_sizes: ints in [1, 1000].
        learning_rate: float > 0, the slide's alpha.
        epochs: int >= 1, passes over the 1,000 examples.
    """
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 2.0, _NUM_EXAMPLES)
    y = _LINE[0] + _LINE[1] * x + rng.normal(0.0, 1.0, _NUM_EXAMPLES)
    best = tfcourse.gradient_tape.least_squares(x[:, np.newaxis], y)
    # The sum over all examples of (h(x) - y)^2 / 2m, from its first and second moments.
    offset = np.mean((best[0] + best[1] * x - y) ** 2) / 2
    moments = np.array([[1.0, x.mean()], [x.mean(), np.mean(x**2)]])

    def cost(theta: Any) -> np.ndarray:
        error = np.asarray(theta) - best
        return offset + np.einsum("...i,ij,...j", error, moments, error) / 2

    paths = {
        f"b = {size:,}": tfcourse.gradient_tape.linear_regression(
            x[:, np.newaxis], y, learning_rate=learning_rate, batch_size=size, epochs=epochs, seed=0
        )
        for size in batch_sizes
    }
    landscape = types.SimpleNamespace(
        cost=cost, start=(0.0, 0.0), minima=(best,), window=(-0.6, 4.2, -0.6, 4.2)
    )
    sizes = {f"b = {size:,}": size for size in batch_sizes}
    pictures.contours.draw_paths(
        landscape,
        paths,
        path,
        examples_per_step=sizes,
        names=(
            "\N{GREEK SMALL LETTER THETA}\N{SUBSCRIPT ZERO}",
            "\N{GREEK SMALL LETTER THETA}\N{SUBSCRIPT ONE}",
        ),
    )


def draw_noise(
    data: Dataset,
    batch_sizes: Sequence[int],
    path: File,
    learning_rate: float = 0.1,
    steps: int = 60,
) -> None:
    """Draws the cost of each step's own mini-batch on `data`, and its scatter."""
    hp = batch_noise.BatchNoise(learning_rate=learning_rate, steps=steps, num_seeds=2)
    sizes = [*batch_sizes, len(data.train)]
    measured = {size: batch_noise.measure(hp, data, size, (1, 2)) for size in sizes}
    pictures.draw_noise(path, measured, len(data.train))


def draw_batch_sizes(
    data: Dataset, rates: Mapping[int, float], path: File, epochs: int = 5, target: float = 0.5
) -> None:
    """Draws the training cost by step, epoch, example and second.

    Args:
        rates: `{batch size: learning rate}`; the size of the training set is the full batch.
        epochs: int, for mini-batches; the full batch gets twenty times as many.
    """
    curves = {}
    for size, rate in rates.items():
        passes = 20 * epochs if size >= len(data.train) else epochs
        descent = batch_size.Descent(data, size, passes)
        curve = descent.curve(rate, seed=1)  # Compiles, which is not to be timed.
        curves[size] = {**curve, "seconds": curve["step"] * descent.seconds_per_step(seed=1)}
    pictures.draw_costs(path, curves, len(data.train), target)


def draw_averages(betas: Sequence[float], path: File, seed: int = 1) -> None:
    """Draws a year of noisy temperatures and their averages, with and without correction."""
    true_mean, noise = moving_average.temperatures(moving_average.MovingAverage(), seed)
    values = true_mean[:, 0] + noise[:, 0]
    average = tfcourse.averages.exponentially_weighted_average
    averages = {b: (average(values, b), average(values, b, bias_correction=True)) for b in betas}
    pictures.draw_averages(path, values, true_mean[:, 0], averages, moving_average.UNIT)


def draw_descents(
    landscape: str, runners: Mapping[str, tuple[str, Mapping[str, Any]]], steps: int, path: File
) -> None:
    """Draws the paths of optimizers on a cost of two parameters.

    Args:
        landscape: a key of `tfcourse.landscapes.LANDSCAPES`.
        runners: `{label: (key of OPTIMIZERS, {argument: value})}`.
    """
    place = tfcourse.landscapes.LANDSCAPES[landscape]
    paths = {}
    for label, (name, arguments) in runners.items():
        arguments = dict(arguments)
        rate = arguments.pop("learning_rate")
        rule = functools.partial(tfcourse.optimizers.OPTIMIZERS[name], **arguments)
        paths[label] = tfcourse.landscapes.path(rule, place.cost, place.start, rate, steps)
    pictures.contours.draw_paths(place, paths, path)


def draw_step_lengths(variants: Mapping[str, Mapping[str, Any]], steps: int, path: File) -> None:
    """Draws the length of Adam's steps, in learning rates, for a constant gradient.

    Args:
        variants: `{label: {argument of Adam: value}}`.
    """
    lines = {}
    for label, arguments in variants.items():
        rule = functools.partial(tfcourse.optimizers.Adam, **arguments)
        w = tfcourse.landscapes.path(rule, lambda w: w[..., 0], np.zeros(1), 1.0, steps)
        lines[label] = np.arange(1, steps + 1), -np.diff(w[:, 0])
    tfcourse.reports.draw_lines(
        lines,
        path,
        title="Adam at a constant gradient",
        xlabel="step",
        ylabel="length of the step\n(learning rates)",
    )


def draw_sensitivity(data: Dataset, path: File, epochs: int = 3) -> None:
    """Draws validation error by learning rate, for each optimizer on softmax regression."""
    hp = optimizers.Optimizers(epochs=epochs, batch_size=32)
    model, rates = "softmax_regression", np.geomspace(1e-4, 10.0, 6)
    curves = {}
    for name in optimizers.USUAL:
        trainings = optimizers.trainings_of(hp, data, model, name)
        errors = [optimizers.validation_error(trainings, epochs, rate, 1) for rate in rates]
        curves[name] = rates, np.array(errors)
    pictures.optimizers.draw_sensitivity({model: curves}, path)


def draw_decays(initial_rate: float, decay_rate: float, epochs: int, path: File) -> None:
    """Draws the slides' three decays, and the effect of erratum E9, by epoch."""
    epoch = np.arange(epochs)
    lines: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in ("exponential", "root", "inverse_time"):
        decay: dict[str, Any] = {} if name == "root" else {"decay_rate": decay_rate}
        schedule = tfcourse.schedules.build(
            name, initial_rate, steps_per_epoch=1, epochs=epochs, **decay
        )
        rates = tfcourse.schedules.values(schedule, epochs)
        lines[name.replace("_", " ")] = epoch, rates
    lines["exponential, of the\ncurrent rate (E9)"] = (
        epoch,
        initial_rate * decay_rate ** (epoch * (epoch + 1) / 2),
    )
    tfcourse.reports.draw_lines(
        lines, path, title="learning rate, changed once per epoch", xlabel="epoch",
        ylabel="learning rate", log=True,
    )  # fmt: skip


def draw_usable_rates(data: Dataset, path: File, depth: int = 3, steps: int = 100) -> None:
    """Draws validation accuracy by learning rate, with and without batch normalization."""
    hp = batch_norm_rates.BatchNormRates(width=64, steps=steps)
    accuracies = {
        name: batch_norm_rates.accuracies(
            hp, data, (1,), depth=depth, activation="relu", batch_norm=batch_norm
        )
        for name, batch_norm in (("without", False), ("with", True))
    }
    title = f"{depth} ReLU layers after {steps} steps"
    target = hp.target_accuracy
    pictures.draw_usable_rates(path, batch_norm_rates.RATES, {title: accuracies}, target)


def draw_quadratic(
    coefficients: Mapping[str, tuple[float, float, float]],
    learning_rate: float,
    steps: int,
    path: File,
) -> None:
    """Draws the path of w down c0 w^2 + c1 w + c2, for several `{label: coefficients}`.

    Lines show the port, circles the TensorFlow 1 program.
    """
    given: dict[str, Any] = {"learning_rate": learning_rate, "steps": steps}
    every = np.arange(steps + 1)
    some = every[:: max(1, steps // 20)]
    lines, points = {}, {}
    for label, values in coefficients.items():
        lines[label] = every, tfcourse.gradient_tape.minimize_quadratic(values, **given)
        v1 = tensorflow_1.minimize_quadratic(values, **given)
        points[f"{label}, TensorFlow 1"] = some, v1[some]
    tfcourse.reports.draw_lines(
        lines, path, title="gradient descent from w = 0", xlabel="step", ylabel="w", points=points
    )


def draw_regions(classes: Sequence[int], path: File, points: int = 60, steps: int = 500) -> None:
    """Draws the regions of softmax regression on points in the plane; `classes` are ints."""
    fits = {}
    for num_classes in classes:
        rng = np.random.default_rng([1, num_classes])
        found, labels = softmax_points.plane_points(num_classes, points, rng)
        fits[num_classes] = found, labels, softmax_points.fit_points(found, labels, steps)
    pictures.softmax.draw_regions(fits, path)
