"""A pool of no workers: trials are trained in the process that asks for them, one by one."""

from typing import Any, Literal

from tfcourse.tuning import tensorflow_internals, trial
from tfcourse.tuning.task import Key, Task


class InProcess:
    """Replaces `Workers` if a search is small, as in a notebook.

        sweep = tuning.search(train, base, folder, tuning.InProcess(), dataset="digits", trials=8)

    No process has to start and import TensorFlow, and compiled programs are shared. Seeds, dtype
    policy and all else that belongs to the process are afterwards as they were. Whoever stops the
    search stops the trial at hand; the same search then goes on with it.
    """

    def __init__(self) -> None:
        self._submitted: list[tuple[Key, str, Task]] = []

    @property
    def num_free(self) -> int:
        """How many more functions would run at once."""
        return 1 - len(self._submitted)

    def submit(self, key: Key, name: Literal["run", "test"], task: Task) -> None:
        """Notes the function `name` of `tuning.trial`, to be called with `task`."""
        self._submitted.append((key, name, task))

    def next_outcome(self, timeout: float) -> tuple[Key, Any] | None:
        """Returns `(key, result)`, however long it takes, or `None` where nothing waits."""
        if not self._submitted:
            return None
        key, name, task = self._submitted.pop()
        with tensorflow_internals.kept():
            return key, getattr(trial, name)(task)
