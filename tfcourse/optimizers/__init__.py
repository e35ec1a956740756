"""The course's optimizers, as Keras optimizers; `OPTIMIZERS` finds them by name."""

from tfcourse.optimizers.adam import Adam
from tfcourse.optimizers.gradient_descent import GradientDescent
from tfcourse.optimizers.momentum import Momentum
from tfcourse.optimizers.rmsprop import RMSProp

__all__ = ["OPTIMIZERS", "Adam", "GradientDescent", "Momentum", "RMSProp"]

OPTIMIZERS = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "rmsprop": RMSProp,
    "adam": Adam,
}
