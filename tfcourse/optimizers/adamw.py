"""AdamW: Adam with decoupled weight decay."""

from typing import Any

import keras

from tfcourse.optimizers import arguments
from tfcourse.optimizers.adam import Adam


@keras.saving.register_keras_serializable(package="tfcourse")
class AdamW(Adam):
    """Adam with weight decay that is decoupled from the gradients.

    For gradient `g` of parameter `w`, at every step:

        w <- w - learning_rate * weight_decay * w
        w <- w - step of Adam for g

    `Adam(weight_decay=0.01)` is the same optimizer: every Keras optimizer has decoupled weight
    decay, and this class only has it by default. The paper advises against a penalty
    `weight_decay * w**2 / 2` in the loss, such as a layer's regularizer: its gradient is divided by
    the root of the average square like any other, so weights with large gradients shrink less.

    As in PyTorch, Keras and Optax, the decay is multiplied by the whole learning rate; in the
    paper only by the schedule's share of it. All weights shrink, also biases and those of
    normalization; `optimizer.exclude_from_weight_decay` takes some out.

    Reference: Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101, algorithm 2.

    Args:
        learning_rate: as that of `Adam`.
        beta_1: as that of `Adam`.
        beta_2: as that of `Adam`.
        epsilon: as that of `Adam`.
        weight_decay: >= 0, or `None` for none; the share of a weight that a step at learning rate 1
            removes. Defaults to 0.01, as in PyTorch; Keras has 0.004.
        name: defaults to "adamw".
        **kwargs: passed on to `Adam`.

    Raises:
        ValueError: if an argument lies outside its range.

    Examples:
        >>> w = keras.Variable([1.0, -1.0])
        >>> optimizer = tfcourse.optimizers.AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> optimizer.apply([keras.ops.array([1.0, 0.0])], [w])  # The second one only decays.
        >>> w.numpy().round(4)
        array([ 0.85, -0.95], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: arguments.LearningRate = 0.001,
        beta_1: arguments.Momentum = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float | None = 0.01,
        name: str = "adamw",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            weight_decay=weight_decay,
            name=name,
            **kwargs,
        )
