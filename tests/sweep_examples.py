"""Hand-made sweeps, as their journals would tell them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfcourse.scales import Choice, Linear, Log, OneMinusLog, PowerOfTwo
from tfcourse.tuning.records import COMPLETE, INFEASIBLE, Ask, Finished, Record, Result
from tfcourse.tuning.settings import Settings
from tfcourse.tuning.space import Axis, Space
from tfcourse.tuning.sweeps import Sweep

AXES = (
    Axis("optimizer", Choice(("momentum", "adam"))),
    Axis("learning_rate", Log((1e-4, 1.0))),
    Axis("beta", OneMinusLog((0.9, 0.999)), active_when=("optimizer", ("momentum",))),
    Axis("batch_size", PowerOfTwo((32, 512), is_integer=True)),
    Axis("hidden_units", Choice(((128,), (256, 128)))),
    Axis("epochs", Linear((2, 20), is_integer=True)),
)
SPACE = Space(AXES)
LOST = f"the loss is {math.inf}"


def phase(**changes: Any) -> Settings:
    settings: dict[str, Any] = {
        "recipe": "mnist_softmax",
        "module": "recipes.mnist_softmax",
        "function": "train",
        "hyperparameters": "MnistSoftmax",
        "tuner": "random",
        "objective": "val_accuracy",
        "space": SPACE,
        "seed": 1,
        "replicates": 1,
        "trials": 24,
        "base": {"schedule": "one_cycle"},
        "dataset": "digits",
        "generation_size": 8,
    }
    return Settings(**{**settings, **changes})


def ask(
    number: int,
    values: Mapping[str, Any],
    *,
    generation: int = 0,
    note: Mapping[str, Any] | None = None,
    space: Space = SPACE,
) -> Ask:
    axes = {axis.name: axis for axis in space.axes}
    positions = {name: axes[name].scale.position_of(value) for name, value in values.items()}
    return Ask(number, values, positions, generation, note or {}, {})


def result(
    number: int,
    scores: Sequence[float],
    *,
    replicate: int = 0,
    status: str = COMPLETE,
    reason: str = "",
    seconds: float = 2.0,
) -> Finished:
    curve = [
        {"epoch": epoch, "loss": 1.0 / epoch, "val_accuracy": score}
        for epoch, score in enumerate(scores, start=1)
    ]
    return Finished(number, replicate, Result(status, reason, curve, seconds))


def values(
    learning_rate: float,
    *,
    optimizer: str = "adam",
    beta: float = 0.99,
    batch_size: int = 64,
    units: Sequence[int] = (128,),
    epochs: int = 5,
) -> dict[str, Any]:
    momentum = {"beta": beta} if optimizer == "momentum" else {}
    return {
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        **momentum,
        "batch_size": batch_size,
        "hidden_units": units,
        "epochs": epochs,
    }


def sweep_of(records: Iterable[Record]) -> Sweep:
    """The sweep after `records`."""
    sweep = Sweep([], [], None)
    for record in records:
        sweep.apply(record)
    return sweep


def small_sweep() -> Sweep:
    """Three trials with two replicates: complete, infeasible, half done."""
    return sweep_of(
        [
            phase(replicates=2),
            ask(0, values(0.01, optimizer="momentum"), note={"round": 1}),
            ask(1, values(1.0)),
            ask(2, values(0.1), generation=1),
            result(0, [0.5, 0.75], seconds=2.0),
            result(1, [0.5], status=INFEASIBLE, reason="the loss is <b>NaN</b>, at step 3"),
            result(0, [0.5, 0.5, 0.25], replicate=1, seconds=3.0),
            result(2, [0.25]),
        ]
    )


def large_sweep(num_trials: int = 200, *, replicates: int = 1) -> Sweep:
    """The score falls with the square of the decades between the rate and 0.01."""
    records: list[Record] = [phase(trials=num_trials, replicates=replicates)]
    for number in range(num_trials):
        # Steps of irrational size spread evenly over each axis.
        positions = {
            axis.name: (number + 1) * math.sqrt(prime) % 1.0
            for axis, prime in zip(AXES, (2, 3, 5, 7, 11, 13), strict=True)
        }
        point = SPACE.values_at(positions)
        records.append(ask(number, point, generation=number // 8, note={"round": number // 100}))
        decades = abs(math.log10(point["learning_rate"]) + 2.0)
        for replicate in range(replicates):
            if decades > 1.9:
                lost = result(number, [], replicate=replicate, status=INFEASIBLE, reason=LOST)
                records.append(lost)
                break
            best = 0.98 - 0.1 * decades**2 - 0.001 * (point["optimizer"] == "momentum")
            best += 0.002 * math.sin(99.0 * number + replicate)
            epochs = range(1, point["epochs"] + 1)
            scores = [best - 0.3 * (math.exp(-e) - math.exp(-epochs[-1])) for e in epochs]
            records.append(result(number, scores, replicate=replicate, seconds=1.0 + number / 10))
    return sweep_of(records)
