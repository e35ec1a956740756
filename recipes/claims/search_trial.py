"""The trials of the recipes about searching: they train a small, plain network."""

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import tfcourse
from tfcourse.choices import OPTIMIZERS, takers
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, choice, integer, number
from tfcourse.run_directory import RunDirectory
from tfcourse.tuning import space

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Network(Hyperparameters):
    """The hyperparameters of a trial, with the ranges that are searched."""

    optimizer: str = choice("momentum", ("momentum", "adam"), "Update rule.")
    learning_rate: float = number(
        0.01, "Initial step size.", interval="(0, inf)", search=(1e-4, 1.0), scale="log"
    )
    beta: float = number(
        0.9,
        "Of momentum.",
        interval="[0, 1)",
        search=(0.9, 0.999),
        scale="one_minus_log",
        active_when=("optimizer", takers(OPTIMIZERS, "beta")),
    )
    beta_1: float = number(
        0.9,
        "Adam's, of gradients.",
        interval="[0, 1)",
        search=(0.9, 0.999),
        scale="one_minus_log",
        active_when=("optimizer", takers(OPTIMIZERS, "beta_1")),
    )
    beta_2: float = number(
        0.999,
        "Adam's, of squares.",
        interval="[0, 1)",
        search=(0.9, 0.9999),
        scale="one_minus_log",
        active_when=("optimizer", takers(OPTIMIZERS, "beta_2")),
    )
    batch_size: int = integer(
        64, "Examples per step.", interval="[1, inf)", search=(16, 256), scale="power_of_two"
    )
    hidden_units: int = integer(
        64, "Of each layer.", interval="[1, inf)", search=(16, 256), scale="power_of_two"
    )
    layers: int = integer(1, "Hidden layers.", interval="[1, inf)", search=(1, 4))
    decay_rate: float = number(
        0.95, "Decay of the rate per epoch.", interval="(0, 1]", search=(0.5, 1.0)
    )
    epochs: int = integer(3, "Passes over the training set.", interval="[1, inf)")
    training_examples: int = integer(5_000, "Examples to train on.", interval="[10, inf)")


@functools.lru_cache(maxsize=1)
def with_fewer_examples(data: Dataset, num_examples: int) -> Dataset:
    """Returns `data` with a smaller training split, the same object for every trial.

    Only trials on the same arrays can share a compiled program.
    """
    return dataclasses.replace(data, train=data.train.smaller(num_examples))


def others(base: Hyperparameters, searches: Iterable[str]) -> set[str]:
    """Returns the other hyperparameters that `base` would search, to vary `searches` only."""
    return {axis.name for axis in space.space_of(base).axes} - set(searches)


def train(
    hp: Network, data: Dataset, seed: int, run: RunDirectory | None = None, **fit_arguments: Any
) -> tuple["keras.Model", "keras.callbacks.History"]:
    """Trains one `Network`, as a trial of the sweeps."""
    training = tfcourse.training
    data = with_fewer_examples(data, hp.training_examples)
    training.set_seed(seed)
    network = functools.partial(
        tfcourse.models.plain_mlp,
        data.input_shape,
        data.num_classes,
        (hp.hidden_units,) * hp.layers,
        activation="relu",
    )
    rate = tfcourse.schedules.build(
        "exponential",
        hp.learning_rate,
        steps_per_epoch=tfcourse.batching.steps_per_epoch(len(data.train), hp.batch_size),
        epochs=hp.epochs,
        decay_rate=hp.decay_rate,
    )
    optimizer = tfcourse.optimizers.OPTIMIZERS[hp.optimizer](rate, **hp.arguments_of("optimizer"))
    model = training.built_for(network, optimizer, data)
    history = training.fit(
        model, data, epochs=hp.epochs, batch_size=hp.batch_size, seed=seed, run=run, **fit_arguments
    )
    return model, history
