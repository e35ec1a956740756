r"""Repeats the first experiment of the Adam paper: logistic regression on MNIST, three optimizers.

    python -m recipes.claims.adam_paper --flagfile=configs/adam_paper.flags

Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980, section 6.1: batches of 128, step size alpha /
sqrt(t) with t counted in steps, 45 epochs. The paper states neither alpha nor the strength of its
L2 penalty. Here, there is no penalty, each alpha is the best of neighbouring values by the cost
after the last epoch, and a tenth of the training set is held out for validation. So the order and
the level of the costs can be compared, but not the digits.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, judging, pictures, rates
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# Training cost at epoch 45 in the paper's experiment.
PAPER = {"adam": 0.257, "sgd_nesterov": 0.265, "adagrad": 0.459}
# Where the search for alpha begins.
START = {"adam": 0.1, "sgd_nesterov": 1.0, "adagrad": 0.3, "adagrad_constant": 0.1}
ALPHAS_PER_DECADE, NUM_ALPHAS = 2, 3  # For each optimizer.
LIKE, FAR_BEHIND = 1.05, 1.5  # Costs, as multiples of the other's.


@dataclasses.dataclass(frozen=True)
class AdamPaper(Hyperparameters):
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.")
    epochs: int = integer(45, "Passes over the training set.", interval="[1, inf)")
    num_seeds: int = integer(3, "Trainings at the chosen alpha.", interval="[2, inf)")


def make_optimizer(name: str, alpha: float) -> "keras.Optimizer":
    """Returns an optimizer with the paper's decay; "adagrad_constant" has no decay."""
    import keras

    step_size = tfcourse.schedules.RootDecay(alpha, steps_per_epoch=1)  # An "epoch" is a step.
    if name == "adam":
        return tfcourse.optimizers.Adam(step_size)
    if name == "sgd_nesterov":
        return keras.optimizers.SGD(step_size, momentum=0.9, nesterov=True)
    rate = step_size if name == "adagrad" else alpha
    return keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0)


def costs(hp: AdamPaper, data: Dataset, name: str, alpha: float, seed: int) -> list[float]:
    """Returns the training cost per epoch, the mean over its steps; infinite after a failure."""
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    tfcourse.training.compile_classifier(model, make_optimizer(name, alpha))
    try:
        history = tfcourse.training.fit(
            model, data, epochs=hp.epochs, batch_size=hp.batch_size, seed=seed, verbose=0
        )
    except tfcourse.training.NotFiniteError:
        return [np.inf] * hp.epochs
    return history.history["loss"]


def contest(hp: AdamPaper, data: Dataset, name: str, seed: int) -> dict[str, Any]:
    """Returns `{"tuned": alphas and costs, "cost_by_epoch": [seeds, epochs]}` of one optimizer."""
    with tfcourse.training.shared_programs():
        tuned = rates.tune(
            lambda alpha: [costs(hp, data, name, alpha, seed)[-1]],
            START[name], per_decade=ALPHAS_PER_DECADE, count=NUM_ALPHAS,
        )  # fmt: skip
        others = harness.seeds(seed, hp.num_seeds, skip=1)
        curves = [costs(hp, data, name, tuned.rate, other) for other in others]
    last = np.array(curves)[:, -1]
    print(f"{name:>17} alpha {tuned.rate:6.2g}: cost {harness.spread(last, 4)}", flush=True)
    return {"tuned": dataclasses.asdict(tuned), "cost_by_epoch": curves}


def judge(raw: Mapping[str, Any]) -> harness.Judged:
    """Returns the template's variables and the claims, from `{"arms": {optimizer: measures}}`."""
    cost = {name: np.array(arm["cost_by_epoch"])[:, -1] for name, arm in raw["arms"].items()}
    labels = {name: pictures.optimizers.NAMES[name] for name in cost}

    def compared(name: str, other: str, bound: float, side: Any = "below") -> judging.Comparison:
        paper = f"{PAPER[name] / PAPER[other]:.2f}" if name in PAPER else ""
        return judging.Comparison(
            f"{labels[name]}, against {labels[other]}",
            judging.ratio(cost[name], cost[other]), bound, side, form=".2f",
            shown={
                "cost": harness.spread(cost[name], 4),
                "the other's": harness.spread(cost[other], 4),
                "in the paper": paper,
            },
        )  # fmt: skip

    numbers = {
        **raw,
        "arms": {
            name: {
                "label": labels[name],
                "alpha": rates.best_rate(raw["arms"][name]["tuned"]),
                "cost": values,
            }
            for name, values in cost.items()
        },
        "paper": PAPER,
        "num_alphas": NUM_ALPHAS,
        "like": LIKE,
        "far_behind": FAR_BEHIND,
    }
    effect = "cost, as a multiple of the other's"
    order = (
        compared("adam", "sgd_nesterov", LIKE),
        compared("adam", "adagrad", 1.0),
        compared("sgd_nesterov", "adagrad", 1.0),
    )
    adagrad = tuple(
        compared(name, "adam", FAR_BEHIND, "above") for name in ("adagrad", "adagrad_constant")
    )
    return numbers, {
        "order": judging.Claim(effect, order, precision=0.1),
        "adagrad": judging.Claim(effect, adagrad, precision=0.1),
    }


def main(hp: AdamPaper, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    measured = {name: contest(hp, data, name, options.seed) for name in START}
    curves = {name: np.array(each["cost_by_epoch"]) for name, each in measured.items()}
    pictures.optimizers.draw_paper(curves, PAPER, run.path / "adam_paper.png")
    metrics = {}
    for name, each in measured.items():
        metrics[f"{name}_cost"] = float(curves[name][:, -1].mean())
        metrics[f"{name}_alpha"] = rates.best_rate(each["tuned"])
    raw = {"hp": dataclasses.asdict(hp), "arms": measured}
    return harness.report("adam_paper", metrics, raw, judge, data)


if __name__ == "__main__":
    harness.run(main, AdamPaper, epochs=2, num_seeds=2)
