r"""Fits a line to the fifteen points of the course's PyTorch example, by gradient descent.

    python -m recipes.linear_regression --flagfile=configs/linear_regression.flags

It prints the line after several steps, and draws it together with the least-squares line. With
--batch_size below 15, --seed shuffles the points in every epoch; otherwise nothing is random.
configs/linear_regression*.flags list the results.
"""

import dataclasses
import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, number
from tfcourse.run_directory import RunDirectory

Array = npt.NDArray[np.floating]

SHOWN_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclasses.dataclass(frozen=True)
class LinearRegression(Hyperparameters):
    learning_rate: float = number(
        0.001, "Step size on the mean squared error.", interval="(0, inf)"
    )
    batch_size: int | Literal["full"] = batch_size("full", "Points per step; 1 is stochastic.")
    epochs: int = integer(60, "Passes over the points.", interval="[1, inf)")


def fit(hyperparameters: LinearRegression, seed: int) -> Array:
    """Returns b and w before the first and after each step, float64 [steps + 1, 2]."""
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    size = tfcourse.batching.resolve_batch_size(hyperparameters.batch_size, len(x))
    if hyperparameters.batch_size not in (size, "full"):
        print(f"--batch_size={hyperparameters.batch_size} is more than there are: {size} are taken")
    path = tfcourse.gradient_tape.linear_regression(
        x[:, np.newaxis],
        y,
        # The slide leaves out the 2 that the square brings into the derivative.
        learning_rate=2 * hyperparameters.learning_rate,
        batch_size=size,
        epochs=hyperparameters.epochs,
        seed=seed if size < len(x) else None,
    )
    if not np.isfinite(path).all():
        step = np.argmin(np.isfinite(path).all(axis=1))
        raise tfcourse.training.NotFiniteError(
            f"w is not finite after step {step}; --learning_rate is too large"
        )
    return path


def mean_squared_error(theta: Array) -> Array | np.floating:
    """Returns the mean squared error of the lines `theta`, [..., 2], on the fifteen points."""
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    predictions = theta[..., :1] + theta[..., 1:] * x
    return np.mean((predictions - y) ** 2, axis=-1)


def print_table(path: Array, best: Array) -> None:
    print(f"{'step':>14}{'w':>16}{'b':>16}{'MSE':>16}")
    last = len(path) - 1
    rows = [(str(step), path[step]) for step in [*(s for s in SHOWN_STEPS if s < last), last]]
    for name, (b, w) in [*rows, ("least squares", best)]:
        error = mean_squared_error(np.array([b, w]))
        print(f"{name:>14}{w:16.10f}{b:16.10f}{error:16.10f}")


def draw(path: Array, best: Array, file: os.PathLike[str] | str) -> None:
    """Writes a PNG: the points with both lines, and the mean squared error by step."""
    style = tfcourse.reports.style
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    with style.picture(file, columns=2) as axes:
        lines, errors = axes[0]
        ends = np.array([0.0, 12.0])
        lines.plot(x, y, "o", color="0.4")
        for name, (b, w), look in (
            ("gradient descent", path[-1], "-"),
            ("least squares", best, "--"),
        ):
            lines.plot(ends, b + w * ends, look, label=name)
        lines.set(title=f"the line after {len(path) - 1} steps", xlabel="x", ylabel="y")
        lines.legend()
        errors.semilogy(mean_squared_error(path), label="gradient descent")
        errors.axhline(
            mean_squared_error(best), ls="--", color=style.COLOURS[1], label="least squares"
        )
        errors.set(title="mean squared error", xlabel="step")
        ticks = [0.2, 0.5, 1, 2, 5]
        errors.set_yticks(ticks, labels=map(str, ticks))
        errors.minorticks_off()
        errors.legend()


def main(
    hyperparameters: LinearRegression, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    path = fit(hyperparameters, options.seed)
    points = tfcourse.gradient_tape.FIFTEEN_POINTS
    best = tfcourse.gradient_tape.least_squares(points[:, :1], points[:, 1])
    print_table(path, best)
    draw(path, best, run.path / "curves.png")
    return {
        "w": path[-1, 1],
        "b": path[-1, 0],
        "mse": mean_squared_error(path[-1]),
        "least_squares_w": best[1],
        "least_squares_b": best[0],
        "least_squares_mse": mean_squared_error(best),
        "steps": len(path) - 1,
        "train_examples": len(points),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(main, LinearRegression, smoke={"epochs": 2})
