"""Chapter 4: a decayed rate, a scale to search on, batch normalization."""

import math

import numpy as np
import numpy.typing as npt

from tfcourse.exercises.feedback import Feedback, Function, check_function, check_number

Array = npt.NDArray[np.float64]


def check_decayed_rate(answer: object) -> Feedback:
    """Checks the rate at epoch 3, from 0.1, with exponential decay by 0.95."""
    return check_number(
        answer,
        0.1 * 0.95**3,
        kind="a learning rate",
        why="0.95^3 x 0.1 = 0.0857, from the initial rate.",
        mistakes={
            0.1 * 0.95**6: "The exponents have added up: the base is the initial rate, not the "
            "current one (erratum E9).",
            0.1 * 0.95**2: "That is the rate of epoch 2: epochs count from 0 here.",
            0.1 * 0.95**4: "That is the rate of epoch 4: epochs count from 0 here.",
            0.1 * 0.85: "Each epoch multiplies by 0.95; it does not subtract 0.05.",
            0.95**3: "That is the factor. The initial rate is 0.1.",
            0.1 / math.sqrt(3): "That is root decay.",
            0.1 / (1 + 0.95 * 3): "That is inverse-time decay.",
        },
        tolerance=0.005,  # Two digits are enough.
    )


def check_middle_beta(answer: object) -> Feedback:
    """Checks the middle between the betas 0.9 and 0.999, where 1 - beta is log-uniform."""
    return check_number(
        answer,
        0.99,
        kind="a beta between 0.9 and 0.999",
        why="1 - beta goes from 0.1 by 0.01 to 0.001: windows of 10, 100 and 1,000 values.",
        mistakes={
            0.9495: "That is the middle on a linear scale: half of the draws would average over "
            "fewer than 20 values.",
            math.sqrt(0.9 * 0.999): "It is 1 - beta that is log-uniform, not beta.",
            0.01: "That is 1 - beta.",
        },
        tolerance=5e-4,
    )


def check_normalize(function: Function) -> Feedback:
    """Checks `function(x, epsilon)`: batch normalization of x [examples, features]."""

    def normalize(
        x: Array,
        epsilon: float,
        axis: int | None = 0,
        ddof: int = 0,
        power: float = 0.5,
        centred: bool = True,
    ) -> Array:
        mean = x.mean(axis=axis, keepdims=True) if centred else 0.0
        variance = x.var(axis=axis, ddof=ddof, keepdims=True)
        return (x - mean) / (variance + epsilon) ** power

    features = np.array([[1.0, 40.0], [3.0, 20.0], [8.0, 90.0]])
    return check_function(
        function,
        normalize,
        cases=[{"x": features, "epsilon": 0.001}, {"x": 0.1 * features, "epsilon": 0.5}],
        kind="an array of the shape of x",
        why="Each feature now has mean 0 and variance 1 over the batch (epsilon aside).",
        mistakes={
            "Divided by the variance (erratum E13): the scale stays in. It takes the root.": (
                lambda **case: normalize(**case, power=1.0)
            ),
            "Each feature is normalized over the examples: axis 0.": (
                lambda **case: normalize(**case, axis=1)
            ),
            "Each feature has its own mean and variance: axis 0.": (
                lambda **case: normalize(**case, axis=None)
            ),
            "The paper's variance is the simple mean of the squares: ddof=0.": (
                lambda **case: normalize(**case, ddof=1)
            ),
            "First the mean is subtracted.": lambda **case: normalize(**case, centred=False),
            "Epsilon stands inside the root here.": (
                lambda x, epsilon: (x - x.mean(axis=0)) / (x.std(axis=0) + epsilon)
            ),
            "Epsilon is missing: a constant feature would divide by zero.": (
                lambda x, epsilon: normalize(x, 0.0)
            ),
        },
    )
