"""The answer key: every exercise of the notebooks, and what its check accepts.

For instructors; notebooks do not use it.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse.exercises import adam, averages, first_program, hyperparameters, mini_batches, softmax
from tfcourse.exercises.feedback import Feedback

Array = npt.NDArray[np.float64]


def theta_update(theta: Array, x: Array, y: Array, alpha: float) -> Array:
    error = theta[0] + theta[1] * x - y
    return theta - alpha * np.array([np.mean(error), np.mean(error * x)])


def momentum_step(v: float, gradient: float, beta: float) -> float:
    return beta * v + (1 - beta) * gradient


def adam_averages(
    m: float, s: float, gradient: float, beta_1: float, beta_2: float
) -> tuple[float, float]:
    m = beta_1 * m + (1 - beta_1) * gradient
    s = beta_2 * s + (1 - beta_2) * gradient**2
    return m, s


def normalize(x: Array, epsilon: float) -> Array:
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon)


def stable_softmax(z: Array) -> Array:
    exponentials = np.exp(z - z.max())
    return exponentials / exponentials.sum()


def cost(w: float, coefficients: Array) -> float:
    return coefficients[0][0] * w**2 + coefficients[1][0] * w + coefficients[2][0]


def as_tensor(array: Array) -> Any:
    import tensorflow as tf

    return tf.constant(array, tf.float32)


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise of a notebook.

    Attributes:
        notebook: its name, without the suffix.
        number: counted from 1.
        check: the function that its cell calls.
        answer: an answer that the check accepts: a number, a list or a function.
    """

    notebook: str
    number: int
    check: Callable[..., Feedback]
    answer: object

    @property
    def question(self) -> str:
        """The question, in one sentence."""
        return (inspect.getdoc(self.check) or "").removeprefix("Checks ").partition("\n")[0]

    @property
    def is_function(self) -> bool:
        """Whether the learner writes a function."""
        return callable(self.answer)

    def __str__(self) -> str:
        """The question, the answer as code, and why it is right."""
        answer = inspect.getsource(self.answer) if callable(self.answer) else str(self.answer)
        lines = [f"{self.number}. {self.question}", "", *answer.splitlines(), ""]
        return "\n".join([*lines, self.check(self.answer).text])


KEY = (
    Exercise("1_mini_batches", 1, mini_batches.check_steps_per_epoch, 40),
    Exercise("1_mini_batches", 2, mini_batches.check_theta_update, theta_update),
    Exercise("1_mini_batches", 3, mini_batches.check_noise_factor, 2),
    Exercise("2_averages_and_momentum", 1, averages.check_window_beta, 0.95),
    Exercise("2_averages_and_momentum", 2, averages.check_corrected_average, 15.26),
    Exercise("2_averages_and_momentum", 3, averages.check_momentum_step, momentum_step),
    Exercise("3_adam", 1, adam.check_first_step, 0.001),
    Exercise("3_adam", 2, adam.check_adam_averages, adam_averages),
    Exercise("3_adam", 3, adam.check_uncorrected_first_step, 3.162),
    Exercise("4_hyperparameters_and_batch_norm", 1, hyperparameters.check_decayed_rate, 0.0857),
    Exercise("4_hyperparameters_and_batch_norm", 2, hyperparameters.check_middle_beta, 0.99),
    Exercise("4_hyperparameters_and_batch_norm", 3, hyperparameters.check_normalize, normalize),
    Exercise("5_tensorflow_tutorial", 1, softmax.check_one_hot, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]),
    Exercise("5_tensorflow_tutorial", 2, softmax.check_softmax, stable_softmax),
    Exercise("5_tensorflow_tutorial", 3, softmax.check_cost, 0.693),
    Exercise("5_tensorflow_tutorial", 4, first_program.check_graph, 1),
    Exercise("5_tensorflow_tutorial", 5, first_program.check_session, 0.198),
    Exercise("5_tensorflow_tutorial", 6, first_program.check_placeholder, cost),
    Exercise("5_tensorflow_tutorial", 7, first_program.check_tensor, as_tensor),
)
