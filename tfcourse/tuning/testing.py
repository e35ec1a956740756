"""Evaluates the replicates of a sweep's best trial on the test set, in workers that may die."""

import collections
from collections.abc import Iterable
from typing import Any

from tfcourse.tuning import sweeps
from tfcourse.tuning.task import TICK_SECONDS, EnvironmentFaultError, Key, Pool, Task


def tested(pool: Pool, tasks: Iterable[tuple[Key, Task]]) -> list[dict[str, Any]]:
    """Returns the metrics of each finished training of `tasks`, in their order.

    Raises:
        EnvironmentFaultError: the workers die.
    """
    every = dict(tasks)
    waiting = collections.deque(every)
    metrics: dict[Key, dict[str, Any]] = {}
    num_lost = 0
    while len(metrics) < len(every):
        while waiting and pool.num_free > 0:
            key = waiting.popleft()
            pool.submit(key, "test", every[key])
        outcome = pool.next_outcome(TICK_SECONDS)
        if outcome and outcome[1] is None:
            waiting.append(outcome[0])
            num_lost += 1
            if num_lost == sweeps.MAX_LOST:
                raise EnvironmentFaultError(
                    f"trial {outcome[0][0]}: its worker died {num_lost} times while it evaluated "
                    "the test set, perhaps for lack of memory. All trials are done; the same "
                    "command tries again"
                )
        elif outcome:
            metrics[outcome[0]] = outcome[1]
    return [metrics[key] for key in every]
