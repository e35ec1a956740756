"""Momentum and Adam side by side, each with and without decay of the learning rate."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes.claims import harness
from recipes.claims.trainings import Trainings
from recipes.lessons.curves import Curves, curves
from tfcourse.datasets import Dataset
from tfcourse.reports import style

if TYPE_CHECKING:
    import keras

BATCH_SIZE, EPOCHS = 32, 20
NAMES = {
    "constant": "the constant rate",
    "exponential": "exponential decay",
    "root": "root decay",
    "inverse_time": "inverse-time decay",
}
# The largest rates that work well for each at a constant rate.
RATES = {"momentum": 2.0, "adam": 0.02}
TEXT = """
A network with one hidden layer of 64 units is trained on the digits for {epochs:.0f} epochs, in
mini-batches of 32, with momentum (`beta` 0.9) from the rate {rate_momentum:g} and with Adam from
the rate {rate_adam:g}. All numbers are means of {seeds:.0f} seeds. At the constant rate, the final
training loss is {loss_momentum_constant:.1e} with momentum and {loss_adam_constant:.1e} with Adam.
With exponential decay it is {loss_momentum_exponential:.1e} and {loss_adam_exponential:.1e}, with
root decay {loss_momentum_root:.1e} and {loss_adam_root:.1e}, with inverse-time decay
{loss_momentum_inverse_time:.1e} and {loss_adam_inverse_time:.1e}. The validation accuracy of
momentum is {accuracy_momentum_constant:.1f} % without decay and at best
{accuracy_momentum_best:.1f} % with decay; that of Adam is {accuracy_adam_constant:.1f} % and at
best {accuracy_adam_best:.1f} %. The lowest final loss with momentum is that of {lowest_momentum},
and with Adam that of {lowest_adam}. In {steps:.0f} comparisons of an epoch with the one before, the
loss rises {rises_momentum_constant:.1f} times with momentum at the constant rate and
{rises_momentum_decay:.1f} times with decay; with Adam {rises_adam_constant:.1f} and
{rises_adam_decay:.1f} times. Decay smooths the curves. If the steps become small before the network
has learned, decay also slows the training.
"""


def build(data: Dataset, rate: Any, optimizer: str) -> "keras.Model":
    """Returns the network, compiled with the optimizer of that name."""
    model = tfcourse.models.plain_mlp(data.input_shape, data.num_classes, (64,), activation="relu")
    rule = tfcourse.optimizers.OPTIMIZERS[optimizer](rate)
    tfcourse.training.compile_classifier(model, rule)
    return model


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Trains with each optimizer and schedule; draws the training loss by epoch."""
    data = tfcourse.datasets.load("digits")
    epochs, num_seeds = (2, 2) if quick else (EPOCHS, 3)
    seeds = harness.seeds(seed, num_seeds)
    measured: dict[str, dict[str, Curves]] = {}
    metrics: dict[str, Any] = {"epochs": epochs, "steps": epochs - 1, "seeds": num_seeds}
    for optimizer, rate in RATES.items():
        made = functools.partial(build, data, optimizer=optimizer)
        trainings, every = Trainings(made, data, BATCH_SIZE, epochs), range(1, epochs + 1)
        measured[optimizer] = {
            name: curves(trainings, seeds, every, rate=rate, schedule=name) for name in NAMES
        }
        accuracies, losses, rises = {}, {}, {}
        for name, found in measured[optimizer].items():
            losses[name] = float(found["train_loss"][:, -1].mean())
            metrics[f"loss_{optimizer}_{name}"] = losses[name]
            rises[name] = float((np.diff(found["train_loss"]) > 0).sum(axis=1).mean())
            accuracies[name] = 100 * float(found["val_accuracy"][:, -1].mean())
        constant = accuracies.pop("constant")
        metrics |= {f"rate_{optimizer}": rate, f"accuracy_{optimizer}_constant": constant}
        metrics[f"accuracy_{optimizer}_best"] = max(accuracies.values())
        metrics[f"lowest_{optimizer}"] = NAMES[min(losses, key=losses.__getitem__)]
        metrics[f"rises_{optimizer}_constant"] = rises.pop("constant")
        metrics[f"rises_{optimizer}_decay"] = float(np.mean([*rises.values()]))
    _draw(path, measured, np.arange(1, epochs + 1))
    return metrics


def _draw(path: style.File, measured: dict[str, dict[str, Curves]], epochs: np.ndarray) -> None:
    with style.picture(path, columns=2, width=5.0, height=3.6) as axes:
        for ax, (optimizer, arms) in zip(axes[0], measured.items(), strict=True):
            for colour, (name, found) in zip(style.COLOURS, arms.items(), strict=False):
                label = name.replace("_", " ")
                style.band(ax, epochs, found["train_loss"], color=colour, label=label)
            ax.set(yscale="log", xlabel="epoch")
            rate = f"from a rate of {RATES[optimizer]:g}"
            ax.set_title(f"{optimizer.capitalize()}, {rate}: training loss")
            style.label_lines(ax, gap=0.09)
        low = min(ax.get_ylim()[0] for ax in axes[0])
        high = max(ax.get_ylim()[1] for ax in axes[0])
        for ax in axes[0]:
            ax.set_ylim(low, high)
