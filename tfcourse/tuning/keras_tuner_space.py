"""Search ranges of hyperparameter declarations as a keras-tuner search space, and back.

keras-tuner has no scale for a decay rate such as momentum, whose distance from 1 matters: there
a proxy `one_minus_beta` is drawn log-uniformly, and beta is 1 minus it. Powers of two and tuples
are choices.
"""

import contextlib
import dataclasses

import keras_tuner

from tfcourse import hyperparameters as hp

_PROXY = "one_minus_"


def tunable(hyperparameters):
    """Returns the names of the hyperparameters that have a search range."""
    return [name for name, d in hp.declarations(hyperparameters).items() if d.search is not None]


def search_space(base, names=None):
    """Returns a `keras_tuner.HyperParameters` that holds the whole space.

    Args:
        base: `Hyperparameters` with the values of all that is not searched.
        names: names to search; by default all that have a range and can be active.

    Raises:
        ValueError: a name has no search range.
    """
    declarations = hp.declarations(base)
    names = list(names) if names is not None else tunable(base)
    for name in names:
        if name not in tunable(base):
            raise ValueError(
                f"Only hyperparameters with a search range can be tuned: "
                f"{', '.join(tunable(base))}. Received: {name!r}"
            )
        for end in declarations[name].search:
            dataclasses.replace(base, **{name: end})  # Raises where the others do not go with it.
    space = keras_tuner.HyperParameters()
    # A condition must be known before what depends on it.
    for name in sorted(names, key=lambda name: declarations[name].active_when is not None):
        chooser, values = declarations[name].active_when or (None, ())
        if chooser in names:
            possible = [value for value in values if value in declarations[chooser].search]
            scope = space.conditional_scope(chooser, possible)
            if not possible:
                continue
        elif not base.is_active(name):
            continue
        else:
            scope = contextlib.nullcontext()
        with scope:
            _add(space, name, declarations[name], getattr(base, name))
    return space


def values_in(space, base):
    """Returns `base` with the values that `space`, a trial's `HyperParameters`, has drawn."""
    drawn = {}
    for name, declaration in hp.declarations(base).items():
        if space.is_active(_PROXY + name):
            drawn[name] = 1.0 - space.get(_PROXY + name)
        elif space.is_active(name):
            value = space.get(name)
            drawn[name] = declaration.parse(value) if isinstance(value, str) else value
    return dataclasses.replace(base, **drawn)


def _add(space, name, declaration, default):
    scale, search = declaration.scale, declaration.search
    if scale == "choice":
        options = [declaration.format(value) for value in search]
        default = declaration.format(default)
        space.Choice(name, options, default=default if default in options else options[0])
    elif scale == "power_of_two":
        powers = [2**k for k in range(32) if search[0] <= 2**k <= search[1]]
        space.Choice(name, powers, default=default if default in powers else powers[0])
    elif scale == "one_minus_log":
        low, high = 1.0 - search[1], 1.0 - search[0]
        space.Float(
            _PROXY + name, low, high, sampling="log", default=_inside(1 - default, low, high)
        )
    else:
        kind = space.Int if isinstance(declaration, hp.Integer) else space.Float
        kind(name, *search, sampling=scale, default=_inside(default, *search))


def _inside(value, low, high):
    return min(max(value, low), high)
