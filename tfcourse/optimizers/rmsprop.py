"""RMSProp: the step is divided by the root of an average of squared gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse import averages, checked
from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def rmsprop_update(
    gradient: "tf.Tensor",
    s: "tf.Tensor",
    *,
    learning_rate: "tf.Tensor",
    beta: float,
    epsilon: float,
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns `(delta, s)`: what to subtract from the parameter, and the new average square."""
    s = averages.average_step(s, ops.square(gradient), beta)
    return learning_rate * gradient / (ops.sqrt(s) + epsilon), s


@keras.saving.register_keras_serializable(package="tfcourse")
class RMSProp(arguments.Optimizer):
    """Divides the step by the root mean square of recent gradients.

    For gradient `g` of parameter `w`, at every step:

        s <- beta * s + (1 - beta) * g**2
        w <- w - learning_rate * g / (sqrt(s) + epsilon)

    `s` starts at 0 and is not bias-corrected, so early steps are long: the first one has length
    `learning_rate / sqrt(1 - beta)`. Epsilon stands outside the root, as in PyTorch. Keras has it
    inside: `keras.optimizers.RMSprop(learning_rate, rho=beta, epsilon=epsilon**2)` bounds the step
    in the same way where `s` is 0 and comes close elsewhere. PyTorch's `alpha` is 0.99 by default.

    Sparse gradients are made dense, since `s` decays in every row. A variable in half precision is
    updated in float32; `s` and the step are then rounded to the variable's dtype.

    Reference: Tieleman and Hinton, 2012, lecture 6.5,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf, which has no epsilon.

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.001.
        beta: in [0, 1), the decay rate of the average. Defaults to 0.9.
        epsilon: > 0, keeps the step finite where gradients vanish. Defaults to 1e-7.
        name: defaults to "rmsprop".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.RMSProp(learning_rate=0.1, beta=0.9)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy().round(4)
        array([-0.4637,  0.2749], dtype=float32)
    """

    given_numbers = ("beta", "epsilon")

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.001,
        beta: float = 0.9,
        epsilon: float = 1e-7,
        name: str = "rmsprop",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta = checked.below_one("beta", beta)
        self.epsilon = checked.number("epsilon", epsilon)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._average_squares = self.add_optimizer_variables(variables, "average_square")

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        average_square = self._average_squares[self._get_variable_index(variable)]
        gradient, s, learning_rate = arguments.same_precision(
            variable, gradient, average_square, learning_rate
        )
        delta, s = rmsprop_update(
            gradient, s, learning_rate=learning_rate, beta=self.beta, epsilon=self.epsilon
        )
        self.assign(average_square, s)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta, "epsilon": self.epsilon}
