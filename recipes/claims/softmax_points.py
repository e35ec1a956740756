"""Softmax regression on points in the plane, in NumPy float64: regions, and two classes."""

import numpy as np
from scipy.special import expit

import tfcourse

Layers = list[dict[str, np.ndarray]]
Fit = tuple[np.ndarray, np.ndarray, Layers]  # Points, labels, layers.
CLASSES = (3, 4, 5, 6)


def plane_points(
    num_classes: int, points: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `(points [n, 2], labels [n])`: one class in the center, the others around it."""
    angles = 2 * np.pi * np.arange(num_classes - 1) / (num_classes - 1) + 0.3
    centres = np.concatenate([[[0.0, 0.0]], np.stack([np.cos(angles), np.sin(angles)], axis=1)])
    labels = np.repeat(np.arange(num_classes), points)
    return 2 * centres[labels] + rng.normal(0, 0.45, (len(labels), 2)), labels


def fit_points(points: np.ndarray, labels: np.ndarray, steps: int) -> Layers:
    """Returns the layers of softmax regression after full-batch steps from 0, in float64."""
    num_classes = labels.max() + 1
    layers = [
        {"weights": np.zeros((points.shape[1], num_classes)), "biases": np.zeros(num_classes)}
    ]
    one_hot = np.eye(num_classes)[labels]
    for _ in range(steps):
        _, layers = tfcourse.from_scratch.train_step(layers, points, one_hot, learning_rate=1.0)
    return layers


def broken_segments(
    layers: Layers, rng: np.random.Generator, segments: int = 100_000
) -> tuple[int, int]:
    """Returns how many straight segments leave the region in which both their ends are.

    All boundaries between two classes are straight if and only if every region is convex.

    Returns:
        `(segments that leave it, segments with both ends in one region)`.
    """
    first, second = rng.uniform(-4, 4, (2, segments, 2))
    between = first + rng.uniform(0, 1, (segments, 1)) * (second - first)
    a, b, c = (tfcourse.from_scratch.predict(layers, x) for x in (first, second, between))
    return int(((a == b) & (a != c)).sum()), int((a == b).sum())


def differences_to_logistic_regression(
    points: np.ndarray, labels: np.ndarray, steps: int
) -> tuple[float, float]:
    """Returns the largest differences in the probability of class 1, of two classes.

    Softmax over the logits 0 and z is the sigmoid of z, so softmax regression is logistic
    regression with w = w_1 - w_0. Starting at 0, w_0 and w_1 take opposite steps of equal length,
    so w moves twice as far: gradient descent takes the same path at twice the rate.

    Returns:
        `(to gradient descent on the sigmoid form, to scikit-learn's optimum)`.
    """
    from sklearn.linear_model import LogisticRegression

    w, b = np.zeros(2), 0.0
    for _ in range(steps):
        error = expit(points @ w + b) - labels
        w, b = w - 2.0 * points.T @ error / len(labels), b - 2.0 * error.mean()
    logits, _ = tfcourse.from_scratch.forward(fit_points(points, labels, steps), points)
    softmax = expit(logits[:, 1] - logits[:, 0])
    # C is the inverse of the penalty, so a large C means no penalty.
    optimum = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(points, labels)
    return (
        float(np.abs(softmax - expit(points @ w + b)).max()),
        float(np.abs(softmax - optimum.predict_proba(points)[:, 1]).max()),
    )


def study(
    points_of_class: int, steps: int, seed: int
) -> tuple[dict[int, Fit], dict[int, tuple[int, int]]]:
    """Returns `({classes: (points, labels, layers)}, {classes: broken segments})`."""
    fits, regions = {}, {}
    for num_classes in CLASSES:
        rng = np.random.default_rng([seed, num_classes])
        points, labels = plane_points(num_classes, points_of_class, rng)
        fits[num_classes] = points, labels, fit_points(points, labels, steps)
        regions[num_classes] = broken_segments(fits[num_classes][2], rng)
    return fits, regions


def study_two_classes(points_of_class: int, steps: int, seed: int) -> tuple[float, float]:
    """Returns the differences to logistic regression, on points drawn with `seed`."""
    rng = np.random.default_rng([seed, 2])
    points = rng.normal(0, 1, (2 * points_of_class, 2))
    # Classes are drawn at random, so that a finite optimum exists.
    labels = (rng.uniform(size=len(points)) < expit(points @ [2.0, -1.0] + 0.5)).astype(int)
    return differences_to_logistic_regression(points, labels, steps)
