"""Chapter 3: the length of Adam's first step, its two averages, what the correction is for."""

import math

from tfcourse.exercises.feedback import Feedback, Function, check_function, check_number


def check_first_step(answer: object) -> Feedback:
    """Checks how far Adam moves w with rate 0.001 when the first gradient is 1,000."""
    return check_number(
        answer,
        0.001,
        kind="a length, as a positive number",
        why="After one gradient g, mh = g and sqrt(sh) = |g|: the step is as long as the rate.",
        mistakes={
            1.0: "That is gradient descent. Adam divides by the root of sh.",
            -0.001: "The question asks for the length, a positive number.",
            0.001 / math.sqrt(10): "That is not mh / sqrt(sh): are both corrected?",
            0.001 * 0.1 / math.sqrt(0.001): "That would be its length without bias correction.",
            0.0001: "That is (1 - beta_1) times the rate; the correction divides by it again.",
            1e-6: "The gradient cancels out: it is in mh and in the root of sh.",
        },
    )


def check_adam_averages(function: Function) -> Feedback:
    """Checks `function(m, s, gradient, beta_1, beta_2)`, both averages after one more gradient."""

    def both(
        m: float,
        s: float,
        gradient: float,
        beta_1: float,
        beta_2: float,
        signs: tuple[int, int] = (1, 1),
        power: int = 2,
    ) -> tuple[float, float]:
        return (
            beta_1 * m + signs[0] * (1 - beta_1) * gradient,
            beta_2 * s + signs[1] * (1 - beta_2) * gradient**power,
        )

    return check_function(
        function,
        both,
        cases=[
            {"m": 0.0, "s": 0.0, "gradient": 3.0, "beta_1": 0.9, "beta_2": 0.999},
            {"m": 2.0, "s": 5.0, "gradient": -4.0, "beta_1": 0.5, "beta_2": 0.75},
        ],
        kind="the new m and the new s",
        why="m is momentum's average, s is RMSProp's.",
        mistakes={
            "Minus in both, as on the slide (erratum E3): s turns negative and its root is NaN.": (
                lambda **case: both(**case, signs=(-1, -1))
            ),
            "With a minus in m every step goes uphill (erratum E3).": (
                lambda **case: both(**case, signs=(-1, 1))
            ),
            "With a minus s turns negative, and its root is NaN (erratum E3).": (
                lambda **case: both(**case, signs=(1, -1))
            ),
            "s averages the squares of the gradients.": lambda **case: both(**case, power=1),
            "The factors 1 - beta_1 and 1 - beta_2 are missing.": (
                lambda m, s, gradient, beta_1, beta_2: (
                    beta_1 * m + gradient,
                    beta_2 * s + gradient**2,
                )
            ),
            "beta_1 belongs to m, beta_2 to s.": (
                lambda beta_1, beta_2, **case: both(**case, beta_1=beta_2, beta_2=beta_1)
            ),
            "First m, then s.": lambda **case: both(**case)[::-1],
        },
    )


def check_uncorrected_first_step(answer: object) -> Feedback:
    """Checks how many rates long Adam's first step is uncorrected, with beta 0.9 and 0.999."""
    return check_number(
        answer,
        0.1 / math.sqrt(0.001),
        kind="how many times the learning rate",
        why="m = 0.1 g and s = 0.001 g^2, so the step is 0.1 / sqrt(0.001) = 3.16 rates long.",
        mistakes={
            100.0: "The divisor is the root of s.",
            1.0: "That is its length with the correction.",
            0.1: "That is m alone. What is it divided by?",
            1 / math.sqrt(0.001): "m starts low as well, at 0.1 of the gradient.",
            math.sqrt(0.001) / 0.1: "m stands above the root of s, not below.",
        },
        tolerance=0.03,  # It may be read off the picture.
    )
