"""How a recipe declares a hyperparameter: one function for each kind."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from tfcourse import checked
from tfcourse.hyperparameters.kinds import (
    BatchSize,
    Choice,
    Declaration,
    Integer,
    Integers,
    Interval,
    Number,
    Several,
    Sides,
    Text,
    Texts,
)
from tfcourse.scales import SCALES

PRECISIONS = ("float32", "mixed_bfloat16")  # dtype policies of Keras

# A field is declared with the type of its value, so these functions return Any, as
# `dataclasses.field` does for type checkers. `Declaration` describes the other arguments.


def _field(
    kind: type[Declaration],
    default: Any,
    help: str,
    *,
    interval: str = "(-inf, inf)",
    scale: str = "linear",
    search: Iterable[Any] | None = None,
    choices: Iterable[str] = (),
    active_when: tuple[str, Iterable[Any]] | None = None,
    optional: bool = False,
    group: str = "Training",
) -> Any:
    checked.one_of("scale", scale, SCALES)
    declaration = kind(
        help,
        interval=Interval(interval),
        choices=tuple(choices),
        search=tuple(search) if search else None,
        scale=scale,
        active_when=(active_when[0], tuple(active_when[1])) if active_when else None,
        optional=optional,
        also={name: chosen for chosen in choices for name in _other_names(choices, chosen)},
        group=group,
    )
    for value in (*(() if default is None else (default,)), *(declaration.search or ())):
        declaration.check(value)
    return dataclasses.field(default=default, metadata={"declaration": declaration})


def _other_names(choices: Iterable[str], name: str) -> tuple[str, ...]:
    """Returns the other names of the choices in a table of `tfcourse.choices`."""
    return getattr(choices[name], "also", ()) if isinstance(choices, Mapping) else ()


def integer(default: int | None, help: str, *, interval: str, **declared: Any) -> Any:
    """Declares an integer; see `Declaration` for the arguments."""
    return _field(Integer, default, help, interval=interval, **declared)


def number(default: float | str | None, help: str, *, interval: str, **declared: Any) -> Any:
    """Declares a real number; see `Declaration` for the arguments."""
    return _field(Number, default, help, interval=interval, **declared)


def choice(default: str | None, choices: Iterable[str], help: str, **declared: Any) -> Any:
    """Declares one of `choices`; a search draws from `search`, a part of them."""
    return _field(Choice, default, help, choices=choices, scale="choice", **declared)


def integers(
    default: tuple[int, ...] | None, help: str, *, interval: str = "[1, inf)", **declared: Any
) -> Any:
    """Declares a tuple of integers; a search draws from `search`, a tuple of tuples."""
    return _field(Integers, default, help, interval=interval, scale="choice", **declared)


def sides(default: tuple[int, int] | None, help: str, *, interval: str, optional: bool) -> Any:
    """Declares the height and the width of an image; a single number stands for both."""
    return _field(Sides, default, help, interval=interval, optional=optional)


def texts(default: tuple[str, ...] | None, help: str, *, optional: bool = False) -> Any:
    """Declares a tuple of texts."""
    return _field(Texts, default, help, optional=optional)


def several(default: tuple[str, ...], choices: Iterable[str], help: str, **declared: Any) -> Any:
    """Declares a tuple of any of `choices`; a search draws from `search`, a tuple of tuples."""
    return _field(Several, default, help, choices=choices, scale="choice", **declared)


def combinations(choices: Iterable[str]) -> list[tuple[str, ...]]:
    """Returns all nonempty combinations of `choices` that `several` allows, for `active_when`."""
    items = tuple(choices)
    sizes = range(1, len(items) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(items, size)]


def text(default: str | None, help: str, *, optional: bool = False) -> Any:
    """Declares a text; one whose default is `None` is required, unless it is `optional`."""
    return _field(Text, default, help, optional=optional)


def batch_size(
    default: int | str,
    help: str,
    *,
    search: tuple[int, int] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declares a mini-batch size; a search draws powers of two between the ends of `search`.

    `choices` are words that the recipe turns into a number, besides "full".
    """
    scale = "power_of_two"
    return _field(
        BatchSize, default, help, interval="[1, inf)", scale=scale, search=search, choices=choices
    )
