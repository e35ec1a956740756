r"""Illustrates hyperparameter search with pictures of real trainings.

    python -m recipes.searching --flagfile=configs/searching.flags

- panda_and_caviar.png: one model that is watched and nudged during training, beside many models, of
  which the best is kept;
- grid_and_random.png: the points of a grid and random points, with their projections on both axes;
- coarse_to_fine.png: the boxes of a search that narrows, round by round;
- importance.png: which hyperparameters matter, in the tiers of the course.

Each search runs once. `recipes.claims.search` and `recipes.claims.search_importance` repeat such
searches and measure their effects.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import tfcourse
from recipes import mnist_softmax
from recipes.claims import search_importance, search_trial
from tfcourse import command_line, nudges
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

    from recipes.claims.pictures.strategies import Box, Point
    from tfcourse.tuning.sweeps import Sweep

Folder = os.PathLike[str] | str

# The watched model, and the models trained side by side.
MODEL = mnist_softmax.MnistSoftmax(
    hidden_units=(64,), optimizer="momentum", schedule="constant", learning_rate=0.001,
    batch_size=64, epochs=30,
)  # fmt: skip
NUDGES = {6: 1.0, 18: 0.1}  # {epochs: learning rate after them}.
RESAMPLES = 20  # Of the trials, for the intervals of importance.
# In the form of --search.
SIDE_BY_SIDE = {"learning_rate": "1e-3:10:log"}
SQUARE = {"learning_rate": "1e-3:10:log", "decay_rate": "0.5:1"}
LABELS = {"learning_rate": "learning rate", "decay_rate": "decay per epoch"}


@dataclasses.dataclass(frozen=True)
class Searching(Hyperparameters):
    models: int = integer(12, "Models trained side by side.", interval="[2, inf)")
    points: int = integer(9, "Trials in the grid, and as many random ones.", interval="[4, inf)")
    rounds: int = integer(
        3, "Rounds from coarse to fine, each with as many trials.", interval="[2, 7]"
    )
    ranking: int = integer(
        80, "Trials in each of the two sweeps that rank hyperparameters.", interval="[8, inf)"
    )
    epochs: int = integer(4, "Passes over the training set in a trial.", interval="[1, inf)")


def watched_and_nudged(
    model: mnist_softmax.MnistSoftmax,
    data: Dataset,
    folder: Folder,
    rates: Mapping[int, float],
    seed: int,
) -> "keras.callbacks.History":
    """Trains one model, which is nudged during training, as with `--nudge`.

    Args:
        model: the hyperparameters, with the epochs of the whole training.
        folder: the run directory; a training that was stopped there is resumed.
        rates: `{epochs done: learning rate from there on}`.
    """
    pathlib.Path(folder).mkdir(exist_ok=True)
    run = RunDirectory(folder)
    timeline = [nudges.Nudge(epochs, 0, "learning_rate", rate) for epochs, rate in rates.items()]
    run.flags = {"nudge": [str(nudge) for nudge in timeline]}
    return mnist_softmax.train(model, data, seed, run=run, verbose=0)[1]


def sweep_of(
    base: Hyperparameters, folder: Folder, searches: Mapping[str, str] | None, **arguments: Any
) -> "Sweep":
    """Returns a sweep with one trial at a time, without a report.

    Args:
        base: the values of hyperparameters that are not searched.
        searches: as in --search; `None` searches all declared ranges.
        **arguments: other arguments of `tuning.search`.
    """
    tuning = tfcourse.tuning
    train = search_trial.train if isinstance(base, search_trial.Network) else mnist_softmax.train
    return tuning.search(
        train,
        base,
        folder,
        tuning.InProcess(),
        searches=searches,
        fixed=search_trial.others(base, searches) if searches else (),
        keep_models=0,
        report=False,
        **arguments,
    )


def points(sweep: "Sweep", x: str, y: str) -> list["Point"]:
    """Returns the positions of the trials of `sweep` on the axes `x` and `y`, and their scores."""
    from recipes.claims.pictures.strategies import Point

    return [
        Point(trial.positions[x], trial.positions[y], sweep.score(trial) or 0.0)
        for trial in sweep.trials
    ]


def rounds(sweep: "Sweep", x: str, y: str) -> list[tuple["Box", list["Point"]]]:
    """Returns the box and the points of each round of a coarse-to-fine search."""
    from tfcourse.tuning import oracles

    size, drawn = sweep.settings.generation_size, points(sweep, x, y)
    box = {x: (0.0, 1.0), y: (0.0, 1.0)}
    found: list[tuple[Box, list[Point]]] = []
    for start in range(0, len(drawn), size):
        found.append((box, drawn[start : start + size]))
        scores = {t.number: sweep.score(t) for t in sweep.trials[: start + size]}
        so_far = sorted((-score, n) for n, score in scores.items() if score is not None)
        best = [sweep.trials[number] for _, number in so_far[: max(2, -(-size // 4))]]
        box = {
            name: oracles.zoom(edges, [trial.positions[name] for trial in best])
            for name, edges in box.items()
        }
    return found


def draw_panda_and_caviar(
    history: "keras.callbacks.History", rates: Mapping[int, float], sweep: "Sweep", path: Folder
) -> None:
    """Draws one nudged model's costs beside those of a sweep's trials.

    Args:
        history: the history of the one model.
        rates: `{epochs done: learning rate from there on}`, from 0 on.
        sweep: a sweep over learning rates.
    """
    from recipes.claims.pictures import strategies

    watched = {"training": history.history["loss"], "validation": history.history["val_loss"]}
    curves = [
        strategies.Curve(trial.values["learning_rate"], _costs(result.curve))
        for trial in sweep.finished()
        for result in trial.results.values()
        if result.curve
    ]
    strategies.draw_panda_and_caviar(path, watched, rates, curves)


def _costs(curve: Iterable[Mapping[str, Any]]) -> list[float]:
    costs = [row.get("val_loss") for row in curve]
    return [np.nan if cost is None else cost for cost in costs]


def draw_square(sweeps: Mapping[str, "Sweep"], narrowing: "Sweep", folder: pathlib.Path) -> None:
    """Draws grid_and_random.png and coarse_to_fine.png."""
    from recipes.claims.pictures import strategies

    x, y = SQUARE
    scales = {axis.name: axis.scale for axis in narrowing.space.axes}
    strategies.draw_projections(
        folder / "grid_and_random.png",
        {name: points(sweep, x, y) for name, sweep in sweeps.items()},
        [(LABELS[name], scales[name]) for name in (x, y)],
    )
    strategies.draw_rounds(
        folder / "coarse_to_fine.png",
        rounds(narrowing, x, y),
        [(name, LABELS[name], scales[name]) for name in (x, y)],
    )


def importances(sweep: "Sweep", data: Dataset) -> Mapping[str, np.ndarray]:
    """Returns each hyperparameter's shares of the variance, one per resample."""
    scores = search_importance.scores_of(sweep, data)
    return search_importance.importances(sweep.trials, scores, RESAMPLES)


def best_scores(sweeps: Mapping[str, "Sweep"]) -> dict[str, float]:
    return {
        f"{name}_best": max(sweep.score(trial) or 0.0 for trial in sweep.trials)
        for name, sweep in sweeps.items()
    }


def main(
    hp: Searching, data: Dataset, options: command_line.Options, run: RunDirectory
) -> dict[str, Any]:
    from recipes.claims.pictures import strategies

    given = {"dataset": data.name, "data_dir": options.data_dir, "seed": options.seed}
    folder = run.path / "sweeps"
    network = search_trial.Network(epochs=hp.epochs)
    history = watched_and_nudged(MODEL, data, run.path / "watched", NUDGES, options.seed)
    many = sweep_of(MODEL, folder / "caviar", SIDE_BY_SIDE, trials=hp.models, **given)
    rates = {0: MODEL.learning_rate, **NUDGES}
    draw_panda_and_caviar(history, rates, many, run.path / "panda_and_caviar.png")
    sweeps = {
        tuner: sweep_of(network, folder / tuner, SQUARE, tuner=tuner, trials=trials, **given)
        for tuner, trials in {
            "grid": hp.points, "random": hp.points, "coarse_to_fine": hp.rounds * hp.points,
        }.items()
    }  # fmt: skip
    draw_square({t: sweeps[t] for t in ("grid", "random")}, sweeps["coarse_to_fine"], run.path)
    shares = {}
    for optimizer, label in {"momentum": "momentum", "adam": "Adam"}.items():
        base = dataclasses.replace(network, optimizer=optimizer)
        swept = sweep_of(base, folder / optimizer, None, trials=hp.ranking, **given)
        shares[f"{label}, {hp.ranking} trials"] = importances(swept, data)
    strategies.draw_tiers(run.path / "importance.png", shares, search_importance.TIERS)
    return {
        "panda_val_accuracy": max(history.history["val_accuracy"]),
        **best_scores({"caviar": many, **sweeps}),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        Searching,
        dataset="digits",
        smoke={
            "dataset": "digits",
            "models": 2,
            "points": 4,
            "rounds": 2,
            "ranking": 8,
            "epochs": 1,
        },
    )
