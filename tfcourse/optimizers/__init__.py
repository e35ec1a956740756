"""The course's optimizers, as Keras optimizers; `OPTIMIZERS` finds them by name."""

from collections.abc import Callable

import keras

from tfcourse import choices
from tfcourse.optimizers.adam import Adam
from tfcourse.optimizers.gradient_descent import GradientDescent
from tfcourse.optimizers.momentum import Momentum
from tfcourse.optimizers.rmsprop import RMSProp

__all__ = ["OPTIMIZERS", "Adam", "GradientDescent", "Momentum", "RMSProp"]

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    name: choice.load() for name, choice in choices.OPTIMIZERS.items()
}
