"""Hyperparameters, each declared once: the flag, its checks, the record and the search range.

A recipe declares a frozen dataclass; every field says its default, what it is, the interval in
which it makes sense, and the range and scale on which a search draws it:

    >>> import dataclasses
    >>> from tfcourse.choices import OPTIMIZERS, takers
    >>> from tfcourse.hyperparameters import Hyperparameters, choice, number
    >>> @dataclasses.dataclass(frozen=True)
    ... class Regression(Hyperparameters):
    ...     optimizer: str = choice("momentum", OPTIMIZERS, "Update rule.")
    ...     learning_rate: float = number(
    ...         0.1, "Step size.", interval="(0, inf)", search=(1e-4, 1.0), scale="log")
    ...     beta: float = number(
    ...         0.9, "Decay rate of the average.", interval="[0, 1)", search=(0.9, 0.999),
    ...         scale="one_minus_log", active_when=("optimizer", takers(OPTIMIZERS, "beta")))
    >>> Regression(beta=0.95).arguments_of("optimizer")
    {'beta': 0.95}

Nothing here imports TensorFlow, so that flags are checked before it loads.
"""

import abc
import csv
import dataclasses
import difflib
import io
import itertools
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Self

from tfcourse.scales import SCALES

PRECISIONS = ("float32", "mixed_bfloat16")  # dtype policies of Keras

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def decimal(text: str) -> float:
    """Returns the number that `text` spells in decimal digits; `float` would also take 1_0.

    Raises:
        ValueError: it spells none.

    Examples:
        >>> tfcourse.hyperparameters.decimal("1e-3")
        0.001
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"must be a decimal number. Received: {text!r}")
    return float(text)


@dataclasses.dataclass(frozen=True)
class Interval:
    """A real interval in mathematical notation, such as "[0, 1)" or "(0, inf)"."""

    notation: str

    def __contains__(self, value: Any) -> bool:
        low, high = (float(bound) for bound in self.notation[1:-1].split(","))
        above = value >= low if self.notation[0] == "[" else value > low
        below = value <= high if self.notation[-1] == "]" else value < high
        # Also false for NaN; math.isfinite fails for whole numbers of hundreds of digits.
        return above and below and abs(value) <= sys.float_info.max

    def __str__(self) -> str:
        return self.notation


@dataclasses.dataclass(frozen=True)
class Declaration(abc.ABC):
    """What is declared of one hyperparameter.

    Attributes:
        help: one sentence; the flag's help text.
        interval: holds every allowed number.
        choices: allowed values, or empty.
        search: `(low, high)` with both ends reachable, or the values of a choice; `None`
            where a search leaves the hyperparameter at its set value.
        scale: a name in `tfcourse.scales.SCALES`, how a search measures distance in `search`.
        active_when: `(name, values)`: matters only where the hyperparameter `name` has one
            of `values`. It is then an argument of whatever `name` chooses.
        optional: whether it may be left out: `None`, or `()` of several.
        also: `{other name: choice}` that an error proposes.
        group: title of the part of --help that shows it; one that is `active_when` stands with
            what chooses it.
    """

    help: str
    interval: Interval = Interval("(-inf, inf)")
    choices: tuple[str, ...] = ()
    search: tuple[Any, ...] | None = None
    scale: str = "linear"
    active_when: tuple[str, tuple[Any, ...]] | None = None
    optional: bool = False
    also: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group: str = "Training"

    @property
    @abc.abstractmethod
    def allowed(self) -> str:
        """What is allowed, in words."""

    @abc.abstractmethod
    def _allows(self, value: Any) -> bool: ...

    def _read(self, text: str) -> Any:
        return text

    def parse(self, text: str) -> Any:
        """Returns the value that `text` spells. Raises `ValueError` where it spells none."""
        return self.check(self._read(text.strip()))

    def format(self, value: Any) -> str:
        """Returns the text that `parse` reads back as the same value."""
        return str(value)

    def check(self, value: Any) -> Any:
        """Returns `value`. Raises `ValueError` where it is not `allowed`."""
        left_out = self.optional and value in (None, ())
        if not (left_out or self._allows(value)):
            shown = self.format(value) if isinstance(value, tuple) else value
            raise ValueError(f"must be {self.allowed}. {self._meant(value)}Received: {shown!r}")
        return value

    def _meant(self, value: Any) -> str:
        """Returns the choice that a misspelt one seems to mean, as a question, or ""."""
        text = str(value).lower().replace("-", "_")
        known = {**dict.fromkeys(self.choices), **self.also}
        close = difflib.get_close_matches(text, known, n=1, cutoff=0.7)
        return f"Did you mean {known[close[0]] or close[0]}? " if close else ""


class Integer(Declaration):
    """A whole number."""

    @property
    def allowed(self) -> str:
        return f"a whole number in {self.interval}"

    def _allows(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value in self.interval

    def _read(self, text: str) -> Any:
        return int(text) if _INTEGER.fullmatch(text) else text


class Number(Declaration):
    """A real number; or a choice."""

    @property
    def allowed(self) -> str:
        return " or ".join((f"a number in {self.interval}", *self.choices))

    def _allows(self, value: Any) -> bool:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value in self.choices or (is_number and value in self.interval)

    def _read(self, text: str) -> Any:
        return float(text) if _DECIMAL.fullmatch(text) else text

    def format(self, value: Any) -> str:
        return str(value) if value in self.choices else repr(float(value))


class Choice(Declaration):
    """One of a few names."""

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(self.choices)

    def _allows(self, value: Any) -> bool:
        return value in self.choices


# A model of more layers takes minutes to build, and whoever sends a run may ask for any number.
_MOST = 100


class Integers(Declaration):
    """Whole numbers, written with commas: `512,256`."""

    @property
    def allowed(self) -> str:
        return f"up to {_MOST} whole numbers in {self.interval}, separated by commas"

    def _allows(self, value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and 0 < len(value) <= _MOST
            and all(type(item) is int and item in self.interval for item in value)
        )

    def _read(self, text: str) -> Any:
        items = [item.strip() for item in text.split(",")]
        return tuple(int(i) for i in items) if all(map(_INTEGER.fullmatch, items)) else text

    def format(self, value: Any) -> str:
        return ",".join(str(item) for item in value)


class Texts(Declaration):
    """Names or paths, written with commas; at least one. Quotes hold one that has a comma itself:
    `"name, full",age`."""

    @property
    def allowed(self) -> str:
        return "names, separated by commas"

    def _allows(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) > 0 and all(value)

    def _read(self, text: str) -> Any:
        return parse_texts(text)

    def format(self, value: Any) -> str:
        return format_texts(value)


def parse_texts(text: str) -> tuple[str, ...]:
    """Returns the texts in a line of a CSV file; blanks around one do not count."""
    if '"' not in text:
        return tuple(item.strip() for item in text.split(","))
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        return tuple(item.strip() for row in rows for item in row)
    except csv.Error as error:
        raise ValueError(f"must be names, separated by commas. Received: {error}") from None


def format_texts(values: Iterable[str]) -> str:
    r"""Returns texts as a line of a CSV file, a line end in one as \n: printable as it is."""
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(map(printable, values))
    return file.getvalue()


def printable(text: str) -> str:
    r"""Returns a text with what can't be printed written as Python does: a line end as \n."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class Several(Declaration):
    """Any of a few names, written with commas, or none."""

    @property
    def allowed(self) -> str:
        return f"none, or several of {', '.join(self.choices)}, separated by commas"

    def _allows(self, value: Any) -> bool:
        is_tuple = isinstance(value, tuple) and len(set(value)) == len(value)
        return is_tuple and set(value) <= set(self.choices)

    def _read(self, text: str) -> Any:
        if text == "none":
            return ()
        items = [item.strip() for item in text.split(",")]
        # Their order does not matter, so one is recorded.
        known = all(items.count(item) == 1 and item in self.choices for item in items)
        return tuple(sorted(items, key=self.choices.index)) if known else text

    def format(self, value: Any) -> str:
        return ",".join(value) or "none"


class Text(Declaration):
    """A name or a path."""

    @property
    def allowed(self) -> str:
        return "a name or a path"

    def _allows(self, value: Any) -> bool:
        return isinstance(value, str)


class BatchSize(Integer):
    """A number of examples, or "full": the whole training set in every step; or a choice."""

    @property
    def allowed(self) -> str:
        return f"a whole number in {self.interval}, or {' or '.join(('full', *self.choices))}"

    def _allows(self, value: Any) -> bool:
        return value in ("full", *self.choices) or super()._allows(value)


# A field is declared as the type of its value, so these return what `dataclasses.field` is to a
# type checker: anything. What they take besides is described at `Declaration`.


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
    if scale not in SCALES:
        raise ValueError(f"`scale` must be one of {', '.join(SCALES)}. Received: scale={scale!r}")
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
    """Returns what else a choice of a table of `tfcourse.choices` is called."""
    return getattr(choices[name], "also", ()) if isinstance(choices, Mapping) else ()


def integer(default: int | None, help: str, *, interval: str, **declared: Any) -> Any:
    """Declares a whole number; see `Declaration` for the arguments."""
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
    """Declares a tuple of whole numbers; a search draws from `search`, a tuple of tuples."""
    return _field(Integers, default, help, interval=interval, scale="choice", **declared)


def texts(default: tuple[str, ...] | None, help: str, *, optional: bool = False) -> Any:
    """Declares a tuple of texts."""
    return _field(Texts, default, help, optional=optional)


def several(default: tuple[str, ...], choices: Iterable[str], help: str, **declared: Any) -> Any:
    """Declares a tuple of any of `choices`; a search draws from `search`, a tuple of tuples."""
    return _field(Several, default, help, choices=choices, scale="choice", **declared)


def combinations(choices: Iterable[str]) -> list[tuple[str, ...]]:
    """Returns what `several` allows of `choices` besides none, for `active_when`."""
    items = tuple(choices)
    sizes = range(1, len(items) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(items, size)]


def text(default: str | None, help: str, *, optional: bool = False) -> Any:
    """Declares a text; one whose default is `None` has to be given, unless it is `optional`."""
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


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Base of a recipe's hyperparameters: checked when made, never changed afterwards.

    Raises:
        ValueError: a value is not allowed; the message names it.
    """

    def __post_init__(self) -> None:
        for name, declaration in declarations(self).items():
            try:
                declaration.check(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"`{name}` {error}") from None

    def is_active(self, name: str) -> bool:
        """Returns whether the hyperparameter `name` matters beside the values of the others."""
        condition = declarations(self)[name].active_when
        return condition is None or getattr(self, condition[0]) in condition[1]

    def arguments_of(self, chooser: str) -> dict[str, Any]:
        """Returns the active hyperparameters that belong to the choice `chooser`.

        With `optimizer="momentum"`, `arguments_of("optimizer")` is `{"beta": 0.9}`.
        """
        return {
            name: getattr(self, name)
            for name, declaration in declarations(self).items()
            if declaration.active_when
            and declaration.active_when[0] == chooser
            and self.is_active(name)
        }

    def to_texts(self) -> dict[str, str]:
        """Returns `{name: text}` of the values that differ from their defaults."""
        declared = declarations(self)
        return {
            field.name: declared[field.name].format(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Returns the instance whose `to_texts` has the entries of `texts` that are declared."""
        declared = declarations(cls)
        return cls(**{n: declared[n].parse(text) for n, text in texts.items() if n in declared})


def declarations(
    hyperparameters: Hyperparameters | type[Hyperparameters],
) -> dict[str, Declaration]:
    """Returns `{name: Declaration}` of a `Hyperparameters` class or instance, in order."""
    return {
        field.name: field.metadata["declaration"] for field in dataclasses.fields(hyperparameters)
    }
