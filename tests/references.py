"""What the course's formulas say, in NumPy float64 and written another way than in the library.

Averages are explicit weighted sums, not recursions; optimizers return what every step subtracts.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

Floats = npt.NDArray[np.floating]


def exponentially_weighted_average(
    values: ArrayLike, beta: float, bias_correction: bool = False
) -> Floats:
    values = np.asarray(values, np.float64)  # [steps, ...]
    steps = np.arange(len(values))
    age = steps[:, None] - steps[None, :]
    weights = np.where(age >= 0, (1.0 - beta) * np.power(beta, np.maximum(age, 0.0)), 0.0)
    if bias_correction:
        weights /= weights.sum(axis=1, keepdims=True)
    return np.tensordot(weights, values, axes=1)


def gradient_descent(gradients: Floats, learning_rate: ArrayLike) -> Floats:
    return _rates(learning_rate, gradients) * gradients


def momentum(gradients: Floats, learning_rate: ArrayLike, beta: float = 0.9) -> Floats:
    average = exponentially_weighted_average(gradients, beta)
    return _rates(learning_rate, gradients) * average


def rmsprop(
    gradients: Floats, learning_rate: ArrayLike, beta: float = 0.9, epsilon: float = 1e-7
) -> Floats:
    mean_square = exponentially_weighted_average(gradients**2, beta)
    return _rates(learning_rate, gradients) * gradients / (np.sqrt(mean_square) + epsilon)


def adam(
    gradients: Floats,
    learning_rate: ArrayLike,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    bias_correction: bool = True,
    epsilon_inside_sqrt: bool = False,
) -> Floats:
    mean = exponentially_weighted_average(gradients, beta_1, bias_correction)
    mean_square = exponentially_weighted_average(gradients**2, beta_2, bias_correction)
    inside, outside = (epsilon, 0.0) if epsilon_inside_sqrt else (0.0, epsilon)
    root = np.sqrt(mean_square + inside) + outside
    return _rates(learning_rate, gradients) * mean / root


def nesterov(gradients: Floats, learning_rate: ArrayLike, beta: float = 0.9) -> Floats:
    average = exponentially_weighted_average(gradients, beta)
    return _rates(learning_rate, gradients) * (beta * average + (1.0 - beta) * gradients)


def adagrad(gradients: Floats, learning_rate: ArrayLike, epsilon: float = 1e-10) -> Floats:
    root = np.sqrt(np.cumsum(gradients**2, axis=0))
    return _rates(learning_rate, gradients) * gradients / (root + epsilon)


def lion(
    gradients: Floats, learning_rate: ArrayLike, beta_1: float = 0.9, beta_2: float = 0.99
) -> Floats:
    average = exponentially_weighted_average(gradients, beta_2)
    before = np.concatenate([np.zeros_like(average[:1]), average[:-1]])
    direction = np.sign(beta_1 * before + (1.0 - beta_1) * gradients)
    return _rates(learning_rate, gradients) * direction


def cycled_momentum(
    gradients: Floats, learning_rate: ArrayLike, betas: Sequence[float], rule: str
) -> Floats:
    """What each step of momentum, Nesterov or Adam subtracts where `betas` has its own beta."""
    average, deltas = np.zeros(gradients.shape[1:]), []
    square = 0.0
    for step, (gradient, beta) in enumerate(zip(gradients, betas, strict=True), start=1):
        average = beta * average + (1.0 - beta) * gradient
        square = 0.999 * square + 0.001 * gradient**2
        root = np.sqrt(square / (1.0 - 0.999**step)) + 1e-8
        deltas.append(
            {
                "momentum": average,
                "nesterov": beta * average + (1.0 - beta) * gradient,
                "adam": average / (1.0 - beta**step) / root,
            }[rule]
        )
    return np.multiply(learning_rate, np.stack(deltas))


def keras_rmsprop(
    gradients: Floats, learning_rate: ArrayLike, beta: float = 0.9, epsilon: float = 1e-7
) -> Floats:
    mean_square = exponentially_weighted_average(gradients**2, beta)
    return _rates(learning_rate, gradients) * gradients / np.sqrt(mean_square + epsilon)


def keras_adam(
    gradients: Floats,
    learning_rate: ArrayLike,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Floats:
    step = np.arange(1, len(gradients) + 1).reshape([-1] + [1] * (gradients.ndim - 1))
    mean = exponentially_weighted_average(gradients, beta_1)
    mean_square = exponentially_weighted_average(gradients**2, beta_2)
    rate = _rates(learning_rate, gradients) * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return rate * mean / (np.sqrt(mean_square) + epsilon)


def parameters(deltas: Floats, start: ArrayLike = 0.0, shrink: ArrayLike = 0.0) -> Floats:
    """Parameters after each step; weight decay shrinks them by that factor, or those, before it."""
    shrink = np.broadcast_to(shrink, len(deltas))
    result = np.empty_like(deltas)  # [steps, ...]
    w = np.full(deltas.shape[1:], start) if np.ndim(start) == 0 else start
    for step, delta in enumerate(deltas):
        w = w * (1.0 - shrink[step]) - delta
        result[step] = w
    return result


def trajectory(
    name: str,
    gradients: Floats,
    learning_rate: ArrayLike,
    start: ArrayLike = 0.0,
    weight_decay: float | None = None,
    **hyperparameters: Any,
) -> Floats:
    """Parameters after each step of an optimizer, with the weight decay that it has by default."""
    deltas = OPTIMIZERS[name](gradients, learning_rate, **hyperparameters)
    decay = WEIGHT_DECAY.get(name, 0.0) if weight_decay is None else weight_decay
    return parameters(deltas, start, np.multiply(learning_rate, decay))


def constant(step: int, learning_rate: float) -> float:
    return learning_rate


def exponential(
    step: int,
    initial_learning_rate: float,
    steps_per_epoch: int,
    decay_rate: float = 0.95,
    continuous: bool = False,
) -> float:
    return initial_learning_rate * decay_rate ** _epochs(step, steps_per_epoch, continuous)


def root(
    step: int, initial_learning_rate: float, steps_per_epoch: int, continuous: bool = False
) -> float:
    return initial_learning_rate / (1 + _epochs(step, steps_per_epoch, continuous)) ** 0.5


def inverse_time(
    step: int,
    initial_learning_rate: float,
    steps_per_epoch: int,
    decay_rate: float = 1.0,
    continuous: bool = False,
) -> float:
    return initial_learning_rate / (1 + decay_rate * _epochs(step, steps_per_epoch, continuous))


def one_cycle(
    step: int, peak_learning_rate: float, total_steps: int, rise_steps: int | None = None
) -> float:
    first, last = peak_learning_rate / 25, peak_learning_rate / 250_000
    top = int(0.3 * total_steps) if rise_steps is None else rise_steps
    if step < top:
        return _half_cosine(first, peak_learning_rate, step / top)
    if step == top:
        return peak_learning_rate
    if step >= total_steps - 1:
        return last
    return _half_cosine(peak_learning_rate, last, (step - top) / (total_steps - 1 - top))


def cosine(step: int, initial_learning_rate: float, total_steps: int) -> float:
    return _half_cosine(initial_learning_rate, 0.0, min(step / total_steps, 1.0))


def warm_up(step: int, schedule: Callable[[int], float], warmup_steps: int) -> float:
    if step < warmup_steps:
        return schedule(0) * (step + 1) / warmup_steps
    return schedule(step - warmup_steps)


def _half_cosine(start: float, end: float, fraction: float) -> float:
    return (start + end) / 2 + (start - end) / 2 * np.cos(np.pi * fraction)


def _epochs(step: int, steps_per_epoch: int, continuous: bool) -> float:
    return step / steps_per_epoch if continuous else step // steps_per_epoch


def _rates(learning_rate: ArrayLike, gradients: ArrayLike) -> Floats:
    """The learning rate, or one per step, in a shape that multiplies the gradients."""
    return np.reshape(learning_rate, [-1] + [1] * (np.ndim(gradients) - 1))


OPTIMIZERS: dict[str, Callable[..., Floats]] = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "rmsprop": rmsprop,
    "adam": adam,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adamw": adam,
    "lion": lion,
}
WEIGHT_DECAY = {"adamw": float(np.float32(0.01))}  # Keras multiplies by it in float32.

# Each argument of an optimizer, other than by default.
NOT_DEFAULT: dict[str, dict[str, float]] = {
    "gradient_descent": {"learning_rate": 0.25},
    "momentum": {"learning_rate": 0.25, "beta": 0.7},
    "rmsprop": {"learning_rate": 0.25, "beta": 0.7, "epsilon": 0.01},
    "adam": {
        "learning_rate": 0.25,
        "beta_1": 0.7,
        "beta_2": 0.8,
        "epsilon": 0.01,
        "bias_correction": False,
        "epsilon_inside_sqrt": True,
    },
    "nesterov": {"learning_rate": 0.25, "beta": 0.7},
    "adagrad": {"learning_rate": 0.25, "epsilon": 0.01},
    "adamw": {
        "learning_rate": 0.25,
        "beta_1": 0.7,
        "beta_2": 0.8,
        "epsilon": 0.01,
        "weight_decay": 0.3,
    },
    "lion": {"learning_rate": 0.25, "beta_1": 0.99, "beta_2": 0.3},
}

SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "exponential": exponential,
    "root": root,
    "inverse_time": inverse_time,
    "one_cycle": one_cycle,
    "cosine": cosine,
}
