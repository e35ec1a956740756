"""Parses numbers in the many ways people write them.

1234.5, 1,234.50, 1.234,50, 1 234,50, 1.5D-03, 1.5 x 10^-3, $12, 12.-, 12 %, (12) or 12- for -12,
1.5K beside 2M, 12 kg, 4.1/5 if all are out of 5, 2h 50m, 1:05.25, 5'11", 5 1/2; 1.2 ± 0.1 without
its uncertainty. Limits such as <0.01 and 10+ are numbers only after `unlimited`.
"""

import collections
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.values import (
    compound_numbers,
    decimal_marks,
    durations,
    scientific,
    spellings,
)
from tfcourse.hyperparameters.spelling import DECIMAL

FloatArray64 = npt.NDArray[np.float64]

PLAIN = "1234.5"
NOTATIONS = ("decimal point", "decimal comma")  # Instead of units, if both occur.
SCALED = "1.5K"  # With 2M in the same column: at least two of these letters occur.
# Patterns of numbers, named by an example, in the order of trial.
STYLES: dict[str, re.Pattern[str]] = {
    PLAIN: re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+"),
    "1,234.5": re.compile(
        r"[1-9][0-9]{0,2}(,[0-9]{2,3})*,[0-9]{3}(\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+"
    ),
    "1.234,5": re.compile(r"[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]*)?|[0-9]+,?[0-9]*|,[0-9]+"),
    "1 234.5": re.compile(
        r"[1-9][0-9]{0,2}([ '\u2019][0-9]{3})+(\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+"
    ),
    "1 234,5": re.compile(r"[1-9][0-9]{0,2}([ '\u2019][0-9]{3})+(,[0-9]*)?|[0-9]+,?[0-9]*|,[0-9]+"),
    SCALED: re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+"),
}
_GROUPS = {"1,234.5": ",", "1.234,5": ".", "1 234.5": " '\u2019", "1 234,5": " '\u2019"}
_CURRENCY = (
    r"(?:(?:US|CA|AU|NZ|HK|R|C|A)?\$|[€£¥₹₽₩₺₫₪฿]|kr\.?|zł|Kč|Fr\.|Rs\.?|"
    r"USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|BRL|SEK|NOK|DKK|PLN)"
)
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+\-\u2212\u2013]?) ?(?P<before>{_CURRENCY})? ?(?P<inner>[+\-\u2212]?)"
    r"(?P<body>[0-9.,][0-9.,'\u2019 ]*?)(?:[.,](?:--?|[\u2013\u2014])|/-)?"  # 12.-, 12,-- and 12/-.
    r"(?P<exponent>[eE][+-]?[0-9]{1,4}|[dD][+-][0-9]{1,3})?"
    rf" ?(?P<scale>[kKMB])? ?(?P<behind>{_CURRENCY}|%)?(?P<after>-)?(?(open)\))"
)
# As numbers are written in other alphabets and by typesetters: full width, blanks of any width.
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
# Digits of Arabic, Persian and Devanagari.
_WIDE |= {zero + digit: chr(48 + digit) for zero in (0x660, 0x6F0, 0x966) for digit in range(10)}
_WIDE |= dict.fromkeys((0xA0, 0x2007, 0x2009, 0x202F), " ")
# As Excel keeps digits: ="007", '007; and numbers in quotes or brackets.
_AS_TEXT = re.compile(r"^(?:=?\"(.*)\"|'(.*)'|\[([^,]*)\]|'(?=[-+0-9.])(.*))$")
_SCALES = {"k": "e3", "K": "e3", "M": "e6", "B": "e9"}
_SAMPLE = 1000  # Values that are checked to find the style.
_PADDED = re.compile(r"0[0-9]{3,}")
# A number and its unit: 12 kg, 20.1 km/l, 5 doors, 4.1/5.
_WITH_UNIT = re.compile(r"[^A-Za-z]*[0-9]\.?\s*(?P<unit>([^\W\d_]|[°‰+])[^\d,;]{0,15}|/[0-9]{1,3})")
_LIMIT = re.compile(
    r"^\s*(?:[<>\u2264\u2265]=?|[~\u2248]|ca\.|approx\.)\s*(?=[-+.,0-9])|(?<=[0-9])\s*\+\s*$"
    # Marks of footnotes, and flags of statistics: 12.3*, 12.3[1], 12.3 p.
    r"|(?<=[0-9])(?: ?[*\u2020\u2021\u00a7]{1,3}| ?\[\w{1,2}\]| [abcdefnprsuz]| [a-e]{2,3})\s*$"
)
_FEWEST_WITH_UNIT, _MOST_OTHERS = 0.5, 0.05
_FEW_OTHERS, _MANY_WITH_UNIT = 3, 10  # Or so few other texts among so many numbers.
_SHORTEST_WORD = 3  # Letters of a unit that may have a plural: day, not m.
_MOST_UNITS, _FEWEST_OF_UNITS = 5, 3  # Units, and different numbers for each of them.
_ORDINALS = {"st", "nd", "rd", "th", "+"}


def read(values: Sequence[Any], style: str = PLAIN) -> FloatArray64:
    """Returns values, texts or numbers, as float64: infinite if not a finite number.

    1_0 and 0x1 are not numbers.
    """
    if style == durations.STYLE:
        return durations.read(values)
    if style in compound_numbers.STYLES:
        return compound_numbers.read(values, style)
    form, unit = _parts(style)
    if unit:
        values = [_without(v, unit) if isinstance(v, str) else v for v in values]
    return np.array([_read(value, form) for value in values], np.float64)


def is_style(text: str) -> bool:
    """Returns whether `text` is a style of numbers that `find_style` returns."""
    form, unit = _parts(text)
    if text in (durations.STYLE, *compound_numbers.STYLES):
        return True
    is_unit = unit == "%" or bool(_WITH_UNIT.fullmatch(f"1 {unit}"))
    return form in STYLES and (text == form or is_unit)


def unit(style: str) -> str:
    """Returns the unit of numbers in a style: "kg" of "1234.5 kg", "hours" of durations, or ""."""
    return {durations.STYLE: "hours", **compound_numbers.UNITS}.get(style, _parts(style)[1])


def is_bare(style: str) -> bool:
    """Returns whether numbers alone are in a style: in 1234.5 kg and 1:05.25, not in 1h 30m."""
    return bool(np.isfinite(read(["12"], style)).all())


def _parts(style: str) -> tuple[str, str]:
    """Returns one of `STYLES` and a unit, or nothing."""
    form = next((form for form in STYLES if f"{style} ".startswith(f"{form} ")), "")
    return form, style[len(form) + 1 :]


def find_style(values: Sequence[Any], *, decimal_comma: bool = False) -> str:
    """Returns the style of most of `values`: one of `STYLES`, or "1234.5 kg".

    Args:
        values: distinct cells; numbers among them fit every style.
        decimal_comma: whether other columns of the table have decimal commas. This decides about
            1,234 and 1.234 if nothing in the column does.
    """
    texts = [value for value in values if isinstance(value, str)]
    texts = [text.strip() for text in texts[:: max(1, len(texts) // _SAMPLE)]]
    if texts and decimal_marks.set_off_thousands(texts):
        return "1.234,5"
    if not texts or (not decimal_comma and all(map(DECIMAL.fullmatch, texts))):
        return PLAIN
    style, share = _best(texts, decimal_comma)
    in_parts = compound_numbers.find(texts) if share < 1 - _MOST_OTHERS else ""
    if in_parts:
        return in_parts
    if share < _FEWEST_WITH_UNIT and durations.are_in(texts):
        return durations.STYLE
    if sum(text.endswith("%") for text in texts) >= (1 - _MOST_OTHERS) * len(texts):
        return f"{style} %"
    found = _unit(texts) if share < _FEWEST_WITH_UNIT else ""
    if not found:
        return style
    bare = [_without(text, found).strip() for text in texts]
    style, share = _best(bare, decimal_comma)
    others = len(bare) * (1 - share)
    are_few = others <= _FEW_OTHERS and len(bare) - others >= _MANY_WITH_UNIT
    return f"{style} {found}" if share >= 1 - _MOST_OTHERS or are_few else style


def _best(texts: Sequence[str], decimal_comma: bool) -> tuple[str, float]:
    """Returns the first of `STYLES` that fits most texts, and their share."""
    order = [style for style in STYLES if style != SCALED]
    if decimal_comma:
        order = ["1.234,5", "1 234,5", PLAIN, "1,234.5", "1 234.5"]
    if len({text[-1:].upper() for text in texts} & set(_SCALES)) > 1:
        order = [*order, SCALED]
    shares = {style: float(np.isfinite(read(texts, style)).mean()) for style in order}
    best = max(order, key=shares.__getitem__)
    return best, shares[best]


def _unit(texts: Sequence[str]) -> str:
    """Returns the unit at the end of most texts, or ""."""
    matches = filter(None, map(_WITH_UNIT.fullmatch, texts))
    found = collections.Counter(match["unit"] for match in matches)
    counts: dict[str, int] = collections.Counter()
    for each, count in found.items():
        counts[_singular(each, found)] += count
    best = max(counts, key=counts.__getitem__, default="")
    is_most = bool(best) and counts[best] >= _FEWEST_WITH_UNIT * len(texts)
    return best if is_most and best.replace(".", "").lower() not in ("am", "pm") else ""


def _singular(unit: str, units: Iterable[str]) -> str:
    """Returns a unit without the s of its plural, if `units` has both: year and years."""
    one = unit.removesuffix("s")
    return one if len(one) >= _SHORTEST_WORD and one in units else unit


def _without(text: str, unit: str) -> str:
    """Returns the text before its unit, in singular or plural."""
    text = text.strip()
    if len(unit) >= _SHORTEST_WORD and text.endswith(f"{unit}s"):
        return text.removesuffix(f"{unit}s")
    return text.removesuffix(unit)


def mixed(values: Sequence[Any], style: str) -> tuple[str, ...]:
    """Returns what numbers are of that is not seen any more: its unit, or several that differ.

    Those are percent beside none, or several currencies. A ± stands for uncertainties.
    """
    texts = [_narrow(value.strip()) for value in values if isinstance(value, str)]
    left_out = unit(style)
    if any(map(scientific.is_uncertain, texts)):
        left_out = f"{left_out} {scientific.UNCERTAINTY}".strip()
    if left_out not in ("", "%"):
        return (left_out,)
    matches = [_NUMBER.fullmatch(scientific.plain(text)) for text in texts]
    found = {match["behind"] or match["before"] or "" for match in matches if match}
    several = found if "%" in found else found - {""}
    return tuple(sorted(several)) if len(several) > 1 else ()


def units(values: Sequence[Any]) -> tuple[str, ...]:
    """Returns the units of texts that are numbers with several, such as 5 kg and 300 g.

    A decimal point and a decimal comma count as units, too.
    """
    texts = [value.strip() for value in values if isinstance(value, str)]
    matches = [match for match in map(_WITH_UNIT.fullmatch, texts) if match]
    found = collections.Counter(match["unit"].strip() for match in matches)
    if decimal_marks.differ(texts):
        return NOTATIONS
    are_most = len(matches) >= (1 - _MOST_OTHERS) * len(values)
    is_of_each = len(matches) >= _FEWEST_OF_UNITS * len(found)
    if (
        not are_most
        or not is_of_each
        or not 1 < len(found) <= _MOST_UNITS
        or set(found) & _ORDINALS
    ):
        return ()
    return tuple(unit for unit, _ in found.most_common())


def is_padded(value: object) -> bool:
    """Returns whether a cell is digits that begin with 0, as zip codes do: 00501."""
    return isinstance(value, str) and bool(_PADDED.fullmatch(value))


def is_limit(value: object) -> bool:
    """Returns whether a cell is a limit or has a mark, such as <0.01, 10+, 12.3* or 12.3 p."""
    return isinstance(value, str) and bool(_LIMIT.search(value))


def unlimited(values: Sequence[Any]) -> list[Any]:
    """Returns values with limits replaced by their numbers, and without marks."""
    return [_LIMIT.sub("", v, count=1) if isinstance(v, str) else v for v in values]


def has_decimal_commas(texts: Iterable[str]) -> bool:
    """Returns whether the texts of a column are numbers that need a decimal comma.

    Numbers whose points set off thousands, such as 1.234.567, tell that, too.
    """
    texts = [text.strip() for text in texts]
    if decimal_marks.set_off_thousands(texts):
        return True
    telling = [text for text in texts if "," in text or text.count(".") > 1]
    if not telling or not np.isfinite(read(texts, "1.234,5")).all():
        return False
    return not np.isfinite(read(telling, "1,234.5")).all()


def _read(value: Any, style: str) -> float:
    if not isinstance(value, str):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return np.inf
        return number if np.isfinite(number) else np.inf
    text = _AS_TEXT.sub(r"\1\2\3\4", value.strip())
    if style in (PLAIN, "1,234.5", "1 234.5") and DECIMAL.fullmatch(text):
        return _finite(text)
    if style == "1.234,5" and decimal_marks.COMMA.fullmatch(text):
        return _finite(text.replace(",", "."))
    found = _NUMBER.fullmatch(scientific.plain(_narrow(text)))
    if not found or not STYLES[style].fullmatch(found["body"]):
        return np.inf
    if found["scale"] and (style != SCALED or found["exponent"]):
        return np.inf
    body = found["body"]
    groups = _GROUPS.get(style, "")
    if found["exponent"] and any(mark in body for mark in groups):
        return np.inf  # 1.234e-05 has no thousands.
    for mark in groups:
        body = body.replace(mark, "")
    signs = found["sign"] + found["inner"] + (found["after"] or "")
    if len(signs) + bool(found["open"]) > 1:
        return np.inf
    negative = "-" if signs in ("-", "\u2212", "\u2013") or found["open"] else ""
    exponent = (found["exponent"] or "").lower().replace("d", "e")  # Fortran writes 1.5D+03.
    exponent = exponent or _SCALES.get(found["scale"], "")
    return _finite(f"{negative}{body.replace(',', '.')}{exponent}")


def _narrow(text: str) -> str:
    return text if text.isascii() else spellings.seen(text).translate(_WIDE)


def _finite(text: str) -> float:
    number = float(text)
    return number if np.isfinite(number) else np.inf
