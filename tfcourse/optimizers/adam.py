"""Adam: momentum and RMSProp together, with their slow start corrected."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfcourse import averages, checked
from tfcourse.optimizers import arguments

if TYPE_CHECKING:
    import tensorflow as tf


def adam_update(
    gradient: "tf.Tensor",
    u: "tf.Tensor",
    s: "tf.Tensor",
    *,
    learning_rate: "tf.Tensor",
    beta_1: "float | tf.Tensor",
    beta_2: float,
    epsilon: "float | tf.Tensor",
    epsilon_inside_sqrt: bool,
) -> "tuple[tf.Tensor, tf.Tensor, tf.Tensor]":
    """Returns `(delta, u, s)`: what to subtract from the parameter, and the new averages."""
    u = beta_1 * u + gradient
    s = averages.average_step(s, ops.square(gradient), beta_2)
    root = ops.sqrt(s + epsilon) if epsilon_inside_sqrt else ops.sqrt(s) + epsilon
    return learning_rate * (1.0 - beta_1) * u / root, u, s


def bias_corrected(
    step: "tf.Tensor",
    *,
    learning_rate: "tf.Tensor",
    beta_1: "float | tf.Tensor",
    beta_2: float,
    epsilon: float,
    epsilon_inside_sqrt: bool,
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns the learning rate and epsilon that correct the bias of both averages at once."""
    root = ops.sqrt(average_weight(step, beta_2))
    epsilon_factor = ops.square(root) if epsilon_inside_sqrt else root
    return learning_rate * root / average_weight(step, beta_1), epsilon * epsilon_factor


def average_weight(step: "tf.Tensor", beta: "float | tf.Tensor") -> "tf.Tensor":
    """Returns `1 - beta**step`, the sum of an average's weights after `step` values.

    Computed as it is written, it would keep five of float32's seven digits at beta 0.999, step 1.
    """
    if isinstance(beta, float):
        log_beta = math.log(beta) if beta > 0.0 else -math.inf
    else:  # It follows a schedule, or a program that serves other values too is given it.
        log_beta = beta.log() if hasattr(beta, "log") else ops.log(beta)
    return -ops.expm1(step * log_beta)


@keras.saving.register_keras_serializable(package="tfcourse")
class Adam(arguments.Optimizer):
    """Steps along the average gradient, divided by the root of the average squared gradient.

    For gradient `g` of parameter `w`, at step t = 1, 2, ...:

        m <- beta_1 * m + (1 - beta_1) * g
        s <- beta_2 * s + (1 - beta_2) * g**2
        w <- w - learning_rate * mh / (sqrt(sh) + epsilon)

    where `mh = m / (1 - beta_1**t)` and `sh = s / (1 - beta_2**t)`: both averages start at 0, and
    the division makes their weights sum to 1. This is Algorithm 1 of the paper, and the defaults
    are the paper's. The corrections are single numbers, so they are taken out of the arrays:

        rate_t    = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)
        epsilon_t = epsilon * sqrt(1 - beta_2**t)
        w <- w - rate_t * m / (sqrt(s) + epsilon_t)

    and so is `(1 - beta_1)`, as in `Momentum`: stored is `u = m / (1 - beta_1)`.

        u <- beta_1 * u + g
        w <- w - rate_t * (1 - beta_1) * u / (sqrt(s) + epsilon_t)

    Keras leaves epsilon as it is there (the paper's "epsilon hat"), so that early on it acts as one
    up to 32 times larger; PyTorch and Optax correct it, as here. With epsilon far below `sqrt(s)`
    all of them agree. `keras.optimizers.Adam` has epsilon 1e-7 by default.

    Two variants show what each part contributes. Without `bias_correction`, `mh` is `m` and
    `sh` is `s`; then `beta_1 = 0` is exactly `RMSProp(learning_rate, beta_2, epsilon)`. With
    `epsilon_inside_sqrt` the divisor is `sqrt(sh + epsilon)`: for the same smallest divisor take
    `epsilon**2`.

    Sparse gradients are made dense, since `u` and `s` decay in every row. A variable in half
    precision is updated in float32; `u`, `s` and the step are then rounded to the variable's dtype.
    In bfloat16 that loses changes below 1/256 of the stored value, so that `s` follows only large
    gradients at beta_2 0.999: use the policy "mixed_bfloat16", whose variables are float32.

    Reference: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.001.
        beta_1: in [0, 1), the decay rate of the average gradient. Defaults to 0.9. With a
            schedule, such as `schedules.CycledMomentum`, it is called with the step, and the
            correction takes the value of now for all steps, as in PyTorch and fastai.
        beta_2: in [0, 1), the decay rate of the average squared gradient. Defaults to 0.999.
        epsilon: > 0, keeps the step finite where gradients vanish. Defaults to 1e-8.
        bias_correction: defaults to True.
        epsilon_inside_sqrt: defaults to False.
        name: defaults to "adam".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.Adam(learning_rate=0.1)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy().round(4)
        array([-0.1932,  0.1573], dtype=float32)
    """

    given_numbers = ("beta_1", "beta_2", "epsilon")
    weighted_by = "beta_1"  # The decay rate of the weighted sums; see `training.nudging`.

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.001,
        beta_1: arguments.Momentum = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        bias_correction: bool = True,
        epsilon_inside_sqrt: bool = False,
        name: str = "adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, name=name, **kwargs)
        self.beta_1 = arguments.checked_momentum("beta_1", beta_1)
        self.beta_2 = checked.below_one("beta_2", beta_2)
        self.epsilon = checked.number("epsilon", epsilon)
        self.bias_correction = checked.flag("bias_correction", bias_correction)
        self.epsilon_inside_sqrt = checked.flag("epsilon_inside_sqrt", epsilon_inside_sqrt)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._weighted_sums, self._average_squares = self.add_optimizer_variables(
            variables, ["weighted_sum", "average_square"]
        )

    def update_step(
        self, gradient: "tf.Tensor", variable: keras.Variable, learning_rate: "tf.Tensor"
    ) -> None:
        index = self._get_variable_index(variable)
        weighted_sum, average_square = self._weighted_sums[index], self._average_squares[index]
        gradient, u, s, learning_rate, step = arguments.same_precision(
            variable, gradient, weighted_sum, average_square, learning_rate, self.iterations + 1
        )
        beta_1, u = self.at_this_step("beta_1", u)
        rule: dict[str, Any] = {
            "beta_1": beta_1,
            "beta_2": self.beta_2,
            "epsilon_inside_sqrt": self.epsilon_inside_sqrt,
        }
        epsilon = self.epsilon
        if self.bias_correction:
            learning_rate, epsilon = bias_corrected(
                step, learning_rate=learning_rate, epsilon=epsilon, **rule
            )
        delta, u, s = adam_update(
            gradient, u, s, learning_rate=learning_rate, epsilon=epsilon, **rule
        )
        self.assign(weighted_sum, u)
        self.assign(average_square, s)
        self.assign_sub(variable, ops.cast(delta, variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": arguments.config_of(self.beta_1),
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "bias_correction": self.bias_correction,
            "epsilon_inside_sqrt": self.epsilon_inside_sqrt,
        }
