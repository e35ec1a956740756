"""Cost functions of two parameters, and the optimizers' paths on them.

Every cost is a function of a tensor `w` of shape `[..., parameters]` that returns shape `[...]`;
its smallest value is 0. Update rules work element by element, so one optimizer can descend with
many learning rates at once: row k of its variable has rate k, in float64.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Cost = Callable[[tf.Tensor], tf.Tensor]
MakeOptimizer = Callable[..., keras.optimizers.Optimizer]  # Called with `learning_rate`.


@dataclasses.dataclass(frozen=True)
class Landscape:
    """A cost of two parameters x and y.

    Attributes:
        cost: function of float64 `[..., 2]`.
        start: x and y at the start.
        minima: the points where the cost is 0.
        window: `(x from, x to, y from, y to)`, the part to draw.
    """

    cost: Cost
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    window: tuple[float, float, float, float]


def ravine(w: tf.Tensor) -> tf.Tensor:
    """Returns (u^2 + 50 v^2) / 2, u and v being the axes x and y turned by 30 degrees.

    Its condition number is 50. Without the rotation, it would not be a ravine for rules that scale
    each parameter separately, as RMSProp and Adam do.
    """
    x, y = tf.unstack(w, axis=-1)
    cosine, sine = math.cos(math.pi / 6), math.sin(math.pi / 6)
    u, v = cosine * x + sine * y, cosine * y - sine * x
    return (u**2 + 50.0 * v**2) / 2.0


def rosenbrock(w: tf.Tensor) -> tf.Tensor:
    """Returns (1 - x)^2 + 100 (y - x^2)^2, a curved valley.

    Reference: Rosenbrock, 1960, https://doi.org/10.1093/comjnl/3.3.175
    """
    x, y = tf.unstack(w, axis=-1)
    return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2


def saddle(w: tf.Tensor) -> tf.Tensor:
    """Returns x^2 / 2 + (y^2 - 1)^2 / 4: a saddle at (0, 0) between minima at (0, -1), (0, 1)."""
    x, y = tf.unstack(w, axis=-1)
    return x**2 / 2.0 + (y**2 - 1.0) ** 2 / 4.0


def quadratic(eigenvalues: npt.NDArray[np.floating]) -> Cost:
    """Returns the cost sum(eigenvalues * w^2) / 2, w along the eigenvectors.

    Args:
        eigenvalues: > 0, of shape `[..., parameters]`.
    """
    return lambda w: tf.reduce_sum(eigenvalues * w**2, axis=-1) / 2.0


LANDSCAPES = {
    "ravine": Landscape(ravine, (-4.0, -0.8), ((0.0, 0.0),), (-4.6, 1.8, -4.2, 2.2)),
    "Rosenbrock": Landscape(rosenbrock, (-1.2, 1.0), ((1.0, 1.0),), (-1.8, 1.6, -0.8, 2.0)),
    "saddle": Landscape(saddle, (1.8, 0.01), ((0.0, -1.0), (0.0, 1.0)), (-1.8, 2.2, -1.4, 1.8)),
}


def steps_to_reach(
    make_optimizer: MakeOptimizer,
    cost: Cost,
    start: npt.ArrayLike,
    target: npt.ArrayLike,
    learning_rates: Sequence[float] | npt.NDArray[np.floating],
    max_steps: int,
) -> npt.NDArray[np.float64]:
    """Returns the number of steps after which the cost stays at `target` or below.

    Args:
        make_optimizer: function of `learning_rate` that returns an elementwise optimizer.
        cost: as above.
        start: shape `[..., parameters]`.
        target: one number, or the shape of `cost(start)`.
        learning_rates: > 0.
        max_steps: >= 1, after which to stop.

    Returns:
        Shape `[rates, ...]`; infinite if the last cost is above the target.
    """
    w, take_step = _descent(make_optimizer, cost, start, learning_rates)

    @tf.function(jit_compile=True)
    def last_step_above() -> tf.Tensor:
        last = tf.zeros(cost(w.value).shape, tf.int32) - 1
        for step in tf.range(max_steps + 1):
            # A NaN cost counts as above.
            last = tf.where(cost(w.value) <= target, last, step)
            take_step()
        return last

    # Called by its name, TensorFlow would warn of the traces of other races.
    steps = last_step_above.get_concrete_function()().numpy() + 1.0
    return np.where(steps > max_steps, np.inf, steps)


def path(
    make_optimizer: MakeOptimizer,
    cost: Cost,
    start: npt.ArrayLike,
    learning_rate: float,
    num_steps: int,
) -> npt.NDArray[np.float64]:
    """Returns the parameters before the first and after each step, `[steps + 1, ...]`.

    Examples:
        >>> path = tfcourse.landscapes.path(
        ...     tfcourse.optimizers.GradientDescent, tfcourse.landscapes.saddle, (1.0, 2.0), 0.1, 1
        ... )
        >>> path.round(4)
        array([[1. , 2. ],
               [0.9, 1.4]])
    """
    w, take_step = _descent(make_optimizer, cost, start, [learning_rate])
    take_step = tf.function(take_step, jit_compile=True)
    points = [w.numpy()[0]]
    for _ in range(num_steps):
        take_step()
        points.append(w.numpy()[0])
    return np.array(points)


def _descent(
    make_optimizer: MakeOptimizer,
    cost: Cost,
    start: npt.ArrayLike,
    learning_rates: npt.ArrayLike,
) -> tuple[keras.Variable, Callable[[], None]]:
    """Returns the variable, `[rates, ...]`, and the function that moves it one step."""
    rates = np.reshape(learning_rates, (-1, *(1 for _ in np.shape(start))))
    w = keras.Variable(np.broadcast_to(start, (len(rates), *np.shape(start))), dtype="float64")
    optimizer = make_optimizer(learning_rate=lambda: tf.constant(rates, tf.float64))
    optimizer.build([w])

    def take_step() -> None:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(cost(w.value))
        optimizer.apply([tape.gradient(total, w.value)], [w])

    return w, take_step
