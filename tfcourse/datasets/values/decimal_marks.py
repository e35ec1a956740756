"""Points and commas in numbers: whether they set off thousands or fractions."""

import re
from collections.abc import Sequence

COMMA = re.compile(r"[+-]?([0-9]+,?[0-9]*|,[0-9]+)")  # A number with a decimal comma.
_POINT = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_THOUSANDS, _FEWEST_POINTS = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}"), 5
_FEWEST_OF_BOTH = 0.5  # Share of the texts.


def set_off_thousands(texts: Sequence[str]) -> bool:
    """Returns whether points in the texts of a column set off thousands: 845, 12.340.

    All are before three digits, of which some end in 0, and others than those have three digits:
    as decimals, either all would have a point or none would end in 0.
    """
    points = [text for text in texts if "." in text]
    others = [text for text in texts if "." not in text]
    return (
        len(points) >= _FEWEST_POINTS
        and all(map(_THOUSANDS.fullmatch, points))
        and any(text.endswith("0") for text in points)
        and all(text.isdecimal() and len(text) <= 3 for text in others)
        and any(len(text) == 3 for text in others)
    )


def differ(texts: Sequence[str]) -> bool:
    """Returns whether most numbers are fractions, some with a point and some with a comma."""
    points = sum(bool(_POINT.fullmatch(text)) for text in texts)
    commas = sum(bool(COMMA.fullmatch(text)) and "," in text for text in texts)
    return min(points, commas) > 1 and points + commas >= _FEWEST_OF_BOTH * len(texts)
