"""Converts values to JSON and plain arrays, and back, for checkpoints without pickles."""

import collections
import pathlib
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import numpy.typing as npt

_MAX_DEPTH = 100
_MAX_BITS = 10_000
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
PLAIN = (bool, int, float, str, type(None))
_LISTS: dict[str, Callable[[Any], Any]] = {
    kind.__name__: kind for kind in (list, tuple, set, frozenset)
}
_MAPPINGS: dict[str, Callable[[Any], Any]] = {
    kind.__name__: kind for kind in (dict, collections.OrderedDict, collections.Counter)
}


class Packed(NamedTuple):
    """A value as JSON, in which each array is replaced by its index in a list of arrays."""

    json: Any
    arrays: list[npt.NDArray[Any]]

    def is_same(self, other: "Packed | None") -> bool:
        """Returns whether both hold equal values; false if one holds a NaN."""
        if other is None or other.json != self.json:
            return False
        pairs = zip(self.arrays, other.arrays, strict=True)
        return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def packed(value: Any) -> Packed | None:
    """Returns `value` packed, or `None` if something in it is neither plain nor an array."""
    arrays: list[npt.NDArray[Any]] = []
    try:
        return Packed(_json_of(value, arrays), arrays)
    except TypeError:
        return None


def _json_of(value: Any, arrays: list[npt.NDArray[Any]], depth: int = 0) -> Any:
    # Subclasses may have more state than the base class.
    kind = type(value)
    if depth > _MAX_DEPTH or (kind is int and value.bit_length() > _MAX_BITS):
        raise TypeError(kind)  # Nested deeper than JSON's reader allows.
    if kind in PLAIN:
        return value
    if kind.__name__ in _LISTS and kind is _LISTS[kind.__name__]:
        return [kind.__name__, [_json_of(each, arrays, depth + 1) for each in value]]
    if kind.__name__ in _MAPPINGS and kind is _MAPPINGS[kind.__name__]:
        return [kind.__name__, [_json_of(item, arrays, depth + 1) for item in value.items()]]
    if kind is collections.deque:
        return ["deque", [_json_of(each, arrays, depth + 1) for each in value], value.maxlen]
    if kind is bytes:
        return ["bytes", value.decode("latin-1")]
    if isinstance(value, pathlib.Path):
        return ["Path", str(value)]
    if kind is random.Random:
        return ["Random", _json_of(value.getstate(), arrays, depth + 1)]
    if kind is np.random.Generator:
        return ["Generator", _json_of(value.bit_generator.state, arrays, depth + 1)]
    if (kind is np.ndarray or isinstance(value, np.generic)) and _is_plain(value.dtype):
        arrays.append(value if not value.flags.writeable else np.array(value))
        return ["array" if kind is np.ndarray else "number", len(arrays) - 1]
    raise TypeError(kind)


def _is_plain(dtype: np.dtype[Any]) -> bool:
    return dtype.isnative and (dtype.kind in "biufc" or hasattr(ml_dtypes, dtype.name))


def unpacked(value: Packed) -> Any:
    """Returns the value that was packed; arrays are writable copies."""
    return _value_of(value.json, value.arrays)


def _value_of(json: Any, arrays: list[npt.NDArray[Any]]) -> Any:
    if not isinstance(json, list):
        return json
    kind, content, *maxlen = json
    if kind in ("array", "number"):
        array = np.array(arrays[content])
        return array if kind == "array" else array[()]
    if kind == "bytes":
        return content.encode("latin-1")
    if kind == "Path":
        return pathlib.Path(content)
    if kind == "Random":
        generator = random.Random()
        generator.setstate(_value_of(content, arrays))
        return generator
    if kind == "Generator":
        state = _value_of(content, arrays)
        if state["bit_generator"] not in _BIT_GENERATORS:  # A file may choose only among these.
            raise ValueError(f"{state['bit_generator']!r} is no generator of bits")
        bits = getattr(np.random, state["bit_generator"])()
        bits.state = state
        return np.random.Generator(bits)
    items = [_value_of(each, arrays) for each in content]
    if kind == "deque":
        return collections.deque(items, *maxlen)
    return {**_LISTS, **_MAPPINGS}[kind](items if kind in _LISTS else dict(items))
