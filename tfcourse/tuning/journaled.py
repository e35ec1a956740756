"""The base of all oracles: restored from a journal, never asking for the same values twice."""

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfcourse.tuning import grid
from tfcourse.tuning.keras_tuner_internals import Reseeded
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Space
from tfcourse.tuning.unit_values import to_positions, to_unit_values, unit_space

# How often a point is drawn again if it was tried before.
_MAX_ATTEMPTS = 100
# Spaces of at most this many points are listed once drawing finds no new point.
_MAX_LISTED = 100_000


def _key(values: Mapping[str, Any]) -> str:
    return repr(sorted(values.items()))


class Journaled(Reseeded):
    """An oracle whose earlier choices are recorded in a journal.

    Args:
        seed: >= 0; 0 is a seed like any other.
        options: of these, `trials`, `generation_size` and `max_epochs` are used.
    """

    # The values from the journal for the next trial.
    recorded: dict[str, Any] | None = None

    def __init__(self, space: Space, seed: int, options: Settings, **arguments: Any) -> None:
        self.axes = {axis.name: axis for axis in space.axes}
        self.space_of_values = space
        self.options = options
        self._untried: list[dict[str, float]] | None = None
        super().__init__(seed, unit_space(space), **arguments)

    def note(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the tuner records about a trial besides its point."""
        return {}

    def exclude(self, values: Mapping[str, Any]) -> None:
        """Marks `values` of the active axes as tried."""
        self._tried_so_far.add(_key(values))

    def _compute_values_hash(self, values: Mapping[str, Any]) -> str:
        # Many positions may mean the same value, such as an integer.
        every = {name: 0.5 for name in self.axes} | to_positions(self.space_of_values, values)
        return _key(self.space_of_values.values_at(every))

    def _random_values(self) -> dict[str, Any] | None:
        values = super()._random_values()
        return self._last_values() if values is None else values

    def _last_values(self) -> dict[str, Any] | None:
        """Returns untried values that drawing failed to find, if there are any."""
        if self._untried is None:
            points = grid.every_point(self.space_of_values, _MAX_LISTED) or []
            np.random.default_rng(self.sweep_seed).shuffle(points)
            self._untried = points[::-1]
        while self._untried:
            values = to_unit_values(self.space_of_values, self._untried[-1])
            if not self._duplicate(values):
                return values
            self._untried.pop()
        return None


class Positions(Journaled, abc.ABC):
    """An oracle that chooses positions, and leaves the rest to keras-tuner."""

    @abc.abstractmethod
    def positions(self, number: int, attempt: int) -> dict[str, float] | None:
        """Returns the point of trial `number`; `None` if there are no more points.

        Args:
            number: counted from 0.
            attempt: counted from 0; increases while the point has been tried before.
        """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.recorded is not None:
            return {"status": "RUNNING", "values": self.recorded}
        for attempt in range(_MAX_ATTEMPTS):
            positions = self.positions(int(trial_id), attempt)
            if positions is None:
                break
            values = to_unit_values(self.space_of_values, positions)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
        return self.populate_otherwise(trial_id)

    def populate_otherwise(self, trial_id: str) -> dict[str, Any]:
        """Returns the status and the values of a trial without a point of its own."""
        self.reseed(trial_id)
        values = self._random_values()
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}
