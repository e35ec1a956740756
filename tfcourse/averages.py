"""Exponentially weighted averages: the basis of momentum, RMSProp, Adam and batch normalization."""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from tfcourse import checked

if TYPE_CHECKING:
    import tensorflow as tf

Value = TypeVar("Value", float, npt.NDArray[np.floating], "tf.Tensor")


def average_step(average: Value, value: Value, beta: float) -> Value:
    """Returns the average after one more value: `beta * average + (1 - beta) * value`.

    It is computed as a step from the term with the larger weight towards the other. This scales one
    array instead of two, and keeps the digits of a small value if beta is small, and of a small
    average if beta is large.

    Args:
        average: the average so far.
        value: the new value, of the same type and shape.
        beta: decay rate, in [0, 1).

    Examples:
        >>> round(tfcourse.averages.average_step(4.0, 49.0, beta=0.9), 4)
        8.5
    """
    if beta < 0.5:
        return value + beta * (average - value)
    return average + (1.0 - beta) * (value - average)


def effective_window(beta: float) -> float:
    """Returns about how many values the average covers: `1 / (1 - beta)`.

    Older values have less than `1/e` of the weight of the newest one: 0.9 averages over the last 10
    values, 0.98 over the last 50.

    Args:
        beta: decay rate, in [0, 1).

    Raises:
        ValueError: if `beta` lies outside [0, 1).

    Examples:
        >>> round(tfcourse.averages.effective_window(0.98))
        50
    """
    return 1.0 / (1.0 - checked.below_one("beta", beta))


def exponentially_weighted_average(
    values: npt.ArrayLike, beta: float, bias_correction: bool = False
) -> npt.NDArray[np.float64]:
    """Averages `values` with weights that decay exponentially into the past.

    For the values theta_1, theta_2, ... along the first axis:

        v_0 = 0
        v_t = beta * v_{t-1} + (1 - beta) * theta_t

    Since it starts from 0, the average is too small until about `effective_window(beta)` values
    have been seen. With `bias_correction` the result is `v_t / (1 - beta**t)`, whose weights sum
    to 1 from the first value on.

    Args:
        values: finite numbers [steps, ...]; each series along axis 0 is averaged alone.
        beta: decay rate, in [0, 1); 0 returns the values themselves.
        bias_correction: whether to divide by `1 - beta**t`.

    Returns:
        The average after each step, in the shape of `values`.

    Raises:
        ValueError: if `beta` lies outside [0, 1) or `values` has no axis to average along.

    Examples:
        >>> average = tfcourse.averages.exponentially_weighted_average
        >>> data = [40, 49, 45, 60, 56]
        >>> average(data, beta=0.9).round(4)
        array([ 4.    ,  8.5   , 12.15  , 16.935 , 20.8415])
        >>> average(data, beta=0.9, bias_correction=True).round(4)
        array([40.    , 44.7368, 44.8339, 49.244 , 50.8938])
    """
    series = np.asarray(values, np.float64)
    if series.ndim == 0:
        raise ValueError(f"`values` must have at least one axis. Received: values={values!r}")
    average = ExponentiallyWeightedAverage(beta, bias_correction)
    result = np.empty_like(series)
    for step, value in enumerate(series):
        result[step] = average.update(value)
    return result


class ExponentiallyWeightedAverage:
    """The same average of a stream, one value at a time and in constant memory.

    Args:
        beta: decay rate, in [0, 1).
        bias_correction: whether `update` returns `v_t / (1 - beta**t)`.

    Raises:
        ValueError: if `beta` lies outside [0, 1).

    Examples:
        >>> average = tfcourse.averages.ExponentiallyWeightedAverage(beta=0.5, bias_correction=True)
        >>> [float(average.update(loss)) for loss in (3.0, 3.0, 10.0)]
        [3.0, 3.0, 7.0]
    """

    def __init__(self, beta: float, bias_correction: bool = False) -> None:
        self.beta = checked.below_one("beta", beta)
        self.bias_correction = bias_correction
        self._average: npt.NDArray[np.float64] | float = 0.0
        self._steps = 0

    def update(self, value: npt.ArrayLike) -> npt.NDArray[np.float64] | np.float64:
        """Adds one number or array and returns the average so far."""
        value = np.asarray(value, np.float64)
        self._average = self.beta * self._average + (1.0 - self.beta) * value
        self._steps += 1
        if self.bias_correction:
            return self._average / (1.0 - self.beta**self._steps)
        return self._average
