"""How gradient descent bends a boundary, step by step."""

from typing import Any

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse.reports import style

Array = npt.NDArray[np.floating]
UNITS = 16
LEARNING_RATE = 1.0
TEXT = """
The data are {points:.0f} points of two half-moons. A network with one hidden layer of {units:.0f}
ReLU units is trained by full-batch gradient descent at the rate {learning_rate:g}. After
{steps_early:.0f} steps, {accuracy_early:.1f} % of the points lie on the right side of its boundary,
after {steps_middle:.0f} steps {accuracy_middle:.1f} %, after {steps_late:.0f} steps
{accuracy_late:.1f} %: its boundary can bend. That of softmax regression is a straight line:
{accuracy_straight:.1f} %.
"""


def half_moons(points: int, seed: int, noise: float = 0.15) -> tuple[Array, npt.NDArray[np.intp]]:
    """Returns `points` of two interleaved half circles, and the half that each belongs to."""
    rng = np.random.default_rng(seed)
    labels = np.arange(points) % 2
    angle = rng.uniform(0, np.pi, points)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.where(labels[:, np.newaxis], lower, upper) + rng.normal(0, noise, (points, 2)), labels


def descend(
    x: Array, labels: npt.NDArray[np.intp], hidden: list[int], stops: list[int], seed: int
) -> dict[int, list[dict[str, Array]]]:
    """Returns `{step: layers}` at the `stops` of full-batch gradient descent."""
    layers = tfcourse.from_scratch.initialize((2, *hidden, 2), seed=seed)
    one_hot = np.eye(2)[labels]
    found = {0: layers} if 0 in stops else {}
    for step in range(1, max(stops) + 1):
        _, layers = tfcourse.from_scratch.train_step(
            layers, x, one_hot, learning_rate=LEARNING_RATE
        )
        if step in stops:
            found[step] = layers
    return found


def percent_right(layers: list[dict[str, Array]], x: Array, labels: npt.NDArray[np.intp]) -> float:
    """Returns the percentage of points on their side of the boundary."""
    return float(100 * np.mean(tfcourse.from_scratch.predict(layers, x) == labels))


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Trains the network, and draws its boundary after four numbers of steps."""
    stops = [0, 1, 2, 3] if quick else [0, 20, 200, 2000]
    x, labels = half_moons(200, seed)
    found = descend(x, labels, [UNITS], stops, seed)
    straight = descend(x, labels, [], stops[-1:], seed)[stops[-1]]
    right = [percent_right(found[step], x, labels) for step in stops]
    _draw(path, found, x, labels, right)
    names = ("early", "middle", "late")
    return {
        **{f"accuracy_{name}": value for name, value in zip(names, right[1:], strict=True)},
        **{f"steps_{name}": step for name, step in zip(names, stops[1:], strict=True)},
        "accuracy_straight": percent_right(straight, x, labels),
        "units": UNITS, "points": len(x), "learning_rate": LEARNING_RATE,
    }  # fmt: skip


def _draw(
    path: style.File,
    found: dict[int, list[dict[str, Array]]],
    x: Array,
    labels: npt.NDArray[np.intp],
    right: list[float],
) -> None:
    line = np.linspace(-1.6, 2.6, 200)
    plane = np.stack(np.meshgrid(line, line - 0.3), axis=-1).reshape(-1, 2)
    with style.picture(path, columns=len(found), width=2.7, height=3.0) as axes:
        for ax, (step, layers), percent in zip(axes[0], found.items(), right, strict=True):
            logits, _ = tfcourse.from_scratch.forward(layers, plane)
            share = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
            shown = ax.contourf(
                line, line - 0.3, share.reshape(200, 200), np.linspace(0, 1, 11),
                cmap="RdBu", alpha=0.5,
            )  # fmt: skip
            ax.contour(line, line - 0.3, share.reshape(200, 200), [0.5], colors="black")
            for label, colour, marker in ((0, style.COLOURS[1], "o"), (1, style.COLOURS[0], "s")):
                ax.plot(*x[labels == label].T, marker, color=colour, markersize=2.5)
            ax.set(title=f"step {step:,}: {percent:.1f} % right", aspect="equal")
            ax.grid(visible=False)
        bar = axes[0, 0].figure.colorbar(shown, ax=axes, shrink=0.8, ticks=[0, 0.5, 1])
        bar.set_label("probability of blue")
