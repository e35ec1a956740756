r"""Fits a line or a polynomial to the fifteen points of the course's PyTorch example.

    python -m recipes.linear_regression --flagfile=configs/linear_regression.flags

It prints the coefficients after several steps of gradient descent, and draws the curve together
with the least-squares one. With --degree=3 and the like, x is scaled to [-1, 1] before its powers
are taken. --beside=pytorch also runs the tutorial's own program and compares each step. With
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
from tfcourse.hyperparameters import Hyperparameters, batch_size, choice, integer, number
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
    degree: int = integer(1, "Degree of the polynomial; 1 is a line.", interval="[1, 12]")
    beside: str = choice(
        "none",
        ("none", "pytorch"),
        "Program to run for comparison; its steps take all points.",
        active_when=("batch_size", ("full",)),
    )

    @property
    def names(self) -> list[str]:
        """Returns the names of the coefficients, in the order of theta."""
        return ["b", "w"] if self.degree == 1 else ["b", *(f"w{k + 1}" for k in range(self.degree))]


def features(x: Array, degree: int) -> Array:
    """Returns the powers of x, [len(x), degree].

    Above degree 1, x is first scaled to [-1, 1]: the powers of x itself differ so much in size that
    a rate small enough for the highest power would be far too slow for the others.
    """
    if degree > 1:
        known = tfcourse.gradient_tape.FIFTEEN_POINTS[:, 0]
        x = (2 * x - known.min() - known.max()) / np.ptp(known)
    return x[:, np.newaxis] ** np.arange(1, degree + 1)


def fit(hyperparameters: LinearRegression, seed: int) -> Array:
    """Returns b and the weights before and after each step, float64 [steps + 1, 1 + degree]."""
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    size = tfcourse.batching.resolve_batch_size(hyperparameters.batch_size, len(x))
    if hyperparameters.batch_size not in (size, "full"):
        print(f"--batch_size={hyperparameters.batch_size} is too many: all {size} are taken")
    path = tfcourse.gradient_tape.linear_regression(
        features(x, hyperparameters.degree),
        y,
        # The slide leaves out the 2 that the square brings into the derivative.
        learning_rate=2 * hyperparameters.learning_rate,
        batch_size=size,
        epochs=hyperparameters.epochs,
        seed=seed if size < len(x) else None,
    )
    with np.errstate(all="ignore"):
        finite = np.isfinite(mean_squared_error(path))
    if not finite.all():
        raise tfcourse.training.NotFiniteError(
            f"the error is not finite after step {np.argmin(finite)}; --learning_rate is too large"
        )
    return path


def fit_beside(hyperparameters: LinearRegression) -> Array | None:
    """Returns the result of the program `beside`, in the form of `fit`, or `None`."""
    if hyperparameters.beside == "none":
        return None
    try:
        from recipes.tutorials import pytorch
    except ImportError:
        print("PyTorch is not installed, so --beside=pytorch adds nothing; pip install torch")
        return None
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    return pytorch.linear_regression(
        features(x, hyperparameters.degree),
        y,
        learning_rate=hyperparameters.learning_rate,
        num_epochs=hyperparameters.epochs,
    )


def mean_squared_error(theta: Array) -> Array | np.floating:
    """Returns the mean squared error of the curves `theta`, [..., 1 + degree], on the points."""
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    powers = features(x, theta.shape[-1] - 1)
    return np.mean((theta[..., :1] + theta[..., 1:] @ powers.T - y) ** 2, axis=-1)


def print_table(path: Array, best: Array, names: list[str], theirs: Array | None = None) -> None:
    """Prints a row of weights per step, with the row of PyTorch's path `theirs` below."""
    print(f"{'step':>14}" + "".join(f"{name:>16}" for name in [*names[1:], names[0], "MSE"]))
    last = len(path) - 1
    rows = []
    for step in [*(s for s in SHOWN_STEPS if s < last), last]:
        rows.append((str(step), path[step]))
        if theirs is not None:
            rows.append(("PyTorch", theirs[step]))
    for name, theta in [*rows, ("least squares", best)]:
        values = [*theta[1:], theta[0], mean_squared_error(theta)]
        print(f"{name:>14}" + "".join(f" {value:15.10f}" for value in values))
    if theirs is not None:
        difference = np.abs(path - theirs).max()
        print(f"ours and PyTorch's: they differ by at most {difference:.1g}, over {last} steps")


def draw(
    path: Array, best: Array, file: os.PathLike[str] | str, theirs: Array | None = None
) -> None:
    """Writes a PNG: the points with both curves, and the mean squared error by step."""
    style = tfcourse.reports.style
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    ends = np.linspace(0.0, 12.0, 100) if len(best) == 2 else np.linspace(x.min(), x.max(), 100)
    powers = features(ends, len(best) - 1)
    with style.picture(file, columns=2) as axes:
        lines, errors = axes[0]
        lines.plot(x, y, "o", color="0.4")
        for name, theta, look in (
            ("gradient descent", path[-1], "-"),
            ("least squares", best, "--"),
        ):
            lines.plot(ends, theta[0] + powers @ theta[1:], look, label=name)
        curve = "line" if len(best) == 2 else "polynomial"
        lines.set(title=f"the {curve} after {len(path) - 1} steps", xlabel="x", ylabel="y")
        errors.semilogy(mean_squared_error(path), label="gradient descent")
        errors.axhline(
            mean_squared_error(best), ls="--", color=style.COLOURS[1], label="least squares"
        )
        if theirs is not None:
            rings: dict[str, Any] = {"mfc": "none", "color": style.COLOURS[2], "label": "PyTorch"}
            some = slice(None, None, max(1, len(ends) // 20))
            lines.plot(ends[some], (theirs[-1, 0] + powers @ theirs[-1, 1:])[some], "o", **rings)
            errors.plot(mean_squared_error(theirs), "o", markevery=max(1, len(path) // 20), **rings)
        errors.set(title="mean squared error", xlabel="step")
        ticks = [0.2, 0.5, 1, 2, 5]
        errors.set_yticks(ticks, labels=map(str, ticks))
        errors.minorticks_off()
        lines.legend()
        errors.legend()


def main(
    hyperparameters: LinearRegression, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    path, theirs = fit(hyperparameters, options.seed), fit_beside(hyperparameters)
    x, y = tfcourse.gradient_tape.FIFTEEN_POINTS.T
    best = tfcourse.gradient_tape.least_squares(features(x, hyperparameters.degree), y)
    names = hyperparameters.names
    print_table(path, best, names, theirs)
    draw(path, best, run.path / "curves.png", theirs)
    differs = {} if theirs is None else {"differs_from_pytorch": np.abs(path - theirs).max()}
    return {
        **dict(zip(names, path[-1], strict=True)),
        "mse": mean_squared_error(path[-1]),
        **{f"least_squares_{name}": value for name, value in zip(names, best, strict=True)},
        "least_squares_mse": mean_squared_error(best),
        **differs,
        "steps": len(path) - 1,
        "train_examples": len(x),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(main, LinearRegression, smoke={"epochs": 2})
