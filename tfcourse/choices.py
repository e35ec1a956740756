"""The one table of what can be chosen by name: optimizers, schedules, models.

A line here is all that a new one needs besides its own code: flags, searches, nudges, pictures,
benchmarks and tests read it. Nothing here imports TensorFlow, so that flags are checked before
it loads.
"""

import dataclasses
import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Choice:
    """What can be chosen by its name.

    Attributes:
        built_by: "module:attribute" of the class or function that makes it.
        label: its name in pictures and texts.
        takes: the hyperparameters that are its arguments, besides those that all of a table take.
        also: what else it is called; an error proposes the name for it.
    """

    built_by: str
    label: str
    takes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def load(self) -> Any:
        """Returns the class or function itself, and imports its module."""
        module, _, attribute = self.built_by.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclasses.dataclass(frozen=True)
class Schedule(Choice):
    """A schedule.

    Attributes:
        spans_training: whether it ends with the training, so that it is another one for each
            number of epochs.
        warms_up: whether it rises first by itself, in the time of a warm-up, so that none comes
            before it.
    """

    spans_training: bool = False
    warms_up: bool = False


@dataclasses.dataclass(frozen=True)
class Optimizer(Choice):
    """An optimizer.

    Attributes:
        slots: the numbers that it keeps for each weight.
        momentum: which of the hyperparameters decays an average of gradients, and so can be cycled
            against the learning rate.
    """

    slots: int = 0
    momentum: str = ""


@dataclasses.dataclass(frozen=True)
class Model(Choice):
    """A model.

    Attributes:
        num_weights: function of (inputs, outputs) and the hyperparameters in `takes` that returns
            how many weights are trained; `None` where no hyperparameter can make them many.
    """

    num_weights: Callable[..., int] | None = None


OPTIMIZERS = {
    "gradient_descent": Optimizer(
        "tfcourse.optimizers.gradient_descent:GradientDescent",
        "gradient descent",
        also=("sgd", "gd"),
    ),
    "momentum": Optimizer(
        "tfcourse.optimizers.momentum:Momentum", "momentum", ("beta",), slots=1, momentum="beta"
    ),
    "rmsprop": Optimizer("tfcourse.optimizers.rmsprop:RMSProp", "RMSProp", ("beta",), slots=1),
    "adam": Optimizer(
        "tfcourse.optimizers.adam:Adam", "Adam", ("beta_1", "beta_2"), slots=2, momentum="beta_1"
    ),
    "nesterov": Optimizer(
        "tfcourse.optimizers.nesterov:Nesterov",
        "Nesterov momentum",
        ("beta",),
        also=("nag", "sgd_nesterov", "nesterov_momentum"),
        slots=1,
        momentum="beta",
    ),
    "adagrad": Optimizer("tfcourse.optimizers.adagrad:AdaGrad", "AdaGrad", slots=1),
    "adamw": Optimizer(
        "tfcourse.optimizers.adamw:AdamW",
        "AdamW",
        ("beta_1", "beta_2"),
        also=("adam_w",),
        slots=2,
        momentum="beta_1",
    ),
    # Its `beta_2` is 0.99 where Adam's is 0.999, and so is none of the flag's.
    "lion": Optimizer("tfcourse.optimizers.lion:Lion", "Lion", ("beta_1",), slots=1),
}

SCHEDULES = {
    "constant": Schedule("tfcourse.schedules.constant:Constant", "constant", also=("none",)),
    "exponential": Schedule(
        "tfcourse.schedules.exponential:ExponentialDecay", "exponential", ("decay_rate",)
    ),
    "root": Schedule("tfcourse.schedules.root:RootDecay", "root"),
    "inverse_time": Schedule(
        "tfcourse.schedules.inverse_time:InverseTimeDecay", "inverse time", ("decay_rate",)
    ),
    "one_cycle": Schedule(
        "tfcourse.schedules.one_cycle:OneCycle",
        "one cycle",
        also=("1cycle", "onecycle"),
        spans_training=True,
        warms_up=True,
    ),
    "cosine": Schedule(
        "tfcourse.schedules.cosine:CosineDecay",
        "cosine",
        also=("cosine_decay", "cosine_annealing"),
        spans_training=True,
    ),
}


def _weights_of_mlp(
    inputs: int, outputs: int, hidden_units: Sequence[int] = (), dropout: float = 0.0
) -> int:
    widths = (inputs, *hidden_units)
    hidden = sum((before + 2) * width for before, width in itertools.pairwise(widths))
    return hidden + (widths[-1] + 1) * outputs


MODELS = {
    "softmax_regression": Model(
        "tfcourse.models:softmax_regression",
        "softmax regression",
        also=("linear", "logistic", "logistic_regression", "softmax"),
    ),
    "batch_norm_mlp": Model(
        "tfcourse.models:batch_norm_mlp",
        "batch norm MLP",
        ("hidden_units", "dropout"),
        also=("mlp", "dnn"),
        num_weights=_weights_of_mlp,
    ),
    "small_cnn": Model(
        "tfcourse.models:small_cnn", "small CNN", ("dropout",), also=("cnn", "convnet")
    ),
}


# Random changes of training images, each by a layer of Keras; see `models.augmentation`.
AUGMENTATIONS = ("flip", "shift", "rotate", "zoom")


def takers(table: Mapping[str, Choice], hyperparameter: str) -> tuple[str, ...]:
    """Returns the names of all in `table` that take `hyperparameter`.

    Examples:
        >>> from tfcourse.choices import OPTIMIZERS, takers
        >>> takers(OPTIMIZERS, "beta")
        ('momentum', 'rmsprop', 'nesterov')
    """
    return tuple(name for name, choice in table.items() if hyperparameter in choice.takes)
