"""The course's optimizers and newer ones, for Keras; `OPTIMIZERS` maps names to them.

Muon is not included: it steps along an orthogonalized average, which only suits matrices of hidden
layers, needs another optimizer for all other weights, and pays off for large transformers.
"""

from collections.abc import Callable

import keras

from tfcourse import choices
from tfcourse.optimizers.adagrad import AdaGrad
from tfcourse.optimizers.adam import Adam
from tfcourse.optimizers.adamw import AdamW
from tfcourse.optimizers.gradient_descent import GradientDescent
from tfcourse.optimizers.lion import Lion
from tfcourse.optimizers.momentum import Momentum
from tfcourse.optimizers.nesterov import Nesterov
from tfcourse.optimizers.rmsprop import RMSProp

__all__ = [
    "OPTIMIZERS",
    "AdaGrad",
    "Adam",
    "AdamW",
    "GradientDescent",
    "Lion",
    "Momentum",
    "Nesterov",
    "RMSProp",
]

OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    name: choice.load() for name, choice in choices.OPTIMIZERS.items()
}
