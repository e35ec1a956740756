"""Models that several trials of a sweep use in turn: reset instead of built again.

Building a model takes longer than many trainings. Inside `reused_models`, `built_for` returns the
model of an earlier, finished training, reset to the values that a new model would have. It does so
only if every value provably comes from an initializer and the seed, or is the same in all such
models, and if the earlier training changed nothing else in the model.
"""

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfcourse import datasets
from tfcourse.training.checkpoints.checkpoint import bytes_of, variables_of
from tfcourse.training.compilation import constants
from tfcourse.training.compilation.optimizer_numbers import numbers_of
from tfcourse.training.compilation.programs import keep_newest
from tfcourse.training.keras_internals import all_layers, become, build_for, rate_of
from tfcourse.training.preparation import compile_for

# No model draws more initial values than this.
_MAX_DRAWS = 10_000
_free: list["_Reusable"] = []  # The most recently used one is last.
_at_work: list["_Reusable"] | None = None  # `None` outside of `reused_models`.

# Returns a variable's initial value, given the seeds that Keras drew from Python's generator.
_Initial = Callable[[list[int]], Any]


@contextlib.contextmanager
def reused_models() -> Iterator[None]:
    """Context: models that `built_for` returns inside are reused by later trainings.

    Do not keep such a model after the context: it may be trained again. A few models are kept.
    """
    global _at_work
    before, _at_work = _at_work, []
    try:
        yield
    finally:
        _free.extend(each for each in _at_work if each.is_as_made())
        keep_newest(_free)
        _at_work = before


def built_for(
    make: Callable[[], keras.Model],
    optimizer: keras.Optimizer,
    data: datasets.Dataset,
    label_smoothing: float = 0.0,
) -> keras.Model:
    """Returns `make()`, compiled with `optimizer` for the labels of `data`.

        network = functools.partial(tfcourse.models.softmax_regression, data.input_shape, 10)
        model = tfcourse.training.built_for(network, tfcourse.optimizers.Adam(rate), data)

    In a sweep, if `make` is a `functools.partial` of a module's function, the result may be the
    model of an earlier trial, made by the same function with equal arguments and an equal
    optimizer. Its values are those of a new model. The function must depend on nothing else except
    the seed.

    Args:
        make: function without arguments that returns a model, not compiled yet.
        optimizer: not built yet; its learning rate and betas may differ each time.
        data: the data that the model will be trained on.
        label_smoothing: as in `compile_classifier`.
    """
    key = None if _at_work is None else _key(make, optimizer, data, label_smoothing)
    if _at_work is None or key is None:
        model = make()
        compile_for(model, optimizer, data, label_smoothing)
        return model
    reusable = next((each for each in reversed(_free) if each.key == key), None)
    if reusable:
        _free.remove(reusable)
        reusable.begin(optimizer)
    else:
        before = random.getstate()
        model = make()
        compile_for(model, optimizer, data, label_smoothing)
        # Makes metrics and slots now, so that nothing changes the model later.
        build_for(model, (data.train.features[:1], data.train.labels[:1]), quickly=True)
        reusable = _Reusable(key, model, before)
    _at_work.append(reusable)
    return reusable.model


def _key(
    make: Callable[[], keras.Model],
    optimizer: keras.Optimizer,
    data: datasets.Dataset,
    label_smoothing: float,
) -> list[Any] | None:
    """Returns a key that is equal for equal models; `None` if equality can't be determined."""
    whole = functools.partial(make)  # Wraps a function; makes an equal copy of a partial.
    if hasattr(data.train.features, "read") or not hasattr(data.train.labels, "dtype"):
        return None
    quantity = data.target.standard_deviation if data.target else None
    others = quantity, label_smoothing, *data.input_shape
    return constants.constants_of_making(whole, optimizer, *others)


class _Reusable:
    """A model and its initial values.

    Args:
        key: the key of the model; see `_key`.
        model: compiled and built.
        before: state of Python's random generator before the model was made.
    """

    def __init__(self, key: list[Any], model: keras.Model, before: Any) -> None:
        self.key = key
        self.model = model
        self._variables = variables_of(model)
        self.num_bytes = bytes_of(self._variables)
        self._made = constants.of_model(model)
        self._draws = _draws_since(before)
        self._initial = None if self._draws is None else _initial_values(model, self._draws)

    def begin(self, optimizer: keras.Optimizer) -> None:
        """Resets all variables; rate and betas become those of `optimizer`."""
        assert self._draws is not None
        assert self._initial is not None
        draws = [_draw(random) for _ in self._draws]
        for variable, initial in zip(self._variables, self._initial, strict=True):
            variable.value.assign(initial(draws), read_value=False)
        mine = self.model.optimizer
        rate = rate_of(optimizer)
        mine.learning_rate = rate.value if isinstance(rate, keras.Variable) else rate
        for name, number in numbers_of(optimizer).items():
            setattr(mine, name, number)
        become(optimizer, mine)

    def is_as_made(self) -> bool:
        """Returns whether only values of variables have changed, which can be reset."""
        now = variables_of(self.model)
        return (
            self._initial is not None
            and self._made is not None
            and [id(each) for each in now] == [id(each) for each in self._variables]
            and constants.of_model(self.model) == self._made
        )


def _draw(generator: Any) -> int:
    return generator.randint(1, int(1e9))  # Keras draws a seed like this if none is given.


def _draws_since(before: Any) -> list[int] | None:
    """Returns the seeds drawn from Python's random generator since the state `before`.

    `None` if anything else was drawn.
    """
    generator, now = random.Random(), random.getstate()
    generator.setstate(before)
    draws: list[int] = []
    while generator.getstate() != now:
        if len(draws) == _MAX_DRAWS:
            return None
        draws.append(_draw(generator))
    return draws


def _initial_values(model: keras.Model, draws: list[int]) -> list[_Initial] | None:
    """Returns the initial values of `variables_of(model)`, or `None` if one is unknown."""
    initial: dict[int, _Initial] = {}
    seeds: set[int | None] = set()
    for layer in all_layers(model):
        initial |= _of_weights(layer, draws)
        for each in vars(layer).values():
            if isinstance(each, keras.random.SeedGenerator):
                initial |= _of_generator(each.state, draws)
                seeds.add(int(each.state.numpy()[0]))
            elif isinstance(each, keras.Initializer):
                seeds.add(getattr(each, "seed", None))
    # A draw with an unknown purpose may have determined a constant.
    if any(id(each) not in initial for each in model.variables) or not seeds.issuperset(draws):
        return None
    if getattr(model.optimizer, "use_ema", True):  # The averages start as the weights do.
        return None
    # Metrics and slots draw nothing.
    return [initial.get(id(each)) or _always(each) for each in variables_of(model)]


def _of_weights(layer: keras.Layer, draws: list[int]) -> dict[int, _Initial]:
    """Returns `{id(weight): initial value}` of the weights that a layer's initializers made."""
    found: dict[int, _Initial] = {}
    for initializer in vars(layer).values():
        seed = getattr(initializer, "seed", 0)
        if not isinstance(initializer, keras.Initializer) or not isinstance(seed, int):
            continue  # If the seed is a generator, it changes with each call.
        is_drawn = seed in draws and initializer.get_config().get("seed") is None
        for weight in layer.weights:
            if id(weight) not in found and _makes(initializer, weight):
                found[id(weight)] = (
                    functools.partial(_drawn, initializer, weight, draws.index(seed))
                    if is_drawn
                    else _always(weight)
                )
    return found


def _makes(initializer: keras.Initializer, weight: keras.Variable) -> bool:
    """Returns whether `initializer` makes exactly the value of `weight`."""
    try:
        made = initializer(weight.shape, dtype=weight.dtype)
    except (TypeError, ValueError):  # The initializer makes weights of another shape.
        return False
    return np.array_equal(keras.ops.convert_to_numpy(made), weight.numpy())


def _drawn(
    initializer: keras.Initializer, weight: keras.Variable, index: int, draws: list[int]
) -> tf.Tensor:
    initializer.seed = draws[index]
    return initializer(weight.shape, dtype=weight.dtype)


def _of_generator(state: keras.Variable, draws: list[int]) -> dict[int, _Initial]:
    seed, count = (int(number) for number in state.numpy())
    if seed in draws and count == 0:
        index = draws.index(seed)
        return {id(state): lambda draws: tf.constant([draws[index], 0], state.dtype)}
    return {id(state): _always(state)}


def _always(variable: keras.Variable) -> _Initial:
    """Returns a function that returns the current value of `variable`; zeros take no memory."""
    value = tf.identity(variable.value)
    if np.any(value.numpy()):
        return lambda draws: value
    shape, dtype = value.shape, value.dtype
    return lambda draws: tf.zeros(shape, dtype)
