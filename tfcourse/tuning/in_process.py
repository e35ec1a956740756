"""A pool without workers: trains trials one by one in the current process."""

from typing import Any, Literal

from tfcourse.tuning import tensorflow_internals, trial
from tfcourse.tuning.task import Key, Task


class InProcess:
    """Replaces `Workers` for small searches, for example in a notebook.

        sweep = tuning.search(train, base, folder, tuning.InProcess(), dataset="digits", trials=8)

    No process has to start and import TensorFlow, and compiled programs are shared. Seeds, the
    dtype policy and other state of the process are restored afterwards. Stopping the search stops
    the current trial; the same search then continues it.
    """

    def __init__(self) -> None:
        self._submitted: list[tuple[Key, str, Task]] = []

    @property
    def num_free(self) -> int:
        """The number of functions that can still be submitted."""
        return 1 - len(self._submitted)

    def submit(self, key: Key, name: Literal["run", "test"], task: Task) -> None:
        """Notes the function `name` of `tuning.trial`, which is called with `task` later."""
        self._submitted.append((key, name, task))

    def next_outcome(self, timeout: float) -> tuple[Key, Any] | None:
        """Returns `(key, result)` after running it, or `None` if nothing was submitted."""
        if not self._submitted:
            return None
        key, name, task = self._submitted.pop()
        with tensorflow_internals.kept():
            return key, getattr(trial, name)(task)
