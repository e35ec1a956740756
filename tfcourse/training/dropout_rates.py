"""Rates of dropout that a compiled program is given, where Keras makes constants of them.

A search draws another rate for nearly every trial, and compiling takes longer than many of them.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfcourse.training.fast_operations import replaced
from tfcourse.training.keras_internals import all_layers


def has_own_rate(layer: keras.layers.Layer) -> bool:
    """Returns whether `layer` is Keras's dropout, with a rate that can be exchanged."""
    return type(layer) is keras.layers.Dropout and layer.rate > 0 and layer.noise_shape is None


def rates_of(model: keras.Model) -> list[float]:
    """Returns the rates of all layers of `model` that `has_own_rate` finds, in their order."""
    return [layer.rate for layer in all_layers(model) if has_own_rate(layer)]


class DropoutRates:
    """The rates of the model at work, in the program that was traced with another one.

    Args:
        model: the one that is traced.
    """

    def __init__(self, model: keras.Model) -> None:
        self._values: dict[int, tuple[tf.Variable, tf.Variable]] = {}
        for layer in all_layers(model):
            if has_own_rate(layer):
                zero = tf.zeros((), layer.compute_dtype)
                self._values[id(layer)] = tf.Variable(zero), tf.Variable(zero)

    def assign(self, model: keras.Model) -> None:
        """Takes over the rates of `model`, which has the same layers."""
        for rate, variables in zip(rates_of(model), self._values.values(), strict=True):
            # As TensorFlow computes the scale of a constant rate.
            for variable, value in zip(variables, (rate, 1 / (1 - rate)), strict=True):
                variable.assign(tf.constant(value, variable.dtype), read_value=False)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While it is open, what is traced reads the rates of its layers.

        To be replaced where Keras's dropout takes a tensor for its rate.
        """
        with replaced(keras.layers.Dropout, "call", self._called):
            yield

    def _called(self, call: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def called(layer: keras.layers.Dropout, *arguments: Any, **options: Any) -> tf.Tensor:
            values = self._values.get(id(layer))
            if values is None:
                return call(layer, *arguments, **options)
            reading = functools.partial(_reading, *values)
            with replaced(tf.nn.experimental, "stateless_dropout", reading):
                return call(layer, *arguments, **options)

        return called


def _reading(
    rate: tf.Variable, scale: tf.Variable, dropout: Callable[..., tf.Tensor]
) -> Callable[..., tf.Tensor]:
    """Returns TensorFlow's dropout, operation by operation, with the values of variables."""
    generator = getattr(dropout, "keywords", {}).get("rng_alg", "auto_select")

    # Keras passes on a rate: that of the model that is traced.
    def dropped(inputs: tf.Tensor, *, noise_shape: Any, seed: Any, **_: float) -> tf.Tensor:
        numbers = tf.random.stateless_uniform(noise_shape, seed, dtype=inputs.dtype, alg=generator)
        return tf.where(numbers >= rate, inputs * scale, tf.constant(0, inputs.dtype))

    return dropped
