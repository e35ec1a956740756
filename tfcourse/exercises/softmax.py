"""Chapter 5: one-hot labels, softmax, cross-entropy."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.exercises.feedback import (
    Feedback,
    Function,
    check_function,
    check_number,
    unanswered,
)

Array = npt.NDArray[np.float64]


def check_one_hot(answer: Any) -> Feedback:
    """Checks the one-hot row of the digit 4 among the digits 0 to 9."""
    kind = "a list of ten numbers"
    if answer is None:
        return unanswered(kind)
    try:
        row = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        row = np.empty(0)
    if row.shape != (10,):
        return Feedback(False, f"Expected: {kind}. Received: {answer!r}")
    if np.array_equal(row, np.eye(10)[4]):
        return Feedback(True, "A 1 in the fifth column: the digits count from 0.")
    for digit in (3, 5):
        if np.array_equal(row, np.eye(10)[digit]):
            hint = f"That is the digit {digit}: the first column is the digit 0."
            return Feedback(False, hint)
    return Feedback(False, "The row is 0 except in one column, which is 1.")


def check_softmax(function: Function) -> Feedback:
    """Checks `function(z)`: softmax of a vector, without overflow."""

    def softmax(z: Array) -> Array:
        exponentials = np.exp(z - z.max())
        return exponentials / exponentials.sum()

    def overflows(z: Array) -> Array:
        return np.exp(z) / np.exp(z).sum()

    cases = [{"z": np.array([5.0, 2.0, -1.0, 3.0])}, {"z": np.array([1000.0, 1000.0, -1000.0])}]
    with np.errstate(all="ignore"):
        return check_function(
            function,
            softmax,
            cases=cases,
            kind="an array of probabilities",
            why="Subtracting the largest logit changes nothing, but no exponential overflows.",
            mistakes={
                "Right for small logits, but exp(1000) is infinite, and infinity over infinity is "
                "NaN. What may be subtracted from all logits?": overflows,
                "Their sum must be 1: divide by the sum of the exponentials.": (
                    lambda z: np.exp(z)
                ),
                "That is the share of each logit. First comes the exponential.": (
                    lambda z: z / z.sum()
                ),
                "That is the sigmoid of each logit; these do not sum to 1.": (
                    lambda z: 1 / (1 + np.exp(-z))
                ),
                "That is hardmax.": lambda z: (np.arange(len(z)) == z.argmax()).astype(float),
            },
        )


def check_cost(answer: object) -> Feedback:
    """Checks the cross-entropy of a picture whose right class got the probability 0.5."""
    return check_number(
        answer,
        math.log(2),
        kind="a cost in nats",
        why="-ln 0.5 = 0.693. What the other classes got does not matter.",
        mistakes={
            math.log10(2): "Use the natural logarithm.",
            1.0: "That is in bits; for nats, use the natural logarithm.",
            -math.log(2): "A cost is positive: the logarithm of a probability is not.",
            0.5: "That is the probability. The cost is its negative logarithm.",
            math.log(10): "That is the cost where all ten classes get the same probability.",
        },
        tolerance=0.005,  # Two digits are enough.
    )
