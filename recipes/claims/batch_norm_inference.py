r"""Batch normalization at inference: a sample alone, and moving averages that lag.

    python -m recipes.claims.batch_norm_inference --flagfile=configs/batch_norm_inference.flags

A ReLU network trains for few steps, its moving averages with Keras's momentum 0.99. Validation
data show the lag; the test set is not used.
"""

import dataclasses

import numpy as np

import tfcourse
from recipes.claims import pictures, verdicts
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number

STOPS = (1, 3, 10, 30, 100, 300, 1000, 3000)
# Means and variances to normalize by.
KINDS = MOVING, OWN, ANEW = "moving averages", "the batch's own", "re-estimated"
LOOK_BACK_STEPS = 100
NUM_ALONE = 20


@dataclasses.dataclass(frozen=True)
class BatchNormInference(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((100, 100, 100), "Widths of the hidden layers.")
    batch_size: int | str = batch_size(60, "Examples a step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, 1000]")
    momentum: float = number(0.99, "Of the moving averages.", interval="[0, 1)")
    max_steps: int = integer(3000, "Steps of a training.", interval="[100, inf)")
    num_seeds: int = integer(5, "Trainings.", interval="[2, inf)")

    @property
    def stops(self):
        return [step for step in STOPS if step <= self.max_steps]


def build(hyperparameters, data, seed):
    hp = hyperparameters
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.plain_mlp(
        data.input_shape,
        data.num_classes,
        hp.hidden_units,
        activation="relu",
        batch_norm=True,
        momentum=hp.momentum,
    )
    optimizer = tfcourse.optimizers.GradientDescent(hp.learning_rate)
    tfcourse.training.compile_classifier(model, optimizer)
    return model


def losses_of(model, evaluator, data):
    """Returns the validation cost by each kind of mean and variance; `model` stays as it is."""
    kept = model.get_weights()
    by_moving = evaluator.evaluate(data.validation)["loss"]
    features = data.validation.features
    logits = [
        model(features[start : start + 1000], training=True).numpy()
        for start in range(0, len(features), 1000)
    ]
    by_own = float(model.loss(data.validation.labels, np.concatenate(logits)))
    tfcourse.training.reestimate_batch_norm(model, data.train.features[:5000])
    by_anew = evaluator.evaluate(data.validation)["loss"]
    model.set_weights(kept)
    return {MOVING: by_moving, OWN: by_own, ANEW: by_anew}


def change_alone(model, features, training):
    """Returns the largest change of an example's logits, from within the batch to alone."""
    kept = model.get_weights()
    together = model(features, training=training).numpy()[:NUM_ALONE]
    alone = [model(features[i : i + 1], training=training).numpy() for i in range(NUM_ALONE)]
    model.set_weights(kept)
    return float(np.abs(np.concatenate(alone) - together).max())


def measure(hyperparameters, data, seeds):
    """Returns `{kind: costs [seeds, stops]}` and `{"inference" or "training": change [seeds]}`."""
    hp = hyperparameters
    model = build(hp, data, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(model)
    losses = {kind: [] for kind in KINDS}
    changes = {"inference": [], "training": []}
    for seed in seeds:
        stepping.restart(build(hp, data, seed))
        rows = [losses_of(model, evaluator, data) for _ in stepping.run(hp.stops, seed)]
        for kind in losses:
            losses[kind].append([row[kind] for row in rows])
        for mode in changes:
            change = change_alone(model, data.validation.features[:100], mode == "training")
            changes[mode].append(change)
        print(f"seed {seed}: {rows[-1]}", flush=True)
    return {kind: np.array(rows) for kind, rows in losses.items()}, changes


def evidence(losses, changes, hyperparameters):
    """Returns the rows of evidence, made from the numbers."""
    hp = hyperparameters
    early, late = hp.stops.index(LOOK_BACK_STEPS), -1
    n = f"n = {hp.num_seeds}"
    lag = losses[MOVING].mean(axis=0) / losses[ANEW].mean(axis=0)

    def costs(stop):
        return ", ".join(
            f"{verdicts.mean_and_spread(rows[:, stop])} by {kind}" for kind, rows in losses.items()
        )

    return [
        verdicts.claim(
            4,
            "With the averages collected in training, a single sample gets the same answer alone "
            "as within a batch.",
            f"The logits of {NUM_ALONE} samples change by at most "
            f"{max(changes['inference']):.0e} at inference, and by up to "
            f"{max(changes['training']):.1f} in training mode, where the mean is the sample "
            f"itself ({n}).",
            verdicts.verdict_of(max(changes["inference"]) < 1e-4),
            "batch_norm_inference.png",
        ),
        verdicts.claim(
            4,
            "At inference the averages collected in training stand in for a batch's own mean and "
            "variance.",
            f"Validation cost with momentum {hp.momentum:g} after {hp.stops[early]} steps: "
            f"{costs(early)}; after {hp.stops[late]:,} steps: {costs(late)} ({n}). Of where they "
            f"started, the averages still hold {hp.momentum ** hp.stops[early]:.0%} and "
            f"{hp.momentum ** hp.stops[late]:.0%}; their cost is {lag[early]:.2f} and "
            f"{lag[late]:.2f} times that of averages that `training.reestimate_batch_norm` took.",
            verdicts.verdict_of(lag[early] < 1.1, lag[late] < 1.1),
            "batch_norm_inference.png",
        ),
    ]


def main(hyperparameters, data, options, run):
    seeds = range(options.seed, options.seed + hyperparameters.num_seeds)
    losses, changes = measure(hyperparameters, data, seeds)
    pictures.draw_lag(run.path / "batch_norm_inference.png", hyperparameters.stops, losses, changes)
    names = {MOVING: "moving", OWN: "own", ANEW: "anew"}
    return {
        **{
            f"loss_{names[kind]}_{stop}": float(column.mean())
            for kind, rows in losses.items()
            for stop, column in zip(hyperparameters.stops, rows.T, strict=True)
        },
        **{f"alone_{mode}": max(values) for mode, values in changes.items()},
        "evidence": evidence(losses, changes, hyperparameters),
        **tfcourse.training.provenance(data),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        BatchNormInference,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "hidden_units": (8,), "max_steps": 100, "num_seeds": 2},
    )
