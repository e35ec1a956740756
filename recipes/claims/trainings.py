"""One network trained again and again in one program, from other seeds and with other rates."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import tfcourse
from tfcourse.datasets import Dataset

if TYPE_CHECKING:
    import keras


class Trainings:
    """Trains what `build` makes, with schedules that a table of rates stands for.

    So one compiled program serves them all.

    Args:
        build: function of a learning rate or schedule that returns a compiled model with new
            weights; called anew for each training.
        data: trained on.
        batch_size: examples per step.
        epochs: passes over the training set, of the longest training.

    Attributes:
        data: as given.
        model: with the weights that the last training has reached.
        evaluator: of this model.
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
        """Trains from new weights; yields each of `epochs` when so many are done.

        Args:
            epochs: in rising order; the last one ends the training.
            rate: the initial learning rate.
            schedule: a key of `SCHEDULES`.
            warmup_epochs: in which the rate rises first.
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
