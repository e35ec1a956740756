"""One network trained again and again in one program, from other seeds and with other rates."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import tfcourse
from tfcourse.datasets import Dataset

if TYPE_CHECKING:
    import keras

# Of `(data, learning rate or schedule)`: a compiled model with new weights.
Build = Callable[[Dataset, Any], "keras.Model"]
Curves = dict[str, npt.NDArray[np.float64]]  # metric: [seeds, epochs]


class Trainings:
    """Trains what `build` makes, with schedules that a table of rates stands for.

    So one compiled program serves them all.

    Args:
        build: called anew for each training.
        data: trained and validated on.
        batch_size: examples per step.
        epochs: passes over the training set.
    """

    def __init__(self, build: Build, data: Dataset, batch_size: int, epochs: int) -> None:
        self._build = build
        self._data = data
        self._epochs = epochs
        self._steps = tfcourse.batching.steps_per_epoch(len(data.train), batch_size)
        self._rates = tfcourse.training.RateTable(epochs * self._steps)
        self._model = build(data, self._rates)
        self._stepping = tfcourse.training.Stepping(self._model, data.train, batch_size)
        self._evaluator = tfcourse.training.Evaluator(self._model)

    def curves(
        self, name: str, rate: float, seeds: list[int], every: int = 1, warmup_epochs: int = 0
    ) -> Curves:
        """Returns loss and accuracy after each epoch, or each `every` of them.

        Args:
            name: of the schedule, a key of `SCHEDULES`.
            rate: its initial learning rate.
            seeds: one for each training.
            every: epochs between two evaluations.
            warmup_epochs: in which the rate rises first.
        """
        schedule = tfcourse.schedules.build(
            name, rate, steps_per_epoch=self._steps, epochs=self._epochs,
            warmup_epochs=warmup_epochs,
        )  # fmt: skip
        self._rates.set_to(schedule)
        stops = [self._steps * epoch for epoch in range(every, self._epochs + 1, every)]
        found: dict[str, list[list[float]]] = {}
        for seed in seeds:
            tfcourse.training.set_seed(seed)
            self._stepping.restart(self._build(self._data, self._rates))
            curve: dict[str, list[float]] = {}
            for _ in self._stepping.run(stops, seed):
                for metric, value in self._measured().items():
                    curve.setdefault(metric, []).append(value)
            for metric, values in curve.items():
                found.setdefault(metric, []).append(values)
        return {metric: np.array(values) for metric, values in found.items()}

    def _measured(self) -> dict[str, float]:
        """Returns cross-entropy and accuracy; the model's own loss would hold its penalties."""
        measured = {}
        for name, split in (("train", self._data.train), ("val", self._data.validation)):
            logits = self._evaluator.predict(split.features).astype("float64")
            one_hot = np.eye(self._data.num_classes)[split.labels]
            with np.errstate(all="ignore"):
                loss, _ = tfcourse.from_scratch.cross_entropy(logits, one_hot)
            measured[f"{name}_loss"] = float(loss)
            measured[f"{name}_accuracy"] = float(np.mean(logits.argmax(axis=1) == split.labels))
        return measured
