"""Converts a space for keras-tuner's oracles: numbers in [0, 1], choices by index."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras_tuner

from tfcourse.tuning.space import Space


def unit_space(space: Space) -> keras_tuner.HyperParameters:
    """Returns `space` for keras-tuner: numbers in [0, 1], choices by index."""
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
    """Returns the values in `unit_space` at `positions`, for the active axes only."""
    active = space.values_at(positions)
    return {
        axis.name: positions[axis.name]
        if axis.scale.is_range
        else axis.scale.search.index(active[axis.name])
        for axis in space.axes
        if axis.name in active
    }


def to_positions(space: Space, unit_values: Mapping[str, Any]) -> dict[str, float]:
    """Returns `{name: position}` of the active axes for values in `unit_space`."""
    positions = {
        axis.name: float(unit_values[axis.name])
        if axis.scale.is_range
        else (unit_values[axis.name] + 0.5) / len(axis.scale.search)
        for axis in space.axes
        if axis.name in unit_values
    }
    every = {axis.name: positions.get(axis.name, 0.5) for axis in space.axes}
    return {name: positions[name] for name in space.values_at(every)}
