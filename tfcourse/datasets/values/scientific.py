"""Numbers as scientists write them: 1.5 x 10^-3, 1.2 ± 0.1, 1.23(4)."""

import re

UNCERTAINTY = "±"

_EXPONENT = r"\(?([+\-\u2212]?[0-9]{1,3})\)?"
_POWER = re.compile(rf"(?<=[0-9.,]) ?[x\u00d7*·] ?10(?:\^|\*\*){_EXPONENT}")
_POWER_ALONE = re.compile(rf"([+\-\u2212]?)10(?:\^|\*\*){_EXPONENT}")
_RAISED = re.compile(r"([x\u00d7*·] ?10)([⁺⁻⁰¹²³⁴-⁹]+)")
_DIGITS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_UNCERTAINTY = re.compile(r"(?<=[0-9.,]) ?(?:±|\+/?[\-\u2212]) ?[0-9.,]+(?:[eE][+-]?[0-9]{1,3})?")
_LAST_DIGITS = re.compile(r"([.,][0-9]+)\([0-9]{1,3}\)")  # 1.23(4) is 1.23 ± 0.04.


def plain(text: str) -> str:
    """Returns a number with e for a power of ten, and without its uncertainty.

    Examples:
        >>> from tfcourse.datasets.values.scientific import plain
        >>> plain("1.5 x 10^-3"), plain("1.2 ± 0.1 kg"), plain("1.23(4)")
        ('1.5e-3', '1.2 kg', '1.23')
    """
    if "10" in text:
        text = _RAISED.sub(lambda found: f"{found[1]}^{found[2].translate(_DIGITS)}", text)
        alone = _POWER_ALONE.fullmatch(text)
        text = f"{alone[1]}1e{alone[2]}" if alone else _POWER.sub(r"e\1", text)
        text = text.replace("e\u2212", "e-")
    return _certain(text)


def is_uncertain(text: str) -> bool:
    """Returns whether a number is written with its uncertainty."""
    return _certain(text) != text


def _certain(text: str) -> str:
    return _UNCERTAINTY.sub("", _LAST_DIGITS.sub(r"\1", text), count=1)
