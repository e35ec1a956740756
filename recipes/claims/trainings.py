"""Trains one network repeatedly in one program, with different seeds and rates."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import tfcourse
from tfcourse.datasets import Dataset

if TYPE_CHECKING:
    import keras


class Trainings:
    """Trains the models of `build`, with a table of rates in place of their schedules.

    So all trainings use one compiled program.

    Args:
        build: function of a learning rate or schedule that returns a compiled model with new
            weights; called for each training.
        data: the training data.
        batch_size: examples per step.
        epochs: passes over the training set in the longest training.

    Attributes:
        data: the training data.
        model: the model, with the weights of the last training.
        evaluator: the model's evaluator.
    """

    def __init__(
        self,
        build: Callable[[Any], "keras.Model"],
        data: Dataset,
        batch_size: int | Literal["full"],
        epochs: int,
    ) -> None:
        self.data = data
        self._build = build
        self._steps = tfcourse.batching.steps_per_epoch(len(data.train), batch_size)
        self._rates = tfcourse.training.RateTable(epochs * self._steps)
        self.model = build(self._rates)
        self.evaluator = tfcourse.training.Evaluator(self.model)
        self._stepping = tfcourse.training.Stepping(self.model, data.train, batch_size)

    def run(
        self,
        seed: int,
        epochs: Sequence[int],
        rate: float,
        schedule: str = "constant",
        warmup_epochs: int = 0,
    ) -> Iterator[int]:
        """Trains from new weights; yields each number of `epochs` after that many epochs.

        Args:
            epochs: in increasing order; the last one ends the training.
            rate: the initial learning rate.
            schedule: a key of `SCHEDULES`.
            warmup_epochs: epochs of warm-up at the start.
        """
        rates = tfcourse.schedules.build(
            schedule, rate, steps_per_epoch=self._steps, epochs=epochs[-1],
            warmup_epochs=warmup_epochs,
        )  # fmt: skip
        self._rates.set_to(rates)
        tfcourse.training.set_seed(seed)
        self._stepping.restart(self._build(self._rates))
        for step in self._stepping.run([self._steps * epoch for epoch in epochs], seed):
            yield step // self._steps
