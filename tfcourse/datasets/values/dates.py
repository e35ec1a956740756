"""Dates and times of day in the formats people use, and their features.

A date becomes the days since 1970 and, if they vary, the month and the day of the week as
categories, and the hour. A time of day becomes the hour: 13:30 is 13.5.
"""

import functools
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets.values import month_names

PARTS = ("day", "month", "weekday", "hour")
CATEGORICAL_PARTS = ("month", "weekday")
ISO = "ISO8601"  # pandas's name for 2019-01-31, 2019-01-31T13:08:00Z and the other forms.
COMPACT = "%Y%m%d"  # Whole numbers such as 20190131.
_COMPACT = {8: COMPACT, 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # By their digits.
QUARTER = "2019Q1"  # Or Q1 2019; means its first day.
WEEK = "2019-W05"  # Of ISO 8601; means its Monday.
OR = " or "  # Between several formats of a column.

_DATES = (
    *(
        "%Y-%m-%d",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%d.%m.%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
    ),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%a %b %d %Y", "%A, %B %d, %Y"),
    *("%a, %d %b %Y", "%b-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%d %b %y", "%d/%b/%Y", "%d%b%Y"),
    *("%Y-%b-%d", "%Y %b %d", "%A %d %B %Y", "%A, %d %B %Y", "%Y\u5e74%m\u6708%d\u65e5"),
)
# A month means its first day.
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%b-%Y", "%B %Y", "%Y-%b", "%Y %b", "%b-%y")
# The time comes before the year, as from Twitter and C's ctime.
_TIME_INSIDE = "%a %b %d %H:%M:%S %Y"
_DOTTED = "%H.%M.%S"
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", _DOTTED)
_HOURS = ("%I %p", "%I%p")  # 7 am.
FORMATS = (
    ISO,
    *(f"{date}{time}" for date in _DATES for time in ("", *(f" {time}" for time in _TIMES))),
    _TIME_INSIDE,
    *_TIMES,
    *_HOURS,
    *_MONTHS,
)
KNOWN = (*FORMATS, QUARTER, WEEK, *_COMPACT.values())
_SEASON = re.compile(r"(\d{4})[-/](\d\d)")
_FEWEST_SEASONS = 3
_WEEK = re.compile(r"(\d{4})[- ]?W([0-5]\d)(?:-?([1-7]))?")
_QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])|Q([1-4])[- ]?(\d{4})")
# Ignored: a time zone, an ordinal's ending, the full stop of an abbreviated month, and marks
# between date and time. Times are used as written; only ISO 8601 is converted to UTC.
_ZONE = re.compile(
    r"(?<=[\dMm]) ((UTC|GMT)([+-]\d\d?(:?\d\d)?)?|Z|[ECMP][SD]T|CES?T|BST|IST|JST|AE[SD]T"
    r"|[+-]\d\d:?\d\d)(?!\w)"
)
_NAMED_ZONE = re.compile(r" [A-Z]{3,4}$")
_ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b")
_DOTTED_HALF = re.compile(r"(?<=\d) ?([ap])\. ?m\.", re.IGNORECASE)  # 8:00 a.m.
_CUT_OFF = re.compile(r"\b([A-Z][a-z]{2})\.(?= )")
_BETWEEN = re.compile(r"((?<=\d)(, |_|-)|(?<=\d{4}):)(?=\d\d?[:.]\d\d)")
_DASHED_TIME = re.compile(r"_(\d\d)-(\d\d)-(\d\d)$")
_ISO = re.compile(r"\d{4}-\d\d?-\d\d?(?![-_\d])|\d{8}[T ]\d\d")
# What dates may look like: 31.1.2019, 2019-01-31T13:08, 5 Jan 2019, Jan 5, 2019, 13:08, 2019-01.
_LIKELY = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ,].*)?|\d{8}[T ]\d\d:?\d\d(:?\d\d)?Z?"
    r"|([A-Za-z]{3}, )?\d{1,2}[- /]?[A-Za-z]{3,9}[- ,/]{0,2}\d{2,4}( .*)?"
    r"|([A-Za-z]{3,9},? )?[A-Za-z]{3,9}[- ]\d{1,2},?[- ]\d{4}( .*)?"
    r"|[A-Z][a-z]{5,8},? \d{1,2} [A-Z][a-z]{2,8} \d{4}( .*)?"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \d{4}"
    r"|\d{4}[- ][A-Z][a-z]{2}[- ]\d\d?( .*)?|\d{4}\u5e74\d\d?\u6708\d\d?\u65e5( .*)?"
    r"|\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?|\d{1,2} ?[AaPp][Mm]"
    r"|\d{1,2}\.\d\d\.\d\d|\d{4}[-/]\d\d|\d\d[-/]\d{4}|[A-Za-z]{3,9}[- ]\d{4}"
    r"|\d{4}[- ][A-Z][a-z]{2}|[A-Z][a-z]{2}-\d\d"
    r"|\d{4}[- ]?Q[1-4]|Q[1-4][- ]?\d{4}|\d{4}[- ]?W[0-5]\d(-?[1-7])?"
)
_SHAPES = {
    **{"%Y": r"\d{4}", "%B": "[a-z]{3,9}", "%b": "[a-z]{3}", "%A": "[a-z]{6,9}", "%a": "[a-z]{3}"},
    **{"%p": "[ap]m", "%f": r"\d{1,6}", " ": r"\s+"},
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), r"\d{1,2}"),
}
_SAMPLE = 50
# At least this share of the values must be dates; the others count as missing.
_SHARE = 0.95
_FEW_OTHERS, _MANY = 3, 10  # So many others beside so many dates are slips, too.
_NO_YEARS = (1, 9999)  # Of dates such as 9999-12-31, which databases write for none.
_FEWEST_COMPACT = 10
_NO_DAYS = (99991231, 99991231235959)  # The same as numbers.
_MOST_FORMATS = 4
_ORDER = re.compile("%[dm].%[dm]")  # Day and month as numbers, before the year.


def find_format(values: Sequence[Any], *, day_first: bool = False) -> str | None:
    """Returns the format of `values`, distinct cells, if they are dates or times, or `None`.

    If nothing decides, 1/2/2019 is January 2, or February 1 if `day_first`. 1.2.2019 is February 1.
    """
    if values and all(not isinstance(value, str) for value in values):
        if all(hasattr(value, "year") for value in values):
            return ISO
        return "%H:%M:%S" if all(hasattr(value, "hour") for value in values) else None
    some = [*map(_simple, values[:: max(1, len(values) // _SAMPLE)])]
    head = [text for text in some if _LIKELY.fullmatch(text)]
    if not head:
        return None
    likely = [form for form in (*FORMATS, QUARTER, WEEK) if _is_written(head[0], form)]
    likely.sort(key=lambda form: day_first and not form.startswith("%d"))
    if _are_seasons(some):
        return None
    for form in sorted(likely, key=lambda form: -sum(_is_written(text, form) for text in head)):
        if _are_read(times(values, form)):
            return form
    several = _several(head) if len(head) >= _SHARE * len(some) else None
    return several if several and _are_read(times(values, several)) else None


def _are_seasons(texts: Sequence[str]) -> bool:
    """Returns whether texts are pairs of years, 2000/01, rather than months."""
    found = [match for text in texts if (match := _SEASON.fullmatch(text))]
    return len(found) >= _FEWEST_SEASONS and all(
        (int(match[1]) + 1) % 100 == int(match[2]) for match in found
    )


def _are_read(moments: npt.NDArray[np.datetime64]) -> bool:
    """Returns whether nearly all values are dates, or many but for a few slips."""
    others = int(np.isnat(moments).sum())
    return others <= (1 - _SHARE) * len(moments) or (
        others <= _FEW_OTHERS and len(moments) - others >= _MANY
    )


def _several(texts: Sequence[str]) -> str | None:
    """Returns two to four formats that together match `texts`: "%Y-%m-%d or %d.%m.%Y".

    They must not read 1/2/2019 in different ways.
    """
    found: list[str] = []
    days = [form for form in FORMATS if "%d" in form or form == ISO]
    while texts and len(found) < _MOST_FORMATS:
        counts = {form: sum(_is_written(text, form) for text in texts) for form in days}
        best = max(days, key=counts.__getitem__)
        if not counts[best]:
            break
        found.append(best)
        texts = [text for text in texts if not _is_written(text, best)]
    orders = {match[0] for form in found if (match := _ORDER.match(form))}
    is_clear = len({order[2] for order in orders}) == len(orders)
    return OR.join(found) if len(found) > 1 and is_clear else None


def is_clear(values: Sequence[Any], form: str) -> bool:
    """Returns whether values can't have day and month the other way round than in `form`."""
    swapped = form.replace("%m", "%_").replace("%d", "%m").replace("%_", "%d")
    if not _ORDER.match(form) or swapped not in FORMATS:
        return True
    return bool((np.isnat(times(values, swapped)) & ~np.isnat(times(values, form))).any())


def example(form: str) -> str:
    """Returns a date or time in a format."""
    form = form.partition(OR)[0]
    if form in (QUARTER, WEEK):
        return form
    return datetime(2019, 1, 31, 13, 30).strftime("%Y-%m-%d" if form == ISO else form)


def is_known(form: str) -> bool:
    """Returns whether `form` is a format that `find_format` returns."""
    return all(part in KNOWN for part in form.split(OR, _MOST_FORMATS))


def compact(values: npt.NDArray[np.float64]) -> str:
    """Returns the format of numbers that are all days of two centuries, or "".

    NaN and 99991231, which mean none, do not count.

    They are written as 20190131, or with the time as 201901311308 or 20190131130800.
    """
    present = values[~np.isnan(values) & ~np.isin(values, _NO_DAYS)]
    if len(present) < _FEWEST_COMPACT:
        return ""
    for digits, form in _COMPACT.items():
        low, high = 19 * 10 ** (digits - 2), 21 * 10 ** (digits - 2)
        if ((present >= low) & (present < high) & (present == np.floor(present))).all():
            seconds = present * 10 ** (14 - digits)
            days, time = seconds // 10**6, seconds % 10**6
            parts = (days // 100 % 100, days % 100, time // 10**4, time // 100 % 100, time % 100)
            limits = ((1, 12), (1, 31), (0, 23), (0, 59), (0, 59))
            fit = (((a <= p) & (p <= b)).all() for p, (a, b) in zip(parts, limits, strict=True))
            return form if all(fit) else ""
    return ""


def times(values: Sequence[Any], form: str) -> npt.NDArray[np.datetime64]:
    """Returns values as datetime64[us] in UTC; NaT for values in another format."""
    import pandas as pd

    if OR in form:
        first, _, rest = form.partition(OR)
        read = times(values, first)
        others = np.isnat(read)
        read[others] = times(np.array(values, object)[others].tolist(), rest)
        return read
    texts = [*map(_simple, values)]
    if form in _COMPACT.values():  # Floats, if some are missing.
        texts = [text.removesuffix(".0") for text in texts]
    if form == QUARTER:
        texts, form = [*map(_first_month, texts)], "%Y-%m"
    if form == WEEK:
        texts, form = [_WEEK.sub(_in_week, text) for text in texts], "%G-W%V-%u"
    read = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True)
    return known(read.dt.tz_localize(None).to_numpy("datetime64[us]"))


def known(moments: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Returns moments as datetime64[us]; NaT for those in the years 1 and 9999, which mean none."""
    moments = moments.astype("datetime64[us]")
    years = moments.astype("datetime64[Y]").astype(np.int64) + 1970
    moments[np.isin(years, _NO_YEARS)] = np.datetime64("NaT")
    return moments


def is_time_of_day(form: str) -> bool:
    return form in (*_TIMES, *_HOURS)


def parts(form: str) -> tuple[str, ...]:
    """Returns the members of `PARTS` that values in a format have."""
    if is_time_of_day(form):
        return ("hour",)
    return ("day", "month") if form in (*_MONTHS, QUARTER, WEEK) else PARTS


def part(moments: npt.NDArray[np.datetime64], name: str) -> npt.NDArray[Any]:
    """Returns one of `PARTS` as float64 or texts; missing ones are NaN or ""."""
    import pandas as pd

    if name == "day":
        days = moments.astype("datetime64[D]")
        return np.where(np.isnat(days), np.nan, days.astype(np.float64))
    if name == "hour":
        return (moments - moments.astype("datetime64[D]")) / np.timedelta64(1, "h")
    read = pd.Series(moments).dt
    texts = read.strftime("%m") if name == "month" else read.day_name().str[:3]
    return texts.fillna("").to_numpy(object)


def _simple(value: object) -> str:
    """Returns the text of a cell without irrelevant parts: "Sep 1 2014" for "Sep. 1st 2014"."""
    text = str(value).strip()
    if _ISO.match(text):
        return _NAMED_ZONE.sub("", text)
    text = month_names.english(text)
    if text.endswith("."):
        text = _DOTTED_HALF.sub(r" \1m", text)
    text = _ORDINAL.sub("", _CUT_OFF.sub(r"\1", _ZONE.sub("", text)))
    return _BETWEEN.sub(" ", _DASHED_TIME.sub(r" \1:\2:\3", text))


def _first_month(text: str) -> str:
    """Returns the month in which a quarter begins, or "" for other texts."""
    found = _QUARTER.fullmatch(text)
    if not found:
        return ""
    year, quarter = found[1] or found[4], found[2] or found[3]
    return f"{year}-{3 * int(quarter) - 2:02}"


def _in_week(found: re.Match[str]) -> str:
    return f"{found[1]}-W{found[2]}-{found[3] or 1}"


@functools.cache
def _shape(form: str) -> re.Pattern[str]:
    """Returns what all texts in a format look like."""
    parts = (_SHAPES.get(part, re.escape(part)) for part in re.split("(%.)", form))
    return re.compile("".join(parts), re.IGNORECASE)


def _is_written(text: str, form: str) -> bool:
    if form in (QUARTER, WEEK):
        return bool((_QUARTER if form == QUARTER else _WEEK).fullmatch(text))
    try:
        if form == ISO:
            return bool(_ISO.match(text)) and bool(datetime.fromisoformat(text))
        if form.endswith(_DOTTED) and not re.search(r"\b\d\d?\.\d\d\.\d\d$", text):
            return False  # 1.2.3 is the number of a section or version.
        # Compiling a format for each text is slow, so only texts of the same shape are tried.
        return bool(_shape(form).fullmatch(text)) and bool(datetime.strptime(text, form))
    except ValueError:
        return False
