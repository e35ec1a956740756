"""A pool of no workers: trials are trained in the process that asks for them, one by one."""

from tfcourse.tuning import trial


class InProcess:
    """Stands in for `Workers` where a search is small, as in a notebook.

        sweep = tuning.search(train, base, folder, tuning.InProcess(), dataset="digits", trials=8)

    No process has to start and to import TensorFlow, and what is compiled is shared. Whoever stops
    the search stops the trial at hand; the same search then goes on with it.
    """

    def __init__(self):
        self._submitted = []

    @property
    def num_free(self):
        """How many more functions would run at once."""
        return 1 - len(self._submitted)

    def submit(self, key, name, task):
        """Notes the function `name` of `tuning.trial`, to be called with `task`."""
        self._submitted.append((key, name, task))

    def next_outcome(self, timeout):
        """Returns `(key, result)`, however long it takes, or `None` where nothing waits."""
        if not self._submitted:
            return None
        key, name, task = self._submitted.pop()
        return key, getattr(trial, name)(task)
