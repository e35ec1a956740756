"""When a contestant trains its next epoch: at the driver's word, until it is good enough, or until
as many are done as a whole command has."""

import json
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO


class Pace(Protocol):
    """Decides after each epoch whether another one is trained."""

    @property
    def tests(self) -> bool:
        """Whether each epoch ends with a test."""

    def more(self) -> bool:
        """Returns whether to train another epoch."""

    def trained(self, loss: float, accuracy: float, **details: Any) -> None:
        """Takes what an epoch of training ended with."""

    def tested(self, accuracy: float) -> None:
        """Takes the test accuracy."""

    def finish(self, save: Callable[[str], object]) -> None:
        """Ends the training; `save` writes the model to a path."""


class Rounds:
    """Times an epoch at every line of `commands` and answers each with a line of JSON."""

    tests = False

    def __init__(self, commands: TextIO, answers: TextIO) -> None:
        self._commands = commands
        self._answers = answers
        self._started = 0.0

    def more(self) -> bool:
        """Waits for the driver's word. The clock of the epoch starts when this returns."""
        if not self._commands.readline():
            return False
        self._started = time.perf_counter()
        return True

    def trained(self, loss: float, accuracy: float, **details: Any) -> None:
        """Takes the time: call it as soon as the epoch's loss and accuracy are known."""
        seconds = time.perf_counter() - self._started
        answer = {"seconds": seconds, "loss": float(loss), "accuracy": float(accuracy), **details}
        print(json.dumps(answer), file=self._answers, flush=True)

    def tested(self, accuracy: float) -> None:
        """Nothing is tested between rounds."""

    def finish(self, save: Callable[[str], object]) -> None:
        """Nothing is kept."""


class Race:
    """Goes on until the test accuracy has reached `target`, and notes when each epoch ended.

    There are at least two epochs, so that the first, which compiles, has one to compare with.
    """

    tests = True

    def __init__(self, target: float, max_epochs: int) -> None:
        self._target = target
        self._max_epochs = max_epochs
        self.times: list[float] = []
        self.accuracies: list[float] = []

    @property
    def epochs(self) -> int | None:
        """Epochs until the target was reached, None if it was not."""
        good = [epoch for epoch, value in enumerate(self.accuracies, 1) if value >= self._target]
        return good[0] if good else None

    def more(self) -> bool:
        done = len(self.times)
        return done < 2 or (self.epochs is None and done < self._max_epochs)

    def trained(self, loss: float, accuracy: float, **details: Any) -> None:
        """The epoch ends with its test."""

    def tested(self, accuracy: float) -> None:
        self.times.append(time.time())
        self.accuracies.append(float(accuracy))

    def finish(self, save: Callable[[str], object]) -> None:
        """Nothing is kept."""


class Command:
    """A given number of epochs with a test after each, as validation, and the model in a file."""

    tests = True

    def __init__(self, num_epochs: int, path: str) -> None:
        self._num_epochs = num_epochs
        self._path = path
        self.accuracies: list[float] = []

    def more(self) -> bool:
        return len(self.accuracies) < self._num_epochs

    def trained(self, loss: float, accuracy: float, **details: Any) -> None:
        """The epoch ends with its test."""

    def tested(self, accuracy: float) -> None:
        self.accuracies.append(float(accuracy))

    def finish(self, save: Callable[[str], object]) -> None:
        save(self._path)


def drive(
    pace: Pace,
    train_epoch: Callable[[], tuple[float, float]],
    test: Callable[[], float],
    save: Callable[[str], object],
) -> None:
    """Trains at `pace` with `train_epoch() -> (loss, accuracy)` and `test() -> accuracy`.

    `save(path)` is called at the end where the model is to be kept.
    """
    while pace.more():
        pace.trained(*train_epoch())
        if pace.tests:
            pace.tested(test())
    pace.finish(save)
