"""L2 and dropout against overfitting."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes.claims import harness
from recipes.claims.trainings import Trainings
from recipes.lessons.curves import Curves, curves
from tfcourse.datasets import Dataset, Split
from tfcourse.reports import style

if TYPE_CHECKING:
    import keras

EXAMPLES, EPOCHS, EVERY = 300, 80, 8
WRONG = 0.2  # Share of training labels that are made wrong and should not be learned.
ARMS: dict[str, dict[str, Any]] = {
    "none": {},
    "L2, 0.01": {"l2": 0.01},
    "dropout, 0.5": {"dropout": 0.5},
}
TEXT = """
A network with two hidden layers of 256 units is trained on {examples:.0f} of the digits,
{wrong:.0f} % of them with a wrong label, with Adam at the rate 0.001. All numbers are means of
{seeds:.0f} seeds. Without regularization, the training loss is {train_loss_none:.3f} after
{epochs:.0f} epochs: near 0, the network has learned the wrong labels too. The validation loss is
lowest at epoch {turn_none:.0f} ({lowest_val_loss_none:.2f}) and ends at {val_loss_none:.2f}: if it
rises while the training loss falls, the network overfits. With an L2 penalty of 0.01 it ends at
{val_loss_l2:.2f}, with a dropout of 0.5 at {val_loss_dropout:.2f}. The validation accuracy is
{val_accuracy_none:.1f} % without regularization, {val_accuracy_l2:.1f} % with L2 and
{val_accuracy_dropout:.1f} % with dropout.
"""


def build(data: Dataset, rate: Any, l2: float = 0.0, dropout: float = 0.0) -> "keras.Model":
    """Returns the network; the penalty l2 * ||W||^2 is part of the minimized loss."""
    import keras

    layers = [keras.Input(data.input_shape), keras.layers.Flatten()]
    for _ in range(2):
        penalty = keras.regularizers.L2(l2) if l2 else None
        layers.append(keras.layers.Dense(256, "relu", kernel_regularizer=penalty))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    model = keras.Sequential([*layers, keras.layers.Dense(data.num_classes)])
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(rate))
    return model


def with_wrong_labels(split: Split, num_classes: int, seed: int) -> Split:
    """Returns `split` with a share `WRONG` of its labels changed to another class."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(split.labels))[: round(WRONG * len(split.labels))]
    labels = split.labels.copy()
    labels[chosen] = (labels[chosen] + rng.integers(1, num_classes, len(chosen))) % num_classes
    return Split(split.features, labels)


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Trains with each arm and several seeds; draws both losses by epoch."""
    data = tfcourse.datasets.load("digits")
    train = with_wrong_labels(data.train.smaller(EXAMPLES), data.num_classes, seed)
    data = dataclasses.replace(data, train=train)
    epochs, num_seeds = (EVERY, 2) if quick else (EPOCHS, 3)
    seeds, stops = harness.seeds(seed, num_seeds), range(EVERY, epochs + 1, EVERY)
    measured = {}
    for name, arguments in ARMS.items():
        trainings = Trainings(functools.partial(build, data, **arguments), data, 32, epochs)
        measured[name] = curves(trainings, seeds, stops, rate=0.001)
    metrics: dict[str, Any] = {
        "wrong": 100 * WRONG,
        "examples": EXAMPLES,
        "epochs": epochs,
        "seeds": num_seeds,
    }
    for name, found in measured.items():
        key = name.partition(",")[0].lower()
        for metric in ("train_loss", "val_loss", "val_accuracy"):
            times = 100 if metric == "val_accuracy" else 1
            metrics[f"{metric}_{key}"] = times * float(found[metric][:, -1].mean())
    by_epoch = measured["none"]["val_loss"].mean(axis=0)
    turn = by_epoch.argmin()
    metrics["lowest_val_loss_none"] = float(by_epoch[turn])
    _draw(path, measured, stops)
    return {**metrics, "turn_none": EVERY * (int(turn) + 1)}


def _draw(path: style.File, measured: dict[str, Curves], epochs: range) -> None:
    with style.picture(path, columns=2, width=4.9) as axes:
        for ax, metric in zip(axes[0], ("train_loss", "val_loss"), strict=True):
            for colour, (name, found) in zip(style.COLOURS, measured.items(), strict=False):
                style.band(ax, epochs, found[metric], color=colour, label=name)
            ax.set(xlabel="epoch", yscale="log")
            ax.set_title("training loss" if metric == "train_loss" else "validation loss")
            style.label_lines(ax, gap=0.09)
