"""The output of a running sweep: a live table, or a line per finished trial."""

import time
from collections.abc import Callable, Collection, Sequence

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tfcourse.reports.style import COLOURS
from tfcourse.tuning import sweeps
from tfcourse.tuning.report.progress import (
    Moment,
    Progress,
    Row,
    RunningRow,
    indented,
    outcome,
)

_REDRAWS_PER_SECOND = 4
_BLUE, _ORANGE, _GREEN = COLOURS[:3]


class SweepTable:
    """Shows a sweep while it runs.

        with SweepTable() as table:
            while ...:
                table.update(sweep, running)

    On a terminal, a thread draws the table, at most four times per second; `update` only notes the
    changes. Otherwise (in a file, a pipe or a notebook), each finished trial prints a line.
    """

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._console = console or Console()
        self._clock = clock
        self._is_live = self._console.is_interactive and not self._console.is_jupyter
        self._live: Live | None = None
        self._started = clock()
        self._progress: Progress | None = None
        self._state: Moment | None = None

    def __enter__(self) -> "SweepTable":
        self._started = self._clock()
        if self._is_live:
            self._live = Live(
                console=self._console,
                get_renderable=self.render,
                refresh_per_second=_REDRAWS_PER_SECOND,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, sweep: sweeps.Sweep, running: Collection[sweeps.Running]) -> None:
        """Shows the state of `sweep` and its running trainings."""
        if self._progress is None or self._progress.sweep is not sweep:
            self._progress = Progress(sweep)
        for line in self._progress.new_lines():
            if not self._is_live:
                print(line, file=self._console.file, flush=True)
        # The drawing thread gets a consistent state that does not change.
        self._state = self._progress.moment(running)

    def render(self) -> Group | Text:
        """Returns the current table for rich."""
        state = self._state
        if state is None:
            return Text("the sweep starts")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        names = state.names[: max((self._console.width - 32) // 11, 0)]  # As many as fit.
        for name in ("trial", state.objective, "seconds", *names):
            # With spaces instead of underscores, the name can wrap in a narrow column.
            table.add_column(name.replace("_", " "), justify="right", vertical="bottom")
        for title, rows in (("best", state.best), ("latest", state.latest)):
            _add_title(table, title, rows)
            for row in rows:
                style = _ORANGE if row.status == sweeps.INFEASIBLE else None
                _add_row(table, names, row, outcome(row), row.seconds, style)
        _add_title(table, "running", state.running)
        for item in state.running:
            _add_row(table, names, item, "", self._clock() - item.started, "dim")
        return Group(_header(state, self._clock(), self._started), table)


def _add_title(table: Table, title: str, rows: Sequence[Row | RunningRow]) -> None:
    if rows:
        table.add_row(Text(title, style=f"bold {_BLUE}", no_wrap=True))


def _add_row(
    table: Table,
    names: Sequence[str],
    row: Row | RunningRow,
    score: str,
    seconds: float,
    style: str | None,
) -> None:
    values = [Text(row.values.get(name, "")) for name in names]
    table.add_row(row.label, score, f"{seconds:.0f}", *values, style=style)


def _header(state: Moment, now: float, started: float) -> Text:
    left = state.seconds_left(now)
    parts = [f"{state.num_done} of {state.planned} trials done"]
    parts += [f"{state.num_infeasible} infeasible"] if state.num_infeasible else []
    parts += [f"{_duration(now - started)} elapsed"]
    parts += [f"about {_duration(left)} left"] if left is not None else []
    header = Text(", ".join(parts))
    for row in state.best[:1]:
        best = f"\nbest {state.objective} {outcome(row)} (trial {row.trial})"
        header.append(best, style=f"bold {_GREEN}")
        header.append("".join(f"\n{line}" for line in indented(row.values)))
    if state.num_infeasible:
        header.append(f"\nlatest infeasible: {state.reason}", style=_ORANGE)
    return header


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
