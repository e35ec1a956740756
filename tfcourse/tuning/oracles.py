"""Who chooses the next point: keras-tuner's oracles where it has them, and three of ours.

All of them choose positions in [0, 1] on the axes of a `Space`, which maps them to
values on its own scales. Every choice is a pure function of the seed, the trial's number and the
results told so far, so that an oracle can be had again from a journal. keras-tuner's files are
not written.
"""

import abc
import contextlib
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning

from tfcourse.tuning import grid
from tfcourse.tuning.keras_tuner_internals import Reseeded
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Axis, Space


class _Journaled(Reseeded):
    """What all oracles here share.

    Args:
        seed: >= 0; 0 is a seed like any other.
        options: `trials`, `generation_size`, `max_epochs` count.
    """

    # The values that a journal has for the trial that is created next.
    recorded: dict[str, Any] | None = None

    def __init__(self, space: Space, seed: int, options: Settings, **arguments: Any) -> None:
        self.axes = {axis.name: axis for axis in space.axes}
        self.space_of_values = space
        self.options = options
        super().__init__(seed, unit_space(space), **arguments)

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the tuner has to say of a trial besides its point."""
        return {}


class _Positions(_Journaled, abc.ABC):
    """An oracle that says where, and leaves the rest to keras-tuner's."""

    @abc.abstractmethod
    def positions(self, number: int) -> dict[str, float] | None:
        """Returns the point of trial `number`; `None` where there is no more."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        positions = self.positions(int(trial_id))
        if positions is None:
            return {"status": "STOPPED"}
        return {"status": "RUNNING", "values": to_unit_values(self.space_of_values, positions)}


class Random(_Journaled, RandomSearchOracle):
    """Draws every point independently; Bergstra & Bengio, 2012."""


class Bayesian(_Journaled, BayesianOptimizationOracle):
    """Fits a Gaussian process to the scores; begins with one generation of random points."""

    def __init__(self, space: Space, seed: int, options: Settings) -> None:
        super().__init__(space, seed, options, num_initial_points=options.generation_size)
        # It only decides where the fit's restarts begin; 0 would have counted as no seed.
        self.gpr.n_restarts_optimizer = 4  # Of 20, which take seconds and rarely find more.
        self.gpr.random_state = np.random.RandomState(seed % 2**32).randint(2**31)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.recorded is not None:  # A fit takes a second, and would choose the same.
            return {"status": "RUNNING", "values": self.recorded}
        with warnings.catch_warnings():
            # Of few points the fit can't tell the length scales; it goes on with their bounds.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


class Hyperband(_Journaled, HyperbandOracle):
    """Trains many points for few epochs and the best of them for more; Li et al., 2018."""

    def __init__(self, space: Space, seed: int, options: Settings) -> None:
        super().__init__(
            space, seed, options, max_epochs=options.max_epochs, hyperband_iterations=None
        )

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "epochs": values["tuner/epochs"],
            "bracket": values["tuner/bracket"],
            "round": values["tuner/round"],
        }


class QuasiRandom(_Positions):
    """Takes a scrambled Halton sequence, which leaves no gaps; Bousquet et al., 2017."""

    def positions(self, number: int) -> dict[str, float] | None:
        sequence = qmc.Halton(len(self.axes), scramble=True, rng=self.sweep_seed)
        sequence.fast_forward(number)
        return dict(zip(self.axes, map(float, sequence.random(1)[0]), strict=True))


class Grid(_Positions):
    """Takes every combination of evenly spread values, the finest that the trials allow.

    A finer grid holds the coarser one, so that more trials go on with the same grid.
    """

    def positions(self, number: int) -> dict[str, float] | None:
        taken = {tuple(sorted(t.hyperparameters.values.items())) for t in self.trials.values()}
        for positions in grid.points(self.space_of_values, self.options.trials):
            values = to_unit_values(self.space_of_values, positions)
            if tuple(sorted(values.items())) not in taken:
                return positions
        return None


class CoarseToFine(_Positions):
    """Draws at random, then again around the best points, round by round.

    A round's box spans the best points so far, as many as a quarter of a round, with a margin of
    an eighth of the box before. Where the best point lies that close to an edge of that box, the
    new one reaches beyond the edge by half of it. Choices are drawn from those of the best points.
    """

    def positions(self, number: int) -> dict[str, float] | None:
        round_number = number // self.options.generation_size
        box = {name: (0.0, 1.0) for name in self.axes}
        for before in range(1, round_number + 1):
            box = self._zoomed(box, before * self.options.generation_size)
        rng = np.random.default_rng([self.sweep_seed, number])
        return {name: self._draw(axis, box[name], rng) for name, axis in self.axes.items()}

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"round": (len(self.trials) - 1) // self.options.generation_size + 1}

    def _zoomed(self, box: Mapping[str, Any], num_trials: int) -> dict[str, Any]:
        trials = [t for t in list(self.trials.values())[:num_trials] if t.status == "COMPLETED"]
        best = sorted(trials, key=lambda trial: (-trial.score, trial.trial_id))
        best = best[: max(2, math.ceil(self.options.generation_size / 4))]
        points = [
            to_positions(self.space_of_values, trial.hyperparameters.values) for trial in best
        ]
        return {
            name: zoom(edges, [point[name] for point in points if name in point])
            if self.axes[name].scale.is_range
            else ([point[name] for point in points if name in point] or (0.0, 1.0))
            for name, edges in box.items()
        }

    @staticmethod
    def _draw(
        axis: Axis, edges: tuple[float, float] | list[float], rng: np.random.Generator
    ) -> float:
        position = float(rng.uniform())
        if isinstance(edges, list):  # Of a choice, the positions that did well.
            return edges[int(position * len(edges))]
        return edges[0] + position * (edges[1] - edges[0])


def zoom(edges: tuple[float, float], positions: Sequence[float]) -> tuple[float, float]:
    """Returns the next box on one axis.

    Args:
        edges: the box before.
        positions: those of the best points, the best one first; none leaves the box as it is.
    """
    if not positions:
        return edges
    low, high = edges
    margin = (high - low) / 8
    best = positions[0]
    new_low, new_high = min(positions) - margin, max(positions) + margin
    if best < low + margin:
        new_low = low - (high - low) / 2
    if best > high - margin:
        new_high = high + (high - low) / 2
    return max(0.0, new_low), min(1.0, new_high)


TUNERS: dict[str, type[_Journaled]] = {
    "random": Random,
    "grid": Grid,
    "coarse_to_fine": CoarseToFine,
    "quasi_random": QuasiRandom,
    "bayesian": Bayesian,
    "hyperband": Hyperband,
}


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
