"""AdaGrad: the step is divided by the root of the sum of all squared gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse import checked
from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def adagrad_update(
    gradient: "tf.Tensor", s: "tf.Tensor", *, learning_rate: "tf.Tensor", epsilon: float
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns `(delta, s)`: what to subtract from the parameter, and the new sum of squares."""
    s = s + ops.square(gradient)
    return learning_rate * gradient / (ops.sqrt(s) + epsilon), s


@keras.saving.register_keras_serializable(package="tfcourse")
class AdaGrad(arguments.Optimizer):
    """Divides the step by the root of the sum of all squared gradients so far.

    For gradient `g` of parameter `w`, at every step:

        s <- s + g**2
        w <- w - learning_rate * g / (sqrt(s) + epsilon)

    A parameter whose gradients are rare or small keeps long steps. The sum only grows, so steps
    shrink: for gradients of one size, with the root of the number of steps. RMSProp has an average
    in place of the sum. `s` starts at 0, so the first step has the length of the learning rate.

    It equals PyTorch's `Adagrad(lr=learning_rate, eps=epsilon)`. Keras has epsilon inside of the
    root and starts `s` at 0.1: `keras.optimizers.Adagrad(learning_rate, 0.0, epsilon**2)` comes
    close.

    Sparse gradients are made dense. A variable in half precision is updated in float32; `s` and
    the step are then rounded to the variable's dtype. In bfloat16 that loses squares below 1/256 of
    the sum: use the policy "mixed_bfloat16", whose variables are float32.

    Reference: Duchi et al., 2011, https://jmlr.org/papers/v12/duchi11a.html, section 1.1 with
    diagonal matrices; their epsilon is the delta of their figure 1.

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.01.
        epsilon: > 0, keeps the step finite where gradients vanish. Defaults to 1e-10.
        name: defaults to "adagrad".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.AdaGrad(learning_rate=0.1)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy().round(4)
        array([-0.1447,  0.0876], dtype=float32)
    """

    given_numbers = ("epsilon",)

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.01,
        epsilon: float = 1e-10,
        name: str = "adagrad",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.epsilon = checked.number("epsilon", epsilon)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._sums_of_squares = self.add_optimizer_variables(variables, "sum_of_squares")

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        sum_of_squares = self._sums_of_squares[self._get_variable_index(variable)]
        gradient, s, learning_rate = arguments.same_precision(
            variable, gradient, sum_of_squares, learning_rate
        )
        delta, s = adagrad_update(gradient, s, learning_rate=learning_rate, epsilon=self.epsilon)
        self.assign(sum_of_squares, s)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
