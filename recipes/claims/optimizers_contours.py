r"""Lets the four optimizers race down contours, and counts where momentum beats gradient descent.

    python -m recipes.claims.optimizers_contours --flagfile=configs/optimizers_contours.flags

Three costs of two parameters, then many random quadratics; everyone's learning rate is the best
of one grid for all. The pictures: the race (PNG and GIF) and the count.
"""

import dataclasses

import numpy as np
from scipy import stats

import tfcourse
from recipes.claims import pictures, verdicts
from tfcourse import command_line
from tfcourse.choices import OPTIMIZERS
from tfcourse.hyperparameters import Hyperparameters, integer, number

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
    def rates(self):
        decades = np.log10(self.highest_rate / self.lowest_rate)
        count = round(decades * self.rates_per_decade) + 1
        return np.geomspace(self.lowest_rate, self.highest_rate, count)


def race(hyperparameters, landscape):
    """Returns `{optimizer: (learning rate, steps to the target, path)}` on a landscape."""
    hp = hyperparameters
    finished = {}
    for name in OPTIMIZERS:
        contest = tfcourse.optimizers.OPTIMIZERS[name], landscape.cost, landscape.start
        steps = tfcourse.landscapes.steps_to_reach(*contest, hp.target, hp.rates, hp.max_steps)
        best = int(steps.argmin())
        length = int(min(steps[best], hp.max_steps))
        path = tfcourse.landscapes.path(*contest, hp.rates[best], length)
        finished[name] = hp.rates[best], steps[best], path
    return finished


def random_quadratics(count, seed):
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


def count_wins(hyperparameters, seed):
    """Returns `(condition numbers, {optimizer: steps})`, arrays [quadratics] each.

    Raises:
        NotFiniteError: one of the two never arrives.
    """
    hp = hyperparameters
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


def wins_by_decade(condition, steps):
    """Returns `{(from, to): (wins of momentum, quadratics)}` by condition number."""
    won = steps["momentum"] < steps["gradient_descent"]
    inside = {(low, high): (low <= condition) & (condition <= high) for low, high in DECADES}
    return {decade: (int(won[rows].sum()), int(rows.sum())) for decade, rows in inside.items()}


def evidence(races, condition, steps, hyperparameters):
    """Returns the rows of docs/evidence.md."""

    wins = wins_by_decade(condition, steps)
    won, total = np.sum(list(wins.values()), axis=0)
    interval = stats.binomtest(int(won), int(total)).proportion_ci(method="wilson")
    decades = ", ".join(f"{k} of {n} from {low} to {high}" for (low, high), (k, n) in wins.items())
    grid = f"each with the best of the same {len(hyperparameters.rates)} rates"
    ravine = {name: result[1] for name, result in races["ravine"].items()}
    lists = "; ".join(f"{place}: {_listed(results)}" for place, results in races.items())
    firsts = [min(results, key=lambda name: results[name][1]) for results in races.values()]
    return [
        verdicts.claim(
            2,
            "Momentum almost always beats plain gradient descent.",
            f"On random quadratics, {grid}, momentum (beta 0.9) needs fewer steps in {won} of "
            f"{total} ({100 * won / total:.0f} %, 95 % interval {100 * interval.low:.0f} to "
            f"{100 * interval.high:.0f} %). By condition number: {decades}. In the last of "
            f"these it is {gain(condition, steps):.1f} times as fast (median).",
            verdicts.verdict_of(*(k >= 0.95 * n for k, n in wins.values())),
            "optimizers_contours_count.png",
        ),
        verdicts.claim(
            2,
            "In a ravine, where gradient descent swings to and fro, momentum needs fewer steps.",
            f"Steps to cost {hyperparameters.target:g}, {grid}: {_listed(races['ravine'])}.",
            verdicts.verdict_of(ravine["momentum"] < ravine["gradient_descent"]),
            "optimizers_contours.png",
        ),
        verdicts.claim(
            3,
            "Adam, momentum and RMSProp together, is ahead of the other three.",
            f"Steps to cost {hyperparameters.target:g}, {grid}: {lists}.",
            verdicts.verdict_of(*(first == "adam" for first in firsts)),
            "optimizers_contours.gif",
        ),
    ]


def _listed(results):
    names = pictures.optimizers.NAMES
    return ", ".join(f"{names[name]} {n:,.0f}" for name, (_, n, _) in results.items())


def gain(condition, steps):
    """Returns how many times as fast momentum is on the worst conditioned, a median."""
    worst = condition >= DECADES[-1][0]
    return float(np.median(steps["gradient_descent"][worst] / steps["momentum"][worst]))


def main(hyperparameters, options, run):
    hp = hyperparameters
    landscapes = tfcourse.landscapes.LANDSCAPES
    races = {name: race(hp, landscape) for name, landscape in landscapes.items()}
    condition, steps = count_wins(hp, options.seed)
    paths = {place: {name: r[2] for name, r in result.items()} for place, result in races.items()}
    contours = pictures.contours
    contours.draw_race(landscapes, paths, run.path / "optimizers_contours.png")
    contours.animate_race(landscapes, paths, run.path / "optimizers_contours.gif")
    contours.draw_count(condition, steps, run.path / "optimizers_contours_count.png")
    metrics = {}
    for place, results in races.items():
        for name, (rate, needed, _) in results.items():
            print(f"{place:>12}  {name:>18}  rate {rate:8.4g}  steps {needed:g}")
            metrics[f"{place.lower()}_{name}_steps"] = float(min(needed, hp.max_steps + 1))
            metrics[f"{place.lower()}_{name}_rate"] = float(rate)
    for (low, high), (won, n) in wins_by_decade(condition, steps).items():
        print(f"condition {low} to {high}: momentum first in {won} of {n}")
        metrics[f"momentum_wins_{low}_to_{high}"] = won / max(n, 1)
    return {
        **metrics,
        "momentum_gain": gain(condition, steps),
        "evidence": evidence(races, condition, steps, hp),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        OptimizersContours,
        smoke={"quadratics": 6, "rates_per_decade": 2, "max_steps": 4000},
    )
