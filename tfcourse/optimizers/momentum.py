"""Gradient descent with momentum, as an exponentially weighted average of the gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def momentum_update(
    gradient: "tf.Tensor", u: "tf.Tensor", *, learning_rate: "tf.Tensor", beta: "float | tf.Tensor"
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns `(delta, u)`: what to subtract from the parameter, and the new weighted sum."""
    u = beta * u + gradient
    return learning_rate * (1.0 - beta) * u, u


@keras.saving.register_keras_serializable(package="tfcourse")
class Momentum(arguments.Optimizer):
    """Steps along an exponentially weighted average of the gradients.

    For gradient `g` of parameter `w`, at every step:

        v <- beta * v + (1 - beta) * g
        w <- w - learning_rate * v

    `v` starts at 0 and is not bias-corrected, so early steps are short. Stored is the weighted sum
    `u = v / (1 - beta)`, with which the same two lines need one pass less over the array:

        u <- beta * u + g
        w <- w - learning_rate * (1 - beta) * u

    Keras takes the learning rate into the average and leaves `(1 - beta)` out. At a constant rate
    this equals `keras.optimizers.SGD(learning_rate * (1 - beta), momentum=beta)`; with a schedule
    it differs, because here a new rate acts on all of `v` at once.

    Sparse gradients are made dense, since `v` decays in every row. A variable in half precision is
    updated in float32; `u` and the step are then rounded to the variable's dtype.

    Reference: Polyak, 1964, https://doi.org/10.1016/0041-5553(64)90137-5; the averaged form as in
    Sutskever et al., 2013, http://proceedings.mlr.press/v28/sutskever13.html, without Nesterov.

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.1, which moves as far as Keras's SGD with 0.01 and momentum 0.9.
        beta: in [0, 1), the decay rate of the average. 0 is plain gradient descent. Defaults
            to 0.9, which averages over about the last 10 gradients. A schedule, such as
            `schedules.CycledMomentum`, is called with the step.
        name: defaults to "momentum".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.Momentum(learning_rate=0.1, beta=0.9)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy()
        array([-0.024 ,  0.0355], dtype=float32)
    """

    given_numbers = ("beta",)
    weighted_by = "beta"  # The decay rate of the weighted sums; see `training.nudging`.
    _update = staticmethod(momentum_update)

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.1,
        beta: arguments.Momentum = 0.9,
        name: str = "momentum",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta = arguments.checked_momentum("beta", beta)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._weighted_sums = self.add_optimizer_variables(variables, "weighted_sum")

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        weighted_sum = self._weighted_sums[self._get_variable_index(variable)]
        gradient, u, learning_rate = arguments.same_precision(
            variable, gradient, weighted_sum, learning_rate
        )
        beta, u = self.at_this_step("beta", u)
        delta, u = self._update(gradient, u, learning_rate=learning_rate, beta=beta)
        self.assign(weighted_sum, u)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": arguments.config_of(self.beta)}
