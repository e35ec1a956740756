"""Workers of a sweep that answer at once, without training."""

import collections
import random
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from tfcourse.tuning import sweeps
from tfcourse.tuning.records import Result
from tfcourse.tuning.task import Key, Outcome, Task


def trained(task: Task) -> Outcome:
    """The outcome of a training of `task`: a pure function of it, best at a rate of 0.01."""
    rng = np.random.default_rng(task.seed)
    quality = 1 / (1 + abs(np.log10(float(task.values["learning_rate"])) + 2))
    epochs = int(task.values["epochs"])
    values = quality * (1 - 0.5 ** np.arange(1, epochs + 1)) + 0.01 * rng.uniform(size=epochs)
    curve, status, best = [], sweeps.COMPLETE, 0.0
    for epoch, value in enumerate(values, start=1):
        curve.append({"epoch": epoch, "val_accuracy": float(value), "val_loss": float(1 - value)})
        best = max(best, value)
        if best < task.thresholds.get(epoch, 0.0):
            status = sweeps.PRUNED
            break
    return Outcome(Result(status, "", curve, 1.0))


class Pool:
    """Workers that finish in random order; `answer` stands for the training."""

    def __init__(
        self,
        num_workers: int = 1,
        answer: Callable[[Task], Outcome | None] = trained,
        seed: int = 0,
    ) -> None:
        self.num_workers = num_workers
        self.answer = answer
        self.started: collections.Counter[Key] = collections.Counter()
        self._in_folder: collections.Counter[str] = collections.Counter()
        self._running: list[tuple[Key, str, Task]] = []
        self._random = random.Random(seed)

    @property
    def num_free(self) -> int:
        return self.num_workers - len(self._running)

    def submit(self, key: Key, name: Literal["run", "test"], task: Task) -> None:
        assert self.num_free > 0
        if name == "run":
            self.started[key] += 1
            # A driver that asks for the same training forever must fail, not hang.
            self._in_folder[task.folder] += 1
            assert self._in_folder[task.folder] <= sweeps.MAX_LOST, f"{key} began again and again"
        self._running.append((key, name, task))

    def next_outcome(self, timeout: float) -> tuple[Key, Any] | None:
        if not self._running:
            return None
        position = self._random.randrange(len(self._running))
        key, name, task = self._running.pop(position)
        if name == "test":
            return key, {"test_accuracy": 0.5 + key[1], "dataset": "digits"}
        return key, self.answer(task)
