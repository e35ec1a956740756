r"""Races the four optimizers down contours, and counts where momentum beats gradient descent.

    python -m recipes.claims.optimizers_contours --flagfile=configs/optimizers_contours.flags

There are three costs of two parameters, and many random quadratics. Each optimizer uses its best
learning rate from a common grid. The pictures show the race (PNG and GIF) and the count.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from tfcourse import command_line
from tfcourse.command_line import Options
from tfcourse.hyperparameters import Hyperparameters, integer, number
from tfcourse.run_directory import RunDirectory

RACERS = ("gradient_descent", "momentum", "rmsprop", "adam")  # The course's.
PARAMETERS = 10  # Of a random quadratic, and
GAIN = 1e-6  # the share of its first cost that is the goal.
# For quadratics. So fine that the exact positions of the rates do not matter.
QUADRATIC_RATES = np.geomspace(0.02, 100.0, 93)
DECADES = ((1, 10), (10, 100), (100, 1000))  # Of condition numbers.
ALMOST_ALWAYS = 0.9  # The share of cases that the claim means.
TUNED_ON = 10  # Starts for choosing a rate; others are judged.
# Landscapes on which descent oscillates; the saddle is not a ravine.
RAVINES = {"ravine": "straight ravine", "Rosenbrock": "curved valley (Rosenbrock)"}


@dataclasses.dataclass(frozen=True)
class OptimizersContours(Hyperparameters):
    lowest_rate: float = number(1e-4, "Lowest learning rate of the grid.", interval="(0, inf)")
    highest_rate: float = number(100.0, "Highest learning rate.", interval="(0, inf)")
    rates_per_decade: int = integer(20, "Learning rates per power of ten.", interval="[1, inf)")
    target: float = number(1e-3, "Cost to reach on the contours.", interval="(0, inf)")
    max_steps: int = integer(10_000, "Steps after which a race is given up.", interval="[1, inf)")
    starts: int = integer(60, "Random starts that are judged.", interval="[2, inf)")
    quadratics: int = integer(300, "Random quadratics.", interval="[3, inf)")

    def __post_init__(self) -> None:
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


def random_starts(landscape: "tfcourse.landscapes.Landscape", count: int, seed: int) -> np.ndarray:
    """Returns points [count, 2], uniform in the drawn part of the landscape."""
    left, right, bottom, top = landscape.window
    return np.random.default_rng(seed).uniform([left, bottom], [right, top], (count, 2))


def race(
    hp: OptimizersContours, landscape: "tfcourse.landscapes.Landscape", seed: int
) -> dict[str, dict[str, Any]]:
    """Runs each optimizer down a landscape from random starts, with one rate for all starts.

    Returns:
        `{optimizer: {"tuned": rates and steps, "steps": [judged starts]}}`; a race that does not
        arrive counts as `max_steps`.
    """
    starts = random_starts(landscape, TUNED_ON + hp.starts, seed)
    raced = {}
    for name in RACERS:
        optimizer = tfcourse.optimizers.OPTIMIZERS[name]
        steps = tfcourse.landscapes.steps_to_reach(
            optimizer, landscape.cost, starts, hp.target, hp.rates, hp.max_steps
        )
        steps = np.minimum(steps, hp.max_steps)
        tuned = {"rates": hp.rates, "costs": steps[:, :TUNED_ON]}
        best = int(steps[:, :TUNED_ON].mean(axis=1).argmin())
        raced[name] = {"tuned": tuned, "steps": steps[best, TUNED_ON:]}
    return raced


def path(
    hp: OptimizersContours, landscape: "tfcourse.landscapes.Landscape", name: str, rate: float
) -> np.ndarray:
    """Returns the path from the landscape's own start to the target, [steps + 1, 2]."""
    contest = tfcourse.optimizers.OPTIMIZERS[name], landscape.cost, landscape.start
    steps = tfcourse.landscapes.steps_to_reach(*contest, hp.target, [rate], hp.max_steps)
    length = int(min(steps[0], hp.max_steps))
    return tfcourse.landscapes.path(*contest, rate, length)


def random_quadratics(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns eigenvalues and starts of quadratics, float64 [count, PARAMETERS] each.

    The condition number is log-uniform in [1, 1000], and the largest eigenvalue in [1/2, 2], so
    that no rate of the grid fits a curvature exactly by design. The parameters are the coordinates
    along the eigenvectors. This makes no difference to either optimizer, because rotating the axes
    rotates the whole path.
    """
    rng = np.random.default_rng(seed)
    condition = 10 ** rng.uniform(0, 3, (count, 1))
    shares = rng.uniform(0, 1, (count, PARAMETERS))
    shares[:, 0], shares[:, -1] = 0, 1
    start = rng.normal(size=(count, PARAMETERS))
    return 2 ** rng.uniform(-1, 1, (count, 1)) * condition**-shares, start


def descend(hp: OptimizersContours, seed: int) -> dict[str, Any]:
    """Returns condition numbers, and steps and best rates by optimizer, as arrays [quadratics].

    Each quadratic gets its own best rate from the same grid.

    Raises:
        NotFiniteError: one of the optimizers never arrives.
        EdgeError: the best rate of a quadratic is the first or the last one.
    """
    eigenvalues, start = random_quadratics(hp.quadratics, seed)
    cost = tfcourse.landscapes.quadratic(eigenvalues)
    found: dict[str, Any] = {"condition": eigenvalues.max(axis=1) / eigenvalues.min(axis=1)}
    for name in ("gradient_descent", "momentum"):
        every = tfcourse.landscapes.steps_to_reach(
            tfcourse.optimizers.OPTIMIZERS[name], cost, start, GAIN * cost(start),
            QUADRATIC_RATES, hp.max_steps,
        )  # fmt: skip
        best = every.argmin(axis=0)
        if not np.isfinite(every.min(axis=0)).all():
            raise tfcourse.training.NotFiniteError(
                f"{name} needs more than {hp.max_steps} steps with every learning rate; "
                "raise --max_steps or widen the grid"
            )
        if best.min() == 0 or best.max() == len(QUADRATIC_RATES) - 1:
            raise rates.EdgeError(f"{name}: a best rate is at the edge of the grid; widen it")
        found[name] = {"steps": every.min(axis=0), "rate": QUADRATIC_RATES[best]}
    return found


def wins_by_decade(raw: Mapping[str, Any]) -> dict[tuple[int, int], tuple[int, int]]:
    """Returns `{(from, to): (wins of momentum, quadratics)}` by condition number."""
    condition = np.asarray(raw["condition"])
    won = np.less(raw["momentum"]["steps"], raw["gradient_descent"]["steps"])
    inside = {(low, high): (low <= condition) & (condition <= high) for low, high in DECADES}
    return {decade: (int(won[rows].sum()), int(rows.sum())) for decade, rows in inside.items()}


def gain(raw: Mapping[str, Any]) -> float:
    """Returns the median speed-up by momentum on the worst-conditioned quadratics."""
    worst = np.asarray(raw["condition"]) >= DECADES[-1][0]
    steps = (np.asarray(raw[name]["steps"])[worst] for name in ("gradient_descent", "momentum"))
    return float(np.median(np.divide(*steps)))


def quadratics(raw: Mapping[str, Any]) -> tuple[judging.Comparison, ...]:
    """Returns how often momentum needs fewer steps on a quadratic, by condition number."""
    return tuple(
        judging.Comparison(
            f"quadratics, condition number {low} to {high}",
            judging.share(won, total), ALMOST_ALWAYS, form=".0f", scale=100, unit=" %",
            shown={"cases won": f"{won} of {total}"},
        )
        for (low, high), (won, total) in wins_by_decade(raw["quadratics"]).items()
    )  # fmt: skip


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    names = pictures.optimizers.NAMES
    races = raw["races"]
    for raced in races.values():
        for each in raced.values():
            rates.best_rate(each["tuned"])  # Raises at the edge.
    ravine = tuple(
        judging.Comparison(
            condition,
            judging.ratio(
                races[place]["gradient_descent"]["steps"], races[place]["momentum"]["steps"]
            ),
            1.0, form=".2f", unit=" times",
            shown={names[n]: harness.spread(each["steps"], 0) for n, each in races[place].items()},
        )
        for place, condition in RAVINES.items()
    )  # fmt: skip
    wins = wins_by_decade(raw["quadratics"])
    numbers = {
        **raw,
        "gain": gain(raw["quadratics"]),
        "tuned_on": TUNED_ON,
        "num_rates": len(QUADRATIC_RATES),
        "decades": list(wins.items()),
    }
    return numbers, {
        "momentum": judging.Claim("cases that momentum wins", quadratics(raw), precision=0.12),
        "ravine": judging.Claim("steps of gradient descent / of momentum", ravine, precision=10),
    }


def main(hp: OptimizersContours, options: Options, run: RunDirectory) -> dict[str, Any]:
    landscapes = tfcourse.landscapes.LANDSCAPES
    races = {name: race(hp, place, options.seed) for name, place in landscapes.items()}
    counted = descend(hp, options.seed)
    paths = {
        place: {
            name: path(hp, landscapes[place], name, rates.best_rate(each["tuned"]))
            for name, each in raced.items()
        }
        for place, raced in races.items()
    }
    contours = pictures.contours
    contours.draw_race(landscapes, paths, run.path / "optimizers_contours.png")
    contours.animate_race(landscapes, paths, run.path / "optimizers_contours.gif")
    steps = {name: counted[name]["steps"] for name in ("gradient_descent", "momentum")}
    contours.draw_count(counted["condition"], steps, run.path / "optimizers_contours_count.png")
    metrics: dict[str, float] = {}
    for place, raced in races.items():
        for name, each in raced.items():
            metrics[f"{place.lower()}_{name}_steps"] = float(each["steps"].mean())
            metrics[f"{place.lower()}_{name}_rate"] = rates.best_rate(each["tuned"])
    for (low, high), (won, n) in wins_by_decade(counted).items():
        metrics[f"momentum_wins_{low}_to_{high}"] = won / max(n, 1)
    metrics["momentum_gain"] = gain(counted)
    raw = {"hp": dataclasses.asdict(hp), "races": races, "quadratics": counted}
    return harness.report("optimizers_contours", metrics, raw, judge)


if __name__ == "__main__":
    command_line.run(
        main,
        OptimizersContours,
        smoke={"quadratics": 6, "rates_per_decade": 2, "max_steps": 4000, "starts": 2},
    )
