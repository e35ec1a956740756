"""The oracles that choose the next point: keras-tuner's where it has them, and three of ours.

All of them choose positions in [0, 1] on the axes of a `Space`, which maps them to values on its
scales. Every choice is a pure function of the seed, the trial's number and the results so far, so
that an oracle can be restored from a journal. keras-tuner's files are not written.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle
from scipy.stats import qmc
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tfcourse.tuning import grid
from tfcourse.tuning.journaled import Journaled, Positions
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Axis, Space
from tfcourse.tuning.unit_values import to_positions, to_unit_values


class Random(Journaled, RandomSearchOracle):
    """Draws every point independently; Bergstra & Bengio, 2012."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.recorded is not None:
            return {"status": "RUNNING", "values": self.recorded}
        return super().populate_space(trial_id)


class Bayesian(Journaled, BayesianOptimizationOracle):
    """Fits a Gaussian process to the scores; starts with one generation of random points."""

    def __init__(self, space: Space, seed: int, options: Settings) -> None:
        super().__init__(space, seed, options, num_initial_points=options.generation_size)
        # It only decides where the restarts of the fit begin; 0 would mean no seed.
        self.gpr.n_restarts_optimizer = 4  # Instead of 20, which take seconds and rarely help.
        self.gpr.random_state = np.random.RandomState(seed % 2**32).randint(2**31)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.recorded is not None:  # A fit takes a second, and would give the same result.
            return {"status": "RUNNING", "values": self.recorded}
        # On matrices as small as these, threads only wait for each other, and five times as long if
        # workers keep the cores busy.
        with threadpool_limits(1, "blas"), warnings.catch_warnings():
            # With few points, the fit can't determine the length scales, and uses their bounds.
            warnings.simplefilter("ignore", ConvergenceWarning)
            response = super().populate_space(trial_id)
        if response["values"] is None or not self._duplicate(response["values"]):
            return response
        return self._random_populate_space()


class Hyperband(Journaled, HyperbandOracle):
    """Trains many points for few epochs and the best of them for more; Li et al., 2018."""

    _brackets: list[dict[str, Any]]
    _current_bracket: int
    _current_iteration: int

    def __init__(self, space: Space, seed: int, options: Settings) -> None:
        self._sizes: dict[int, int] = {}  # Sizes of brackets that the space can't fill.
        super().__init__(
            space, seed, options, max_epochs=options.max_epochs, hyperband_iterations=None
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        for _ in range(2):
            brackets = [
                {**each, "rounds": [[*round_] for round_ in each["rounds"]]}
                for each in self._brackets
            ]
            place: tuple[int, int] = self._current_bracket, self._current_iteration
            response = super().populate_space(trial_id)
            if response["status"] == "RUNNING":
                return response
            # No point is left, so brackets continue with the points that they have. A failed ask is
            # not in the journal, so it must not change any state.
            self._brackets = brackets
            self._current_bracket, self._current_iteration = place
            firsts = {each["bracket_num"]: len(each["rounds"][0]) for each in brackets}
            self._sizes |= {number: size for number, size in firsts.items() if size}
        return response

    def _get_size(self, bracket_num: int, round_num: int) -> int:
        size = super()._get_size(bracket_num, round_num)
        points = self._sizes.get(bracket_num)
        return size if points is None else min(size, math.ceil(points / self.factor**round_num))

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "epochs": values["tuner/epochs"],
            "bracket": values["tuner/bracket"],
            "round": values["tuner/round"],
        }


class QuasiRandom(Positions):
    """Uses a scrambled Halton sequence, which leaves no gaps; Bousquet et al., 2017."""

    _sequence: qmc.Halton | None = None

    def positions(self, number: int, attempt: int) -> dict[str, float] | None:
        if attempt:  # The sequence has no alternative.
            return None
        if self._sequence is None or self._sequence.num_generated > number:
            self._sequence = qmc.Halton(len(self.axes), scramble=True, rng=self.sweep_seed)
        if self._sequence.num_generated < number:
            self._sequence.fast_forward(number - self._sequence.num_generated)
        return dict(zip(self.axes, map(float, self._sequence.random(1)[0]), strict=True))


class Grid(Journaled):
    """Tries every combination of evenly spaced values, as fine as the number of trials allows.

    A finer grid contains the coarser one, so that more trials continue the same grid.
    """

    _left: Iterator[dict[str, float]] | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.recorded is not None:
            return {"status": "RUNNING", "values": self.recorded}
        if self._left is None:
            self._left = iter(grid.points(self.space_of_values, self.options.trials))
        for positions in self._left:
            values = to_unit_values(self.space_of_values, positions)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return {"status": "STOPPED"}


class CoarseToFine(Positions):
    """Draws at random, then again around the best points, round by round.

    A round's box contains the best points so far (a quarter as many as a round has) plus a margin
    of an eighth of the previous box. If the best point is closer than this margin to an edge of the
    previous box, the new box extends beyond that edge by half the width of the previous box.
    Choices are drawn from those of the best points.
    """

    def __init__(self, space: Space, seed: int, options: Settings) -> None:
        super().__init__(space, seed, options)
        self._boxes: list[dict[str, Any]] = [{name: (0.0, 1.0) for name in self.axes}]
        self._best: list[Any] = []  # From the trials before the last box.

    def positions(self, number: int, attempt: int) -> dict[str, float] | None:
        round_number = number // self.options.generation_size
        while len(self._boxes) <= round_number:
            self._boxes.append(self._zoomed(self._boxes[-1], len(self._boxes)))
        box = self._boxes[round_number]
        rng = np.random.default_rng([self.sweep_seed, number, *([attempt] if attempt else [])])
        return {name: self._draw(axis, box[name], rng) for name, axis in self.axes.items()}

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"round": (len(self.trials) - 1) // self.options.generation_size + 1}

    def _zoomed(self, box: Mapping[str, Any], round_number: int) -> dict[str, Any]:
        size = self.options.generation_size
        numbers = self.start_order[(round_number - 1) * size : round_number * size]
        trials = [self.trials[number] for number in numbers]
        self._best += [trial for trial in trials if trial.status == "COMPLETED"]
        self._best.sort(key=lambda trial: (-trial.score, trial.trial_id))
        del self._best[max(2, math.ceil(size / 4)) :]
        points = [
            to_positions(self.space_of_values, trial.hyperparameters.values) for trial in self._best
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
        if isinstance(edges, list):  # For a choice: the positions that did well.
            return edges[int(position * len(edges))]
        return edges[0] + position * (edges[1] - edges[0])


def zoom(edges: tuple[float, float], positions: Sequence[float]) -> tuple[float, float]:
    """Returns the next box on one axis.

    Args:
        edges: the previous box.
        positions: those of the best points, best first; if empty, the box stays as it is.
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


TUNERS: dict[str, type[Journaled]] = {
    "random": Random,
    "grid": Grid,
    "coarse_to_fine": CoarseToFine,
    "quasi_random": QuasiRandom,
    "bayesian": Bayesian,
    "hyperband": Hyperband,
}
