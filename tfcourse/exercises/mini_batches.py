"""Chapter 1: steps of an epoch, one step of linear regression, noise."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tfcourse.exercises.feedback import Feedback, Function, check_function, check_number

Array = npt.NDArray[np.float64]


def check_steps_per_epoch(answer: object) -> Feedback:
    """Checks the number of steps per epoch: 1,257 examples, 32 per step."""
    return check_number(
        answer,
        40,
        kind="a number of steps",
        why="ceil(1257 / 32) = 40, and the last step has 9 examples.",
        mistakes={
            39: "39 steps see 39 x 32 = 1,248 examples. Which step sees the other 9?",
            1257 / 32: "Every step counts, even one with fewer than 32 examples.",
            1257: "That is one example per step: stochastic gradient descent.",
            32: "That is the batch size.",
        },
    )


def check_theta_update(function: Function) -> Feedback:
    """Checks `function(theta, x, y, alpha)`: a mini-batch step of h(x) = theta_0 + theta_1 x."""

    def step(
        theta: Array,
        x: Array,
        y: Array,
        alpha: float,
        reduce: Callable[[Array], np.floating] = np.mean,
        factor: float = 1.0,
    ) -> Array:
        error = theta[0] + theta[1] * x - y
        return theta - alpha * factor * np.array([reduce(error), reduce(error * x)])

    def one_after_the_other(theta: Array, x: Array, y: Array, alpha: float) -> Array:
        first = theta[0] - alpha * np.mean(theta[0] + theta[1] * x - y)
        return np.array([first, theta[1] - alpha * np.mean((first + theta[1] * x - y) * x)])

    def without_x(theta: Array, x: Array, y: Array, alpha: float) -> Array:
        return theta - alpha * np.mean(theta[0] + theta[1] * x - y)

    return check_function(
        function,
        step,
        cases=[
            {
                "theta": np.array([1.0, 2.0]),
                "x": np.array([0.0, 1.0, 3.0]),
                "y": np.array([2.0, 2.0, 5.0]),
                "alpha": 0.1,
            },
            {
                "theta": np.array([0.0, 0.0]),
                "x": np.array([2.0, 4.0]),
                "y": np.array([1.0, -3.0]),
                "alpha": 0.5,
            },
        ],
        kind="an array of the new theta_0 and theta_1",
        why="Both at once, from the old theta, by the mean over the batch's true size.",
        mistakes={
            "That is the sum over the batch; with the mean a step does not grow with b.": (
                lambda **case: step(**case, reduce=np.sum)
            ),
            "That step goes uphill: check the sign.": lambda **case: step(**case, factor=-1.0),
            "That is the gradient of the mean squared error; the slide's has no factor 2.": (
                lambda **case: step(**case, factor=2.0)
            ),
            "All j at once: theta_1's error comes from the old theta_0.": one_after_the_other,
            "In theta_1's sum each error is multiplied by its x.": without_x,
        },
    )


def check_noise_factor(answer: object) -> Feedback:
    """Checks how many times less noise the cost has with 64 examples per step than with 16."""
    return check_number(
        answer,
        2.0,
        kind="how many times smaller the noise becomes",
        why="The noise of a mean of b independent values falls as 1 / sqrt(b): sqrt(64 / 16) = 2.",
        mistakes={
            4.0: "That is the ratio of the variances. Noise is the standard deviation.",
            0.5: "That is the share that is left. How many times smaller is it?",
            0.25: "That is the share of the variance that is left.",
            48.0: "What counts is the ratio of the two sizes.",
        },
    )
