r"""Searches by grid, at random, quasi-randomly and coarse to fine; on log and linear scales.

    python -m recipes.claims.search --flagfile=configs/search.flags

Every search is a real sweep, with as many trials and several seeds, ranked on validation; the test
set is not used. `recipes.claims.search_importance` says which hyperparameters matter.
"""

import dataclasses
import itertools
import os

import numpy as np

import tfcourse
from recipes.claims import pictures, verdicts
from recipes.claims.search_trial import Network, train
from tfcourse import command_line, tuning
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.tuning import space as search_space

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


def best_so_far(sweep):
    """Returns the best validation accuracy after each trial; 0 where none has been finite."""
    scores = [sweep.score(trial) or 0.0 for trial in sweep.trials]
    return np.maximum.accumulate(scores)


def measure(hyperparameters, data, folder, options):
    """Returns `{(tuner, space): array [seeds, trials] of the best validation accuracy so far}`."""
    hp = hyperparameters
    # A grid has two values on each axis at least.
    spaces = [name for name, (_, axes) in SPACES.items() if 2 ** len(axes) <= hp.trials]
    found = {key: [] for key in itertools.product(TUNERS, spaces)}
    with tuning.Workers(len(os.sched_getaffinity(0))) as pool:
        for tuner, space in found:
            optimizer, axes = SPACES[space]
            base = Network(
                optimizer=optimizer, epochs=hp.epochs, training_examples=hp.training_examples
            )
            searchable = {axis.name for axis in search_space.space_of(base).axes}
            for seed in range(options.seed, options.seed + hp.num_seeds):
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
                )
                found[tuner, space].append(best_so_far(sweep))
            best = np.array(found[tuner, space])[:, -1]
            print(f"{tuner}, {space}: {best.mean():.4f} after {hp.trials} trials", flush=True)
    return {key: np.array(curves) for key, curves in found.items()}


def evidence(found, hyperparameters):
    """Returns the rows of evidence, made from the curves."""
    hp = hyperparameters
    last = {key: curves[:, -1] for key, curves in found.items()}
    n = f"{hp.trials} trials, {hp.num_seeds} seeds"

    def told(tuner, space):
        return f"{tuner.replace('_', ' ')} {verdicts.mean_and_spread(last[tuner, space], 4)}"

    def is_better(one, other):
        return last[one].mean() > last[other].mean()

    def wins(one, other):
        return f"{int(np.sum(last[one] > last[other]))} of {hp.num_seeds}"

    names = {
        "log": "rate and decay with momentum",
        "adam_log": "with Adam",
        "four": "beta and units besides, with momentum",
    }
    spaces = {name: text for name, text in names.items() if ("random", name) in found}
    optimizers = {"": "momentum", "adam_": "Adam"}
    pairs = [((t, f"{o}log"), (t, f"{o}linear")) for o in optimizers for t in TUNERS]
    log_wins = sum(int(np.sum(last[log] > last[linear])) for log, linear in pairs)
    return [
        verdicts.claim(
            4,
            "Random search finds better values than a grid of as many trials.",
            f"Best validation accuracy ({n}): "
            + "; ".join(
                f"{text}: {told('grid', name)}, {told('random', name)} (better in "
                f"{wins(('random', name), ('grid', name))}), {told('quasi_random', name)}"
                for name, text in spaces.items()
            )
            + ". Bergstra and Bengio (2012) found .9465 for 8 random trials, .9531 for a grid of "
            "about 100.",
            verdicts.verdict_of(*(is_better(("random", s), ("grid", s)) for s in spaces)),
            "search.png",
        ),
        verdicts.claim(
            4,
            "Going from coarse to fine finds better values than drawing all at random.",
            f"Best validation accuracy ({n}): "
            + "; ".join(
                f"{text}: {told('coarse_to_fine', name)} against {told('random', name)}, better in "
                f"{wins(('coarse_to_fine', name), ('random', name))}"
                for name, text in spaces.items()
            )
            + ".",
            verdicts.verdict_of(*(is_better(("coarse_to_fine", s), ("random", s)) for s in spaces)),
            "search.png",
        ),
        verdicts.claim(
            4,
            "The learning rate is searched better on a logarithmic scale than on a linear one.",
            f"Best validation accuracy ({n}), on log and on linear: "
            + "; ".join(
                f"{text}: "
                + ", ".join(
                    f"{tuner.replace('_', ' ')} {last[tuner, f'{prefix}log'].mean():.4f} and "
                    f"{last[tuner, f'{prefix}linear'].mean():.4f}"
                    for tuner in TUNERS
                )
                for prefix, text in optimizers.items()
            )
            + f". Log was better in {log_wins} of {len(pairs) * hp.num_seeds} pairs.",
            verdicts.verdict_of(*(is_better(log, linear) for log, linear in pairs)),
            "search.png",
        ),
    ]


def main(hyperparameters, data, options, run):
    found = measure(hyperparameters, data, run.path / "sweeps", options)
    pictures.draw_searches(run.path / "search.png", found, TITLES)
    return {
        **{f"{tuner}_{space}": float(c[:, -1].mean()) for (tuner, space), c in found.items()},
        "evidence": evidence(found, hyperparameters),
        **tfcourse.training.provenance(data),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        Search,
        dataset="mnist,digits",
        smoke={
            "dataset": "digits",
            "trials": 4,
            "num_seeds": 2,
            "epochs": 1,
            "training_examples": 64,
        },
    )
