"""Nesterov's momentum: the step looks one gradient ahead of the average."""

from typing import TYPE_CHECKING, Any

import keras

from tfcourse.optimizers import arguments
from tfcourse.optimizers.momentum import Momentum

if TYPE_CHECKING:
    import tensorflow as tf


def nesterov_update(
    gradient: "tf.Tensor", u: "tf.Tensor", *, learning_rate: "tf.Tensor", beta: "float | tf.Tensor"
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Returns `(delta, u)`: what to subtract from the parameter, and the new weighted sum."""
    u = beta * u + gradient
    return learning_rate * (1.0 - beta) * (beta * u + gradient), u


@keras.saving.register_keras_serializable(package="tfcourse")
class Nesterov(Momentum):
    """Momentum that uses the current gradient twice in its average: it looks one step ahead.

    For gradient `g` of parameter `w`, at every step:

        v <- beta * v + (1 - beta) * g
        w <- w - learning_rate * (beta * v + (1 - beta) * g)

    The step uses the average that one more gradient like `g` would give, which damps oscillation.
    As in `Momentum`, what is stored is `u = v / (1 - beta)`:

        u <- beta * u + g
        w <- w - learning_rate * (1 - beta) * (beta * u + g)

    Nesterov takes the gradient at the point that momentum leads to. Written for the parameters at
    that point, as here and in all libraries, it is the gradient at the parameters themselves. It
    equals PyTorch's `SGD(lr=learning_rate * (1 - beta), momentum=beta, nesterov=True)`, and at a
    constant rate that of Keras, which takes the learning rate into the average.

    Sparse gradients are made dense, since `v` decays in every row. A variable in half precision is
    updated in float32; `u` and the step are then rounded to the variable's dtype.

    Reference: Nesterov, 1983, https://www.mathnet.ru/eng/dan46009; in this form Sutskever et al.,
    2013, http://proceedings.mlr.press/v28/sutskever13.html, and Bengio et al., 2012,
    https://arxiv.org/abs/1212.0901.

    Args:
        learning_rate: > 0, `LearningRateSchedule` (called with the step) or callable.
            Defaults to 0.1, as that of `Momentum`.
        beta: in [0, 1), the decay rate of the average. 0 is plain gradient descent. Defaults
            to 0.9. A schedule, such as `schedules.CycledMomentum`, is called with the step.
        name: defaults to "nesterov".
        **kwargs: passed on to `keras.optimizers.Optimizer`: `weight_decay`, `clipnorm`,
            `use_ema`, `gradient_accumulation_steps` and so on.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([0.0, 0.0])
        >>> optimizer = tfcourse.optimizers.Nesterov(learning_rate=0.1, beta=0.9)
        >>> for gradient in ([1.0, -2.0], [0.5, 0.25]):
        ...     optimizer.apply([keras.ops.array(gradient)], [w])
        >>> w.numpy().round(5)
        array([-0.0366 ,  0.04945], dtype=float32)
    """

    _update = staticmethod(nesterov_update)

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.1,
        beta: arguments.Momentum = 0.9,
        name: str = "nesterov",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta, name, **kwargs)
