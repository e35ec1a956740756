r"""Lets the four optimizers race down contours, and counts where momentum beats gradient descent.

    python -m recipes.claims.optimizers_contours --flagfile=configs/optimizers_contours.flags

Three costs of two parameters, then many random quadratics; everyone's learning rate is the best
of one grid for all. The pictures: the race (PNG and GIF) and the count.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

import tfcourse
from recipes.claims import harness, pictures
from tfcourse import command_line
from tfcourse.choices import OPTIMIZERS
from tfcourse.command_line import Options
from tfcourse.hyperparameters import Hyperparameters, integer, number
from tfcourse.run_directory import RunDirectory

PARAMETERS = 10  # Of a random quadratic, and
GAIN = 1e-6  # the share of its first cost that is the goal.
DECADES = ((1, 10), (10, 100), (100, 1000))  # Of condition numbers.


@dataclasses.dataclass(frozen=True)
class OptimizersContours(Hyperparameters):
    lowest_rate: float = number(1e-4, "Lowest learning rate of the grid.", interval="(0, inf)")
    highest_rate: float = number(100.0, "Highest learning rate.", interval="(0, inf)")
    rates_per_decade: int = integer(10, "Learning rates a power of ten.", interval="[1, inf)")
    target: float = number(1e-3, "Cost to reach on the contours.", interval="(0, inf)")
    max_steps: int = integer(10_000, "Steps until a race is given up.", interval="[1, inf)")
    quadratics: int = integer(300, "Random quadratics.", interval="[3, inf)")

    def __post_init__(self):
        super().__post_init__()
        if self.lowest_rate >= self.highest_rate:
            raise ValueError(
                "`lowest_rate` must be less than `highest_rate`. Received: "
                f"lowest_rate={self.lowest_rate}, highest_rate={self.highest_rate}"
            )

    @property
    def rates(self) -> np.ndarray:
        decades = np.log10(self.highest_rate / self.lowest_rate)
        count = round(decades * self.rates_per_decade) + 1
        return np.geomspace(self.lowest_rate, self.highest_rate, count)


class Finish(NamedTuple):
    """How an optimizer came down a landscape at its best rate; `steps` may be infinite."""

    learning_rate: float
    steps: float
    path: np.ndarray


def race(hp: OptimizersContours, landscape: "tfcourse.landscapes.Landscape") -> dict[str, Finish]:
    """Lets each optimizer run down a landscape."""
    finished = {}
    for name in OPTIMIZERS:
        contest = tfcourse.optimizers.OPTIMIZERS[name], landscape.cost, landscape.start
        steps = tfcourse.landscapes.steps_to_reach(*contest, hp.target, hp.rates, hp.max_steps)
        best = int(steps.argmin())
        length = int(min(steps[best], hp.max_steps))
        path = tfcourse.landscapes.path(*contest, hp.rates[best], length)
        finished[name] = Finish(hp.rates[best], steps[best], path)
    return finished


def random_quadratics(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns eigenvalues and starts of quadratics, float64 [count, PARAMETERS] each.

    The condition number is log-uniform in [1, 1000], the largest eigenvalue 1. The parameters are
    the coordinates along the eigenvectors, which changes nothing for either optimizer: turning
    the axes turns the whole path.
    """
    rng = np.random.default_rng(seed)
    condition = 10 ** rng.uniform(0, 3, (count, 1))
    shares = rng.uniform(0, 1, (count, PARAMETERS))
    shares[:, 0], shares[:, -1] = 0, 1
    return condition**-shares, rng.normal(size=(count, PARAMETERS))


def count_wins(hp: OptimizersContours, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns `(condition numbers, {optimizer: steps})`, arrays [quadratics] each.

    Raises:
        NotFiniteError: one of the two never arrives.
    """
    eigenvalues, start = random_quadratics(hp.quadratics, seed)
    cost = tfcourse.landscapes.quadratic(eigenvalues)
    steps = {}
    for name in ("gradient_descent", "momentum"):
        optimizer = tfcourse.optimizers.OPTIMIZERS[name]
        target = GAIN * cost(start)
        every = tfcourse.landscapes.steps_to_reach(
            optimizer, cost, start, target, hp.rates, hp.max_steps
        )
        steps[name] = every.min(axis=0)
        if not np.isfinite(steps[name]).all():
            raise tfcourse.training.NotFiniteError(
                f"{name} needs more than {hp.max_steps} steps with every learning rate; "
                "raise --max_steps or widen the grid"
            )
    return eigenvalues.max(axis=1) / eigenvalues.min(axis=1), steps


def wins_by_decade(
    condition: np.ndarray, steps: Mapping[str, np.ndarray]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Returns `{(from, to): (wins of momentum, quadratics)}` by condition number."""
    won = steps["momentum"] < steps["gradient_descent"]
    inside = {(low, high): (low <= condition) & (condition <= high) for low, high in DECADES}
    return {decade: (int(won[rows].sum()), int(rows.sum())) for decade, rows in inside.items()}


def findings(
    races: Mapping[str, Mapping[str, Finish]],
    condition: np.ndarray,
    steps: Mapping[str, np.ndarray],
    hp: OptimizersContours,
) -> harness.Findings:
    wins = wins_by_decade(condition, steps)
    won, total = (int(count) for count in np.sum(list(wins.values()), axis=0))
    interval = stats.binomtest(won, total).proportion_ci(method="wilson")
    names = pictures.optimizers.NAMES
    numbers = {
        "hp": dataclasses.asdict(hp),
        "num_rates": len(hp.rates),
        "races": {
            place: {names[n]: {"rate": r.learning_rate, "steps": r.steps} for n, r in rs.items()}
            for place, rs in races.items()
        },
        "arms": steps,
        "condition": condition,
        "won": won,
        "total": total,
        "interval": [interval.low, interval.high],
        "decades": [
            {"low": low, "high": high, "won": k, "total": n} for (low, high), (k, n) in wins.items()
        ],
        "gain": gain(condition, steps),
    }
    needed = {place: {name: r.steps for name, r in rs.items()} for place, rs in races.items()}
    return numbers, {
        "momentum": [k >= 0.95 * n for k, n in wins.values()],
        "ravine": [needed["ravine"]["momentum"] < needed["ravine"]["gradient_descent"]],
        "adam": [min(steps, key=lambda name: steps[name]) == "adam" for steps in needed.values()],
    }


def gain(condition: np.ndarray, steps: Mapping[str, np.ndarray]) -> float:
    """Returns how many times as fast momentum is on the worst conditioned, a median."""
    worst = condition >= DECADES[-1][0]
    return float(np.median(steps["gradient_descent"][worst] / steps["momentum"][worst]))


def main(hp: OptimizersContours, options: Options, run: RunDirectory) -> dict[str, Any]:
    landscapes = tfcourse.landscapes.LANDSCAPES
    races = {name: race(hp, landscape) for name, landscape in landscapes.items()}
    condition, steps = count_wins(hp, options.seed)
    paths = {place: {n: r.path for n, r in results.items()} for place, results in races.items()}
    contours = pictures.contours
    contours.draw_race(landscapes, paths, run.path / "optimizers_contours.png")
    contours.animate_race(landscapes, paths, run.path / "optimizers_contours.gif")
    contours.draw_count(condition, steps, run.path / "optimizers_contours_count.png")
    metrics: dict[str, float] = {}
    for place, results in races.items():
        for name, (rate, needed, _) in results.items():
            print(f"{place:>12}  {name:>18}  rate {rate:8.4g}  steps {needed:g}")
            metrics[f"{place.lower()}_{name}_steps"] = float(min(needed, hp.max_steps + 1))
            metrics[f"{place.lower()}_{name}_rate"] = float(rate)
    for (low, high), (won, n) in wins_by_decade(condition, steps).items():
        print(f"condition {low} to {high}: momentum first in {won} of {n}")
        metrics[f"momentum_wins_{low}_to_{high}"] = won / max(n, 1)
    metrics["momentum_gain"] = gain(condition, steps)
    return harness.results("optimizers_contours", metrics, findings(races, condition, steps, hp))


if __name__ == "__main__":
    command_line.run(
        main, OptimizersContours, smoke={"quadratics": 6, "rates_per_decade": 2, "max_steps": 4000}
    )
