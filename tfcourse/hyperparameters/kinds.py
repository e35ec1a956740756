"""The kinds of hyperparameters: numbers, names, several of these; how each is read and checked."""

import abc
import dataclasses
import difflib
import re
import sys
from collections.abc import Mapping
from typing import Any

from tfcourse.hyperparameters.spelling import DECIMAL, INTEGER, format_texts, parse_texts


@dataclasses.dataclass(frozen=True)
class Interval:
    """A real interval in mathematical notation, such as "[0, 1)" or "(0, inf)"."""

    notation: str

    def __contains__(self, value: Any) -> bool:
        low, high = (float(bound) for bound in self.notation[1:-1].split(","))
        above = value >= low if self.notation[0] == "[" else value > low
        below = value <= high if self.notation[-1] == "]" else value < high
        # Also false for NaN; math.isfinite fails for integers with hundreds of digits.
        return above and below and abs(value) <= sys.float_info.max

    def __str__(self) -> str:
        return self.notation


@dataclasses.dataclass(frozen=True)
class Declaration(abc.ABC):
    """The declaration of one hyperparameter.

    Attributes:
        help: one sentence; the flag's help text.
        interval: the allowed numbers.
        choices: allowed values, or empty.
        search: `(low, high)`, including both ends, or the values of a choice; `None` if a search
            does not vary the hyperparameter.
        scale: a name in `tfcourse.scales.SCALES`, the scale of a search.
        active_when: `(name, values)`: it has an effect only if the hyperparameter `name` has one of
            `values`. It is then an argument of what `name` chooses.
        optional: whether it may be left out: `None`, or `()` for several values.
        also: `{other name: choice}` that an error proposes.
        group: title of its part of --help; with `active_when`, it is shown with the hyperparameter
            that chooses it.
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
        """The allowed values, in words."""

    @abc.abstractmethod
    def _allows(self, value: Any) -> bool: ...

    def _read(self, text: str) -> Any:
        return text

    def parse(self, text: str) -> Any:
        """Returns the value in `text`. Raises `ValueError` if there is none."""
        return self.check(self._read(text.strip()))

    def format(self, value: Any) -> str:
        """Returns the text that `parse` reads as the same value."""
        return str(value)

    def check(self, value: Any) -> Any:
        """Returns `value`. Raises `ValueError` if it is not `allowed`."""
        left_out = self.optional and value in (None, ())
        if not (left_out or self._allows(value)):
            shown = self.format(value) if isinstance(value, tuple) else value
            raise ValueError(f"must be {self.allowed}. {self._meant(value)}Received: {shown!r}")
        return value

    def _meant(self, value: Any) -> str:
        """Returns the likely choice for a misspelt one, as a question, or ""."""
        text = str(value).lower().replace("-", "_")
        known = {**dict.fromkeys(self.choices), **self.also}
        close = difflib.get_close_matches(text, known, n=1, cutoff=0.7)
        return f"Did you mean {known[close[0]] or close[0]}? " if close else ""


class Integer(Declaration):
    """An integer."""

    @property
    def allowed(self) -> str:
        return f"a whole number in {self.interval}"

    def _allows(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value in self.interval

    def _read(self, text: str) -> Any:
        return int(text) if INTEGER.fullmatch(text) else text


_SMALLEST, _LARGEST = 1.2e-38, 3.4e38  # The range of float32, in which models compute.
_NOT_32_BITS = f"must be 0 or {_SMALLEST} to {_LARGEST} in size, as 32 bits can hold"


class Number(Declaration):
    """A real number; or a choice."""

    @property
    def allowed(self) -> str:
        return " or ".join((f"a number in {self.interval}", *self.choices))

    def _allows(self, value: Any) -> bool:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value in self.choices or (is_number and value in self.interval)

    def _read(self, text: str) -> Any:
        if not DECIMAL.fullmatch(text):
            return text
        number = float(text)
        if number == 0 and re.search("[1-9]", text.lower().partition("e")[0]):
            raise ValueError(f"{_NOT_32_BITS}. Received: {text}")
        return number

    def check(self, value: Any) -> Any:
        value = super().check(value)
        if value and value not in self.choices and not _SMALLEST <= abs(value) <= _LARGEST:
            raise ValueError(f"{_NOT_32_BITS}. Received: {value!r}")
        return value

    def format(self, value: Any) -> str:
        return str(value) if value in self.choices else repr(float(value))


class Choice(Declaration):
    """One of a few names."""

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(self.choices)

    def _allows(self, value: Any) -> bool:
        return value in self.choices


# Models with more layers take minutes to build, and a run from somebody else may ask for any
# number.
_MOST = 100


class Integers(Declaration):
    """Integers, separated by commas: `512,256`."""

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
        return tuple(int(i) for i in items) if all(map(INTEGER.fullmatch, items)) else text

    def format(self, value: Any) -> str:
        return ",".join(str(item) for item in value)


class Sides(Integers):
    """The height and the width of an image, or one number for both: `32,48`."""

    @property
    def allowed(self) -> str:
        return f"one or two whole numbers in {self.interval}, separated by a comma"

    def _allows(self, value: Any) -> bool:
        return super()._allows(value) and len(value) <= 2


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


class Several(Declaration):
    """Any of a few names, separated by commas, or none."""

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
        # The order does not matter, so a fixed one is recorded.
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
