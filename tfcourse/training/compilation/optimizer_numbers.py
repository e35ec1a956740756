"""Decay rates and epsilons as inputs of a compiled program, instead of constants in it.

A search over one of them draws a new value for nearly every trial, and compiling takes longer than
many trials.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# At and above this, an average is computed the other way round; see `averages.average_step`.
_TURN = 0.5


def numbers_of(optimizer: keras.Optimizer) -> dict[str, float]:
    """Returns an optimizer's numbers that can be inputs of a program, by name.

    These are the ones listed in `given_numbers` of its class, except those that follow a schedule.
    """
    names = getattr(optimizer, "given_numbers", ())
    values = {name: getattr(optimizer, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, float)}


def sides_of(optimizer: keras.Optimizer) -> dict[str, bool]:
    """Returns for each number whether it is below 0.5, which decides the operations in the program.

    Only optimizers with the same answers can share a program.
    """
    return {name: value < _TURN for name, value in numbers_of(optimizer).items()}


class OptimizerNumbers:
    """The numbers of the current optimizer, in a program traced with another optimizer.

    Args:
        model: the model that is traced.
    """

    def __init__(self, model: keras.Model) -> None:
        self._optimizer = model.optimizer
        numbers = numbers_of(model.optimizer)
        self._numbers = {name: _Number(value) for name, value in numbers.items()}

    def assign(self, model: keras.Model) -> None:
        """Sets the numbers to those of the optimizer of `model`, of the same class and sides."""
        for name, value in numbers_of(model.optimizer).items():
            self._numbers[name].assign(value)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Context: operations traced inside read the numbers from variables."""
        before = {name: getattr(self._optimizer, name) for name in self._numbers}
        self._set(self._numbers)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self._optimizer, name, value)


class _Scalar:
    """A float in variables, one per dtype in which weights are updated."""

    def __init__(self, value: float) -> None:
        dtypes = (tf.float32, tf.float64)
        self._variables = {d: tf.Variable(value, trainable=False, dtype=d) for d in dtypes}

    def assign(self, value: float) -> None:
        for dtype, variable in self._variables.items():
            variable.assign(tf.constant(value, dtype), read_value=False)

    def tensor(self, dtype: tf.DType | None) -> tf.Tensor:
        return self._variables[dtype or tf.float32].read_value()

    def __mul__(self, other: tf.Tensor) -> tf.Tensor:
        return self.tensor(other.dtype) * other


class _Number(_Scalar):
    """A float as the update rules use it.

    Expressions of this number alone are computed in Python, and rounded once, as for a constant. So
    the results are the same to the last bit.
    """

    def __init__(self, value: float) -> None:
        super().__init__(value)
        self._complement, self._log = _Scalar(1.0 - value), _Scalar(_log(value))
        self._is_before_turn = value < _TURN

    def assign(self, value: float) -> None:
        super().assign(value)
        self._complement.assign(1.0 - value)
        self._log.assign(_log(value))

    def log(self) -> _Scalar:
        return self._log

    def __rsub__(self, one: float) -> _Scalar:
        assert one == 1.0
        return self._complement

    def __lt__(self, turn: float) -> bool:
        assert turn == _TURN
        return self._is_before_turn


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _tensor_of(
    scalar: _Scalar, dtype: tf.DType | None = None, name: str | None = None, as_ref: bool = False
) -> tf.Tensor:
    return scalar.tensor(dtype)


tf.register_tensor_conversion_function(_Scalar, _tensor_of)
