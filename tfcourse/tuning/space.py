"""The search space: one axis per hyperparameter, and when it has an effect.

Does not import TensorFlow, and keras-tuner only if a keras-tuner space is requested.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tfcourse import hyperparameters as hp
from tfcourse.scales import SCALES, PowerOfTwo, Scale

if TYPE_CHECKING:
    import keras_tuner

_NUMBERS = {2: "two", 3: "three", 4: "four"}
Base = TypeVar("Base", bound=hp.Hyperparameters)


@dataclasses.dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter that a search may draw.

    Examples:
        >>> from tfcourse.scales import Log, PowerOfTwo
        >>> from tfcourse.tuning.space import Axis
        >>> round(Axis("learning_rate", Log((1e-4, 1.0))).scale.value_at(0.5), 4)
        0.01
        >>> Axis("batch_size", PowerOfTwo((32, 256))).scale.options
        (32, 64, 128, 256)
    """

    name: str  # The hyperparameter.
    scale: Scale  # Its range, or its list of values.
    # `(name, values)`: drawn only where the axis `name` has one of `values`.
    active_when: tuple[str, tuple[Any, ...]] | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the axis as a JSON-able dict."""
        return {
            "name": self.name,
            "scale": self.scale.name,
            **dataclasses.asdict(self.scale),
            "active_when": self.active_when,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Axis":
        """Returns the axis that `to_json` described."""
        search = tuple(map(_hashable, fields["search"]))
        active_when = None
        if fields["active_when"]:
            name, values = fields["active_when"]
            active_when = (name, tuple(map(_hashable, values)))
        return cls(
            fields["name"], SCALES[fields["scale"]](search, fields["is_integer"]), active_when
        )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclasses.dataclass(frozen=True)
class Space:
    """The axes of a search. An axis comes after the axis that its activity depends on."""

    axes: tuple[Axis, ...]

    def values_at(self, positions: Mapping[str, float]) -> dict[str, Any]:
        """Returns `{name: value}` of the active axes at `positions`, `{name: float}`."""
        values: dict[str, Any] = {}
        for axis in self.axes:
            if self.is_active(axis, values):
                values[axis.name] = axis.scale.value_at(positions[axis.name])
        return values

    @staticmethod
    def is_active(axis: Axis, values: Mapping[str, Any]) -> bool:
        """Returns whether `axis` has an effect, given `values` of the axes before it."""
        if axis.active_when is None:
            return True
        name, allowed = axis.active_when
        return values.get(name) in allowed

    def to_json(self) -> list[dict[str, Any]]:
        """Returns the space as a JSON-able list."""
        return [axis.to_json() for axis in self.axes]

    @classmethod
    def from_json(cls, axes: Iterable[Mapping[str, Any]]) -> "Space":
        """Returns the space that `to_json` described."""
        return cls(tuple(map(Axis.from_json, axes)))


def space_of(
    base: hp.Hyperparameters,
    searches: Mapping[str, str] | None = None,
    fixed: Iterable[str] = (),
    *,
    asked: Collection[str] = (),
) -> Space:
    """Returns the `Space` of a recipe's hyperparameters.

    Args:
        base: `Hyperparameters` with the values that are not searched.
        searches: `{name: text}` as in `--search`, in place of the declared ranges.
        fixed: names that keep their value in `base`.
        asked: names besides those of `searches` that must be searched.

    Raises:
        ValueError: a name is unknown, a range is empty or not allowed, a hyperparameter that must
            be searched has no effect, or nothing is left.
    """
    searches, fixed = searches or {}, set(fixed)
    declarations = hp.declarations(base)
    for name in (*searches, *fixed):
        if name not in declarations:
            raise ValueError(f"no hyperparameter {name!r}; there are {', '.join(declarations)}")
    if both := set(searches) & fixed:
        raise ValueError(f"{', '.join(sorted(both))} can't be both searched and fixed")
    axes: dict[str, Axis] = {}
    # Axes come before those that depend on them.
    for name in sorted(declarations, key=lambda name: declarations[name].active_when is not None):
        declaration = declarations[name]
        if name in fixed or not (name in searches or declaration.search):
            continue
        scale = (
            parse_scale(name, declaration, searches[name])
            if name in searches
            else _scale(name, declaration, declaration.scale, declaration.search or ())
        )
        axis = _axis(name, scale, declaration, axes, base, asked=name in (*searches, *asked))
        if axis:
            for value in scale.search:  # Raises if `base` does not allow it.
                dataclasses.replace(base, **{name: value})
            axes[name] = axis
    for name, text in searches.items():
        if name in axes and len(axes[name].scale.options or "many") == 1:
            raise ValueError(_one_value(name, declarations[name], text, axes[name].scale))
    if not axes:
        raise ValueError("nothing is left to search")
    return Space(tuple(axes.values()))


def parse_scale(name: str, declaration: hp.Declaration, text: str) -> Scale:
    """Returns the scale that `text` describes: `LOW:HIGH[:SCALE]`, or values separated by commas.

    Values that contain commas, such as hidden units, are separated by slashes: `128/256,128`.

    Raises:
        ValueError: `text` does not describe a scale.
    """
    if ":" not in text:
        divider = "/" if isinstance(declaration, hp.Integers | hp.Several) else ","
        values = [_parse(name, declaration, item) for item in text.split(divider)]
        if len(set(values)) < len(values):
            raise ValueError(f"{name}: a value is there twice. Received: {text!r}")
        return _scale(name, declaration, "choice", values)
    if not isinstance(declaration, hp.Integer | hp.Number):
        raise ValueError(f"{name} takes values with commas, not a range. Received: {text!r}")
    ranges = [scale.name for scale in SCALES.values() if scale.is_range]
    low, high, *named = text.split(":")
    if not named:
        named = [declaration.scale if declaration.scale in ranges else "linear"]
    if len(named) > 1 or named[0] not in ranges:
        raise ValueError(
            f"{name} must be LOW:HIGH:SCALE with a scale of {', '.join(ranges)}. Received: {text!r}"
        )
    ends = [_parse(name, declaration, end) for end in (low, high)]
    return _scale(name, declaration, named[0], ends)


def _one_value(name: str, declaration: hp.Declaration, text: str, scale: Scale) -> str:
    meant = "give two or more"
    if scale.is_range:
        meant = f"only {scale.value_at(0.5)} lies in the range"
    elif isinstance(declaration, hp.Integers) and "," in text:
        count = text.count(",") + 1
        meant = f"write {text.replace(',', '/')} for {_NUMBERS.get(count, count)} values"
    elif isinstance(declaration, hp.Integer | hp.Number):
        meant = "write LOW:HIGH for a range, or values with commas"
    return f"{name}: one value leaves nothing to search; {meant}. Received: {text!r}"


def _parse(name: str, declaration: hp.Declaration, text: str) -> Any:
    try:
        return declaration.parse(text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _scale(name: str, declaration: hp.Declaration, scale: str, search: Sequence[Any]) -> Scale:
    made = SCALES[scale](tuple(search), isinstance(declaration, hp.Integer))
    try:
        made.check()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return made


def _axis(
    name: str,
    scale: Scale,
    declaration: hp.Declaration,
    axes: Mapping[str, Axis],
    base: hp.Hyperparameters,
    *,
    asked: bool,
) -> Axis | None:
    """Returns the axis with its condition, or `None` if it can never be active."""
    if declaration.active_when is None:
        return Axis(name, scale)
    chooser, allowed = declaration.active_when
    if chooser in axes:
        possible = tuple(value for value in axes[chooser].scale.search if value in allowed)
    else:
        possible = allowed if getattr(base, chooser) in allowed else ()
    if not possible:
        if asked:
            values = "" if isinstance(allowed[0], tuple) else " " + " or ".join(allowed)
            raise ValueError(f"{name} matters only with {chooser}{values}")
        return None
    return Axis(name, scale, (chooser, possible) if chooser in axes else None)


def full_batch(num_examples: int) -> int:
    """Returns the smallest power of two that, as a batch size, takes all examples at once."""
    return 1 << (num_examples - 1).bit_length()


def for_examples(space: Space, num_examples: int, asked: Collection[str]) -> Space:
    """Returns `space` without the batch sizes that all mean the whole training split, except one.

    Args:
        space: the space for data of any size.
        num_examples: the size of the training split.
        asked: names of hyperparameters whose range is the user's; they stay as they are.
    """
    full = full_batch(num_examples)
    axes = []
    for axis in space.axes:
        low, high = axis.scale.search[0], axis.scale.search[-1]
        is_larger = axis.name == "batch_size" and axis.name not in asked and high > full
        if is_larger and isinstance(axis.scale, PowerOfTwo):
            if low >= full:
                continue
            axis = dataclasses.replace(axis, scale=PowerOfTwo((low, full), axis.scale.is_integer))
        axes.append(axis)
    return Space(tuple(axes) or space.axes)


def tunable(hyperparameters: hp.Hyperparameters | type[hp.Hyperparameters]) -> list[str]:
    """Returns the names of the hyperparameters that have a search range."""
    return [name for name, d in hp.declarations(hyperparameters).items() if d.search is not None]


def search_space(
    base: hp.Hyperparameters, names: Iterable[str] | None = None, num_examples: int | None = None
) -> "keras_tuner.HyperParameters":
    """Returns the declared ranges as a keras-tuner search space.

    Args:
        base: `Hyperparameters` with the values that are not searched.
        names: names to search; by default all that have a range and can be active.
        num_examples: the size of the training split; see `for_examples`. `None`: of any size.

    Raises:
        ValueError: a name has no search range, or no effect.
    """
    import keras_tuner

    ranged = tunable(base)
    asked = [] if names is None else list(names)
    for name in asked:
        if name not in ranged:
            raise ValueError(
                "Only hyperparameters with a search range can be tuned: "
                f"{', '.join(ranged)}. Received: {name!r}"
            )
    others = set() if names is None else set(ranged) - set(asked)
    space = space_of(base, fixed=others, asked=asked)
    if num_examples is not None:
        space = for_examples(space, num_examples, asked=())
    found = keras_tuner.HyperParameters()
    for axis in space.axes:
        scope: contextlib.AbstractContextManager = contextlib.nullcontext()
        if axis.active_when:
            scope = found.conditional_scope(axis.active_when[0], list(axis.active_when[1]))
        with scope:
            axis.scale.add_to_keras_tuner(found, axis.name, getattr(base, axis.name))
    return found


def values_in(space: "keras_tuner.HyperParameters", base: Base) -> Base:
    """Returns `base` with the values drawn in `space`, which `search_space` made."""
    drawn = {}
    for name, declaration in hp.declarations(base).items():
        scale = SCALES[declaration.scale]
        proxy = scale.proxy_name.format(name)
        if space.is_active(proxy):
            value = space.get(proxy)
            value = declaration.parse(value) if isinstance(value, str) else value
            drawn[name] = scale.value_of_proxy(value)
    return dataclasses.replace(base, **drawn)
