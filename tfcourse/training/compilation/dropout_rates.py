"""Dropout rates as inputs of a compiled program; Keras would compile them in as constants.

A search draws a new rate for nearly every trial, and compiling takes longer than many trials.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from tfcourse.training.compilation.fast_operations import replaced
from tfcourse.training.keras_internals import all_layers


def has_own_rate(layer: keras.layers.Layer) -> bool:
    """Returns whether `layer` is Keras's dropout, with a rate that can be replaced."""
    return type(layer) is keras.layers.Dropout and layer.rate > 0 and layer.noise_shape is None


def rates_of(model: keras.Model) -> list[float]:
    """Returns the rates of all layers of `model` for which `has_own_rate` is true, in order."""
    return [layer.rate for layer in all_layers(model) if has_own_rate(layer)]


class DropoutRates:
    """The rates of the current model, in a program that was traced with another model.

    Args:
        model: the model that is traced.
    """

    def __init__(self, model: keras.Model) -> None:
        self._values: dict[int, tuple[tf.Variable, tf.Variable]] = {}
        for layer in all_layers(model):
            if has_own_rate(layer):
                zero = tf.zeros((), layer.compute_dtype)
                self._values[id(layer)] = tf.Variable(zero), tf.Variable(zero)

    def assign(self, model: keras.Model) -> None:
        """Sets the rates to those of `model`, which has the same layers."""
        for rate, variables in zip(rates_of(model), self._values.values(), strict=True):
            # TensorFlow computes the scale of a constant rate like this.
            for variable, value in zip(variables, (rate, 1 / (1 - rate)), strict=True):
                variable.assign(tf.constant(value, variable.dtype), read_value=False)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Context: operations traced inside read the rates from variables.

        Can go once Keras's dropout accepts a tensor as its rate.
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
    """Returns TensorFlow's dropout, operation by operation, with variables for the numbers."""
    generator = getattr(dropout, "keywords", {}).get("rng_alg", "auto_select")

    # Keras passes a rate, but that of the model that is traced.
    def dropped(inputs: tf.Tensor, *, noise_shape: Any, seed: Any, **_: float) -> tf.Tensor:
        numbers = tf.random.stateless_uniform(noise_shape, seed, dtype=inputs.dtype, alg=generator)
        return tf.where(numbers >= rate, inputs * scale, tf.constant(0, inputs.dtype))

    return dropped
