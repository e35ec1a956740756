"""Changes how layers are called, temporarily: watched, without noise, with or without batch norm.

Only the attribute `call` of the model's layers is changed, and only inside the context. Functions
that `tf.function` traces inside keep the change.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import keras
from keras import ops

from tfcourse import layers as own_layers
from tfcourse.training.keras_internals import all_layers, last_layer

Call = Callable[..., Any]
_BATCH_NORMS = (keras.layers.BatchNormalization, own_layers.BatchNormalization)
_EPSILON = 1e-3  # As in Keras's batch normalization.


class Seen(NamedTuple):
    """The inputs and outputs of a layer."""

    layer: keras.layers.Layer
    inputs: Any
    outputs: Any


@contextlib.contextmanager
def _called_by(
    layers: Iterable[keras.layers.Layer], wrap: Callable[[keras.layers.Layer, Call], Call]
) -> Iterator[None]:
    changed = list(layers)
    before = [vars(layer).get("call") for layer in changed]
    for layer in changed:
        vars(layer)["call"] = wrap(layer, layer.call)
    try:
        yield
    finally:
        for layer, call in zip(changed, before, strict=True):
            if call is None:
                del vars(layer)["call"]
            else:
                vars(layer)["call"] = call


@contextlib.contextmanager
def watched(model: keras.Model) -> Iterator[list[Seen]]:
    """Yields a list to which each layer's inputs and outputs are added, in the order of calls."""
    seen: list[Seen] = []

    def wrap(layer: keras.layers.Layer, call: Call) -> Call:
        def watch(*arguments: Any, **named: Any) -> Any:
            outputs = call(*arguments, **named)
            if arguments and hasattr(arguments[0], "shape") and hasattr(outputs, "shape"):
                seen.append(Seen(layer, arguments[0], outputs))
            return outputs

        return watch

    with _called_by(inner_layers(model), wrap):
        yield seen


def inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of `model`, without itself and its input."""
    every = (layer for layer in all_layers(model) if layer is not model)
    return [layer for layer in every if not isinstance(layer, keras.layers.InputLayer)]


@contextlib.contextmanager
def without_noise(model: keras.Model) -> Iterator[None]:
    """Context: dropout, noise and random changes of images do nothing."""

    def wrap(layer: keras.layers.Layer, call: Call) -> Call:
        return lambda *arguments, **named: call(*arguments, **{**named, "training": False})

    with _called_by(filter(_is_noise, inner_layers(model)), wrap):
        yield


def _is_noise(layer: keras.layers.Layer) -> bool:
    drawing = any(isinstance(each, keras.random.SeedGenerator) for each in vars(layer).values())
    takes = "training" in inspect.signature(layer.call).parameters
    return drawing and takes and not layer.trainable_variables


def batch_norms(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that normalize batches."""
    return [layer for layer in inner_layers(model) if isinstance(layer, _BATCH_NORMS)]


@contextlib.contextmanager
def without_batch_norm(model: keras.Model) -> Iterator[None]:
    """Context: batch normalization only scales and shifts: `gamma * x + beta`."""

    def wrap(layer: Any, call: Call) -> Call:
        def scale(inputs: Any, *arguments: Any, **named: Any) -> Any:
            gamma, beta = (
                each if each is None else ops.cast(each, inputs.dtype)
                for each in (layer.gamma, layer.beta)
            )
            scaled = inputs if gamma is None else inputs * gamma
            return scaled if beta is None else scaled + beta

        return scale

    with _called_by(batch_norms(model), wrap):
        yield


@contextlib.contextmanager
def with_batch_norm(model: keras.Model) -> Iterator[None]:
    """Context: hidden layers normalize over the batch before their activation."""

    def wrap(layer: Any, call: Call) -> Call:
        def normalize(*arguments: Any, **named: Any) -> Any:
            activation = layer.activation
            vars(layer)["activation"] = keras.activations.linear
            try:
                sums = call(*arguments, **named)
            finally:
                vars(layer)["activation"] = activation
            mean, variance = own_layers.batch_moments(sums)
            return activation((sums - mean) / ops.sqrt(variance + _EPSILON))

        return normalize

    with _called_by(hidden_products(model), wrap):
        yield


def hidden_products(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers with a kernel and an activation, except the last one."""
    every = [layer for layer in inner_layers(model) if has_kernel(layer)]
    last = last_layer(model) or (every[-1] if every else None)
    return [layer for layer in every if layer is not last and hasattr(layer, "activation")]


def has_kernel(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer itself multiplies by a kernel of weights."""
    return any(len(weight.shape) >= 2 for weight in own_weights(layer))


def own_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    """Returns the weights of a layer, without those of inner layers."""
    inside = {id(w) for each in all_layers(layer) if each is not layer for w in each.weights}
    return [weight for weight in layer.weights if id(weight) not in inside]
