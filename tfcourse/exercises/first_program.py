"""Chapter 6: what graph, session, placeholder and array became; the slide's four questions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.exercises.feedback import Feedback, check_function, check_number

Array = npt.NDArray[np.float64]
COEFFICIENTS = np.array([[1.0], [-10.0], [25.0]])


def check_graph(answer: object) -> Feedback:
    """Checks how many graphs are traced for two runs of 300 steps with other coefficients."""
    return check_number(
        answer,
        1,
        kind="a number of graphs",
        why="The first call traces the graph, all others run it. Coefficients are its input.",
        mistakes={
            2: "The coefficients are tensors: other values are other input to the same graph.",
            300: "A call runs the graph. It is traced only if there is none for such arguments.",
            600: "A call runs the graph. It is traced only if there is none for such arguments.",
            0: "Without a graph nothing would run: the first call traces it.",
        },
    )


def check_session(answer: object) -> Feedback:
    """Checks w after two runs of `train` in a session, from 0, for (w - 5)^2 and the rate 0.01."""
    return check_number(
        answer,
        0.198,
        kind="a value of w",
        why="Each session.run takes one step, 0.1 and then 0.098. minimize alone takes none.",
        mistakes={
            0.0: "That is w when the graph is built but not run. Each session.run computes.",
            0.1: "That is w after the first run of train.",
            0.2: "The second step is shorter: it starts at 0.1, where the slope is -9.8.",
            0.29404: "minimize adds a node to the graph and takes no step; only the runs do.",
            0.396: "That is with the printed coefficients 1, -20, 25 (erratum E12).",
        },
        tolerance=1e-3,
    )


def check_placeholder(function: Any) -> Feedback:
    """Checks `function(w, coefficients)`: the cost, with coefficients `[3, 1]` as an argument."""

    def cost(w: float, coefficients: Array) -> Array:
        c0, c1, c2 = coefficients[:, 0]
        return np.asarray(c0 * w**2 + c1 * w + c2)

    return check_function(
        function,
        cost,
        cases=[
            {"w": 2.0, "coefficients": COEFFICIENTS},
            {"w": 3.0, "coefficients": np.array([[2.0], [-1.0], [7.0]])},
        ],
        kind="a number",
        why="What the placeholder was fed is now an argument: one function for all coefficients.",
        mistakes={
            "Right for one set of coefficients. Others may be fed: use the argument.": (
                lambda w, coefficients: (w - 5) ** 2
            ),
            "That is the printed cost (erratum E12), for any coefficients. Use the argument.": (
                lambda w, coefficients: w**2 - 20 * w + 25
            ),
            "The first coefficient belongs to w^2, the last stands alone.": (
                lambda w, coefficients: cost(w, coefficients[::-1])
            ),
        },
    )


def check_tensor(function: Any) -> Feedback:
    """Checks `function(array)`: the coefficients as a float32 tensor of shape `[3, 1]`."""
    kind = f"a float32 tensor of shape {COEFFICIENTS.shape}"
    if not callable(function):
        return Feedback(False, f"Expected: a function that returns {kind}.")
    try:
        answer = function(COEFFICIENTS.copy())
    except Exception as error:
        return Feedback(False, f"It raises {type(error).__name__}: {error}")
    if answer is None:
        return Feedback(None, f"Let the function return {kind} and run the cell again.")
    if not hasattr(answer, "numpy"):
        named = f"{type(answer).__module__}.{type(answer).__name__}".removeprefix("builtins.")
        return Feedback(False, f"It must return {kind}. Received: {named}, which is not a tensor")
    if hasattr(answer, "assign"):
        return Feedback(False, "That is a variable, which training changes. Input is a constant.")
    found = answer.numpy()
    if found.shape != COEFFICIENTS.shape:
        return Feedback(False, f"It must return {kind}. Received: shape {found.shape}")
    if not np.array_equal(found, COEFFICIENTS):
        return Feedback(False, f"The values must be those of the array. Received: {found.tolist()}")
    if found.dtype != np.float32:
        return Feedback(
            False,
            f"It is {found.dtype}: a tensor keeps the array's type unless you state another, and "
            "w is float32. The two can't be multiplied.",
        )
    return Feedback(True, "NumPy uses float64 and w is float32, so the type must be stated.")
