"""Finds numbers that may stand for missing values, such as -999."""

import itertools

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_FEWEST_OTHERS = 4
# The only number below 0 is doubtful if it is this frequent, and it or another is this far from 0.
_OFTEN, _SHARE_OF_STAND_IN, _FAR = 5, 0.01, 20


def counts(found: Numbers, values: Numbers, kept: Numbers) -> tuple[tuple[float, int], ...]:
    """Returns `(number, cells)` of what `find` returns, with the cells among `kept`, if any."""
    counted = [(code, int((kept == code).sum())) for code in find(found, values)]
    return tuple((code, count) for code, count in counted if count)


def find(found: Numbers, values: Numbers) -> list[float]:
    """Returns numbers that may mean "missing", such as -99, or 77, 88 and 99.

    They are at one end of `found`, the sorted distinct `values`, and farther from the others than
    those are from each other; or an integer is the only number below 0, and frequent.
    """
    if len(found) < _FEWEST_OTHERS:
        return []
    low = float(found[0])
    is_far = found[-1] >= _FAR * -low or -low >= _FAR
    if low < 0 <= found[1] and low.is_integer() and is_far:
        count = np.count_nonzero(values == low)
        if count >= max(_OFTEN, _SHARE_OF_STAND_IN * np.count_nonzero(~np.isnan(values))):
            return [low]
    for ordered in (found, found[::-1]):
        codes = [float(number) for number in itertools.takewhile(_is_code, ordered)]
        # The last codes may be numbers like the others: -9 beside -8, -5 and 3.
        for taken in range(len(codes), 0, -1):
            rest = ordered[taken:]
            if len(rest) > 1 and abs(codes[taken - 1] - rest[0]) > abs(rest[-1] - rest[0]):
                return codes[:taken]
    return []


def _is_code(number: float) -> bool:
    """Returns whether a number is written as codes for missing values are: -9, 77, 999, -999.25."""
    whole = str(int(abs(number)))
    is_whole = number == int(number)
    is_long = len(whole) > (1 if is_whole else 2)
    return whole[0] in "6789" and len({*whole}) == 1 and (is_long or (is_whole and number < 0))
