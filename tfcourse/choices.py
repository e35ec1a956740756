"""The one table of everything that is chosen by name: optimizers, schedules, models.

Besides its own code, a new one needs only a line here: flags, searches, nudges, pictures,
benchmarks and tests read the table. Nothing here imports TensorFlow, so that flags can be checked
before it loads.
"""

import dataclasses
import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Choice:
    """Something that is chosen by its name.

    Attributes:
        built_by: "module:attribute" of the class or function that makes it.
        label: its name in pictures and texts.
        takes: the hyperparameters that are its arguments, besides those common to its table.
        also: other names for it, for which an error proposes its name.
    """

    built_by: str
    label: str
    takes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def load(self) -> Any:
        """Imports its module and returns the class or function."""
        module, _, attribute = self.built_by.partition(":")
        return getattr(importlib.import_module(module), attribute)


@dataclasses.dataclass(frozen=True)
class Schedule(Choice):
    """A schedule.

    Attributes:
        spans_training: whether it ends with the training, so that it depends on the number of
            epochs.
        warms_up: whether it begins with its own warm-up, so that no other one is added.
    """

    spans_training: bool = False
    warms_up: bool = False


@dataclasses.dataclass(frozen=True)
class Optimizer(Choice):
    """An optimizer.

    Attributes:
        slots: how many numbers it stores per weight.
        momentum: the hyperparameter that decays an average of gradients, and so can be cycled
            against the learning rate.
    """

    slots: int = 0
    momentum: str = ""


@dataclasses.dataclass(frozen=True)
class Model(Choice):
    """A model.

    Attributes:
        num_weights: function of (inputs, outputs) and the hyperparameters in `takes` that returns
            how many weights are trained; `None` if no hyperparameter can make them many.
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
    # Its `beta_2` is 0.99, Adam's 0.999, so it does not take the flag.
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


# Random changes of training images, each by a Keras layer; see `models.augmentation`.
AUGMENTATIONS = ("flip", "shift", "rotate", "zoom")


def takers(table: Mapping[str, Choice], hyperparameter: str) -> tuple[str, ...]:
    """Returns the names of all choices in `table` that take `hyperparameter`.

    Examples:
        >>> from tfcourse.choices import OPTIMIZERS, takers
        >>> takers(OPTIMIZERS, "beta")
        ('momentum', 'rmsprop', 'nesterov')
    """
    return tuple(name for name, choice in table.items() if hyperparameter in choice.takes)
