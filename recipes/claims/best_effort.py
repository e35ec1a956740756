r"""How far three models go on MNIST without augmentation, each after a real sweep.

    python -m recipes.claims.best_effort --flagfile=configs/best_effort.flags

A random sweep, ranked on validation, finds each model's values; several seeds then train with
them, and only these see the test set.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import machine, tuning
from tfcourse.choices import MODELS
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, integer, integers
from tfcourse.run_directory import RunDirectory

# What --search would say; all else is as mnist_softmax has it.
SEARCHES = {
    "softmax_regression": {
        "learning_rate": "1e-4:1e-1:log",
        "weight_decay": "1e-6:1e-1:log",
        "batch_size": "32,64,128,256",
    },
    "batch_norm_mlp": {
        "learning_rate": "1e-4:1e-1:log",
        "dropout": "0:0.5",
        "hidden_units": "512,256/1024,512",
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
    trials: tuple[int, ...] = integers(
        (12, 8, 4), "Trials of softmax regression, of the batch-norm MLP and of the small CNN."
    )
    epochs: tuple[int, ...] = integers((8, 10, 6), "Passes over the training set, likewise.")
    num_seeds: int = integer(5, "Trainings with the values that were found.", interval="[2, inf)")

    def __post_init__(self):
        super().__post_init__()
        for name in ("trials", "epochs"):
            if len(getattr(self, name)) != len(MODELS):
                raise ValueError(
                    f"`{name}` must hold {len(MODELS)} numbers, one a model. Received: "
                    f"{name}={getattr(self, name)}"
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
    """Returns the best hyperparameters that a sweep of `trials` finds, and its score."""
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
        fixed=sorted({"epochs", "optimizer", "dropout", "hidden_units", "beta"} - set(searched)),
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
    """Returns `{model: {"found": hyperparameters, "validation": float, "errors": [per cent]}}`."""
    measured: dict[str, dict[str, Any]] = {}
    with tuning.Workers(machine.num_cores()) as pool:
        for model, trials, epochs in zip(SEARCHES, hp.trials, hp.epochs, strict=True):
            found, score = find(model, epochs, trials, data, folder / model, pool, options)
            measured[model] = {"found": found, "validation": score, "errors": []}
            print(f"{model}: best of {trials} trials {score:.4f} on validation", flush=True)
    for model, numbers in measured.items():
        # Seeds that no trial has had.
        for seed in harness.seeds(options.seed, hp.num_seeds):
            trained, history = train(numbers["found"], data, seed, verbose=0)
            metrics = tfcourse.training.final_metrics(trained, history, data)
            numbers["errors"].append(100 * (1 - metrics["test_accuracy"]))
        print(f"{model}: test error {np.mean(numbers['errors']):.2f} %", flush=True)
    return measured


def findings(measured: Mapping[str, Mapping[str, Any]], hp: BestEffort) -> harness.Findings:
    numbers = {
        "hp": dataclasses.asdict(hp),
        "arms": {
            model: {
                **each,
                "found": {name: getattr(each["found"], name) for name in SEARCHES[model]},
                "trials": trials,
                "published": PUBLISHED[model],
            }
            for (model, each), trials in zip(measured.items(), hp.trials, strict=True)
        },
    }
    return numbers, {
        model: [bool(np.mean(each["errors"]) <= error) for _, error in PUBLISHED[model]]
        for model, each in measured.items()
    }


def main(hp: BestEffort, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    measured = measure(hp, data, run.path / "sweeps", options)
    errors = {model: numbers["errors"] for model, numbers in measured.items()}
    pictures.draw_errors(run.path / "best_effort.png", errors, PUBLISHED)
    metrics = {
        **{f"test_error_{model}": float(np.mean(e)) for model, e in errors.items()},
        **{f"val_accuracy_{model}": n["validation"] for model, n in measured.items()},
    }
    return harness.results("best_effort", metrics, findings(measured, hp), data)


if __name__ == "__main__":
    harness.run(main, BestEffort, trials=(2, 2, 2), epochs=(2, 2, 2), num_seeds=2)
