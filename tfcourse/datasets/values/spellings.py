"""Merges spellings of one class or category: Yes and yes, 0 and 0.0, Y and Yes."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
# Not visible: NUL, the soft hyphen, spaces of no width, marks of direction and of byte order.
_UNSEEN = dict.fromkeys(map(ord, "\0\u00ad\u200b\u200e\u200f\u2060\ufeff"))
# If a column has only these, upper and lower case mean the same, and so do letter and word.
_ANSWERS = (
    {"y", "n", "yes", "no"},
    {"t", "f", "true", "false"},
    {"m", "f", "male", "female"},
    {"p", "n"},
)
# Of these, 1 and 0 are other spellings.
_SWITCHES = (*_ANSWERS[:2], {"yes", "no", "true", "false"})
# In pairs of one letter, as geneticists write genotypes, capitals mean alleles: AA, Aa, aabb.
_ALLELES = re.compile(r"(([a-z])\2)+", re.IGNORECASE)
_EXACT = 15  # Digits that double precision holds.


def seen(text: str) -> str:
    """Returns a text without characters that are not seen, and without blanks around it."""
    is_plain = text.isascii() and "\0" not in text
    return (text if is_plain else text.translate(_UNSEEN)).strip()


def merged(
    values: Sequence[str], counts: npt.NDArray[np.int64], *, numbers: bool = True
) -> dict[str, str]:
    """Returns `{value: spelling}` with the most frequent spelling of each meaning.

    Args:
        values: distinct values.
        counts: how often each occurs.
        numbers: whether 0 and 0.0 mean the same.
    """
    folded = _folded(values)
    often = dict(zip(values, counts.tolist(), strict=True))
    keys = {value: _key(value, folded, numbers) for value in values}
    best: dict[str, str] = {}
    for value, key in keys.items():
        if key not in best or often[value] > often[best[key]]:
            best[key] = value
    return {value: best[key] for value, key in keys.items()}


def positions(
    values: Sequence[str], names: Sequence[str], *, unknown: int, numbers: bool = True
) -> npt.NDArray[np.int32]:
    """Returns the position of each value in `names`, in any spelling, or `unknown`."""
    exact = {name: number for number, name in enumerate(names)}
    folded = _folded(names)
    similar: dict[str, int] = {}
    for name, number in exact.items():
        key = _key(name, folded, numbers)
        similar[key] = unknown if key in similar else number  # They differ only in case.
    found = (exact.get(v, similar.get(_key(v, folded, numbers), unknown)) for v in values)
    return np.fromiter(found, np.int32, len(values))


def _folded(values: Sequence[str]) -> set[str]:
    return {value.casefold() for value in values if value}


def _key(value: str, folded: set[str], numbers: bool) -> str:
    """Returns a key that the spellings of a class share: the number, or the words in lower case.

    "hId" and "hid" stay two classes, because capitals within a word are deliberate. A full stop at
    the end is ignored: some files have one after every label.
    """
    if DECIMAL.fullmatch(value):
        if len(value) > _EXACT and value.isdecimal():
            return value.lstrip("0")  # A key, which as a number may be equal to its neighbour.
        return repr(float(value) + 0.0) if numbers else value
    words = " ".join(unicodedata.normalize("NFC", value).split())
    words = words.removesuffix(".") or words
    if any(folded <= {*answers, "0", "1"} and words.casefold() in answers for answers in _SWITCHES):
        one, zero = ("1.0", "0.0") if numbers else ("1", "0")
        return one if words[:1].casefold() in "yt" else zero
    if any(folded <= answers and words.casefold() in answers for answers in _ANSWERS):
        return words[:1].casefold()
    if len(words) == 1 or _ALLELES.fullmatch(words):
        return words
    usual = (words.lower(), words.upper(), words.capitalize(), words.title())
    return words.casefold() if words in usual else words
