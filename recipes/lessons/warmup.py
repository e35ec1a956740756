"""Warm-up against instability: a rate that is too large only at the start."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes.claims import harness
from recipes.claims.trainings import Trainings
from recipes.lessons.curves import curves
from tfcourse.datasets import Dataset
from tfcourse.reports import style

if TYPE_CHECKING:
    import keras

DEPTH, WIDTH, BATCH_SIZE, EPOCHS, WARMUP_EPOCHS = 8, 64, 32, 15, 5
RATES = tuple(float(f"{rate:.2g}") for rate in np.geomspace(1e-3, 0.1, 7))
TRAINED = 0.5  # A training loss that counts as trained; a guess has ln 10 = 2.30.
TEXT = """
A network of {depth:.0f} ReLU layers without batch normalization is trained on the digits with Adam
for {epochs:.0f} epochs, at {rates:.0f} constant rates with {seeds:.0f} seeds each. The largest rate
up to which all seeds train (reach a loss below {trained:g}) is {largest_without:g} without warm-up
and {largest_with:g} if the rate rises over the first {warmup_epochs:.0f} epochs; 0 stands for none.
At {hard_rate:g}, where warm-up helps most, {share_without:.0f} of {seeds:.0f} seeds train without
it and {share_with:.0f} with it. Warm-up gives Adam's averages more than a few gradients before the
steps become large. A difference of one or two seeds may be chance. At {highest_rate:g},
{highest_without:.0f} seeds train without warm-up and {highest_with:.0f} with it: where neither
works, the rate itself is too large.
"""


def build(data: Dataset, rate: Any) -> "keras.Model":
    """Returns the deep network, compiled with Adam."""
    model = tfcourse.models.plain_mlp(
        data.input_shape, data.num_classes, (WIDTH,) * DEPTH, activation="relu"
    )
    tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(rate))
    return model


def largest_trained(losses: dict[float, list[float]]) -> float:
    """Returns the largest rate up to which all seeds train; 0 if none do."""
    largest = 0.0
    for rate in sorted(losses):
        if not all(loss < TRAINED for loss in losses[rate]):
            break
        largest = rate
    return largest


def show(path: style.File, seed: int, quick: bool = False) -> dict[str, Any]:
    """Trains at each rate with and without warm-up; draws the losses by rate, and two curves."""
    epochs, num_seeds, rates = (2, 2, RATES[:2]) if quick else (EPOCHS, 5, RATES)
    data = tfcourse.datasets.load("digits")
    trainings = Trainings(functools.partial(build, data), data, BATCH_SIZE, epochs)
    seeds = harness.seeds(seed, num_seeds)
    measured: dict[int, dict[float, Any]] = {
        warmup: {
            rate: curves(trainings, seeds, range(1, epochs + 1), rate=rate, warmup_epochs=warmup)[
                "train_loss"
            ]
            for rate in rates
        }
        for warmup in (0, min(WARMUP_EPOCHS, epochs - 1))
    }
    without, warmed = (
        {rate: [float(loss) for loss in curve[:, -1]] for rate, curve in by_rate.items()}
        for by_rate in measured.values()
    )
    hard = max(rates, key=lambda rate: _trained(warmed[rate]) - _trained(without[rate]))
    _draw(path, measured, hard, epochs)
    return {
        "depth": DEPTH, "epochs": epochs, "warmup_epochs": max(measured), "seeds": num_seeds,
        "rates": len(rates), "trained": TRAINED, "hard_rate": hard,
        "largest_without": largest_trained(without), "largest_with": largest_trained(warmed),
        "share_without": _trained(without[hard]), "share_with": _trained(warmed[hard]),
        "highest_rate": rates[-1], "highest_without": _trained(without[rates[-1]]),
        "highest_with": _trained(warmed[rates[-1]]),
    }  # fmt: skip


def _trained(losses: list[float]) -> int:
    return sum(loss < TRAINED for loss in losses)


def _draw(
    path: style.File, measured: dict[int, dict[float, Any]], hard: float, epochs: int
) -> None:
    with style.picture(path, columns=2, width=5.0) as axes:
        by_rate, by_epoch = axes[0]
        for colour, (warmup, found) in zip(style.COLOURS, measured.items(), strict=False):
            label = f"{warmup} epochs of\nwarm-up" if warmup else "without"
            last = np.array([np.nan_to_num(curve[:, -1], nan=10.0) for curve in found.values()]).T
            rates = np.array(list(found))
            by_rate.loglog(
                rates, np.minimum(np.median(last, axis=0), 10), color=colour, label=label
            )
            for values in last:
                by_rate.loglog(rates, np.minimum(values, 10), ".", color=colour, alpha=0.6)
            for number, curve in enumerate(found[hard]):
                by_epoch.semilogy(
                    np.arange(1, epochs + 1), curve, color=colour, alpha=0.8,
                    label=label if number == 0 else "_",
                )  # fmt: skip
        by_rate.axhline(TRAINED, color="0.5", lw=1, ls=":")
        by_rate.set(title=f"training loss at the end, {len(last)} seeds", xlabel="learning rate")
        by_epoch.set(title=f"training loss at a rate of {hard:g}", xlabel="epoch")
        style.label_lines(by_rate, gap=0.14)
        style.label_lines(by_epoch, gap=0.14)
