"""Numbers in parts: 1:05.25 (minutes and seconds), 5'11" (feet and inches), 5 1/2."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MOST_OTHERS = 0.05
# At least so many of the texts in parts can't mean anything else: 1:05 may be hours, 1/2 a date.
_SHARE_OF_SURE = 0.25
_INCHES = r"(?:\"|''|\u201d|\u2033)?"
_FEET = r" ?['\u2019\u2032]"
_OVER = r"(?P<over>\d{1,3})/(?P<under>[2-9]|[1-9]\d{1,2})"
# Named by an example: all forms of the numbers, and those that tell a column of them.
_FORMS: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "1:05.25": (
        re.compile(
            r"(?:(?:(?P<hours>\d{1,2}):(?=\d\d:))?(?P<minutes>\d{1,3}):(?=[0-5]\d))?"
            r"(?P<seconds>\d{1,2}(?:[.,]\d{1,6})?)"
        ),
        re.compile(r"\d{1,3}:[0-5]\d[.,]\d{1,6}"),
    ),
    "5'11\"": (
        re.compile(rf"(?P<feet>\d{{1,2}}){_FEET}(?: ?(?P<inches>\d{{1,2}}(?:\.\d+)?){_INCHES})?"),
        re.compile(rf"\d{{1,2}}{_FEET} ?(?:\d|1[01])(?:\.\d+)?{_INCHES}"),
    ),
    "5 1/2": (
        re.compile(rf"(?:(?P<whole>\d{{1,6}}(?:\.\d+)?)(?:[ -](?=\d+/)|$))?(?:{_OVER})?"),
        re.compile(r"\d{1,6}[ -]\d{1,3}/\d{1,3}"),
    ),
}
STYLES = tuple(_FORMS)
UNITS = dict(zip(STYLES, ("seconds", "inches", ""), strict=True))
_SCALES = {
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "feet": 12.0,
    "inches": 1.0,
    "whole": 1.0,
}
_VULGAR = str.maketrans(
    {"\u00bd": " 1/2", "\u00bc": " 1/4", "\u00be": " 3/4", "\u2153": " 1/3", "\u2154": " 2/3"}
    | {"\u215b": " 1/8", "\u215c": " 3/8", "\u215d": " 5/8", "\u215e": " 7/8", "\u2044": "/"}
)


def find(texts: Sequence[str]) -> str:
    """Returns the one of `STYLES` that nearly all texts are written in, or "".

    Examples:
        >>> from tfcourse.datasets.values import compound_numbers
        >>> compound_numbers.find(["1:05.25", "58.9"]), compound_numbers.find(["1:05", "0:58"])
        ('1:05.25', '')
    """
    plain = [_plain(text) for text in texts]
    for style, (form, sure) in _FORMS.items():
        matches = [text for text in plain if form.fullmatch(text)]
        in_parts = [text for text in matches if not text.replace(".", "", 1).isdecimal()]
        are_sure = sum(bool(sure.fullmatch(text)) for text in in_parts)
        is_clear = in_parts and are_sure >= _SHARE_OF_SURE * len(in_parts)
        if is_clear and len(matches) >= (1 - _MOST_OTHERS) * len(texts):
            return style
    return ""


def read(values: Sequence[object], style: str) -> npt.NDArray[np.float64]:
    """Returns values as numbers of the unit in `UNITS`, infinite where one is not in the style."""
    return np.array([_number(str(value), *_FORMS[style]) for value in values], np.float64)


def _number(text: str, form: re.Pattern[str], _: re.Pattern[str]) -> float:
    match = form.fullmatch(_plain(text))
    if not match or not match[0]:
        return np.inf
    parts = {name: part.replace(",", ".") for name, part in match.groupdict().items() if part}
    whole = sum(float(parts[name]) * scale for name, scale in _SCALES.items() if name in parts)
    return whole + (float(parts["over"]) / float(parts["under"]) if "over" in parts else 0.0)


def _plain(text: str) -> str:
    return text.translate(_VULGAR).strip()
