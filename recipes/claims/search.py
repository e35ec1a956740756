r"""Searches by grid, at random, quasi-randomly and coarse to fine; on log and linear scales.

    python -m recipes.claims.search --flagfile=configs/search.flags

Every search is a real sweep, with as many trials and several seeds, ranked on validation; the test
set is not used. `recipes.claims.search_importance` says which hyperparameters matter.
"""

import dataclasses
import itertools
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.claims import harness, pictures
from recipes.claims.search_trial import Network, train
from tfcourse import machine, tuning
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.run_directory import RunDirectory
from tfcourse.tuning import space as search_space

if TYPE_CHECKING:
    from tfcourse.tuning.state import Sweep

# `{(tuner, space): best validation accuracy so far [seeds, trials]}`.
Found = dict[tuple[str, str], np.ndarray]
TUNERS = ("grid", "random", "quasi_random", "coarse_to_fine")
# What --search would say. The rest of `Network` stays as it is.
LOG = {"learning_rate": "1e-4:1:log", "decay_rate": "0.5:1"}
LINEAR = LOG | {"learning_rate": "1e-4:1:linear"}
FOUR = LOG | {"beta": "0.9:0.999:one_minus_log", "hidden_units": "16:256:power_of_two"}
# Momentum takes rates near the upper end of the course's range, Adam lower ones.
SPACES = {
    "log": ("momentum", LOG),
    "linear": ("momentum", LINEAR),
    "four": ("momentum", FOUR),
    "adam_log": ("adam", LOG),
    "adam_linear": ("adam", LINEAR),
}
TITLES = {
    "log": "momentum: rate, decay",
    "linear": "momentum: linear scale",
    "four": "momentum: and beta, units",
    "adam_log": "Adam: rate, decay",
    "adam_linear": "Adam: linear scale",
}


@dataclasses.dataclass(frozen=True)
class Search(Hyperparameters):
    trials: int = integer(16, "Points of each search.", interval="[4, inf)")
    num_seeds: int = integer(5, "Searches of each kind.", interval="[2, inf)")
    epochs: int = integer(3, "Passes over the training set in a trial.", interval="[1, inf)")
    training_examples: int = integer(3_000, "Examples a trial trains on.", interval="[10, inf)")


def best_so_far(sweep: "Sweep") -> np.ndarray:
    """Returns the best validation accuracy after each trial; 0 where none has been finite."""
    scores = [sweep.score(trial) or 0.0 for trial in sweep.trials]
    return np.maximum.accumulate(scores)


def measure(hp: Search, data: Dataset, folder: pathlib.Path, options: Options) -> Found:
    # A grid has two values on each axis at least.
    spaces = [name for name, (_, axes) in SPACES.items() if 2 ** len(axes) <= hp.trials]
    found: dict[tuple[str, str], list[np.ndarray]] = {
        key: [] for key in itertools.product(TUNERS, spaces)
    }
    with tuning.Workers(machine.num_cores()) as pool:
        for tuner, space in found:
            optimizer, axes = SPACES[space]
            base = Network(
                optimizer=optimizer, epochs=hp.epochs, training_examples=hp.training_examples
            )
            searchable = {axis.name for axis in search_space.space_of(base).axes}
            for seed in harness.seeds(options.seed, hp.num_seeds):
                sweep = tuning.search(
                    train,
                    base,
                    folder / f"{tuner}_{space}_{seed}",
                    pool,
                    dataset=data.name,
                    data_dir=options.data_dir,
                    trials=hp.trials,
                    searches=axes,
                    fixed=searchable - set(axes),
                    tuner=tuner,
                    seed=seed,
                    keep_models=0,
                    report=False,
                )
                found[tuner, space].append(best_so_far(sweep))
            best = np.array(found[tuner, space])[:, -1]
            print(f"{tuner}, {space}: {best.mean():.4f} after {hp.trials} trials", flush=True)
    return {key: np.array(curves) for key, curves in found.items()}


def findings(found: Found, hp: Search) -> harness.Findings:
    last = {key: curves[:, -1] for key, curves in found.items()}
    spaces = [space for space in ("log", "adam_log", "four") if ("random", space) in found]
    scales = {"momentum": ("log", "linear"), "Adam": ("adam_log", "adam_linear")}

    def pair(one: tuple[str, str], other: tuple[str, str]) -> dict[str, Any]:
        """Returns whether `one` is better on average, and in how many seeds."""
        return {
            "better": bool(last[one].mean() > last[other].mean()),
            "wins": int(np.sum(last[one] > last[other])),
        }

    by_space = {
        space: {
            "random": pair(("random", space), ("grid", space)),
            "coarse_to_fine": pair(("coarse_to_fine", space), ("random", space)),
        }
        for space in spaces
    }
    by_scale = [pair((t, log), (t, linear)) for log, linear in scales.values() for t in TUNERS]
    arms: dict[str, dict[str, Any]] = {}
    for (tuner, space), curves in found.items():
        arms.setdefault(space, {})[tuner] = {"accuracy": curves[:, -1], "accuracy_by_trial": curves}
    numbers = {
        "hp": dataclasses.asdict(hp),
        "tuners": TUNERS,
        "arms": arms,
        "pairs": by_space,
        "scales": scales,
        "log_wins": sum(each["wins"] for each in by_scale),
        "log_pairs": len(by_scale) * hp.num_seeds,
    }
    return numbers, {
        "random": [each["random"]["better"] for each in by_space.values()],
        "coarse_to_fine": [each["coarse_to_fine"]["better"] for each in by_space.values()],
        "scale": [each["better"] for each in by_scale],
    }


def main(hp: Search, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    found = measure(hp, data, run.path / "sweeps", options)
    pictures.draw_searches(run.path / "search.png", found, TITLES)
    metrics = {f"{tuner}_{space}": float(c[:, -1].mean()) for (tuner, space), c in found.items()}
    return harness.results("search", metrics, findings(found, hp), data)


if __name__ == "__main__":
    harness.run(main, Search, trials=4, num_seeds=2, epochs=1, training_examples=64)
