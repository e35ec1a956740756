"""The plots of the report: Optuna's figures, in one style for light and dark mode."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go

from tfcourse.reports.style import COLOURS
from tfcourse.tuning import sweeps
from tfcourse.tuning.report.study import Axis, Numbered, mean_curve, study_of

_BLUE, _ORANGE, _GREEN = COLOURS[:3]
_GREY = "#888888"  # Visible on white and on black.
_NUM_CURVES = 5
# With fewer trials, comparing the best tenth with the others shows chance, not importance.
MIN_FOR_IMPORTANCE = 15
_NUM_IN_TOP = 5


_MARKERS = {
    sweeps.INFEASIBLE: {"symbol": "x", "color": _ORANGE, "size": 7},
    sweeps.PRUNED: {"symbol": "circle-open", "color": _GREY, "size": 7},
}


class Plots:
    """The figures of one sweep.

    Args:
        sweep: with at least one complete trial.
    """

    def __init__(self, sweep: sweeps.Sweep, axes: Sequence[Axis]) -> None:
        self._sweep = sweep
        self._ranked = sweep.ranked()
        self._axes = [axis for axis in axes if any(axis.name in t.values for t in self._ranked)]
        self._study = study_of(sweep, axes, sweep.trials)
        self._minimized = sweeps.is_minimized(sweep.objective)
        self._scores = sweep.ranked_scores()
        self.floor = _floor(self._scores)

    @property
    def num_below(self) -> int:
        """The number of scores that are below the plots' range."""
        return sum(self._clipped(score) != score for score in self._scores)

    def history(self) -> go.Figure:
        """Returns a plot of every score by trial, with the best so far."""
        figure = optuna.visualization.plot_optimization_history(
            self._study, target_name=self._sweep.objective
        )
        every, best, _ = figure.data
        every.y, best.y = ([*map(self._clipped, line.y)] for line in (every, best))
        every.update(name="a trial", marker={"color": _BLUE, "opacity": 0.7})
        best.update(name="best so far", line={"color": _ORANGE, "shape": "hv", "width": 3})
        figure.data = [every, best]
        self._mark(figure, "infeasible", sweeps.INFEASIBLE, lambda trial: trial.number)
        if len(self._sweep.trials) <= 10:
            figure.update_xaxes(dtick=1)  # Trial numbers are whole.
        return self._styled(figure, x="trial", legend=True)

    def curves(self) -> go.Figure:
        """Returns a plot of the objective by epoch of the best trials, mean over replicates."""
        best = self._ranked[:_NUM_CURVES]
        figure = optuna.visualization.plot_intermediate_values(study_of(self._sweep, [], best))
        points: list[float] = []
        for trace, trial, colour in zip(figure.data, best, COLOURS, strict=False):
            score = f"{self._sweep.score(trial):#.4g}"
            trace.update(name=f"trial {trial.number}: {score}", line={"color": colour})
            points += mean_curve(self._sweep, trial).values()
        best_last = sorted(points, reverse=self._minimized)
        figure = self._styled(figure, x="epoch", legend=True)
        return figure.update_yaxes(range=_padded(_floor(best_last[::-1]), best_last[-1]))

    def slices(self) -> Iterator[go.Figure]:
        """Yields, for each hyperparameter, a plot of the score by its value, on its scale."""
        for axis in self._axes:
            figure = optuna.visualization.plot_slice(
                self._study,
                params=[axis.label],
                target=self._shown,
                target_name=self._sweep.objective,
            )
            self._redraw_slice(figure, axis)
            yield self._styled(figure)

    def _redraw_slice(self, figure: go.Figure, axis: Axis) -> None:
        (every,) = figure.data
        if axis.labels:
            shown = {repr(label): label for label in axis.labels}  # Optuna uses repr.
            every.x = [shown[text] for text in every.x]
        marker = {"color": _BLUE, "opacity": 0.7, "size": 7, "showscale": False}
        every.update(name="complete", marker=marker)

        def value_of(trial: sweeps.Trial) -> Any:
            return axis.value(trial.values[axis.name]) if axis.name in trial.values else None

        self._mark(figure, "pruned", sweeps.PRUNED, value_of)
        self._mark(figure, "infeasible", sweeps.INFEASIBLE, value_of)
        best = self._ranked[0]
        if axis.name in best.values:
            ring = {"symbol": "circle-open", "size": 14, "color": _ORANGE, "line": {"width": 3}}
            figure.add_scatter(
                x=[value_of(best)], y=[self._scores[0]], mode="markers", name="best", marker=ring
            )
        self._mark_values(figure, axis)

    def _mark_values(self, figure: go.Figure, axis: Axis) -> None:
        if axis.labels:
            figure.update_xaxes(type="category", categoryarray=axis.labels)
        elif axis.ticks:
            figure.update_xaxes(tickmode="array", tickvals=axis.ticks, ticktext=axis.ticks)
        elif axis.decades > 1.5:
            figure.update_xaxes(dtick=1, exponentformat="power")

    def isolations(self) -> Iterator[go.Figure]:
        """Yields, for each hyperparameter, a plot of the best score at each of its values.

        Each point is the best of several trials; their number is beside it.
        """
        for axis in self._axes:
            parts = axis.parts(self._ranked)  # Best first, so the first of each is its best.
            scores = [self._clipped(self._sweep.score(part[0]) or 0.0) for part in parts]
            figure = go.Figure()
            figure.add_scatter(
                x=[axis.value(part[0].values[axis.name]) for part in parts],
                y=scores,
                text=[str(len(part)) for part in parts],
                customdata=[part[0].number for part in parts],
                mode="markers+text" if axis.labels else "lines+markers+text",
                textposition=_beside_the_line(scores),
                hovertemplate="trial %{customdata}, best of %{text}: %{y:.4g}<extra></extra>",
                marker={"color": _BLUE, "size": 9},
            )
            figure.update_xaxes(title=axis.label, type="log" if axis.is_log else None)
            self._mark_values(figure, axis)
            worst = (max if self._minimized else min)(scores)
            around = _padded(worst, self._scores[0], room_below=0.2, room_above=0.2)
            yield self._styled(figure).update_yaxes(range=around)

    def importance(self) -> go.Figure:
        """Returns how much each hyperparameter decides whether a trial is among the best.

        Reference: PED-ANOVA, Watanabe et al., 2023, https://arxiv.org/abs/2304.10255
        """
        share = max(0.1, _NUM_IN_TOP / len(self._ranked))
        figure = optuna.visualization.plot_param_importances(
            self._study,
            evaluator=optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share),
            params=[axis.label for axis in self._axes],
        )
        (bars,) = figure.data
        hover = "%{y}: %{x:.2f}<extra></extra>"
        bars.update(marker={"color": _BLUE}, hovertemplate=hover, showlegend=False)
        figure = _plain(figure).update_yaxes(title=None, automargin=True, ticksuffix=" ")
        largest = max(bars.x)
        return figure.update_xaxes(title="share of the importance", range=[0, 1.15 * largest])

    def parallel_coordinates(self) -> go.Figure:
        """Returns a line per trial through all its values; the best tenth stands out."""
        axes = [Numbered(axis) if axis.labels else axis for axis in self._axes]
        figure = optuna.visualization.plot_parallel_coordinate(
            study_of(self._sweep, axes, self._sweep.trials),
            params=[axis.label for axis in self._axes],
            target=self._shown,
            target_name=self._sweep.objective,
        )
        by_number = sorted(self._ranked, key=lambda trial: trial.number)  # Optuna's order.
        best = {trial.number for trial in self._ranked[: math.ceil(len(by_number) / 10)]}
        lines = list(zip(by_number, figure.data, strict=False))
        for place, axis in enumerate(sorted(self._axes, key=lambda axis: axis.label), start=1):
            _name_values(figure, place, axis, lines)
        for trial, line in lines:
            if trial.number in best:
                line.update(line={"color": _ORANGE, "width": 2.5}, opacity=0.9)
            else:
                line.update(line={"color": _GREY, "width": 1}, opacity=0.3)
        # The last trials are drawn on top.
        figure.data = [line for _, line in sorted(lines, key=lambda pair: pair[0].number in best)]
        for note in figure.layout.annotations:
            note.font.color = None  # Inherited from the page.
        return _plain(figure).update_xaxes(tickangle=0)

    def _styled(self, figure: go.Figure, x: str | None = None, legend: bool = False) -> go.Figure:
        title = {"text": self._sweep.objective, "standoff": 6}
        _plain(figure).update_yaxes(title=title, automargin=True)
        figure.update_yaxes(range=_padded(self.floor, self._scores[0], room_below=0.12))
        if x:
            figure.update_xaxes(title=x)
        return figure.update_layout(showlegend=legend)

    def _clipped(self, score: float) -> float:
        return min(score, self.floor) if self._minimized else max(score, self.floor)

    def _shown(self, trial: optuna.trial.FrozenTrial) -> float:
        return self._clipped(trial.value or 0.0)  # Complete trials have a score.

    def _mark(
        self, figure: go.Figure, name: str, status: str, x_of: Callable[[sweeps.Trial], Any]
    ) -> None:
        """Adds the trials with `status`: pruned ones at their score, others along the lower end."""
        trials = [trial for trial in self._sweep.trials if self._sweep.status(trial) == status]
        trials = [trial for trial in trials if x_of(trial) is not None]
        scores = [self._sweep.score(trial) for trial in trials]
        lower = self.floor - 0.08 * (self._scores[0] - self.floor)
        figure.add_scatter(
            x=[x_of(trial) for trial in trials],
            y=[lower if score is None else self._clipped(score) for score in scores],
            mode="markers",
            name=name,
            marker=_MARKERS[status],
            visible=bool(trials),
        )


def _name_values(
    figure: go.Figure, place: int, axis: Axis, lines: Sequence[tuple[sweeps.Trial, go.Scatter]]
) -> None:
    """Writes the tried values of a choice or a power of two beside its axis."""
    notes = [note for note in figure.layout.annotations if note.x == place]
    for note in notes:
        note.text = "not used" if note.text == "None" else note.text  # For trials without it.
    if not (axis.labels or axis.ticks):
        return
    heights = {}
    for trial, line in lines:
        if axis.name in trial.values:
            text = str(axis.value(trial.values[axis.name]))
            heights[text] = line.y[place]
            shown = [list(pair) for pair in line.customdata]
            shown[place][1] = text
            line.customdata = shown
    kept = [n for n in figure.layout.annotations if n.x != place or n.text == "not used"]
    values = [notes[0].to_plotly_json() | {"text": t, "y": y} for t, y in heights.items()]
    figure.layout.annotations = [*kept, *values]


def _beside_the_line(heights: Sequence[float]) -> list[str]:
    """Returns where to write beside each point of a line: above, or below in a valley."""
    around = [-math.inf, *heights, -math.inf]
    return [
        "bottom center" if height < min(before, after) else "top center"
        for before, height, after in zip(around, heights, around[2:], strict=False)
    ]


def _floor(scores: Sequence[float]) -> float:
    """Returns the worst score to show, so that a few bad scores do not compress the good ones.

    It is twice as far below the median as the best is above it, or the worst score.

    Args:
        scores: best first.
    """
    best, median, worst = scores[0], scores[len(scores) // 2], scores[-1]
    limit = median - 2.0 * (best - median)
    return max(worst, limit) if best >= worst else min(worst, limit)


def _padded(
    floor: float, best: float, room_below: float = 0.05, room_above: float = 0.05
) -> list[float]:
    """Returns an axis range from `floor` to `best` with some margin; for losses, best is lowest."""
    extent = best - floor or 0.1 * abs(best) or 1.0
    return sorted((floor - room_below * extent, best + room_above * extent))


def _plain(figure: go.Figure) -> go.Figure:
    clear = "rgba(0,0,0,0)"
    return figure.update_layout(
        template=go.layout.Template(),
        title=None,
        margin={"l": 60, "r": 15, "t": 15, "b": 50},
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
