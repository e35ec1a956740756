"""A space as keras-tuner's oracles search it: numbers in [0, 1], and choices by their index."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras_tuner

from tfcourse.tuning.space import Space


def unit_space(space: Space) -> keras_tuner.HyperParameters:
    """Returns `space` for keras-tuner: numbers in [0, 1], choices by their index."""
    unit = keras_tuner.HyperParameters()
    for axis in space.axes:
        scope: contextlib.AbstractContextManager = contextlib.nullcontext()
        if axis.active_when:
            chooser, allowed = axis.active_when
            options = next(a for a in space.axes if a.name == chooser).scale.search
            scope = unit.conditional_scope(chooser, [options.index(value) for value in allowed])
        with scope:
            if axis.scale.is_range:
                unit.Float(axis.name, 0.0, 1.0)
            else:
                unit.Choice(axis.name, list(range(len(axis.scale.search))), ordered=False)
    return unit


def to_unit_values(space: Space, positions: Mapping[str, float]) -> dict[str, Any]:
    """Returns the values of `unit_space` at `positions`, of the active axes alone."""
    active = space.values_at(positions)
    return {
        axis.name: positions[axis.name]
        if axis.scale.is_range
        else axis.scale.search.index(active[axis.name])
        for axis in space.axes
        if axis.name in active
    }


def to_positions(space: Space, unit_values: Mapping[str, Any]) -> dict[str, float]:
    """Returns `{name: position}` of the active axes from the values of `unit_space`."""
    positions = {
        axis.name: float(unit_values[axis.name])
        if axis.scale.is_range
        else (unit_values[axis.name] + 0.5) / len(axis.scale.search)
        for axis in space.axes
        if axis.name in unit_values
    }
    every = {axis.name: positions.get(axis.name, 0.5) for axis in space.axes}
    return {name: positions[name] for name in space.values_at(every)}
