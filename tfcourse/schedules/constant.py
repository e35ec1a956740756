"""No decay."""

from typing import Any

import keras
from keras import ops

from tfcourse import checked
from tfcourse.schedules.schedule import Rates, Schedule, Steps


@keras.saving.register_keras_serializable(package="tfcourse")
class Constant(Schedule):
    """Keeps the rate constant.

    An optimizer with a float does the same and lets callbacks set it; this class is for
    a warm-up before it.

    Args:
        learning_rate: > 0.

    Raises:
        ValueError: if `learning_rate` is not a finite number > 0.

    Examples:
        >>> tfcourse.schedules.values(tfcourse.schedules.Constant(0.1), 3)
        array([0.1, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = checked.number("learning_rate", learning_rate)

    def __call__(self, step: Steps) -> Rates:
        return self.learning_rate * ops.ones_like(step, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate}
