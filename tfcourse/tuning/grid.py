"""The points of a grid over a search space."""

import collections
from collections.abc import Mapping
from typing import Any

from tfcourse.tuning.space import Space


def points(space: Space, max_points: int) -> list[dict[str, float]]:
    """Returns the points of the finest grid with at most `max_points`, as `{name: position}`.

    Numeric axes are refined in turn; a choice has all its values from the start.

    Raises:
        ValueError: even a grid with only the ends of every axis has more points.

    Examples:
        >>> from tfcourse.scales import Choice, Log
        >>> from tfcourse.tuning import grid
        >>> from tfcourse.tuning.space import Axis, Space
        >>> rate, beta = Axis("rate", Log((0.01, 1.0))), Axis("beta", Choice((0.5, 0.9)))
        >>> for point in grid.points(Space((rate, beta)), max_points=4):
        ...     print(Space((rate, beta)).values_at(point))
        {'rate': 0.01, 'beta': 0.5}
        {'rate': 0.01, 'beta': 0.9}
        {'rate': 1.0, 'beta': 0.5}
        {'rate': 1.0, 'beta': 0.9}
    """
    check(space, max_points)
    levels = {axis.name: 0 for axis in space.axes}
    while True:
        refined = False
        for axis in space.axes:
            if len(axis.scale.spread(levels[axis.name] + 1)) == len(
                axis.scale.spread(levels[axis.name])
            ):
                continue
            finer = {**levels, axis.name: levels[axis.name] + 1}
            if _count(space, finer) <= max_points:
                levels, refined = finer, True
        if not refined:
            return _product(space, levels)


def every_point(space: Space, most: int) -> list[dict[str, float]] | None:
    """Returns all points of `space`; `None` if an axis is continuous or `most` is exceeded."""
    if any(axis.scale.options is None for axis in space.axes):
        return None
    levels = {axis.name: len(axis.scale.options or ()).bit_length() for axis in space.axes}
    return _product(space, levels) if _count(space, levels) <= most else None


def check(space: Space, max_points: int) -> None:
    """Raises `ValueError` if even the ends of every axis make more than `max_points` points."""
    smallest = _count(space, {axis.name: 0 for axis in space.axes})
    if smallest > max_points:
        raise ValueError(
            f"the coarsest grid has {smallest} points; take `trials={smallest}` or more, "
            "search fewer values, or fix some"
        )


def _count(space: Space, levels: Mapping[str, int]) -> int:
    """Returns the number of points that `_product` makes, without making them."""
    choosers = {axis.active_when[0] for axis in space.axes if axis.active_when}
    counts: collections.Counter[tuple] = collections.Counter(
        {(): 1}
    )  # Grouped by the values on which other axes depend.
    for axis in space.axes:
        extended: collections.Counter[tuple] = collections.Counter()
        for chosen, count in counts.items():
            active = space.is_active(axis, dict(chosen))
            positions = axis.scale.spread(levels[axis.name]) if active else ()
            if axis.name in choosers and active:
                for position in positions:
                    extended[(*chosen, (axis.name, axis.scale.value_at(position)))] += count
            else:
                extended[chosen] += count * max(len(positions), 1)
        counts = extended
    return counts.total()


def _product(space: Space, levels: Mapping[str, int]) -> list[dict[str, float]]:
    """Returns all combinations of active axes, each as `{name: position}`."""
    found: list[tuple[dict[str, float], dict[str, Any]]] = [({}, {})]
    for axis in space.axes:
        extended = []
        for positions, values in found:
            active = space.is_active(axis, values)
            for position in axis.scale.spread(levels[axis.name]) if active else ():
                value = axis.scale.value_at(position)
                extended.append(({**positions, axis.name: position}, {**values, axis.name: value}))
            if not active:
                extended.append((positions, values))
        found = extended
    return [positions for positions, _ in found]
