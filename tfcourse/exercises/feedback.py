"""The feedback to an answer: not answered yet, not right yet and why, or right."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Function = Callable[..., Any]
Case = Mapping[str, Any]  # argument -> value

_MARKS = {None: "○ Not answered yet.", False: "✗ Not yet.", True: "✓ Right."}


@dataclasses.dataclass(frozen=True)
class Feedback:
    """What a notebook shows below an exercise.

    Attributes:
        right: `None` if there is no answer yet.
        text: a hint, or why the answer is right.
    """

    right: bool | None
    text: str

    def __repr__(self) -> str:
        return f"{_MARKS[self.right]} {self.text}"


def unanswered(kind: str) -> Feedback:
    """Returns the feedback to `None` in place of an answer."""
    return Feedback(None, f"Put {kind} in place of None and run the cell again.")


def check_number(
    answer: Any,
    expected: float,
    *,
    kind: str,
    why: str,
    mistakes: Mapping[float, str],
    tolerance: float = 0.003,
) -> Feedback:
    """Returns the feedback to a number.

    Args:
        answer: the learner's answer; `None` if there is none yet.
        expected: the right number.
        kind: the kind of answer, such as "a number of steps".
        why: the reason, shown for the right answer.
        mistakes: `{number: hint}`, common wrong answers.
        tolerance: relative tolerance, for rounded answers.
    """
    if answer is None:
        return unanswered(kind)
    try:
        number = float(answer)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(answer, bool):
        return Feedback(False, f"Expected: {kind}. Received: {answer!r}")
    if math.isclose(number, expected, rel_tol=tolerance):
        return Feedback(True, why)
    for mistake, hint in mistakes.items():
        if math.isclose(number, mistake, rel_tol=tolerance):
            return Feedback(False, hint)
    side = "large" if number > expected else "small"
    return Feedback(False, f"Expected: {kind}; {number:g} is too {side}.")


def check_function(
    function: Function,
    reference: Function,
    *,
    cases: Sequence[Case],
    kind: str,
    why: str,
    mistakes: Mapping[str, Function],
) -> Feedback:
    """Returns the feedback to a function that the learner has written.

    Args:
        function: the learner's function; if it returns `None`, there is no answer yet.
        reference: the right function, in NumPy.
        cases: dicts `{argument: value}` with which both functions are called; the learner may use
            other argument names.
        kind: the kind of result.
        why: the reason, shown for the right answer.
        mistakes: `{hint: function}`, common wrong functions.
    """
    if not callable(function):
        return Feedback(False, f"Expected: a function that returns {kind}.")
    for case in cases:
        try:
            result = function(*_copied(case))
        except Exception as error:
            return Feedback(False, f"For {_named(case)} it raises {type(error).__name__}: {error}")
        if result is None:
            return Feedback(None, f"Let the function return {kind}, and run the cell again.")
        feedback = _check_result(function, result, reference, cases, case, kind, mistakes)
        if feedback is not None:
            return feedback
    return Feedback(True, why)


def _check_result(
    function: Function,
    result: Any,
    reference: Function,
    cases: Sequence[Case],
    case: Case,
    kind: str,
    mistakes: Mapping[str, Function],
) -> Feedback | None:
    """Returns what is wrong with `result`, or `None`."""
    expected = _array(reference(**case))
    try:
        result = _array(result)
    except (TypeError, ValueError):
        return Feedback(False, f"It must return {kind}. Received: {result!r}")
    if result.shape != expected.shape:
        return Feedback(
            False,
            f"With {_named(case)} it must return {kind}: shape {expected.shape}. "
            f"Received: shape {result.shape}",
        )
    if _is_close(result, expected):
        return None
    for hint, mistake in mistakes.items():
        if _agree(function, mistake, cases):
            return Feedback(False, hint)
    return Feedback(
        False, f"With {_named(case)} it returns {_short(result)}; expected: {_short(expected)}."
    )


def _agree(function: Function, mistake: Function, cases: Sequence[Case]) -> bool:
    with np.errstate(all="ignore"):
        try:
            return all(
                _is_close(_array(function(*_copied(case))), _array(mistake(**case)))
                for case in cases
            )
        except Exception:
            return False


def _copied(case: Case) -> list[Any]:
    """Returns copies of the arguments, because a function may change an array."""
    return [np.copy(v) if isinstance(v, np.ndarray) else v for v in case.values()]


def _array(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(value, np.float64)


def _is_close(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    # A tensor in float32 is an answer as well.
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def _named(case: Case) -> str:
    return ", ".join(f"{name} = {_short(value)}" for name, value in case.items())


def _short(value: npt.ArrayLike) -> str:
    return np.array2string(np.asarray(value), precision=4, separator=", ").replace("\n", "")
