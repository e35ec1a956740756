"""Tunes the learning rate of each arm of a comparison, in the same way for every arm.

Each arm chooses among the same number of rates, evenly spaced on a logarithmic scale, by the same
criterion by which it is judged, but with other seeds. If the best rate is at an edge of the range,
the range is moved until the best rate has worse rates on both sides.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_MOVES = 12


class EdgeError(ValueError):
    """The best rate is at the edge of the range, so a rate beyond it may be better."""


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The rates that an arm chose among, and the cost of each.

    Attributes:
        rates: in increasing order.
        costs: one list per rate, with one number per seed; lower is better.
    """

    rates: list[float]
    costs: list[list[float]]

    @property
    def rate(self) -> float:
        return best_rate(dataclasses.asdict(self))


def tune(
    costs: Callable[[float], Sequence[float]], start: float, *, per_decade: int, count: int
) -> Tuned:
    """Returns `count` neighbouring rates, of which the best is not at the edge.

    Args:
        costs: function of a rate that returns one number per seed; lower is better, may be
            infinite.
        start: the rate in the middle of the first range.
        per_decade: rates per power of ten.
        count: odd and at least 3, the number of rates to choose among.

    Raises:
        EdgeError: the best rate is at the edge however far the range is moved.
    """
    found: dict[int, list[float]] = {}
    middle = round(np.log10(start) * per_decade)
    for _ in range(_MOVES):
        places = range(middle - count // 2, middle + count // 2 + 1)
        for place in places:
            if place not in found:
                found[place] = [float(cost) for cost in costs(_rate(place, per_decade))]
        tuned = Tuned([_rate(place, per_decade) for place in places], [found[p] for p in places])
        best = _best(tuned.costs)
        if 0 < best < count - 1:
            return tuned
        middle = places[best]
    raise EdgeError(f"the best of {len(found)} rates is still at the edge: {tuned.rates[best]:g}")


def best_rate(tuned: Mapping[str, Any]) -> float:
    """Returns the rate with the lowest mean cost of `{"rates": ..., "costs": ...}`.

    Raises:
        EdgeError: it is the first or the last rate.
    """
    best = _best(tuned["costs"])
    if not 0 < best < len(tuned["rates"]) - 1:
        raise EdgeError(
            f"the best rate, {tuned['rates'][best]:g}, is at the edge of the range; widen it"
        )
    return float(tuned["rates"][best])


def _best(costs: Sequence[Sequence[float]]) -> int:
    means = np.mean(np.array(costs, np.float64), axis=1)
    return int(np.argmin(np.where(np.isnan(means), np.inf, means)))


def _rate(place: int, per_decade: int) -> float:
    return float(f"{10 ** (place / per_decade):.3g}")
