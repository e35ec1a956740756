"""Lion: every step has the same length, and only its sign comes from the gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse import averages, checked
from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def lion_update(
    gradient: "tf.Tensor",
    m: "tf.Tensor",
    *,
    learning_rate: "tf.Tensor",
    beta_1: float,
    beta_2: float,
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns `(delta, m)`: what to subtract from the parameter, and the new average."""
    direction = ops.sign(averages.average_step(m, gradient, beta_1))
    return learning_rate * direction, averages.average_step(m, gradient, beta_2)


@keras.saving.register_keras_serializable(package="tfcourse")
class Lion(arguments.Optimizer):
    """Moves every parameter by the learning rate, against the sign of an average gradient.

    For gradient `g` of parameter `w`, at every step:

        w <- w - learning_rate * sign(beta_1 * m + (1 - beta_1) * g)
        m <- beta_2 * m + (1 - beta_2) * g

    The stored average has a longer memory than the one that gives the sign, in which the current
    gradient weighs more. `m` starts at 0 and is not bias-corrected. Steps do not shrink near a
    minimum, so decay of the learning rate matters more than with Adam. Good rates are 3 to 10 times
    smaller than Adam's, and good weight decay that much larger. Lion keeps one number per weight,
    Adam two. The rule was found by a search over programs.

    It equals `keras.optimizers.Lion` and Optax's `lion` without weight decay.

    Sparse gradients are made dense, since `m` decays in every row. A variable in half precision is
    updated in float32; `m` and the step are then rounded to the variable's dtype.

    Reference: Chen et al., 2023, https://arxiv.org/abs/2302.06675, algorithm 2.

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.0001.
        beta_1: in [0, 1), the weight of the average beside the gradient in a step. 0 follows the
            sign of the gradient alone. Defaults to 0.9.
        beta_2: in [0, 1), the decay rate of the average. Defaults to 0.99.
        name: defaults to "lion".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.Lion(learning_rate=0.1)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy()
        array([-0.2,  0. ], dtype=float32)
    """

    given_numbers = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.0001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        name: str = "lion",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1 = checked.below_one("beta_1", beta_1)
        self.beta_2 = checked.below_one("beta_2", beta_2)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._averages = self.add_optimizer_variables(variables, "average")

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        average = self._averages[self._get_variable_index(variable)]
        gradient, m, learning_rate = arguments.same_precision(
            variable, gradient, average, learning_rate
        )
        delta, m = lion_update(
            gradient, m, learning_rate=learning_rate, beta_1=self.beta_1, beta_2=self.beta_2
        )
        self.assign(average, m)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
