"""A sweep as an Optuna study in memory, for Optuna's plots and importances.

Each scale becomes the distribution with the same measure; see `tfcourse.scales`.
"""

import contextlib
import html
import math
import statistics
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tfcourse.scales import Scale, format_value
from tfcourse.tuning import sweeps
from tfcourse.tuning.report import files as sweep_files

# A range with more values than this is divided into this many groups.
_NUM_PARTS = 8
_STATES = {
    sweeps.COMPLETE: optuna.trial.TrialState.COMPLETE,
    sweeps.PRUNED: optuna.trial.TrialState.PRUNED,
    sweeps.INFEASIBLE: optuna.trial.TrialState.FAIL,
    sweeps.UNFINISHED: optuna.trial.TrialState.WAITING,
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Context: hides Optuna's log and its warnings about experiments and small samples."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            for start in ("Some regimes for parameter", "Target and region quantiles select"):
                warnings.filterwarnings("ignore", start, UserWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


class Axis:
    """One hyperparameter as Optuna sees it, over all phases of a sweep.

    Attributes:
        name: the hyperparameter's name.
        label: its name in the plots, escaped for HTML.
        distribution: Optuna's; contains every value that was tried.
        labels: the values of a choice, escaped for HTML, numbers in order; `None` for a range.
        ticks: the values of a power of two; `None` for other scales.
        is_log: whether a plot's axis is logarithmic.
        decades: the powers of ten that a logarithmic scale spans; 0 for other scales.
    """

    def __init__(self, name: str, scales: Sequence[Scale], values: Iterable[Any]) -> None:
        self.name = name
        # The last phase counts, unless a phase had a choice, whose values may have no order.
        lists = [scale for scale in scales if not scale.is_range]
        self._scale = (lists or scales)[-1]
        self.label = html.escape(self._scale.proxy_label.format(name))
        ends = [value for scale in scales for value in scale.search]
        points = [self.value(value) for value in (*ends, *values)]
        self.distribution = self._scale.optuna(points)
        self.labels: list[str] | None = None
        self.ticks: tuple[int, ...] | None = None
        self.decades, self.is_log = 0.0, False
        if isinstance(self.distribution, CategoricalDistribution):
            self.labels = _in_order([str(label) for label in self.distribution.choices])
        elif isinstance(self.distribution, FloatDistribution | IntDistribution):
            self.is_log = self.distribution.log
            ratio = self.distribution.high / self.distribution.low if self.is_log else 1.0
            self.decades = math.log10(ratio)
            ticks = [tick for scale in scales for tick in scale.ticks or ()]
            self.ticks = tuple(dict.fromkeys(ticks)) if self._scale.ticks else None

    def value(self, value: Any) -> Any:
        """Returns `value` of the hyperparameter in the form of the study."""
        if not self._scale.is_range:
            return html.escape(format_value(value))
        return self._scale.proxy(value)

    def parts(self, trials: Sequence[sweeps.Trial]) -> list[list[sweeps.Trial]]:
        """Returns the trials that have this hyperparameter, grouped by its values.

        If there are few values, each has a group; otherwise, each eighth of the range has one, on
        the scale that was searched. Groups are in the order of the axis; trials keep their order.
        """
        values = {
            t.number: self.value(t.values[self.name]) for t in trials if self.name in t.values
        }
        found: dict[Any, list[sweeps.Trial]] = {}
        few = set(values.values()) if len(set(values.values())) <= _NUM_PARTS else None
        for trial in trials:
            if trial.number in values:
                value = values[trial.number]
                found.setdefault(value if few else self._part(value), []).append(trial)
        labels = self.labels
        order = {part: labels.index(part) if labels and few else float(part) for part in found}
        return [found[part] for part in sorted(found, key=order.__getitem__)]

    def _part(self, value: Any) -> int:
        if self.labels:
            return self.labels.index(value)
        bounds: Any = self.distribution
        low, high = bounds.low, bounds.high
        if bounds.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return min(int(_NUM_PARTS * (value - low) / (high - low)), _NUM_PARTS - 1)


class Numbered(Axis):
    """A choice as whole numbers: the positions of its values on the `axis`.

    In parallel coordinates, Optuna would put texts, and with them the trials, in another order.
    """

    def __init__(self, axis: Axis) -> None:
        self.name, self.label = axis.name, axis.label
        self._order, self._text = axis.labels or [], axis.value
        self.labels, self.ticks = self._order, None
        self.decades, self.is_log = 0.0, False
        self.distribution = IntDistribution(0, len(self._order) - 1)

    def value(self, value: Any) -> Any:
        return self._order.index(self._text(value))


def _in_order(labels: list[str]) -> list[str]:
    """Returns numbers, and lists of numbers, sorted; texts in the given order."""
    try:
        return sorted(labels, key=lambda label: [float(part) for part in label.split(",")])
    except ValueError:
        return labels


def axes_of(sweep: sweeps.Sweep) -> list[Axis]:
    """Returns the axes of everything that was ever searched."""
    spaces = [phase.space.axes for phase in sweep.phases]
    result = []
    for name in sweep_files.hyperparameter_names(sweep):
        scales = [axis.scale for space in spaces for axis in space if axis.name == name]
        values = [trial.values[name] for trial in sweep.trials if name in trial.values]
        result.append(Axis(name, scales, values))
    return result


def study_of(
    sweep: sweeps.Sweep, axes: Sequence[Axis], trials: Iterable[sweeps.Trial]
) -> optuna.Study:
    """Returns an `optuna.Study` with `trials` of `sweep`, in this order."""
    minimized = sweeps.is_minimized(sweep.objective)
    study = optuna.create_study(direction="minimize" if minimized else "maximize")
    study.add_trials([_frozen(sweep, axes, trial) for trial in trials])
    return study


def _frozen(
    sweep: sweeps.Sweep, axes: Sequence[Axis], trial: sweeps.Trial
) -> optuna.trial.FrozenTrial:
    score, status = sweep.score(trial), sweep.status(trial)
    if status == sweeps.COMPLETE and score is None:
        status = sweeps.INFEASIBLE
    active = [axis for axis in axes if axis.name in trial.values]
    return optuna.trial.create_trial(
        state=_STATES[status],
        value=score if status == sweeps.COMPLETE else None,
        params={axis.label: axis.value(trial.values[axis.name]) for axis in active},
        distributions={axis.label: axis.distribution for axis in active},
        intermediate_values=mean_curve(sweep, trial),
    )


def mean_curve(sweep: sweeps.Sweep, trial: sweeps.Trial) -> dict[int, float]:
    """Returns `{epoch: mean of the objective over the replicates that reached it}`."""
    scores: dict[int, list[float]] = {}
    for result in sweep.counted(trial).values():
        for row in result.curve:
            if isinstance(row.get(sweep.objective), int | float):
                scores.setdefault(row["epoch"], []).append(row[sweep.objective])
    return {epoch: statistics.fmean(values) for epoch, values in sorted(scores.items())}
