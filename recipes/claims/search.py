r"""Compares searches: grid, random, quasi-random and coarse to fine; log and linear scales.

    python -m recipes.claims.search --flagfile=configs/search.flags

Every search is a real sweep, ranked on validation, with several seeds; the test set is not used.
The best learning rates are inside the range, not at its end. `recipes.claims.search_importance`
measures which hyperparameters matter.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.claims import harness, judging, pictures, rates
from recipes.claims.search_trial import Network, others, train
from tfcourse import tuning
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.run_directory import RunDirectory
from tfcourse.system import machine

if TYPE_CHECKING:
    from tfcourse.tuning.sweeps import Sweep

TUNERS = ("grid", "random", "quasi_random", "coarse_to_fine")
# The number of trials of a grid, so that all searches have the same number. With four axes, a grid
# has at least two values per axis.
BUDGETS = {"one": (9, 17, 33, 65), "four": (16, 36, 54)}
# In the form of --search. The rest of `Network` is fixed.
ONE = {"learning_rate": "1e-3:10:log"}
FOUR = ONE | {
    "decay_rate": "0.5:1", "beta": "0.9:0.999:one_minus_log",
    "hidden_units": "16:256:power_of_two",
}  # fmt: skip
SPACES = {
    "one": ("momentum", ONE),
    "four": ("momentum", FOUR),
    "linear": ("momentum", {"learning_rate": "1e-3:10:linear"}),
    "adam_log": ("adam", {"learning_rate": "1e-5:1:log"}),
    "adam_linear": ("adam", {"learning_rate": "1e-5:1:linear"}),
}
SCALES = {"momentum": ("one", "linear"), "Adam": ("adam_log", "adam_linear")}
TITLES = {
    "one": "one axis: learning rate",
    "four": "four axes: and decay, beta, units",
    "linear": "one axis, linear scale",
    "adam_log": "Adam: one axis",
    "adam_linear": "Adam: one axis, linear scale",
}
# Validation accuracy by which a search in rounds, each of which waits for the last, must be better.
WORTH_WAITING = 0.01
# `{space: {tuner: {budget: [seeds][trials] validation accuracies}}}`, in the order of the trials.
Found = dict[str, dict[str, dict[int, list[list[float]]]]]


@dataclasses.dataclass(frozen=True)
class Search(Hyperparameters):
    largest: int = integer(65, "Trials of the largest search.", interval="[9, inf)")
    num_seeds: int = integer(8, "Searches of each kind.", interval="[2, inf)")
    scale_seeds: int = integer(
        16, "Random searches that compare scales, which differ more.", interval="[2, inf)"
    )
    epochs: int = integer(3, "Passes over the training set in a trial.", interval="[1, inf)")
    training_examples: int = integer(3_000, "Examples a trial trains on.", interval="[10, inf)")

    def budgets(self, space: str) -> tuple[int, ...]:
        return tuple(n for n in BUDGETS.get(space, BUDGETS["one"]) if n <= self.largest)

    def repetitions(self, space: str, tuner: str) -> int:
        compares_scales = tuner == "random" and any(space in pair for pair in SCALES.values())
        return self.scale_seeds if compares_scales else self.num_seeds


def scores(sweep: "Sweep") -> list[float]:
    """Returns the validation accuracy of each trial; 0 if it was not finite."""
    return [sweep.score(trial) or 0.0 for trial in sweep.trials]


def searches(hp: Search) -> list[tuple[str, str, int]]:
    """Returns the searches: `[(space, tuner, trials)]`.

    Tuners that do not learn from results search once, with the most trials: a smaller search is the
    start of that one.
    """
    wanted: list[tuple[str, str, int]] = []
    for space in SPACES:
        budgets = hp.budgets(space)
        for tuner in TUNERS if space in BUDGETS else ("random",):
            looks_ahead = tuner in ("grid", "coarse_to_fine")
            wanted += [(space, tuner, n) for n in (budgets if looks_ahead else budgets[-1:])]
    return wanted


def measure(
    hp: Search, data: Dataset, folder: pathlib.Path, options: Options
) -> tuple[Found, list[float]]:
    """Returns all scores, and the learning rates of the best trials on one axis."""
    found: Found = {}
    best_rates: list[float] = []
    with tuning.Workers(machine.num_cores()) as pool:
        for space, tuner, trials in searches(hp):
            optimizer, axes = SPACES[space]
            base = Network(
                optimizer=optimizer, epochs=hp.epochs, training_examples=hp.training_examples
            )
            each: list[list[float]] = []
            for seed in harness.seeds(options.seed, hp.repetitions(space, tuner)):
                sweep = tuning.search(
                    train,
                    base,
                    folder / f"{tuner}_{space}_{trials}_{seed}",
                    pool,
                    dataset=data.name,
                    data_dir=options.data_dir,
                    trials=trials,
                    searches=axes,
                    fixed=others(base, axes),
                    tuner=tuner,
                    seed=seed,
                    keep_models=0,
                    report=False,
                )
                each.append(scores(sweep))
                if space == "one":
                    assert sweep.best is not None
                    best_rates.append(sweep.best.values["learning_rate"])
            found.setdefault(space, {}).setdefault(tuner, {})[trials] = each
            best = np.max(each, axis=1).mean()
            print(f"{tuner}, {space}: {best:.4f} after {trials} trials", flush=True)
    return found, best_rates


def best_of(found: Mapping[str, Any], tuner: str, trials: int) -> np.ndarray:
    """Returns the best score in the first `trials` trials of each search, [seeds]."""
    by_budget = {int(budget): each for budget, each in found[tuner].items()}
    budget = min(budget for budget in by_budget if budget >= trials)
    return np.max(np.array(by_budget[budget])[:, :trials], axis=1)


def check_range(best_rates: Sequence[float]) -> None:
    """Raises `EdgeError` if a best learning rate is at an end of the range."""
    low, high = (float(end) for end in ONE["learning_rate"].split(":")[:2])
    if not all(2 * low < rate < high / 2 for rate in best_rates):
        raise rates.EdgeError("a best learning rate is at the end of the range; widen it")


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"found": ..., "best_rates": ...}`."""
    found, hp = raw["found"], Search(**raw["hp"])
    check_range(raw["best_rates"])

    def compared(
        space: str, ours: str, theirs: str, trials: int, bound: float = 0.0
    ) -> judging.Comparison:
        arms = [best_of(found[space], tuner, trials) for tuner in (ours, theirs)]
        axes = "one axis" if space == "one" else "four axes"
        return judging.Comparison(
            f"{axes}, {trials} trials", judging.unpaired(*arms), bound, scale=100,
            shown={
                tuner.replace("_", " "): _points(best_of(found[space], tuner, trials))
                for tuner in TUNERS
            },
        )  # fmt: skip

    cells = [(space, n) for space in BUDGETS for n in hp.budgets(space)]
    scale = tuple(
        _on_scales(found, optimizer, n) for optimizer in SCALES for n in hp.budgets("one")
    )
    numbers = {**raw, "worth": WORTH_WAITING}
    effect = "best validation accuracy: random minus grid (points)"
    fine = "best validation accuracy: coarse to fine minus random (points)"
    log = "best validation accuracy: logarithmic minus linear (points)"
    return numbers, {
        "random": judging.Claim(
            effect, tuple(compared(space, "random", "grid", n) for space, n in cells), 0.02
        ),
        "coarse_to_fine": judging.Claim(
            fine,
            tuple(
                compared(space, "coarse_to_fine", "random", n, WORTH_WAITING) for space, n in cells
            ),
            0.02,
        ),
        "scale": judging.Claim(log, scale),
    }


def _on_scales(found: Mapping[str, Any], optimizer: str, trials: int) -> judging.Comparison:
    log, linear = (best_of(found[space], "random", trials) for space in SCALES[optimizer])
    return judging.Comparison(
        f"{optimizer}, {trials} trials", judging.unpaired(log, linear), scale=100,
        shown={"logarithmic": _points(log), "linear": _points(linear)},
    )  # fmt: skip


def _points(accuracies: np.ndarray) -> str:
    return f"{harness.spread(accuracies, 2, 100)} %"


def main(hp: Search, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    found, best_rates = measure(hp, data, run.path / "sweeps", options)
    curves = {
        (tuner, space): {n: best_of(found[space], tuner, n) for n in hp.budgets(space)}
        for space in BUDGETS
        for tuner in TUNERS
    }
    pictures.draw_searches(run.path / "search.png", curves, TITLES)
    metrics = {
        f"{tuner}_{space}_{n}": float(best_of(found[space], tuner, n).mean())
        for space, tuner, n in searches(hp)
    }
    raw = {"hp": dataclasses.asdict(hp), "found": found, "best_rates": best_rates}
    return harness.report("search", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, Search, largest=16, num_seeds=2, scale_seeds=2, epochs=1, training_examples=64
    )
