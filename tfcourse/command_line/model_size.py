"""Whether the model that flags ask for fits into memory, told before TensorFlow is imported.

What it can't tell so early, `training.within_memory` tells as the model is built.
"""

import math
import pathlib

from tfcourse import machine, out_of_memory
from tfcourse.choices import MODELS, OPTIMIZERS, Choice, Model, Optimizer
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.sweeping import Settle
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters

_BYTES = 4  # Of a weight, whatever the precision of activations.
_GPUS = ("nvidia[0-9]*", "kfd")  # Device files: a GPU has memory of its own.


def check(hyperparameters: Hyperparameters, data: Dataset | None = None) -> None:
    """Refuses a model that can't be trained in the free memory.

    Counted are its weights, their gradients and what the optimizer keeps of each.

    Args:
        hyperparameters: a recipe's; one that has no `model` passes.
        data: what it is trained on; `None` where that is not read yet, and may be small.

    Raises:
        OutOfMemoryError: with the numbers.
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
    """Does the same for a recipe that settles its model once it knows the data.

    Raises:
        UsageError: the hyperparameters do not go with the data.
    """
    if data is not None and settle is not None:
        try:
            hyperparameters = settle(hyperparameters, data)
        except ValueError as error:
            raise UsageError(str(error)) from None
    check(hyperparameters, data)


def _may_have_gpu() -> bool:
    return any(any(pathlib.Path("/dev").glob(pattern)) for pattern in _GPUS)
