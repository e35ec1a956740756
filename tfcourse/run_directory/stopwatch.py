"""How long each stage of a run takes, from the start of the process."""

import os
import time
from collections.abc import Callable


class Stopwatch:
    """Records the seconds of each stage of a run, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter() - _process_seconds()
        self._after: dict[str, Callable[[], None]] = {}

    def lap(self, stage: str) -> None:
        """Ends `stage`, which began when the previous lap ended. A stage may have several laps."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
        if action := self._after.pop(stage, None):
            action()

    def after(self, stage: str, action: Callable[[], None]) -> None:
        """Calls `action` when the first lap of `stage` ends."""
        self._after[stage] = action

    def report(self) -> str:
        """Returns a table of the stages, with the time at the end of each."""
        lines = [f"{'stage':24}{'seconds':>9}{'so far':>9}"]
        so_far = 0.0
        for stage, seconds in self.seconds.items():
            so_far += seconds
            lines.append(f"{stage:24}{seconds:9.2f}{so_far:9.2f}")
        return "\n".join(lines)


def _process_seconds() -> float:
    """Returns the age of this process; 0 if it is unknown."""
    try:
        with open("/proc/self/stat", encoding="utf-8") as file:
            started = int(file.read().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError):
        return 0.0
