"""How an arm of a comparison gets its learning rate, the same way for every arm.

Each arm chooses among as many rates, evenly spaced on a logarithmic scale, by the very criterion
that it is judged by, and from seeds that it is not judged by. Where the best lies at an edge of
the range, the range moves on, until the best has worse rates on both sides of it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_MOVES = 12


class EdgeError(ValueError):
    """The best rate lies at the edge of the range: what is beyond it may be better still."""


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The rates an arm chose among, and what each came to.

    Attributes:
        rates: in rising order.
        costs: a list per rate, of one number per seed; lower is better.
    """

    rates: list[float]
    costs: list[list[float]]

    @property
    def rate(self) -> float:
        return best_rate(dataclasses.asdict(self))


def tune(
    costs: Callable[[float], Sequence[float]], start: float, *, per_decade: int, count: int
) -> Tuned:
    """Returns `count` neighbouring rates, the best of which is not at the edge.

    Args:
        costs: function of a rate; returns one number per seed, lower is better, perhaps infinite.
        start: rate in the middle of the first range.
        per_decade: rates per power of ten.
        count: odd and at least 3, rates to choose among.

    Raises:
        EdgeError: the best is at the edge however far the range is moved.
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
        EdgeError: it is the first or the last one.
    """
    best = _best(tuned["costs"])
    if not 0 < best < len(tuned["rates"]) - 1:
        raise EdgeError(
            f"the best rate, {tuned['rates'][best]:g}, is at the edge of the range; widen it"
        )
    return float(tuned["rates"][best])


def _best(costs):
    means = np.mean(np.array(costs, np.float64), axis=1)
    return int(np.argmin(np.where(np.isnan(means), np.inf, means)))


def _rate(place, per_decade):
    return float(f"{10 ** (place / per_decade):.3g}")
