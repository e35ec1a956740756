r"""Ranks the course's hyperparameters by their effect in random sweeps with many trials.

    python -m recipes.claims.search_importance --flagfile=configs/search_importance.flags

Several sweeps with momentum and several with Adam. The importance of a hyperparameter is the share
of the variance of the validation accuracy that it explains (fANOVA: Hutter, Hoos and Leyton-Brown,
2014), over all trials and over the better half; intervals are over resampled trials. The test set
is not used.
"""

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.claims import harness, judging, pictures
from recipes.claims.search_trial import Network, train
from tfcourse import tuning
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.run_directory import RunDirectory
from tfcourse.system import machine

if TYPE_CHECKING:
    from tfcourse.tuning.sweeps import Sweep, Trial

# The lectures' tiers: 1 first, 2 second, 3 third, 4 rarely tuned.
TIERS = {
    "learning_rate": 1,
    "beta": 2,
    "batch_size": 2,
    "hidden_units": 2,
    "layers": 3,
    "decay_rate": 3,
    "beta_1": 4,
    "beta_2": 4,
}

# Of trials, and how a table calls them.
SUBSETS = {"all": "all trials", "better half": "the better half"}


@dataclasses.dataclass(frozen=True)
class SearchImportance(Hyperparameters):
    sweeps: int = integer(2, "Sweeps with each optimizer.", interval="[1, inf)")
    num_trials: int = integer(100, "Points of each sweep.", interval="[8, inf)")
    resamples: int = integer(50, "Resamples of the trials, for the interval.", interval="[2, inf)")
    epochs: int = integer(3, "Passes over the training set in a trial.", interval="[1, inf)")
    training_examples: int = integer(5_000, "Examples a trial trains on.", interval="[10, inf)")


def importances(
    trials: Sequence["Trial"], scores: Sequence[float] | np.ndarray, num_resamples: int
) -> dict[str, np.ndarray]:
    """Returns `{hyperparameter: array [num_resamples]}` of shares of the explained variance.

    Args:
        num_resamples: at least 1; each resample draws as many trials with replacement.
    """
    import optuna

    from tfcourse.tuning.report import study as studies

    unit = optuna.distributions.FloatDistribution(0.0, 1.0)
    # Where a value lies on its axis: so each is measured on the scale that it was drawn on.
    points = [
        optuna.trial.create_trial(
            params=dict(trial.positions),
            distributions=dict.fromkeys(trial.positions, unit),
            value=float(score),
        )
        for trial, score in zip(trials, scores, strict=True)
    ]
    rng = np.random.default_rng(0)
    shares = []
    with studies.quiet():
        for _ in range(num_resamples):
            study = optuna.create_study(direction="maximize")
            study.add_trials([points[i] for i in rng.integers(len(points), size=len(points))])
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            shares.append(optuna.importance.get_param_importances(study, evaluator=evaluator))
    return {name: np.array([share[name] for share in shares]) for name in trials[0].positions}


def scores_of(sweep: "Sweep", data: Dataset) -> list[float]:
    """Returns the score of each trial; a diverged trial counts as a guess."""
    return [sweep.score(trial) or 1 / data.num_classes for trial in sweep.trials]


def measure(
    hp: SearchImportance, data: Dataset, folder: pathlib.Path, options: Options
) -> dict[str, list[dict[str, Any]]]:
    """Returns `{optimizer: [sweep]}`: positions and scores of the trials, and importances."""
    measured: dict[str, list[dict[str, Any]]] = {}
    with tuning.Workers(machine.num_cores()) as pool:
        for optimizer in ("momentum", "adam"):
            base = Network(
                optimizer=optimizer, epochs=hp.epochs, training_examples=hp.training_examples
            )
            for seed in harness.seeds(options.seed, hp.sweeps):
                sweep = tuning.search(
                    train,
                    base,
                    folder / f"{optimizer}_{seed}",
                    pool,
                    dataset=data.name,
                    data_dir=options.data_dir,
                    reading=options.reading,
                    trials=hp.num_trials,
                    seed=seed,
                    keep_models=0,
                    report=False,
                )
                scores = scores_of(sweep, data)
                measured.setdefault(optimizer, []).append(_of_sweep(hp, sweep.trials, scores))
                print(f"{optimizer}: best of {hp.num_trials} trials {max(scores):.4f}", flush=True)
    return measured


def _of_sweep(
    hp: SearchImportance, trials: Sequence["Trial"], scores: Sequence[float]
) -> dict[str, Any]:
    better = [i for i in range(len(scores)) if scores[i] >= np.median(scores)]
    return {
        "positions": [dict(trial.positions) for trial in trials],
        "scores": scores,
        "all": importances(trials, scores, hp.resamples),
        "better half": importances(
            [trials[i] for i in better], [scores[i] for i in better], hp.resamples
        ),
    }


def ranked(shares: Mapping[str, np.ndarray]) -> list[str]:
    """Returns the names of hyperparameters, most important first."""
    return sorted(shares, key=lambda name: -np.mean(shares[name]))


def over_sweeps(sweeps: Sequence[Mapping[str, Any]], subset: str) -> dict[str, np.ndarray]:
    """Returns `{hyperparameter: shares [resamples]}`, means over the sweeps, best first."""
    names = sweeps[0][subset]
    shares = {n: np.mean([sweep[subset][n] for sweep in sweeps], axis=0) for n in names}
    return {name: shares[name] for name in ranked(shares)}


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    arms = {
        (optimizer, subset): over_sweeps(sweeps, subset)
        for optimizer, sweeps in raw["arms"].items()
        for subset in SUBSETS
    }
    names = {each: f"{_label(each[0])}, {SUBSETS[each[1]]}" for each in arms}

    def shown(shares: Mapping[str, np.ndarray], count: int) -> dict[str, str]:
        first = list(shares.items())[:count]
        return {
            "largest shares": ", ".join(
                f"{n.replace('_', ' ')} {100 * s.mean():.0f} %" for n, s in first
            )
        }

    most = []
    for each, shares in arms.items():
        others = np.max(
            [values for name, values in shares.items() if name != "learning_rate"], axis=0
        )
        lead = judging.resampled(shares["learning_rate"] - others)
        most.append(
            judging.Comparison(names[each], lead, form="+.0f", scale=100, shown=shown(shares, 3))
        )
    tiers = []
    for each, shares in arms.items():
        means = _tiers(shares)
        for (upper, above), (lower, below) in itertools.pairwise(means.items()):
            condition = f"{names[each]}: tier {upper} minus tier {lower}"
            lead = judging.resampled(above - below)
            tiers.append(judging.Comparison(condition, lead, form="+.1f", scale=100))
    first = "share of the variance: learning rate minus the next (points)"
    step = "mean share of a hyperparameter of a tier (points)"
    return dict(raw), {
        "rate": judging.Claim(first, tuple(most)),
        "tiers": judging.Claim(step, tuple(tiers)),
    }


def _label(optimizer: str) -> str:
    return "momentum" if optimizer == "momentum" else "Adam"


def _tiers(shares: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    """Returns `{tier: mean share of its hyperparameters [resamples]}`, in order."""
    return {
        tier: np.mean([shares[name] for name in shares if TIERS[name] == tier], axis=0)
        for tier in sorted({TIERS[name] for name in shares})
    }


def main(
    hp: SearchImportance, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    measured = measure(hp, data, run.path / "sweeps", options)
    means = {
        optimizer: {subset: over_sweeps(sweeps, subset) for subset in SUBSETS}
        for optimizer, sweeps in measured.items()
    }
    pictures.draw_importances(run.path / "search_importance.png", means, TIERS)
    metrics = {}
    for optimizer, sweeps in measured.items():
        metrics[f"{optimizer}_best"] = max(max(sweep["scores"]) for sweep in sweeps)
        for name, shares in means[optimizer]["all"].items():
            metrics[f"{optimizer}_{name}"] = float(shares.mean())
    raw = {"hp": dataclasses.asdict(hp), "arms": measured}
    return harness.report("search_importance", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, SearchImportance, sweeps=1, num_trials=8, resamples=2, epochs=1, training_examples=64
    )
