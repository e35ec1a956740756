"""Chapter 2: the window of an average, its corrected start, a step of momentum."""

from tfcourse.exercises.feedback import Feedback, Function, check_function, check_number


def check_window_beta(answer: object) -> Feedback:
    """Checks the beta of an average over about the last 20 values."""
    return check_number(
        answer,
        0.95,
        kind="a beta between 0 and 1",
        why="1 / (1 - 0.95) = 20.",
        mistakes={
            0.05: "That is 1 - beta: nearly all the weight would be on the newest value.",
            0.9: "0.9 averages over about 10 values.",
            0.98: "0.98 averages over about 50 values.",
            20.0: "That is the number of values. Which beta has 1 / (1 - beta) = 20?",
        },
    )


def check_corrected_average(answer: object) -> Feedback:
    """Checks the bias-corrected average of 10, 20 with beta 0.9 after the second value."""
    return check_number(
        answer,
        2.9 / 0.19,
        kind="the corrected average after two values",
        why="v_2 = 0.9 x 1 + 0.1 x 20 = 2.9, and 2.9 / (1 - 0.9^2) = 15.26.",
        mistakes={
            2.9: "That is v_2, still uncorrected: lower than both values it averages.",
            15.0: "That is the simple mean; here the newer value weighs a little more.",
            29.0: "Two values have been seen: divide by 1 - beta^2, not by 1 - beta.",
            2.9 / 0.81: "Divide by the sum of the weights, 1 - beta^t, not by beta^t.",
            18.9: "The old average gets beta, the new value 1 - beta.",
        },
    )


def check_momentum_step(function: Function) -> Feedback:
    """Checks `function(v, gradient, beta)`, the average of gradients after one more of them."""
    return check_function(
        function,
        lambda v, gradient, beta: beta * v + (1 - beta) * gradient,
        cases=[
            {"v": 0.0, "gradient": 3.0, "beta": 0.9},
            {"v": 2.0, "gradient": -4.0, "beta": 0.75},
        ],
        kind="the new v, a number",
        why="v stays on the scale of the gradients, since beta and 1 - beta sum to 1.",
        mistakes={
            "Without the factor 1 - beta, v grows to 10 gradients at beta 0.9. Keras does so; the "
            "slide's v is an average.": lambda v, gradient, beta: beta * v + gradient,
            "The old average gets beta, the new gradient 1 - beta.": (
                lambda v, gradient, beta: (1 - beta) * v + beta * gradient
            ),
            "Use a plus: the new gradient is averaged in. The step is subtracted from w.": (
                lambda v, gradient, beta: beta * v - (1 - beta) * gradient
            ),
            "That squares the gradient, as RMSProp does.": (
                lambda v, gradient, beta: beta * v + (1 - beta) * gradient**2
            ),
        },
    )
