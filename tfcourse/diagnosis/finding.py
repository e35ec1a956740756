"""What a check found: a verdict, a number beside the expected one, a hint, a picture."""

import dataclasses
import io
from collections.abc import Callable
from typing import Literal

import numpy as np

from tfcourse.reports import style

Verdict = Literal["fine", "look", "broken", "skipped"]
VERDICTS: tuple[Verdict, ...] = ("broken", "look", "fine", "skipped")


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        verdict: "fine"; "look" if it is worth a look; "broken"; "skipped" if there is nothing to
            check, with the reason in `measured`.
        measured: the measurement, in words and with its number.
        expected: the expected value, in words.
        value: the number; `None` if the check was skipped.
        hint: how to fix it; left out if all is fine. Arguments are in backticks.
        picture: PNG, or `None`.
        rows: a table, starting with its head; empty if there is none.
    """

    verdict: Verdict
    measured: str
    expected: str = ""
    value: float | None = None
    hint: str = ""
    picture: bytes | None = None
    rows: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.verdict == "fine":
            object.__setattr__(self, "hint", "")


def skipped(reason: str) -> Finding:
    """Returns the finding of a check that has nothing to check."""
    return Finding("skipped", reason)


def judged(value: float, *, fine: float, look: float) -> Verdict:
    """Returns "fine" up to `fine`, "look" up to `look`, else "broken"; NaN is broken."""
    if value <= fine:
        return "fine"
    return "look" if value <= look else "broken"


def between(value: float, *, fine: tuple[float, float], look: tuple[float, float]) -> Verdict:
    """Returns "fine" within the range `fine`, "look" within `look`, else "broken"."""
    if fine[0] <= value <= fine[1]:
        return "fine"
    return "look" if look[0] <= value <= look[1] else "broken"


def png(draw: Callable[[np.ndarray], None], **size: float) -> bytes:
    """Returns the picture that `draw` draws on its axes; `size` as in `style.picture`."""
    file = io.BytesIO()
    with style.picture(file, **size) as axes:  # type: ignore[arg-type]
        draw(axes)
    return file.getvalue()
