r"""Batch normalization at inference: single samples, and moving averages that lag.

    python -m recipes.claims.batch_norm_inference --flagfile=configs/batch_norm_inference.flags

A ReLU network trains for a few steps, with Keras's momentum of 0.99 for the moving averages. The
lag is measured on the validation set; the test set is not used.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, integers, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

STOPS = (1, 3, 10, 30, 100, 300, 1000, 3000)
# Means and variances to normalize by.
KINDS = MOVING, OWN, ANEW = "moving averages", "the batch's own", "re-estimated"
LOOK_BACK_STEPS = 100
NUM_ALONE = 20
SAME, STAND_IN = 1e-4, 1.1  # Largest change of a logit, and of a cost as a multiple.


@dataclasses.dataclass(frozen=True)
class BatchNormInference(Hyperparameters):
    hidden_units: tuple[int, ...] = integers((100, 100, 100), "Widths of the hidden layers.")
    batch_size: int | Literal["full"] = batch_size(60, "Examples per step.")
    learning_rate: float = number(0.1, "Step size.", interval="(0, 1000]")
    momentum: float = number(0.99, "Momentum of the moving averages.", interval="[0, 1)")
    max_steps: int = integer(3000, "Steps of a training.", interval="[100, inf)")
    num_seeds: int = integer(20, "Trainings.", interval="[2, inf)")

    @property
    def stops(self) -> list[int]:
        return [step for step in STOPS if step <= self.max_steps]


def build(hp: BatchNormInference, data: Dataset, seed: int) -> "keras.Model":
    layers: dict[str, Any] = {"activation": "relu", "batch_norm": True, "momentum": hp.momentum}
    return harness.plain_mlp(data, hp.hidden_units, hp.learning_rate, seed, **layers)


def losses_of(
    model: "keras.Model", evaluator: "tfcourse.training.Evaluator", data: Dataset
) -> dict[str, float]:
    """Returns the validation cost with each kind of mean and variance; `model` is unchanged."""
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


def change_alone(model: "keras.Model", features: np.ndarray, training: bool) -> float:
    """Returns the largest change of an example's logits between its batch and alone."""
    kept = model.get_weights()
    together = model(features, training=training).numpy()[:NUM_ALONE]
    alone = [model(features[i : i + 1], training=training).numpy() for i in range(NUM_ALONE)]
    model.set_weights(kept)
    return float(np.abs(np.concatenate(alone) - together).max())


def measure(
    hp: BatchNormInference, data: Dataset, seeds: Sequence[int]
) -> tuple[dict[str, np.ndarray], dict[str, list[float]]]:
    """Returns `{kind: costs [seeds, stops]}` and `{"inference" or "training": change [seeds]}`."""
    model = build(hp, data, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(model)
    losses: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    changes: dict[str, list[float]] = {"inference": [], "training": []}
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


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"losses": ..., "changes": ...}`."""
    stops = {"early": raw["stops"].index(LOOK_BACK_STEPS), "late": len(raw["stops"]) - 1}
    costs = {
        when: {kind: np.array(rows)[:, stop] for kind, rows in raw["losses"].items()}
        for when, stop in stops.items()
    }
    numbers = {
        **raw, "num_alone": NUM_ALONE, "costs": costs, "same": SAME, "stand_in": STAND_IN,
        "steps": {when: raw["stops"][stop] for when, stop in stops.items()},
    }  # fmt: skip
    changes = raw["changes"]
    alone = judging.Comparison(
        "at inference", judging.mean(changes["inference"]), SAME, "below", form=".0e",
        shown={"in training mode": harness.spread(changes["training"], 1)},
    )  # fmt: skip
    averages = tuple(
        judging.Comparison(
            f"after {numbers['steps'][when]:,} steps",
            judging.ratio(by[MOVING], by[OWN]), STAND_IN, "below", form=".2f",
            shown={kind: harness.spread(values) for kind, values in by.items()},
        )
        for when, by in costs.items()
    )  # fmt: skip
    effect = "cost by moving averages, as a multiple of that by the batch's own"
    return numbers, {
        "alone": judging.Claim("largest change of a logit", (alone,)),
        "averages": judging.Claim(effect, averages, precision=0.2),
    }


def main(
    hp: BatchNormInference, data: Dataset, options: Options, run: RunDirectory
) -> dict[str, Any]:
    seeds = harness.seeds(options.seed, hp.num_seeds)
    losses, changes = measure(hp, data, seeds)
    pictures.draw_lag(run.path / "batch_norm_inference.png", hp.stops, losses, changes)
    names = {MOVING: "moving", OWN: "own", ANEW: "anew"}
    metrics = {
        **{
            f"loss_{names[kind]}_{stop}": float(column.mean())
            for kind, rows in losses.items()
            for stop, column in zip(hp.stops, rows.T, strict=True)
        },
        **{f"alone_{mode}": max(values) for mode, values in changes.items()},
    }
    raw = {
        "hp": dataclasses.asdict(hp), "stops": hp.stops, "losses": losses, "changes": changes
    }  # fmt: skip
    return harness.report("batch_norm_inference", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, BatchNormInference, hidden_units=(8,), max_steps=100, num_seeds=2)
