"""When a contestant trains its next epoch: at the driver's word, until it is good enough, or until
as many are done as a whole command has."""

import json
import time


class Rounds:
    """Times an epoch at every line of `commands` and answers each with a line of JSON."""

    tests = False

    def __init__(self, commands, answers):
        self._commands = commands
        self._answers = answers
        self._started = None

    def more(self):
        """Waits for the driver's word. The clock of the epoch starts when this returns."""
        if not self._commands.readline():
            return False
        self._started = time.perf_counter()
        return True

    def trained(self, loss, accuracy, **details):
        """Takes the time: call it as soon as the epoch's loss and accuracy are known."""
        seconds = time.perf_counter() - self._started
        answer = {"seconds": seconds, "loss": float(loss), "accuracy": float(accuracy), **details}
        print(json.dumps(answer), file=self._answers, flush=True)

    def tested(self, accuracy):
        """Nothing is tested between rounds."""

    def finish(self, save):
        """Nothing is kept."""


class Race:
    """Goes on until the test accuracy has reached `target`, and notes when each epoch ended.

    There are at least two epochs, so that the first, which compiles, has one to compare with.
    """

    tests = True

    def __init__(self, target, max_epochs):
        self._target = target
        self._max_epochs = max_epochs
        self.times = []
        self.accuracies = []

    @property
    def epochs(self):
        """Epochs until the target was reached, None if it was not."""
        good = [epoch for epoch, value in enumerate(self.accuracies, 1) if value >= self._target]
        return good[0] if good else None

    def more(self):
        done = len(self.times)
        return done < 2 or (self.epochs is None and done < self._max_epochs)

    def trained(self, loss, accuracy, **details):
        """The epoch ends with its test."""

    def tested(self, accuracy):
        self.times.append(time.time())
        self.accuracies.append(float(accuracy))

    def finish(self, save):
        """Nothing is kept."""


class Command:
    """A given number of epochs with a test after each, as validation, and the model in a file."""

    tests = True

    def __init__(self, num_epochs, path):
        self._num_epochs = num_epochs
        self._path = path
        self.accuracies = []

    def more(self):
        return len(self.accuracies) < self._num_epochs

    def trained(self, loss, accuracy, **details):
        """The epoch ends with its test."""

    def tested(self, accuracy):
        self.accuracies.append(float(accuracy))

    def finish(self, save):
        save(self._path)


def drive(pace, train_epoch, test, save):
    """Trains at `pace` with `train_epoch() -> (loss, accuracy)` and `test() -> accuracy`.

    `save(path)` is called at the end where the model is to be kept.
    """
    while pace.more():
        pace.trained(*train_epoch())
        if pace.tests:
            pace.tested(test())
    pace.finish(save)
