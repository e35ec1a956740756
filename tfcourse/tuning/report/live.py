"""A picture of a sweep in a notebook, updated while the cell runs.

Import it by its full name, because Keras takes seconds to load:

    from tfcourse.tuning.report.live import LiveSweep
"""

import time
from collections.abc import Callable, Sequence

from tfcourse.reports.live import LivePicture
from tfcourse.tuning.report.picture import draw_sweep
from tfcourse.tuning.standings import Standings
from tfcourse.tuning.sweeps import Running, Sweep


class LiveSweep:
    """Shows a running sweep in the notebook: pass it to `tuning.search` as `watch`."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._picture = LivePicture(clock)
        self._standings: Standings | None = None
        self._num_shown = 0

    def __call__(self, sweep: Sweep, running: Sequence[Running]) -> None:
        """Shows the state of `sweep` if a trial has finished."""
        if self._standings is None or self._standings.sweep is not sweep:
            self._standings = Standings(sweep)
        self._standings.update()
        finished = len(self._standings.finished)
        if finished > self._num_shown:
            self._num_shown = finished
            last = finished == len(sweep.trials) == sweep.settings.trials
            self._picture.show(lambda file: draw_sweep(sweep, file), last=last)
