"""Durations as people write them, as hours: 27:49:00, 2h 50m, 1 days 03:00:00, PT90M."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

STYLE = "1h 30m"  # How a column of them is written, beside `numbers.STYLES`.
_HOURS_OF = {"days": 24.0, "hours": 1.0, "minutes": 1 / 60, "seconds": 1 / 3600}
_MOST_OTHERS = 0.05


def _number(name: str, unit: str) -> str:
    return rf"(?:(?P<{name}>\d+(?:\.\d+)?)\s*{unit}\.?,?\s*)?"


_DURATION = re.compile(
    rf"(?P<iso>P)?{_number('days', '(?:d|days?)')}T?{_number('hours', '(?:h|hrs?|hours?)')}"
    rf"{_number('minutes', '(?:m|mins?|minutes?)')}{_number('seconds', '(?:s|secs?|seconds?)')}"
    r"(?:(?P<clock>\d+):(?P<clock_minutes>[0-5]\d)(?::(?P<clock_seconds>[0-5]\d(?:\.\d+)?))?)?",
    re.IGNORECASE,
)


def are_in(texts: Sequence[str]) -> bool:
    """Returns whether texts are durations: hours and minutes, or a clock beyond a day.

    Those of one unit alone, such as 90 min, are numbers with a unit; 13:30 alone is a time of day.
    """
    found = [match for text in texts if text and (match := _DURATION.fullmatch(text))]
    if len(found) < (1 - _MOST_OTHERS) * len(texts) or not found:
        return False
    parts = {part for match in found for part in _HOURS_OF if match[part]}
    is_long = any(int(match["clock"] or 0) >= 24 for match in found)
    are_clocks = all(match["clock"] for match in found)
    are_iso = bool(parts) and all(match["iso"] for match in found)
    if are_clocks:
        return is_long or bool(parts)
    is_short = any(match["minutes"] and match["seconds"] for match in found)
    return are_iso or is_short or ("hours" in parts and len(parts) > 1)


def read(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Returns values as hours, infinite where one is no duration."""
    return np.array([_hours(value) for value in values], np.float64)


def _hours(value: object) -> float:
    text = str(value).strip()
    match = _DURATION.fullmatch(text)
    if not match or not any(part.isdigit() for part in text):
        return np.inf
    hours = sum(float(match[part] or 0) * scale for part, scale in _HOURS_OF.items())
    hours += float(match["clock"] or 0) + float(match["clock_minutes"] or 0) / 60
    return hours + float(match["clock_seconds"] or 0) / 3600
