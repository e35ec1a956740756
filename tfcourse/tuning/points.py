"""Decides which points a sweep tries next; no point is tried twice."""

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tfcourse import hyperparameters as hp
from tfcourse.tuning import choosing, records, sweeps


class Points:
    """Asks the tuner of a sweep's last phase for points, and tells it their results.

    Args:
        sweep: the state of the sweep; the caller applies new trials to it.
        values_of: function that returns the texts of a trial's hyperparameters that have an effect.
        declarations: those of the hyperparameters.
    """

    def __init__(
        self,
        sweep: sweeps.Sweep,
        values_of: Callable[[sweeps.Trial], Mapping[str, str]],
        declarations: Mapping[str, hp.Declaration],
    ) -> None:
        self._sweep = sweep
        self._values_of = values_of
        self._declarations = declarations
        self._bars = choosing.Bars(sweep)
        self._is_exhausted = False
        self._replay()

    def _replay(self) -> None:
        """Restores the oracle from the journal's trials."""
        phases, first_phase = self._sweep.phases, len(self._sweep.phases) - 1
        while first_phase and choosing.is_same_search(phases[first_phase - 1], phases[-1]):
            first_phase -= 1
        mine = [t for t in self._sweep.trials if t.phase >= first_phase]
        self._first = mine[0].number if mine else len(self._sweep.trials)
        self._num_told = self._first
        self._chooser = choosing.Chooser(
            self._sweep.settings, self._sweep.space, self._first, self._tried()
        )
        for _, generation in itertools.groupby(mine, key=lambda t: t.generation):
            self._tell()
            for each in generation:
                self._chooser.replay(each.positions)

    def _tried(self) -> Iterator[dict[str, Any]]:
        """Yields the values of earlier trials that are points of the current search."""
        settings, space = self._sweep.settings, self._sweep.space
        searched = {axis.name for axis in space.axes}
        for each in self._sweep.trials[: self._first]:
            texts = self._values_of(each)
            fixed = {name: text for name, text in texts.items() if name not in searched}
            if all(settings.base.get(name) == text for name, text in fixed.items()):
                values: dict[str, Any] = {}
                for axis in space.axes:
                    if space.is_active(axis, values):
                        values[axis.name] = self._declarations[axis.name].parse(texts[axis.name])
                yield values

    def _tell(self) -> None:
        """Tells the oracle the results of its trials so far, in their order."""
        num_asked = self._first + self._chooser.num_trials
        for each in self._sweep.trials[self._num_told : num_asked]:
            score = self._score(each)
            signed = None if score is None else choosing.signed(self._sweep, score)
            self._chooser.tell(each.number, signed)
        self._num_told = num_asked

    def _score(self, each: sweeps.Trial) -> float | None:
        """Returns the score of a finished trial; for a pruned trial, the score that it reached."""
        if self._sweep.status(each) == sweeps.INFEASIBLE:
            return None
        scores = self._sweep.scores(each)
        return statistics.fmean(scores) if scores else None

    def ask(self, *, is_busy: bool) -> list[records.Ask]:
        """Returns all trials that can be asked for now.

        Args:
            is_busy: whether some trial is not trained yet.
        """
        settings, asked = self._sweep.settings, len(self._sweep.trials)
        in_generations = choosing.asks_in_generations(settings)
        wanted = settings.trials - asked
        if wanted <= 0 or self._is_exhausted or (in_generations and is_busy):
            return []
        generation = 0
        if in_generations:
            self._tell()
            size = settings.generation_size
            wanted = min(wanted, size - (asked - self._first) % size)
            generation = self._sweep.trials[-1].generation + 1 if self._sweep.trials else 0
        bars = self._bars.thresholds()
        asks: list[records.Ask] = []
        for number in range(asked, asked + wanted):
            point = self._chooser.ask()
            if point is None:
                # A tuner that learns may find more points after results.
                self._is_exhausted = not asks or settings.tuner not in sweeps.LEARNING
                break
            positions, note = point
            every = {axis.name: positions.get(axis.name, 0.5) for axis in self._sweep.space.axes}
            values = self._sweep.space.values_at(every)
            asks.append(records.Ask(number, values, positions, generation, note, bars))
        return asks
