"""Trains to given numbers of steps, for curves by step instead of by epoch."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfcourse import batching, schedules, training_data
from tfcourse.training.compilation import steps
from tfcourse.training.keras_internals import build_for


class Stepping:
    """Trains a compiled Keras model step by step as `fit` does, repeatedly in one program.

        stepping = Stepping(model, data.train, batch_size=60)
        for seed in range(5):
            stepping.restart(build(seed))
            for step in stepping.run((100, 1000), seed):
                print(step, evaluate(model, data.test))

    Compiling takes longer than a short training. Everything that differs between two trainings is
    in variables: weights, the optimizer's slots, its learning rate and, with a `RateTable`, its
    schedule. Other settings of the optimizer are constants in the program. A training ends with its
    last weights, and continues if a loss is not finite.

    Args:
        model: compiled `keras.Model` with the stock `train_step`.
        split: training features and labels as arrays.
        batch_size: int >= 1, or "full".

    Attributes:
        steps_per_epoch: int.
    """

    def __init__(
        self, model: keras.Model, split: training_data.Split, batch_size: int | Literal["full"]
    ) -> None:
        size = batching.resolve_batch_size(batch_size, len(split.labels))
        self.steps_per_epoch = batching.steps_per_epoch(len(split.labels), size)
        build_for(model, training_data.first_examples(split, size))
        self._model = model
        xla = steps.compiles_with_xla(model)
        self._steps = steps.InMemorySteps(model, split, size, seed=0, jit_compile=xla)

    def restart(self, start: keras.Model) -> None:
        """Sets the model's state to that of `start`: weights, random generators, slots, rate.

        Args:
            start: compiled and built model of the same kind, with the same kind of optimizer.

        Raises:
            ValueError: its optimizer has different settings, which are constants in the program.
        """
        theirs, mine = _settings(start.optimizer), _settings(self._model.optimizer)
        if theirs != mine:
            other = [name for name in mine if theirs.get(name) != mine[name]]
            raise ValueError(
                "`start` must have an optimizer like the model's, but for its learning rate. "
                f"Received: another {', '.join(other)}"
            )
        copy_state(start, self._model)

    def run(self, stops: Iterable[int], seed: int) -> Iterator[int]:
        """Trains from the current state; yields each number of `stops` after that many steps.

        The model's metrics are then those of the steps since the previous stop.

        Args:
            stops: ints >= 0, in increasing order.
            seed: int; the order of the examples is a pure function of (seed, epoch).
        """
        self._steps.seed = seed
        done = 0
        for stop in stops:
            self._model.reset_metrics()
            while done < stop:
                epoch, first = divmod(done, self.steps_per_epoch)
                if first == 0:
                    self._steps.start_epoch(epoch)
                last = min(self.steps_per_epoch, first + int(stop) - done)
                self._steps.train(first, last)
                done += last - first
            yield stop


def _settings(optimizer: keras.Optimizer) -> dict[str, Any]:
    kind = type(optimizer).__name__
    return {"class": kind, **optimizer.get_config(), "learning_rate": None, "name": None}


def copy_state(source: keras.Model, target: keras.Model) -> None:
    """Copies the values of all variables of `source` and its optimizer to those of `target`.

    Args:
        source: compiled and built model.
        target: compiled and built model of the same kind, with the same kind of optimizer.
    """
    for mine, theirs in ((source, target), (source.optimizer, target.optimizer)):
        for value, variable in zip(mine.variables, theirs.variables, strict=True):
            variable.assign(value)


class RateTable(LearningRateSchedule):
    """The rates of a schedule, step by step, which can be replaced without a new program.

    Args:
        num_steps: int >= 1, the steps of a training.
    """

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps
        self._rates = tf.Variable(tf.zeros([num_steps]), trainable=False)
        self._told = np.zeros(num_steps, np.float32)  # The same, for Python.
        self._first = tf.Variable(0, trainable=False)
        self._told_first = 0

    def set_to(self, schedule: LearningRateSchedule) -> None:
        """Sets the rates to those of `schedule`."""
        self.assign(schedules.values(schedule, self._num_steps), 0)

    def assign(self, rates: npt.NDArray[np.float32], first: int) -> None:
        """Sets the rates from step `first` on."""
        self._rates.assign(rates)
        self._first.assign(first)
        self._told, self._told_first = np.asarray(rates, np.float32), first

    def rate_at(self, step: int) -> float:
        """Returns the rate of `step` without TensorFlow, which takes six times as long."""
        return float(self._told[min(step - self._told_first, self._num_steps - 1)])

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        # The rate is also looked up after the last step, but not used.
        place = tf.minimum(tf.cast(step, tf.int32) - self._first, self._num_steps - 1)
        return tf.gather(self._rates, place)

    def get_config(self) -> dict[str, int]:
        return {"num_steps": self._num_steps}


def rates_of(
    schedule: LearningRateSchedule, first: int, num_steps: int
) -> npt.NDArray[np.float32] | None:
    """Returns the rates of `num_steps` steps from `first` on; `None` if they can't be tabled.

    Some schedules accept only one step at a time; all schedules here and most of Keras's accept an
    array.
    """
    try:
        rates = schedules.values(schedule, first + num_steps)[first:]
        last = first + num_steps - 1
        alone = [float(schedule(tf.constant(step))) for step in (first, (first + last) // 2, last)]
        found = rates[[0, (last - first) // 2, -1]]
    except (TypeError, ValueError, IndexError, tf.errors.OpError):
        return None
    return rates if np.allclose(found, alone, rtol=1e-5, atol=0) else None
