"""Steps and evaluation of a model, traced once, and lent to other models of the same kind."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfcourse.training.checkpoints.checkpoint import bytes_of, variables_of
from tfcourse.training.compilation.dropout_rates import DropoutRates
from tfcourse.training.compilation.optimizer_numbers import OptimizerNumbers
from tfcourse.training.compilation.stepping import RateTable
from tfcourse.training.evaluation import Evaluator
from tfcourse.training.keras_internals import following


class Compiled:
    """Steps and evaluation traced with one model, which work for it or for another.

    Args:
        model: compiled and built `keras.Model`.
        steps: its steps.
        table: `RateTable` in place of the current model's schedule, or `None`.
        exchanged: other inputs that take the current model's values instead of being constants.

    Attributes:
        constants: the constants in the trace, or `None` if they can't be determined.
        tell: function that returns the constants of the model as it is now.
        num_bytes: the size of its variables.
    """

    constants: list[Any] | None = None
    tell: Callable[[], list[Any] | None] | None = None

    def __init__(
        self,
        model: keras.Model,
        steps: Any,
        table: RateTable | None = None,
        exchanged: Sequence[DropoutRates | OptimizerNumbers] = (),
    ) -> None:
        self.steps = steps
        self.table = table
        self.exchanged = exchanged
        self.evaluator = Evaluator(model)
        self._model = model
        self._optimizer = model.optimizer
        self._variables = variables_of(model)
        self.num_bytes = bytes_of(self._variables)

    def is_as_traced(self) -> bool:
        """Returns whether it may train other models: its model is unchanged since the trace."""
        if self.constants is None or self.tell is None or self.tell() != self.constants:
            return False
        now = variables_of(self._model)
        return [id(each) for each in now] == [id(each) for each in self._variables]

    def is_of(self, model: keras.Model) -> bool:
        """Returns whether it was traced with `model`, and `model` still has the same variables."""
        now = map(id, variables_of(model))
        return model is self._model and [*now] == [*map(id, self._variables)]

    def can_hold(self, model: keras.Model) -> bool:
        """Returns whether values can be swapped: the models share no layer or metric."""
        mine = {id(variable) for variable in self._variables}
        return model is self._model or mine.isdisjoint(map(id, variables_of(model)))

    @contextlib.contextmanager
    def holding(self, model: keras.Model) -> Iterator[None]:
        """Context: steps and evaluation work on `model`."""
        with contextlib.ExitStack() as stack:
            if self.table:
                stack.enter_context(following(self._optimizer, self.table))
            for each in self.exchanged:
                stack.enter_context(each.in_place())
            if model is not self._model:
                stack.enter_context(_lent(variables_of(model), self._variables))
            yield


@contextlib.contextmanager
def _lent(theirs: list[keras.Variable], mine: list[keras.Variable]) -> Iterator[None]:
    # Swaps values without copying them.
    before = [variable.value.read_value() for variable in mine]
    _assign(mine, [variable.value.read_value() for variable in theirs])
    try:
        yield
    finally:
        _assign(theirs, [variable.value.read_value() for variable in mine])
        _assign(mine, before)


def _assign(variables: list[keras.Variable], values: list[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.value.assign(value, read_value=False)
