r"""Ranks the course's hyperparameters by what they do in a random sweep of many trials.

    python -m recipes.claims.search_importance --flagfile=configs/search_importance.flags

One sweep with momentum and one with Adam. The importance of a hyperparameter is the share of the
variance of the validation accuracy that it explains (fANOVA: Hutter, Hoos and Leyton-Brown, 2014),
over all trials and over the better half; spreads are over resampled trials. The test set is not
used.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes.claims import harness, pictures
from recipes.claims.search_trial import Network, train
from tfcourse import machine, tuning
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    from tfcourse.tuning.state import Trial

# Of the lectures: 1 first, 2 second, 3 third, 4 rarely tuned.
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


@dataclasses.dataclass(frozen=True)
class SearchImportance(Hyperparameters):
    trials: int = integer(150, "Points of each sweep.", interval="[8, inf)")
    resamples: int = integer(20, "Of the trials, for the spread.", interval="[2, inf)")
    epochs: int = integer(3, "Passes over the training set in a trial.", interval="[1, inf)")
    training_examples: int = integer(5_000, "Examples a trial trains on.", interval="[10, inf)")


def importances(
    trials: Sequence["Trial"], scores: Sequence[float] | np.ndarray, num_resamples: int
) -> dict[str, np.ndarray]:
    """Returns `{hyperparameter: array [num_resamples]}` of shares of the explained variance.

    Args:
        num_resamples: at least 1; each draws as many trials with replacement.
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


def measure(
    hp: SearchImportance, data: Dataset, folder: pathlib.Path, options: Options
) -> dict[str, dict[str, Any]]:
    """Returns `{optimizer: {"all", "better half": importances, "failed": int}}`."""
    measured = {}
    with tuning.Workers(machine.num_cores()) as pool:
        for optimizer in ("momentum", "adam"):
            base = Network(
                optimizer=optimizer, epochs=hp.epochs, training_examples=hp.training_examples
            )
            sweep = tuning.search(
                train,
                base,
                folder / optimizer,
                pool,
                dataset=data.name,
                data_dir=options.data_dir,
                reading=options.reading,
                trials=hp.trials,
                seed=options.seed,
                keep_models=0,
                report=False,
            )
            # One that diverged is as good as guessing.
            scores = np.array(
                [sweep.score(trial) or 1 / data.num_classes for trial in sweep.trials]
            )
            better = np.flatnonzero(scores >= np.median(scores))
            measured[optimizer] = {
                "all": importances(sweep.trials, scores, hp.resamples),
                "better half": importances(
                    [sweep.trials[i] for i in better], scores[better], hp.resamples
                ),
                "best": float(scores.max()),
                "median": float(np.median(scores)),
            }
            print(f"{optimizer}: best of {hp.trials} trials {scores.max():.4f}", flush=True)
    return measured


def ranked(shares: Mapping[str, np.ndarray]) -> list[str]:
    """Returns the names of hyperparameters, the most important one first."""
    return sorted(shares, key=lambda name: -shares[name].mean())


def findings(measured: Mapping[str, Mapping[str, Any]], hp: SearchImportance) -> harness.Findings:
    arms: dict[str, dict[str, Any]] = {}
    holds = {}
    for optimizer, numbers in measured.items():
        arms[optimizer] = {
            subset: {name: numbers[subset][name] for name in ranked(numbers[subset])}
            for subset in ("all", "better half")
        }
        holds[optimizer] = [
            *(next(iter(shares)) == "learning_rate" for shares in arms[optimizer].values()),
            *(_is_ordered_by_tier(shares) for shares in arms[optimizer].values()),
        ]
    return {"hp": dataclasses.asdict(hp), "arms": arms}, holds


def _is_ordered_by_tier(shares: Mapping[str, np.ndarray]) -> bool:
    """Returns whether the mean share of a tier falls from tier to tier."""
    tiers = [
        np.mean([shares[name].mean() for name in shares if TIERS[name] == tier])
        for tier in sorted({TIERS[name] for name in shares})
    ]
    return tiers == sorted(tiers, reverse=True)


def main(
    hp: SearchImportance, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    measured = measure(hp, data, run.path / "sweeps", options)
    pictures.draw_importances(run.path / "search_importance.png", measured, TIERS)
    metrics = {
        **{
            f"{optimizer}_{name}": float(shares.mean())
            for optimizer, numbers in measured.items()
            for name, shares in numbers["all"].items()
        },
        **{f"{optimizer}_best": numbers["best"] for optimizer, numbers in measured.items()},
    }
    return harness.results("search_importance", metrics, findings(measured, hp), data)


if __name__ == "__main__":
    harness.run(main, SearchImportance, trials=8, resamples=2, epochs=1, training_examples=64)
