"""Asks an oracle for points, tells it the results, and restores it from a journal."""

import bisect
import math
from collections.abc import Iterable, Mapping
from typing import Any

from tfcourse.tuning import oracles, sweeps
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Space
from tfcourse.tuning.task import trial_seed
from tfcourse.tuning.unit_values import to_positions, to_unit_values

# A threshold needs at least this many trials.
_MIN_CURVES = 4
_HALVING = 3


class Chooser:
    """One oracle, used as long as the sweep's settings describe the same search.

    Args:
        settings: the sweep's; they name the tuner.
        space: the search space.
        first: number of the first trial that the oracle chooses.
        tried: points that must not be chosen again, as `{name: value}` of their active axes.
    """

    def __init__(
        self,
        settings: Settings,
        space: Space,
        first: int,
        tried: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self._space = space
        self._first = first
        self._oracle = oracles.TUNERS[settings.tuner](
            space, oracle_seed(settings.seed, first), settings
        )
        self._trials: list[Any] = []  # keras-tuner's own trials.
        for values in tried:
            self._oracle.exclude(values)

    @property
    def num_trials(self) -> int:
        """The number of points that it has chosen."""
        return len(self._trials)

    def ask(self) -> tuple[dict[str, float], dict[str, Any]] | None:
        """Returns `(positions, note)` of a new point; `None` if there is none at the moment."""
        trial = self._oracle.create_trial(str(len(self._trials)))
        if trial.status != "RUNNING":
            return None
        self._trials.append(trial)
        values = trial.hyperparameters.values
        return to_positions(self._space, values), self._oracle.note(values)

    def replay(self, positions: Mapping[str, float]) -> None:
        """Restores the oracle to its state after `ask` returned `positions`."""
        self._oracle.recorded = to_unit_values(
            self._space, {**{axis.name: 0.5 for axis in self._space.axes}, **positions}
        )
        trial = self._oracle.create_trial(str(len(self._trials)))
        trial.hyperparameters.values = self._oracle.recorded
        self._oracle.recorded = None
        self._trials.append(trial)

    def tell(self, number: int, score: float | None) -> None:
        """Reports the score of trial `number`, larger is better; `None` if it is infeasible."""
        trial = self._trials[number - self._first]
        if score is None:
            trial.status = "FAILED"
        else:
            self._oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
        self._oracle.end_trial(trial)


def oracle_seed(seed: int, first: int) -> int:
    """Returns the seed of an oracle whose first trial is `first`."""
    return seed if first == 0 else trial_seed(seed, first, 0)


def asks_in_generations(settings: Settings) -> bool:
    """Returns whether the tuner learns from results and has to wait for them."""
    return settings.tuner in sweeps.LEARNING or settings.pruning != "none"


def is_same_search(settings: Settings, others: Settings) -> bool:
    """Returns whether one oracle can serve both settings."""
    names = (
        *("tuner", "objective", "space", "seed", "pruning", "generation_size", "max_epochs"),
        "base",
    )
    return all(getattr(settings, name) == getattr(others, name) for name in names)


def signed(sweep: sweeps.Sweep, score: float) -> float:
    """Returns `score` so that larger is better."""
    return -score if sweeps.is_minimized(sweep.objective) else score


class Bars:
    """The scores that trials must reach by each epoch, from the curves of earlier trials.

    The best score so far of each trial's first replicate counts; infeasible trials do not count.
    """

    def __init__(self, sweep: sweeps.Sweep) -> None:
        self._sweep = sweep
        self._num_read = 0
        self._reached: list[list[float]] = []  # Sorted signed scores after each epoch.

    def thresholds(self) -> dict[int, float]:
        """Returns `{epoch: score}`: a trial that is worse after that epoch is stopped.

        All trials so far must be done. Each is read only once, so the cost does not grow with their
        number.
        """
        pruning = self._sweep.settings.pruning
        if pruning == "none":
            return {}
        for trial in self._sweep.trials[self._num_read :]:
            self._read(trial)
        self._num_read = len(self._sweep.trials)
        longest = len(self._reached)
        epochs = list(range(1, longest + 1))
        if pruning == "successive_halving":
            epochs = [_HALVING**k for k in range(20) if _HALVING**k <= longest]
        bars = {}
        for epoch in epochs:
            reached = self._reached[epoch - 1]
            if len(reached) >= _MIN_CURVES:
                if pruning == "median":
                    bar = (reached[(len(reached) - 1) // 2] + reached[len(reached) // 2]) / 2
                else:
                    bar = reached[-math.ceil(len(reached) / _HALVING)]
                if math.isfinite(bar):
                    bars[epoch] = signed(self._sweep, bar)
        return bars

    def _read(self, trial: sweeps.Trial) -> None:
        for index, best in enumerate(_best_so_far(self._sweep, trial)):
            if index == len(self._reached):
                self._reached.append([])
            bisect.insort(self._reached[index], best)


def _best_so_far(sweep: sweeps.Sweep, trial: sweeps.Trial) -> list[float]:
    """Returns the best signed score after each epoch of the first replicate."""
    if 0 not in trial.results or sweep.status(trial) == sweeps.INFEASIBLE:
        return []
    best, curve = -math.inf, list[float]()
    for row in trial.results[0].curve:
        value = row.get(sweep.objective)  # Older recipes may lack this metric.
        best = best if value is None else max(best, signed(sweep, value))
        curve.append(best)
    return curve
