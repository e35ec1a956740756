"""Decay rates and epsilons that a compiled program is given, where they would be constants of it.

A search over one of them draws another value for nearly every trial, and compiling takes longer
than many of them.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

# From here on an average is computed the other way round; see `averages.average_step`.
_TURN = 0.5


def numbers_of(optimizer: keras.Optimizer) -> dict[str, float]:
    """Returns the numbers of an optimizer that a program may be given, by name.

    They are those that its class names, unless they follow a schedule.
    """
    names = getattr(optimizer, "given_numbers", ())
    values = {name: getattr(optimizer, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, float)}


def sides_of(optimizer: keras.Optimizer) -> dict[str, bool]:
    """Returns what of its numbers changes the operations themselves: on which side of 0.5 each is.

    Only optimizers alike in that can share a program.
    """
    return {name: value < _TURN for name, value in numbers_of(optimizer).items()}


class OptimizerNumbers:
    """The numbers of the optimizer at work, in the program that was traced with another one.

    Args:
        model: the one that is traced.
    """

    def __init__(self, model: keras.Model) -> None:
        self._optimizer = model.optimizer
        numbers = numbers_of(model.optimizer)
        self._numbers = {name: _Number(value) for name, value in numbers.items()}

    def assign(self, model: keras.Model) -> None:
        """Takes over the numbers of `model`, whose optimizer is of the same class and sides."""
        for name, value in numbers_of(model.optimizer).items():
            self._numbers[name].assign(value)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While it is open, what is traced reads the numbers of whoever is at work."""
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
    """A float that lies in variables, one of each dtype in which weights are updated."""

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

    What they make of the float alone is computed as there, in Python, and rounded once. So the
    results are those of a constant, to the last bit.
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
