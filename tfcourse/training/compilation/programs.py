"""The compiled program that trains a model, and how trainings in one process share it.

Compiling takes longer than a short training. In a sweep, many trainings differ only in values that
are stored in variables (weights, slots, seeds, learning rates) or can be (betas, dropout rates).
Inside `shared_programs`, such a training borrows the program of an earlier one. For each block of
steps, the variables of that program take the values of the model, and then get their own values
back, so that neither model ever shows the values of the other.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfcourse import training_data
from tfcourse.training import memory
from tfcourse.training.checkpoints.checkpoint import Checkpoints
from tfcourse.training.compilation.compiled import Compiled
from tfcourse.training.compilation.constants import constants_of, is_proven
from tfcourse.training.compilation.dropout_rates import DropoutRates
from tfcourse.training.compilation.optimizer_numbers import OptimizerNumbers
from tfcourse.training.compilation.stepping import RateTable, rates_of
from tfcourse.training.compilation.steps import InMemorySteps, StreamingSteps
from tfcourse.training.input_checks import NotFiniteError
from tfcourse.training.keras_internals import schedule_of, steps_of

# Programs kept for later trainings: their number, and their bytes without the last one.
_MAX_KEPT = 16
_MAX_BYTES = 1 << 28
_MAX_RATES = 1 << 24  # Largest table for a schedule: 64 MiB.
_EXCHANGED = (DropoutRates, OptimizerNumbers)
_kept: list[Compiled] = []  # The most recently used one is last.
_is_sharing = False


@contextlib.contextmanager
def shared_programs() -> Iterator[None]:
    """Context: trainings inside share a compiled program if theirs would be the same.

    This is the case if data, model, loss and optimizer are the same objects or provably equal. A
    few programs are kept for the next such context.
    """
    global _is_sharing
    before, _is_sharing = _is_sharing, True
    try:
        yield
    finally:
        _is_sharing = before


def is_sharing() -> bool:
    """Returns whether trainings share programs now."""
    return _is_sharing


class Program:
    """The training steps and the evaluation of one model.

    Args:
        model: compiled and built `keras.Model`.
        split: the training set.
        batch_size: int in [1, number of examples].
        seed: int, determines the order of the examples.
        num_steps: int, the steps of the whole training.
        class_weights: float32 [classes] or `None`.

    Attributes:
        split: the training set.
        is_alone: whether the training runs in this process only.
        is_chief: whether this process writes the results of the training.
    """

    is_alone = is_chief = True

    def __init__(
        self,
        model: keras.Model,
        split: training_data.Split,
        batch_size: int,
        seed: int,
        num_steps: int,
        class_weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.model = model
        self.split = split
        self._batch_size = batch_size
        self._seed = seed
        self._num_steps = num_steps
        self._class_weights = class_weights
        self._execution: dict[str, bool] = {}
        self._epoch = 0
        self._compiled: Compiled | None = None

    def trace(self, execution: dict[str, bool]) -> None:
        """Has the next step traced again, with the optimizer's settings at that time.

        Args:
            execution: whether the steps are run `in_memory`, and by `xla`.
        """
        self._give_back()
        self._execution = execution

    def start_epoch(self, epoch: int) -> None:
        """Sets the order of the examples for `epoch`, counted from 0."""
        self._epoch = epoch
        if self._compiled:
            self._compiled.steps.start_epoch(epoch)

    def train(self, first: int, last: int) -> dict[str, Any] | None:
        """Takes the steps `first` to `last - 1` of the epoch; returns the model's own logs."""
        with self._at_work() as compiled:
            return compiled.steps.train(first, last)

    def evaluate(self, split: training_data.Split) -> dict[str, float]:
        """Returns the metrics as `{"loss": float, "accuracy": float, ...}`."""
        with self._at_work() as compiled:
            return compiled.evaluator.evaluate(split)

    def learning_rate(self) -> float:
        """Returns the rate of the next step, as the steps take it."""
        optimizer = self.model.optimizer
        table = self._compiled.table if self._compiled else None
        if table and schedule_of(optimizer):
            return table.rate_at(steps_of(optimizer))
        return float(optimizer.learning_rate)

    def newest(self, checkpoints: Checkpoints) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Returns `(arrays, state)` to resume from, or `None`."""
        return checkpoints.newest()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Context in which the model is trained. If the training fails, its program is not shared.

        A training whose numbers overflow still shares it, because all numbers are in variables,
        which are reset.
        """
        try:
            yield
            self._give_back()
        except NotFiniteError:
            self._give_back()
            raise
        finally:
            self._compiled = None

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[Compiled]:
        if self._compiled is None:  # Only now, because callbacks may have changed settings.
            self._compiled = self._take()
            self._compiled.steps.start_epoch(self._epoch)
        with self._compiled.holding(self.model):
            yield self._compiled

    def _take(self) -> Compiled:
        """Returns a program of an earlier training, or a new one."""
        schedule, first = schedule_of(self.model.optimizer), steps_of(self.model.optimizer)
        # Rounded up so that other lengths fit too, and so that TensorFlow computes all rates alike.
        size = 1 << max(10, self._num_steps.bit_length()) if schedule else 0
        # A table is used even if nothing is shared: XLA would round some rates differently, and a
        # separate run would differ from a trial in the last digits.
        is_tabled = schedule is not None and size <= _MAX_RATES and is_proven(schedule)
        rates = rates_of(schedule, first, size) if is_tabled else None
        constants = None
        if _is_sharing and self._execution["in_memory"]:
            told = (self.split, self._class_weights, self._batch_size, size, self._execution)
            if schedule is None or rates is not None:
                constants = constants_of(self.model, *told)
        found = _found(constants, self.model)
        if found is None:
            table = RateTable(size) if rates is not None else None
            exchanged = [kind(self.model) for kind in _EXCHANGED] if constants else []
            found = Compiled(self.model, self._new_steps(), table, exchanged)
            found.constants = constants
            found.tell = functools.partial(constants_of, self.model, *told) if constants else None
        found.steps.seed = self._seed
        for each in found.exchanged:
            each.assign(self.model)
        if found.table and rates is not None:
            found.table.assign(rates, first)
        return found

    def _new_steps(self) -> InMemorySteps | StreamingSteps:
        # The run may have begun on a machine with enough memory for the data.
        fits = self._execution["in_memory"] and not training_data.stays_on_disk(self.split)
        fits = fits and memory.fits(training_data.kept_features(self.split), self.split.labels)
        return (InMemorySteps if fits else StreamingSteps)(
            self.model,
            self.split,
            self._batch_size,
            self._seed,
            jit_compile=self._execution["xla"],
            class_weights=self._class_weights,
        )

    def _give_back(self) -> None:
        if self._compiled and self._compiled.is_as_traced():
            _kept.append(self._compiled)
            keep_newest(_kept)
        self._compiled = None


def keep_newest(kept: list[Any]) -> None:
    """Removes the oldest of `kept` until their number and `num_bytes` are within the limits."""
    while len(kept) > _MAX_KEPT or sum(each.num_bytes for each in kept[:-1]) > _MAX_BYTES:
        del kept[0]


def _found(constants: list[Any] | None, model: keras.Model) -> Compiled | None:
    """Returns the kept program with these constants, and removes it from those kept."""
    for compiled in reversed(_kept) if constants else ():
        if compiled.constants == constants and compiled.can_hold(model):
            _kept.remove(compiled)
            if compiled.is_of(model) or compiled.is_as_traced():
                return compiled
    return None
