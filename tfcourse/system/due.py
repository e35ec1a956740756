"""When to write files again, or do other chores: rarely enough to cost little."""

import contextlib
import math
import time
from collections.abc import Iterator

# A write is due after this many times its own duration, so it costs at most 5 % of the time.
_COST_FACTOR = 20


class Due:
    """Decides when to write again (or do another chore), by how long the last write took.

    Args:
        at_least: seconds between two writes, at least.
        at_most: seconds after which a write is due, whatever it costs.
    """

    def __init__(self, at_least: float = 0.0, at_most: float = math.inf) -> None:
        self._at_least, self._at_most = at_least, at_most
        self._written_at, self._cost = time.perf_counter(), 0.0

    @property
    def waited(self) -> float:
        """Seconds since the last write, or since this object was made."""
        return time.perf_counter() - self._written_at

    def is_now(self) -> bool:
        """Returns whether enough time has passed."""
        return self.waited > min(max(_COST_FACTOR * self._cost, self._at_least), self._at_most)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Times the write inside the block."""
        begun = time.perf_counter()
        yield
        self._written_at = time.perf_counter()
        self._cost = self._written_at - begun
