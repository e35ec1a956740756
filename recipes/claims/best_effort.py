r"""How far three models go on MNIST without augmentation, each after a real sweep.

    python -m recipes.claims.best_effort --flagfile=configs/best_effort.flags

A random sweep, ranked on validation, finds each model's values; several seeds then train with
them, and only these see the test set.
"""

import dataclasses
import os

import numpy as np

import tfcourse
from recipes.claims import pictures, verdicts
from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import command_line, tuning
from tfcourse.choices import MODELS
from tfcourse.hyperparameters import Hyperparameters, integer, integers

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
    "small_cnn": {
        "learning_rate": "3e-4:3e-2:log",
        "dropout": "0:0.5",
        "batch_size": "64,128",
    },
}
# Test error in per cent: Y. LeCun's table of results on MNIST, http://yann.lecun.com/exdb/mnist/,
# without distortions or other preprocessing.
PUBLISHED = {
    "softmax_regression": (("linear classifier (LeCun et al., 1998)", 12.0),),
    "batch_norm_mlp": (
        ("3 layers, 300 and 100 units (LeCun et al., 1998)", 3.05),
        ("2 layers, 800 units, cross-entropy (Simard et al., 2003)", 1.6),
    ),
    "small_cnn": (
        ("LeNet-1 (LeCun et al., 1998)", 1.7),
        ("LeNet-5 (LeCun et al., 1998)", 0.95),
    ),
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


def find(model, epochs, trials, data, folder, pool, options):
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
        data_flags=options.reading.to_texts(),
        trials=trials,
        searches=searched,
        fixed=sorted({"epochs", "optimizer", "dropout", "hidden_units", "beta"} - set(searched)),
        seed=options.seed,
    )
    best = sweep.best
    return dataclasses.replace(base, **best.values), sweep.score(best)


def measure(hyperparameters, data, folder, options):
    """Returns `{model: {"found": hyperparameters, "validation": float, "errors": [per cent]}}`."""
    hp = hyperparameters
    measured = {}
    with tuning.Workers(len(os.sched_getaffinity(0))) as pool:
        for model, trials, epochs in zip(SEARCHES, hp.trials, hp.epochs, strict=True):
            found, score = find(model, epochs, trials, data, folder / model, pool, options)
            measured[model] = {"found": found, "validation": score, "errors": []}
            print(f"{model}: best of {trials} trials {score:.4f} on validation", flush=True)
    for model, numbers in measured.items():
        # Seeds that no trial has had.
        for seed in range(options.seed, options.seed + hp.num_seeds):
            trained, history = train(numbers["found"], data, seed, verbose=0)
            metrics = tfcourse.training.final_metrics(trained, history, data)
            numbers["errors"].append(100 * (1 - metrics["test_accuracy"]))
        print(f"{model}: test error {np.mean(numbers['errors']):.2f} %", flush=True)
    return measured


def evidence(measured, hyperparameters):
    """Returns the rows of evidence, made from the errors."""
    hp = hyperparameters
    rows = []
    for (model, numbers), trials in zip(measured.items(), hp.trials, strict=True):
        values = ", ".join(
            f"{name.replace('_', ' ')} {_short(getattr(numbers['found'], name))}"
            for name in SEARCHES[model]
        )
        published = PUBLISHED[model]
        rows.append(
            verdicts.claim(
                5,
                f"Without augmentation, {model.replace('_', ' ')} does at least as well as "
                "the models of its kind in LeCun's table of MNIST.",
                f"Test error {verdicts.mean_and_spread(numbers['errors'], 2)} % ({hp.num_seeds} "
                f"seeds), with the best of {trials} trials on validation ({values}); published: "
                + "; ".join(f"{name} {error:g} %" for name, error in published)
                + ".",
                verdicts.verdict_of(
                    *(np.mean(numbers["errors"]) <= error for _, error in published)
                ),
                "best_effort.png",
            )
        )
    return rows


def _short(value):
    if isinstance(value, float):
        return f"{value:.2g}"
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def main(hyperparameters, data, options, run):
    measured = measure(hyperparameters, data, run.path / "sweeps", options)
    errors = {model: numbers["errors"] for model, numbers in measured.items()}
    pictures.draw_errors(run.path / "best_effort.png", errors, PUBLISHED)
    return {
        **{f"test_error_{model}": float(np.mean(e)) for model, e in errors.items()},
        **{f"val_accuracy_{model}": n["validation"] for model, n in measured.items()},
        "evidence": evidence(measured, hyperparameters),
        **tfcourse.training.provenance(data),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        BestEffort,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "trials": (2, 2, 2), "epochs": (2, 2, 2), "num_seeds": 2},
    )
