"""Which workers say nothing any more: stopped, swapped out, or behind a network that is gone.

Dask's own rescue is off: a compilation may keep a worker silent for seconds, and one that counts as
dead while it trains on would write into the trial's folder beside its successor.
"""

import time
from collections.abc import Callable, Mapping

_LOOK_SECONDS = 2.0
# Whoever looks this seldom was stopped too, and may not blame others.
_GAP_SECONDS = 30.0


class Silence:
    """Follows the heartbeats of workers by a clock of its own, whatever theirs say.

    Args:
        clock: in seconds; it must not jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()
        # By the worker's address: its last heartbeat as the scheduler has it, and when it was new.
        self._heard: dict[str, tuple[object, float]] = {}

    def is_due(self) -> bool:
        """Returns whether it is time to look again."""
        return self._clock() - self._looked_at >= _LOOK_SECONDS

    def of(self, heartbeats: Mapping[str, object]) -> dict[str, float]:
        """Returns for how many seconds each worker has said nothing.

        Args:
            heartbeats: what changes with each heartbeat of a worker, by its address.
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
