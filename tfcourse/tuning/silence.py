"""Detects silent workers: stopped, swapped out, or cut off by the network.

Dask's own detection is turned off: a compilation may keep a worker silent for seconds, and a worker
that counts as dead but continues to train would write into the trial's folder together with its
successor.
"""

import time
from collections.abc import Callable, Mapping

_LOOK_SECONDS = 2.0
# If checks are this far apart, this process was stopped too, and may not blame the workers.
_GAP_SECONDS = 30.0


class Silence:
    """Follows the heartbeats of workers by its own clock.

    Args:
        clock: returns seconds; must be monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()
        # By the worker's address: its last heartbeat at the scheduler, and when it was new.
        self._heard: dict[str, tuple[object, float]] = {}

    def is_due(self) -> bool:
        """Returns whether it is time to check again."""
        return self._clock() - self._looked_at >= _LOOK_SECONDS

    def of(self, heartbeats: Mapping[str, object]) -> dict[str, float]:
        """Returns for how many seconds each worker has been silent.

        Args:
            heartbeats: by the worker's address, a value that changes with each heartbeat.
        """
        now = self._clock()
        if now - self._looked_at > _GAP_SECONDS:
            self._heard.clear()
        self._looked_at = now
        self._heard = {
            address: self._heard[address]
            if self._heard.get(address, (None, 0.0))[0] == last
            else (last, now)
            for address, last in heartbeats.items()
        }
        return {address: now - since for address, (_, since) in self._heard.items()}
