r"""Measures what three models reach on MNIST without augmentation, each after a real sweep.

    python -m recipes.claims.best_effort --flagfile=configs/best_effort.flags

A random sweep of short trainings, ranked on validation, finds the hyperparameters of each model.
Several seeds then train longer with them. Only these trainings use the test set.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures
from recipes.claims.search_trial import others
from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import tuning
from tfcourse.choices import MODELS
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integers
from tfcourse.run_directory import RunDirectory
from tfcourse.system import machine

# In the form of --search; everything else is as in mnist_softmax.
SEARCHES = {
    "softmax_regression": {
        "learning_rate": "1e-4:1e-1:log",
        "weight_decay": "1e-6:1e-1:log",
        "batch_size": "32,64,128,256",
    },
    "batch_norm_mlp": {
        "learning_rate": "1e-4:1e-1:log",
        "dropout": "0:0.5",
        "hidden_units": "256,128/512,256",
        "batch_size": "64,128,256",
    },
    "small_cnn": {"learning_rate": "3e-4:3e-2:log", "dropout": "0:0.5", "batch_size": "64,128"},
}
# Test error in per cent: Y. LeCun's table of results on MNIST, http://yann.lecun.com/exdb/mnist/,
# without distortions or other preprocessing.
PUBLISHED = {
    "softmax_regression": (("linear classifier (LeCun et al., 1998)", 12.0),),
    "batch_norm_mlp": (
        ("3 layers, 300 and 100 units (LeCun et al., 1998)", 3.05),
        ("2 layers, 800 units, cross-entropy (Simard et al., 2003)", 1.6),
    ),
    "small_cnn": (("LeNet-1 (LeCun et al., 1998)", 1.7), ("LeNet-5 (LeCun et al., 1998)", 0.95)),
}


@dataclasses.dataclass(frozen=True)
class BestEffort(Hyperparameters):
    num_trials: tuple[int, ...] = integers(
        (8, 4, 3), "Trials of softmax regression, of the batch-norm MLP and of the small CNN."
    )
    tuning_epochs: tuple[int, ...] = integers((4, 4, 1), "Passes of each trial, likewise.")
    epochs: tuple[int, ...] = integers((6, 12, 5), "Passes with the values that were found.")
    num_seeds: tuple[int, ...] = integers((3, 6, 3), "Trainings with the values that were found.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, values in vars(self).items():
            if len(values) != len(MODELS):
                raise ValueError(
                    f"`{name}` must hold {len(MODELS)} numbers, one per model. Received: "
                    f"{name}={values}"
                )


def find(
    model: str,
    epochs: int,
    trials: int,
    data: Dataset,
    folder: pathlib.Path,
    pool: "tuning.Workers",
    options: Options,
) -> tuple[MnistSoftmax, float]:
    """Returns the best hyperparameters of a sweep with `trials` trials, and their score."""
    base = MnistSoftmax(model=model, epochs=epochs)
    searched = SEARCHES[model]
    sweep = tuning.search(
        train,
        base,
        folder,
        pool,
        dataset=data.name,
        data_dir=options.data_dir,
        reading=options.reading,
        trials=trials,
        searches=searched,
        fixed=others(base, searched),
        seed=options.seed,
        keep_models=0,
        report=False,
    )
    best = sweep.best
    score = sweep.score(best) if best else None
    if best is None or score is None:
        raise tuning.AllTrialsFailedError(f"no trial of {model} was complete")
    return dataclasses.replace(base, **best.values), score


def measure(
    hp: BestEffort, data: Dataset, folder: pathlib.Path, options: Options
) -> dict[str, dict[str, Any]]:
    """Returns `{model: {"found": values, "validation": float, "errors": [per cent]}}`."""
    found: dict[str, tuple[MnistSoftmax, float]] = {}
    with tuning.Workers(machine.num_cores()) as pool:
        for model, trials, epochs in zip(SEARCHES, hp.num_trials, hp.tuning_epochs, strict=True):
            found[model] = find(model, epochs, trials, data, folder / model, pool, options)
            print(f"{model}: best of {trials} trials {found[model][1]:.4f} on validation")
    measured = {}
    for (model, (best, score)), epochs, count in zip(
        found.items(), hp.epochs, hp.num_seeds, strict=True
    ):
        # Seeds that no trial has used.
        seeds = harness.seeds(options.seed, count)
        longer = dataclasses.replace(best, epochs=epochs)
        errors = [_test_error(longer, data, seed) for seed in seeds]
        values = {name: getattr(best, name) for name in SEARCHES[model]}
        measured[model] = {"found": values, "validation": score, "errors": errors}
        print(f"{model}: test error {harness.spread(errors, 2)} %", flush=True)
    return measured


def _test_error(hyperparameters: MnistSoftmax, data: Dataset, seed: int) -> float:
    trained, history = train(hyperparameters, data, seed, verbose=0)
    metrics = tfcourse.training.final_metrics(trained, history, data)
    return 100 * (1 - metrics["test_accuracy"])


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {model: measures}}`."""
    hp, arms = raw["hp"], raw["arms"]
    per_model = zip(*hp.values(), strict=True)
    told = {
        model: {
            **arm,
            **dict(zip(hp, values, strict=True)),
            "label": MODELS[model].label,
            "published": PUBLISHED[model],
        }
        for (model, arm), values in zip(arms.items(), per_model, strict=True)
    }
    return {**raw, "arms": told}, {
        model: judging.Claim(
            "test error (%)",
            tuple(
                judging.Comparison(name, judging.mean(arm["errors"]), error, "below", form=".2f")
                for name, error in PUBLISHED[model]
            ),
            precision=0.3,
        )
        for model, arm in arms.items()
    }


def main(hp: BestEffort, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    measured = measure(hp, data, run.path / "sweeps", options)
    errors = {model: numbers["errors"] for model, numbers in measured.items()}
    pictures.draw_errors(run.path / "best_effort.png", errors, PUBLISHED)
    metrics = {
        **{f"test_error_{model}": float(np.mean(e)) for model, e in errors.items()},
        **{f"val_accuracy_{model}": n["validation"] for model, n in measured.items()},
    }
    raw = {"hp": dataclasses.asdict(hp), "arms": measured}
    return harness.report("best_effort", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(
        main, BestEffort,
        num_trials=(2, 2, 2), tuning_epochs=(1, 1, 1), epochs=(2, 2, 2), num_seeds=(2, 2, 2),
    )  # fmt: skip
