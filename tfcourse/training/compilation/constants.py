"""The constants of a compiled program, to decide whether it would train another model identically.

Plain numbers and texts are compared by value; Keras's functions and read-only arrays are compared
by identity. Nothing can be proven about a user's own function, or about an object of a class that
belongs to neither Keras nor this library, because it may depend on anything.
"""

import functools
import json
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras.optimizers.schedules import LearningRateSchedule

from tfcourse import training_data
from tfcourse.training.compilation.dropout_rates import has_own_rate, rates_of
from tfcourse.training.compilation.optimizer_numbers import numbers_of, sides_of
from tfcourse.training.compilation.resident import is_constant
from tfcourse.training.keras_internals import all_layers, decays, has_decay_exclusions, rate_of

_KNOWN = ("keras", "tfcourse")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class _NotProvenError(Exception):
    """Something may hold a constant that can't be determined."""


_UNKNOWN = (_NotProvenError, AttributeError, NotImplementedError, TypeError, ValueError)


class _Same:
    """Equal only to itself. It keeps its object alive, so that no other object gets the same id."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._item is other._item

    __hash__ = None  # type: ignore[assignment]


def constants_of(
    model: keras.Model,
    split: training_data.Split,
    class_weights: npt.NDArray[np.float32] | None,
    *others: Any,
) -> list[Any] | None:
    """Returns comparable constants: equal lists mean the same program; `None` if that is uncertain.

    Args:
        model: compiled and built `keras.Model`.
        split: the training set.
        class_weights: float32 [classes] or `None`.
        *others: plain values.
    """
    features = training_data.kept_features(split)
    if not (is_constant(features) and is_constant(split.labels)):
        return None
    try:
        return [
            _Same(features),
            _Same(split.labels),
            None if class_weights is None else class_weights.tolist(),
            _settings(),
            _of_model(model),
            _of(others, {}),
        ]
    except _UNKNOWN:
        return None


def is_proven(item: Any) -> bool:
    """Returns whether `item` is an object of Keras or of this library, made of plain values."""
    try:
        _of(item, {})
    except _UNKNOWN:
        return False
    return True


def of_model(model: keras.Model) -> list[Any] | None:
    """Returns the comparable constants of a compiled and built model, as `constants_of` does."""
    try:
        return [_of_model(model), rates_of(model)]
    except _UNKNOWN:
        return None


def constants_of_making(
    make: functools.partial[keras.Model], optimizer: keras.Optimizer, *others: Any
) -> list[Any] | None:
    """Returns the comparable constants of a model that is not built yet: equal lists mean equal
    models.

    Args:
        make: makes the model. Its function may be in any module: the caller promises that the
            result depends only on the arguments.
        optimizer: not built yet.
        *others: plain values.
    """
    if isinstance(make.func, types.FunctionType) and make.func.__closure__:
        return None  # The function differs each time.
    try:
        return [
            _Same(make.func),
            _of([make.args, make.keywords], {}),
            _of_optimizer(optimizer, {}),
            [keras.config.dtype_policy().name, *_settings()],
            _of(others, {}),
        ]
    except _UNKNOWN:
        return None


def _settings() -> list[Any]:
    return [keras.config.epsilon(), keras.config.floatx(), keras.config.image_data_format()]


def _of_model(model: keras.Model) -> list[Any]:
    _check_known(type(model))
    layers = [layer for layer in all_layers(model) if isinstance(layer, keras.layers.Layer)]
    places: dict[int, Any] = {id(layer): ["layer", i] for i, layer in enumerate(layers)}
    # Before the configurations are made, because Keras then warns of lambdas.
    described = [_of_layer(layer, places) for layer in layers]
    described += [_of_optimizer(model.optimizer, places)]
    described += [_of(model.loss, places), _of(list(model.metrics), places)]
    compiled = {k: v for k, v in model.get_compile_config().items() if k != "optimizer"}
    config = _without_rates(without_names(model.get_config(), model))
    return [*described, json.dumps([compiled, config], sort_keys=True)]


def _without_rates(item: Any) -> Any:
    """Returns a configuration without dropout rates; `_of_layer` compares the constant ones."""
    if isinstance(item, dict):
        plain = {k: _without_rates(v) for k, v in item.items()}
        if item.get("class_name") == "Dropout" and item.get("module") == "keras.layers":
            plain["config"] = {k: v for k, v in plain["config"].items() if k != "rate"}
        return plain
    return [_without_rates(each) for each in item] if isinstance(item, (list, tuple)) else item


def _of_layer(layer: keras.layers.Layer, places: dict[int, Any]) -> list[Any]:
    _check_known(type(layer))
    settings = [layer.trainable, layer.compute_dtype, layer.variable_dtype, layer.autocast]
    settings += [layer.supports_masking, _of(layer.activity_regularizer, places)]
    own = _own(layer, _attributes(keras.layers.Layer))
    if has_own_rate(layer):
        own = {k: v for k, v in own.items() if k != "rate"}
    if isinstance(layer, keras.Model):  # The configuration lacks only replaced methods.
        own = {k: v for k, v in own.items() if callable(v) and hasattr(type(layer), k)}
    return [type(layer), settings, _of(own, places), _of(layer.weights, places)]


def _of_optimizer(optimizer: keras.Optimizer, places: dict[int, Any]) -> list[Any]:
    _check_known(type(optimizer))
    rate = rate_of(optimizer)
    is_schedule = isinstance(rate, LearningRateSchedule)
    # The rates of a schedule are replaced like a variable; other functions are traced.
    if has_decay_exclusions(optimizer) or not (is_schedule or isinstance(rate, keras.Variable)):
        raise _NotProvenError
    _check_known(type(rate))
    exchanged = {"learning_rate", "name", *numbers_of(optimizer)}
    own = _own(optimizer, _attributes(keras.Optimizer) | exchanged)
    config = {k: v for k, v in optimizer.get_config().items() if k not in exchanged}
    sides = sides_of(optimizer)
    return [type(optimizer), is_schedule, sides, _of(own, places), _of(config, places)]


def _of(item: Any, known: dict[int, Any]) -> Any:
    """Returns what distinguishes `item` from everything that would make another program."""
    if isinstance(item, _PLAIN):
        return [type(item).__name__, item]
    if id(item) in known:
        return known[id(item)]
    if isinstance(item, keras.Variable):
        held = _of([item.regularizer, item.constraint], known)
        return [list(item.shape), str(item.dtype), item.trainable, held]
    if isinstance(item, keras.KerasTensor):  # Part of the graph, which is in the configuration.
        return [list(item.shape), item.dtype]
    if isinstance(item, type):
        return _Same(item)
    if isinstance(item, types.FunctionType):
        _check_known(item)
        if item.__closure__:
            raise _NotProvenError
        return _Same(item)
    if isinstance(item, Mapping):
        return [[_of(key, known), _of(value, known)] for key, value in item.items()]
    if isinstance(item, (list, tuple)):
        return [_of(each, known) for each in item]
    return _of_object(item, known)


def _of_object(item: Any, known: dict[int, Any]) -> list[Any]:
    _check_known(type(item))
    # Their state is in variables.
    if isinstance(item, (keras.Initializer, keras.random.SeedGenerator)):
        return [type(item)]
    known[id(item)] = ["object", len(known)]
    base = _attributes(keras.metrics.Metric) if isinstance(item, keras.metrics.Metric) else ()
    variables = item.variables if isinstance(item, keras.metrics.Metric) else ()
    return [type(item), _of(_own(item, base), known), _of(list(variables), known)]


def _own(item: Any, common: Any) -> dict[str, Any]:
    """Returns an object's attributes, without those that all objects of its class have.

    Attributes that begin with "_self_" are TensorFlow's, for its own checkpoints.
    """
    every = vars(item).items()
    return {k: v for k, v in every if k not in common and not k.startswith("_self_")}


@functools.cache
def _attributes(kind: type) -> frozenset[str]:
    if kind is not keras.Optimizer:
        return frozenset(vars(kind(name="plain")))
    optimizer = keras.Optimizer(learning_rate=0.1, name="plain")
    decays(optimizer, keras.Variable(0.0))  # Makes the optimizer record which variables decay.
    return frozenset(vars(optimizer))


def _check_known(item: Any) -> None:
    if item.__module__.split(".")[0] not in _KNOWN or "<lambda>" in item.__qualname__:
        raise _NotProvenError


def without_names(config: Any, model: keras.Model) -> Any:
    """Returns a configuration of `model` that identifies layers by position, not by name.

    Keras numbers layers in the order in which a process makes them, so equal models have different
    names.
    """
    places = {layer.name: i for i, layer in enumerate(all_layers(model))}

    def place_of(name: Any) -> Any:
        return places.get(name, name) if isinstance(name, str) else name

    def renamed(item: Any) -> Any:
        if isinstance(item, dict):
            return {k: place_of(v) if k == "name" else renamed(v) for k, v in item.items()}
        if isinstance(item, (list, tuple)):
            is_tensor = len(item) == 3 and [type(each) for each in item] == [str, int, int]
            first = [place_of(item[0])] if is_tensor else []  # It is [layer, node, output].
            return first + [renamed(each) for each in item[len(first) :]]
        return item

    return renamed(config)
