"""What a search may draw: one axis a hyperparameter, measured on its scale.

A position in [0, 1] on an axis stands for a value: uniform positions are uniform on the scale.
Both ends of a range can be reached, and whole numbers stay whole.

    linear         low + u (high - low)
    log            low (high / low)^u
    one_minus_log  1 - (1 - low) ((1 - high) / (1 - low))^u; 0.9..0.999 has its middle at 0.99
    power_of_two   2^k between the ends, all k alike
    choice         the listed values, all alike

Nothing here imports TensorFlow or keras-tuner.
"""

import collections
import dataclasses
import math

from tfcourse import hyperparameters as hp


@dataclasses.dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter that a search may draw.

    Attributes:
        name: the hyperparameter.
        scale: one of `hyperparameters.SCALES`.
        search: `(low, high)`, or the values of a choice.
        is_integer: whether its numbers are whole.
        active_when: `(name, values)`: drawn only where the axis `name` has one of `values`.

    Examples:
        >>> from tfcourse.search_space import Axis
        >>> rate = Axis("learning_rate", "log", (1e-4, 1.0))
        >>> round(rate.value_at(0.5), 4)
        0.01
        >>> Axis("batch_size", "power_of_two", (32, 256)).options
        (32, 64, 128, 256)
    """

    name: str
    scale: str
    search: tuple
    is_integer: bool = False
    active_when: tuple[str, tuple] | None = None

    @property
    def options(self):
        """All values as a tuple, in order; `None` on a continuous axis."""
        if self.scale == "choice":
            return self.search
        low, high = self.search
        if self.scale == "power_of_two":
            exponents = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
            return tuple(2**exponent for exponent in exponents)
        if self.is_integer and high - low < 1000:
            return tuple(range(low, high + 1))
        return None

    def value_at(self, position):
        """Returns the value at `position`, a float in [0, 1]."""
        if self.scale in ("choice", "power_of_two"):
            options = self.options
            return options[min(int(position * len(options)), len(options) - 1)]
        low, high = self.search
        # A whole number owns the half units around it, so that all of them are drawn alike.
        margin = 0.5 if self.is_integer else 0.0
        value = _from_scale(self.scale, low - margin, high + margin, position)
        # Rounding must not lead past an end, nor just miss it.
        value = low if position <= 0.0 else high if position >= 1.0 else min(max(value, low), high)
        return round(value) if self.is_integer else value

    def position_of(self, value):
        """Returns the position of `value` in [0, 1]; that of an option is its middle."""
        if self.scale in ("choice", "power_of_two"):
            return (self.options.index(value) + 0.5) / len(self.options)
        low, high = self.search
        margin = 0.5 if self.is_integer else 0.0
        low, high = (_to_scale(self.scale, v) for v in (low - margin, high + margin))
        return (_to_scale(self.scale, value) - low) / (high - low) if high > low else 0.5

    def spread(self, level):
        """Returns positions evenly over the axis: its ends at level 0, then between, and so on.

        The positions of a level are among those of the next, so that a finer grid holds the
        coarser one. All values of a choice are there from the start.
        """
        options = self.options
        if options is None:
            return tuple(i / 2**level for i in range(2**level + 1))
        indices = range(len(options))
        if self.scale != "choice" and 2**level < len(options):
            indices = sorted(
                {round(i * (len(options) - 1) / 2**level) for i in range(2**level + 1)}
            )
        return tuple(self.position_of(options[i]) for i in indices)

    def to_json(self):
        """Returns the axis as a JSON-able dict."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields):
        """Returns the axis that `to_json` described."""
        fields = {**fields, "search": tuple(map(_hashable, fields["search"]))}
        if fields["active_when"]:
            name, values = fields["active_when"]
            fields["active_when"] = (name, tuple(map(_hashable, values)))
        return cls(**fields)


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


def _to_scale(scale, value):
    if scale == "log":
        return math.log(value)
    return -math.log(1.0 - value) if scale == "one_minus_log" else float(value)


def _from_scale(scale, low, high, position):
    low, high = _to_scale(scale, low), _to_scale(scale, high)
    at = low + position * (high - low)
    if scale == "log":
        return math.exp(at)
    return 1.0 - math.exp(-at) if scale == "one_minus_log" else at


@dataclasses.dataclass(frozen=True)
class Space:
    """The axes of a search; an axis comes after the one that its activity depends on."""

    axes: tuple[Axis, ...]

    def values_at(self, positions):
        """Returns `{name: value}` of the active axes at `positions`, `{name: float}`."""
        values = {}
        for axis in self.axes:
            if self.is_active(axis, values):
                values[axis.name] = axis.value_at(positions[axis.name])
        return values

    @staticmethod
    def is_active(axis, values):
        """Returns whether `axis` matters beside `values`, those of the axes before it."""
        if axis.active_when is None:
            return True
        name, allowed = axis.active_when
        return values.get(name) in allowed

    def to_json(self):
        """Returns the space as a JSON-able list."""
        return [axis.to_json() for axis in self.axes]

    @classmethod
    def from_json(cls, axes):
        """Returns the space that `to_json` described."""
        return cls(tuple(map(Axis.from_json, axes)))


def grid(space, max_points):
    """Returns the points of the finest grid with at most `max_points`, as `{name: position}`.

    The numeric axes are refined in turns; a choice has all its values from the start.

    Raises:
        ValueError: even the ends of every axis make more points.

    Examples:
        >>> from tfcourse.search_space import Axis, Space, grid
        >>> rate, beta = Axis("rate", "log", (0.01, 1.0)), Axis("beta", "choice", (0.5, 0.9))
        >>> for point in grid(Space((rate, beta)), max_points=4):
        ...     print(Space((rate, beta)).values_at(point))
        {'rate': 0.01, 'beta': 0.5}
        {'rate': 0.01, 'beta': 0.9}
        {'rate': 1.0, 'beta': 0.5}
        {'rate': 1.0, 'beta': 0.9}
    """
    check_grid(space, max_points)
    levels = {axis.name: 0 for axis in space.axes}
    while True:
        refined = False
        for axis in space.axes:
            if len(axis.spread(levels[axis.name] + 1)) == len(axis.spread(levels[axis.name])):
                continue
            finer = {**levels, axis.name: levels[axis.name] + 1}
            if _count(space, finer) <= max_points:
                levels, refined = finer, True
        if not refined:
            return _product(space, levels)


def check_grid(space, max_points):
    """Raises `ValueError` where even the ends of every axis make more than `max_points` points."""
    smallest = _count(space, {axis.name: 0 for axis in space.axes})
    if smallest > max_points:
        raise ValueError(
            f"the coarsest grid has {smallest} points; --trials={smallest} or more, fewer values "
            "in --search, or --fix some"
        )


def _count(space, levels):
    """Returns how many points `_product` makes, without making them."""
    choosers = {axis.active_when[0] for axis in space.axes if axis.active_when}
    counts = collections.Counter({(): 1})  # By the values of those that decide about others.
    for axis in space.axes:
        extended = collections.Counter()
        for chosen, count in counts.items():
            active = space.is_active(axis, dict(chosen))
            positions = axis.spread(levels[axis.name]) if active else ()
            if axis.name in choosers and active:
                for position in positions:
                    extended[(*chosen, (axis.name, axis.value_at(position)))] += count
            else:
                extended[chosen] += count * max(len(positions), 1)
        counts = extended
    return counts.total()


def _product(space, levels):
    """Returns all combinations of active axes, each as `{name: position}`."""
    points = [({}, {})]
    for axis in space.axes:
        extended = []
        for positions, values in points:
            active = space.is_active(axis, values)
            for position in axis.spread(levels[axis.name]) if active else ():
                value = axis.value_at(position)
                extended.append(({**positions, axis.name: position}, {**values, axis.name: value}))
            if not active:
                extended.append((positions, values))
        points = extended
    return [positions for positions, _ in points]


def space_of(base, searches=None, fixed=()):
    """Returns the `Space` of a recipe's hyperparameters.

    Args:
        base: `Hyperparameters` with the values of all that is not searched.
        searches: `{name: text}` as `--search` takes it, in place of the declared ranges.
        fixed: names that keep the value they have in `base`.

    Raises:
        ValueError: a name is unknown, a range is empty or not allowed, or nothing is left.
    """
    searches = searches or {}
    declarations = hp.declarations(base)
    for name in (*searches, *fixed):
        if name not in declarations:
            raise ValueError(f"no hyperparameter {name!r}; there are {', '.join(declarations)}")
    if both := set(searches) & set(fixed):
        raise ValueError(f"{', '.join(sorted(both))} can't be both searched and fixed")
    axes = {}
    # What decides about others comes before them.
    for name in sorted(declarations, key=lambda name: declarations[name].active_when is not None):
        declaration = declarations[name]
        if name in fixed or not (name in searches or declaration.search):
            continue
        if name in searches:
            axis = parse_axis(name, declaration, searches[name])
        else:
            axis = _axis(name, declaration, declaration.scale, declaration.search)
        axis = _with_condition(axis, declaration, axes, base, asked=name in searches)
        if axis:
            _check_fits(axis, base)
            axes[name] = axis
    if not axes:
        raise ValueError("nothing is left to search")
    return Space(tuple(axes.values()))


def parse_axis(name, declaration, text):
    """Returns the axis that `text` spells: `LOW:HIGH[:SCALE]`, or values with commas.

    Values that have commas themselves, such as hidden units, are divided by slashes:
    `128/256,128`.

    Raises:
        ValueError: it spells none.
    """
    if ":" not in text:
        divider = "/" if isinstance(declaration, hp.Integers) else ","
        values = tuple(_parse(name, declaration, item) for item in text.split(divider))
        if len(set(values)) < len(values):
            raise ValueError(f"{name}: a value is there twice. Received: {text!r}")
        return _axis(name, declaration, "choice", values)
    if not isinstance(declaration, hp.Integer | hp.Number):
        raise ValueError(f"{name} takes values with commas, not a range. Received: {text!r}")
    low, high, *scale = text.split(":")
    default = "linear" if declaration.scale == "choice" else declaration.scale
    scale = scale[0] if scale else default
    if scale not in hp.SCALES or scale == "choice" or text.count(":") > 2:
        raise ValueError(
            f"{name} must be LOW:HIGH:SCALE with a scale of {', '.join(hp.SCALES[:-1])}. "
            f"Received: {text!r}"
        )
    return _axis(
        name, declaration, scale, tuple(_parse(name, declaration, end) for end in (low, high))
    )


def _parse(name, declaration, text):
    try:
        return declaration.parse(text)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _axis(name, declaration, scale, search):
    if scale != "choice":
        low, high = search
        if isinstance(low, str) or isinstance(high, str) or low >= high:
            raise ValueError(f"{name}: LOW must be below HIGH. Received: {low}:{high}")
        if (scale in ("log", "power_of_two") and low <= 0) or (
            scale == "one_minus_log" and high >= 1
        ):
            raise ValueError(f"{name}: the range does not go with the scale {scale}")
    axis = Axis(name, scale, tuple(search), isinstance(declaration, hp.Integer))
    if scale == "power_of_two" and not axis.options:
        raise ValueError(f"{name}: no power of two lies in {search[0]}:{search[1]}")
    return axis


def _with_condition(axis, declaration, axes, base, *, asked):
    """Returns `axis` with its condition, or `None` where it can never be active."""
    if declaration.active_when is None:
        return axis
    chooser, allowed = declaration.active_when
    if chooser in axes:
        possible = tuple(value for value in axes[chooser].search if value in allowed)
    else:
        possible = allowed if getattr(base, chooser) in allowed else ()
    if not possible:
        if asked:
            raise ValueError(f"{axis.name} matters only with {chooser} {' or '.join(allowed)}")
        return None
    if chooser not in axes:
        return axis
    return dataclasses.replace(axis, active_when=(chooser, possible))


def _check_fits(axis, base):
    """Raises `ValueError` where an end or a value does not go with the others of `base`."""
    for value in axis.search:
        dataclasses.replace(base, **{axis.name: value})
