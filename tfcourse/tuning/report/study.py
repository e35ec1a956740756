"""A sweep as an Optuna study in memory, for Optuna's plots and importances.

Each scale becomes the distribution that measures like it, see `tfcourse.scales`.
"""

import contextlib
import html
import math
import statistics
import warnings

import optuna

from tfcourse.tuning import state as sweeps
from tfcourse.tuning.report import files as sweep_files

_STATES = {
    sweeps.COMPLETE: optuna.trial.TrialState.COMPLETE,
    sweeps.PRUNED: optuna.trial.TrialState.PRUNED,
    sweeps.INFEASIBLE: optuna.trial.TrialState.FAIL,
    sweeps.UNFINISHED: optuna.trial.TrialState.WAITING,
}


@contextlib.contextmanager
def quiet():
    """Keeps Optuna's log, and its warnings of experiments and small samples, from the user."""
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
        name: str, the hyperparameter.
        label: str, its name in the plots, safe as HTML.
        distribution: Optuna's, wide enough for every value that was tried.
        labels: list of str, the values of a choice in order, safe as HTML; `None` on a range.
        ticks: tuple of the values of a power of two; `None` elsewhere.
        decades: float, how far a logarithmic scale reaches; 0 elsewhere.
    """

    def __init__(self, name, scales, values):
        self.name = name
        # The last one counts, unless some phase had a choice, whose values may have no order.
        lists = [scale for scale in scales if not scale.is_range]
        self._scale = (lists or scales)[-1]
        self.label = html.escape(self._scale.proxy_label.format(name))
        ends = [value for scale in scales for value in scale.search]
        points = [self.value(value) for value in (*ends, *values)]
        self.distribution = self._scale.optuna(points)
        self.labels, self.ticks, self.decades = None, None, 0.0
        if lists:
            self.labels = list(self.distribution.choices)
        elif self._scale.ticks:
            ticks = [tick for scale in scales for tick in scale.ticks or ()]
            self.ticks = tuple(dict.fromkeys(ticks))
        elif self.distribution.log:
            self.decades = math.log10(self.distribution.high / self.distribution.low)

    def value(self, value):
        """Returns `value` of the hyperparameter as the study holds it."""
        if not self._scale.is_range:
            return html.escape(sweeps.format_value(value))
        return self._scale.proxy(value)


def axes_of(sweep):
    """Returns the list of `Axis` of all that was ever searched."""
    spaces = [phase.space.axes for phase in sweep.phases]
    result = []
    for name in sweep_files.hyperparameter_names(sweep):
        scales = [axis.scale for space in spaces for axis in space if axis.name == name]
        values = [trial.values[name] for trial in sweep.trials if name in trial.values]
        result.append(Axis(name, scales, values))
    return result


def study_of(sweep, axes, trials):
    """Returns an `optuna.Study` with `trials` of `sweep`, in this order.

    Args:
        sweep: `sweeps.Sweep`.
        axes: list of `Axis`.
        trials: list of `sweeps.Trial`.
    """
    direction = "minimize" if sweeps.is_minimized(sweep.objective) else "maximize"
    study = optuna.create_study(direction=direction)
    study.add_trials([_frozen(sweep, axes, trial) for trial in trials])
    return study


def _frozen(sweep, axes, trial):
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


def mean_curve(sweep, trial):
    """Returns `{epoch: mean of the objective over the replicates that got there}`."""
    scores = {}
    for result in trial.results.values():
        for row in result.curve:
            if isinstance(row.get(sweep.objective), int | float):
                scores.setdefault(row["epoch"], []).append(row[sweep.objective])
    return {epoch: statistics.fmean(values) for epoch, values in sorted(scores.items())}
