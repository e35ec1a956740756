r"""Minimizes c0 w^2 + c1 w + c2 by gradient descent, the course's first TensorFlow program.

    python -m recipes.quadratic --flagfile=configs/quadratic.flags

It prints w after several steps, in float32, in float64 and in closed form, and draws the path.
--beside=tensorflow_1 also runs the slide's own program, in a TensorFlow 1 session.
Nothing is random: --seed has no effect. configs/quadratic*.flags list the results.
"""

import dataclasses
import importlib
import os
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import tfcourse
from recipes.linear_regression import SHOWN_STEPS
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, choice, integer, number
from tfcourse.run_directory import RunDirectory

Array = npt.NDArray[np.floating]

PRECISIONS: tuple[Literal["float32", "float64"], ...] = ("float32", "float64")
# Programs of others that take the same steps: a name, and what its column is called.
BESIDE = {"tensorflow_1": "TensorFlow 1"}


@dataclasses.dataclass(frozen=True)
class Quadratic(Hyperparameters):
    c0: float = number(1.0, "Coefficient of w^2.", interval="(0, inf)")
    c1: float = number(-10.0, "Coefficient of w.", interval="(-inf, inf)")
    c2: float = number(25.0, "Constant.", interval="(-inf, inf)")
    initial_w: float = number(0.0, "w before the first step.", interval="(-inf, inf)")
    learning_rate: float = number(
        0.01, "Step size; must be below 1 / c0 to converge.", interval="(0, inf)"
    )
    steps: int = integer(1000, "Steps of gradient descent.", interval="[1, inf)")
    beside: str = choice("none", ("none", *BESIDE), "Program to run for comparison.")

    def cost(self, w: Any) -> Any:
        return self.c0 * w**2 + self.c1 * w + self.c2

    @property
    def minimum(self) -> float:
        return -self.c1 / (2 * self.c0) + 0.0  # 0, not -0, where c1 is 0.


def descend(hyperparameters: Quadratic) -> dict[str, Array]:
    """Returns `{name: w by step}`, arrays [steps + 1]."""
    hp = hyperparameters
    coefficients = (hp.c0, hp.c1, hp.c2)
    given = {"learning_rate": hp.learning_rate, "initial_w": hp.initial_w}
    paths: dict[str, Array] = {}
    for dtype in PRECISIONS:
        paths[dtype] = tfcourse.gradient_tape.minimize_quadratic(
            coefficients, steps=hp.steps, dtype=dtype, **given
        )
    if hp.beside != "none":
        theirs = importlib.import_module(f"recipes.tutorials.{hp.beside}")
        paths[BESIDE[hp.beside]] = theirs.minimize_quadratic(coefficients, steps=hp.steps, **given)
    for name, path in paths.items():
        if not np.isfinite(path).all():
            raise tfcourse.training.NotFiniteError(
                f"w in {name} is not finite after step {np.argmin(np.isfinite(path))}; "
                f"--learning_rate must be below 1 / c0 = {1 / hp.c0:g}"
            )
        paths[name] = path.astype("float64")
    paths["closed form"] = np.asarray(
        tfcourse.gradient_tape.quadratic_closed_form(coefficients, np.arange(hp.steps + 1), **given)
    )
    return paths


def print_table(hyperparameters: Quadratic, paths: dict[str, Array]) -> None:
    print(f"{'step':>8}" + "".join(f"{name:>18}" for name in ["w " + n for n in paths] + ["cost"]))
    last = hyperparameters.steps
    for step in [*(step for step in SHOWN_STEPS if step < last), last]:
        numbers = [path[step] for path in paths.values()]
        numbers.append(hyperparameters.cost(paths["float64"][step]))
        print(f"{step:8}" + "".join(f" {value:17.10f}" for value in numbers))
    if hyperparameters.beside != "none":
        theirs = BESIDE[hyperparameters.beside]
        difference = np.abs(paths[theirs] - paths["float32"]).max()
        print(f"float32 and {theirs}: w differs by at most {difference:.1g}, over {last} steps")


def draw(hyperparameters: Quadratic, paths: dict[str, Array], file: os.PathLike[str] | str) -> None:
    """Writes a PNG: the steps on the parabola, and how far from its minimum each step is."""
    style = tfcourse.reports.style
    hp, w = hyperparameters, paths["float64"]
    with style.picture(file, columns=2) as axes:
        valley, distance = axes[0]
        reach = 1.3 * max(np.abs(w - hp.minimum).max(), 1e-3)
        grid = np.linspace(hp.minimum - reach, hp.minimum + reach, 200)
        valley.plot(grid, hp.cost(grid), color="0.6")
        valley.plot(w, hp.cost(w), ".-", linewidth=0.8)
        c1, c2 = (f"{'-' if c < 0 else '+'} {abs(c):g}" for c in (hp.c1, hp.c2))
        c0 = "" if hp.c0 == 1 else f"{hp.c0:g} "
        valley.set(title=f"{c0}w² {c1} w {c2}", xlabel="w", ylabel="cost")
        looks: dict[str, dict[str, Any]] = {
            "float32": {},
            "float64": {"linewidth": 4},
            "closed form": {"ls": ":", "color": "k"},
            "TensorFlow 1": {"ls": (0, (1, 2)), "linewidth": 5, "zorder": 1},
        }
        for name, path in paths.items():
            # A distance of 0 has no place on a logarithmic axis.
            away = np.maximum(np.abs(path - hp.minimum), 1e-17)
            distance.semilogy(away, label=name, **looks[name])
        distance.set(title=f"distance to the minimum at w = {hp.minimum:g}", xlabel="step")
        distance.legend()


def main(
    hyperparameters: Quadratic, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    paths = descend(hyperparameters)
    print_table(hyperparameters, paths)
    draw(hyperparameters, paths, run.path / "curves.png")
    theirs = {name: paths[label][-1] for name, label in BESIDE.items() if label in paths}
    return {
        "w": paths["float64"][-1],
        "w_float32": paths["float32"][-1],
        "w_closed_form": paths["closed form"][-1],
        **{f"w_{name}": w for name, w in theirs.items()},
        "cost": hyperparameters.cost(paths["float64"][-1]),
        "minimum": hyperparameters.minimum,
        "minimum_cost": hyperparameters.cost(hyperparameters.minimum),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(main, Quadratic, smoke={"steps": 20})
