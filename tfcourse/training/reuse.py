"""Models that serve one trial of a sweep after another: begun anew instead of built anew.

Building a model takes longer than many a training. Inside `reused_models`, `built_for` hands out
the model of an earlier training that is over, with all values that a new one would begin with. It
does so where each of them is proven to be what an initializer makes of the seed, or the same in
every such model; and where the earlier training has left no other trace in it.
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
from tfcourse.training import constants
from tfcourse.training.checkpoint import bytes_of, variables_of
from tfcourse.training.keras_internals import all_layers, become, build_for, rate_of
from tfcourse.training.optimizer_numbers import numbers_of
from tfcourse.training.preparation import compile_for
from tfcourse.training.programs import keep_newest

# More draws than this are no model's initial values.
_MAX_DRAWS = 10_000
_free: list["_Reusable"] = []  # The one used last at the end.
_at_work: list["_Reusable"] | None = None  # `None` outside of `reused_models`.

# What a variable begins with, given what Keras has drawn from Python's generator.
_Initial = Callable[[list[int]], Any]


@contextlib.contextmanager
def reused_models() -> Iterator[None]:
    """Lets models that `built_for` returns inside serve the next such training.

    Whoever holds one after the context has ended will see it trained again. A few are kept.
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

    In a sweep, where `make` is a `functools.partial` of a module's function, it may be the model of
    an earlier trial, made by the same function of equal arguments and with an equal optimizer. It
    begins with the values of a new one. The function must depend on nothing else but the seed.

    Args:
        make: function without arguments that returns a model, not compiled yet.
        optimizer: not built yet; its learning rate and betas may be others each time.
        data: what the model will be trained on.
        label_smoothing: as that of `compile_classifier`.
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
        # Metrics and slots are made now, so that all that follows leaves the model as it is.
        build_for(model, (data.train.features[:1], data.train.labels[:1]), quickly=True)
        reusable = _Reusable(key, model, before)
    _at_work.append(reusable)
    return reusable.model


def _key(make, optimizer, data, label_smoothing):
    """Returns what is equal for equal models; `None` where that can't be told."""
    whole = functools.partial(make)  # Of another `partial` it is an equal one.
    if hasattr(data.train.features, "read") or not hasattr(data.train.labels, "dtype"):
        return None
    quantity = data.target.standard_deviation if data.target else None
    others = quantity, label_smoothing, *data.input_shape
    return constants.constants_of_making(whole, optimizer, *others)


class _Reusable:
    """A model, and what its variables begin with.

    Args:
        key: what it was made of.
        model: compiled and built.
        before: state of Python's generator before it was made.
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
        """Gives all variables their first values; rate and betas are those of `optimizer`."""
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
        """Returns whether nothing has changed but values of variables, which can be had again."""
        now = variables_of(self.model)
        return (
            self._initial is not None
            and self._made is not None
            and [id(each) for each in now] == [id(each) for each in self._variables]
            and constants.of_model(self.model) == self._made
        )


def _draw(generator: Any) -> int:
    return generator.randint(1, int(1e9))  # As Keras draws a seed where it is given none.


def _draws_since(before: Any) -> list[int] | None:
    """Returns what was drawn from Python's generator since it was in the state `before`.

    `None` where that was not seeds alone.
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
    """Returns what each of `variables_of(model)` begins with, or `None` where one is not known."""
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
    # A draw of which nobody can tell what it was for, may be what a constant was made of.
    if any(id(each) not in initial for each in model.variables) or not seeds.issuperset(draws):
        return None
    if getattr(model.optimizer, "use_ema", True):  # The averages begin as the weights do.
        return None
    # Of metrics and slots none is drawn.
    return [initial.get(id(each)) or _always(each) for each in variables_of(model)]


def _of_weights(layer: keras.Layer, draws: list[int]) -> dict[int, _Initial]:
    """Returns `{id(weight): what it begins with}` of those that an initializer of `layer` made."""
    found: dict[int, _Initial] = {}
    for initializer in vars(layer).values():
        seed = getattr(initializer, "seed", 0)
        if not isinstance(initializer, keras.Initializer) or not isinstance(seed, int):
            continue  # A generator as its seed would go on with each call.
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
    """Returns whether `initializer` makes exactly what `weight` holds."""
    try:
        made = initializer(weight.shape, dtype=weight.dtype)
    except (TypeError, ValueError):  # It is for weights of another shape.
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
    """Returns what gives the value that `variable` has now; zeros take no memory."""
    value = tf.identity(variable.value)
    if np.any(value.numpy()):
        return lambda draws: value
    shape, dtype = value.shape, value.dtype
    return lambda draws: tf.zeros(shape, dtype)
