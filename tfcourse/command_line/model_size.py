"""Checks whether the requested model fits into memory, before TensorFlow is imported.

What can't be known that early is checked by `training.within_memory` when the model is built.
"""

import math
import pathlib

from tfcourse.choices import MODELS, OPTIMIZERS, Choice, Model, Optimizer
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.sweeping import Settle
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters
from tfcourse.system import machine, out_of_memory

_BYTES = 4  # Per weight, whatever the precision of activations.
_GPUS = ("nvidia[0-9]*", "kfd")  # Device files: a GPU has its own memory.


def check(hyperparameters: Hyperparameters, data: Dataset | None = None) -> None:
    """Raises an error if the model can't be trained in the free memory.

    It counts the weights, their gradients and the optimizer's slots.

    Args:
        hyperparameters: a recipe's; without a field `model`, nothing is checked.
        data: the training data; `None` if it is not read yet, and may be small.

    Raises:
        OutOfMemoryError: states the required and the free memory.
    """
    chosen = str(getattr(hyperparameters, "model", None))
    model: Choice | None = MODELS.get(chosen)
    if not isinstance(model, Model) or model.num_weights is None or _may_have_gpu():
        return
    inputs, outputs = (math.prod(data.input_shape), data.num_outputs) if data else (1, 1)
    arguments = hyperparameters.arguments_of("model")
    taken = {name: arguments[name] for name in model.takes if name in arguments}
    weights = model.num_weights(inputs, outputs, **taken)
    optimizer: Choice | None = OPTIMIZERS.get(str(getattr(hyperparameters, "optimizer", None)))
    slots = optimizer.slots if isinstance(optimizer, Optimizer) else 0
    num_bytes = weights * (2 + slots) * _BYTES
    what = f"training {chosen} of {weights:,} weights takes at least"
    out_of_memory.check(num_bytes, machine.available_bytes(), what)


def check_settled(
    hyperparameters: Hyperparameters, settle: Settle | None, data: Dataset | None
) -> None:
    """Does the same for a recipe that chooses its model by the data.

    Raises:
        UsageError: the hyperparameters do not fit the data.
    """
    if data is not None and settle is not None:
        try:
            hyperparameters = settle(hyperparameters, data)
        except ValueError as error:
            raise UsageError(str(error)) from None
    check(hyperparameters, data)


def _may_have_gpu() -> bool:
    return any(any(pathlib.Path("/dev").glob(pattern)) for pattern in _GPUS)
