"""When what a training writes on its way is due again: seldom enough to cost little."""

import contextlib
import math
import time
from collections.abc import Iterator

# Writing is due once training has taken so many times as long: it costs 5 % of the time at most.
_COST_FACTOR = 20


class Due:
    """Says by what the last writing took whether to write again.

    Args:
        at_least: seconds from one writing to the next.
        at_most: seconds after which it is due, whatever it costs.
    """

    def __init__(self, at_least: float = 0.0, at_most: float = math.inf) -> None:
        self._at_least, self._at_most = at_least, at_most
        self._written_at, self._cost = time.perf_counter(), 0.0

    def is_now(self) -> bool:
        """Returns whether enough time has passed."""
        waited = time.perf_counter() - self._written_at
        return waited > min(max(_COST_FACTOR * self._cost, self._at_least), self._at_most)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Times what is written inside."""
        begun = time.perf_counter()
        yield
        self._written_at = time.perf_counter()
        self._cost = self._written_at - begun
