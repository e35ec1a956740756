r"""Repeats the first experiment of the Adam paper: logistic regression on MNIST, three optimizers.

    python -m recipes.claims.adam_paper --flagfile=configs/adam_paper.flags

Kingma & Ba, 2015, https://arxiv.org/abs/1412.6980, section 6.1: batches of 128, step size
alpha / sqrt(t) with t counted in steps, 45 epochs. The paper gives neither alpha nor the strength
of its L2 penalty. Here there is no penalty, each alpha is the best of one grid for all after ten
epochs, and a tenth of the training set is kept for validation. So order and level can be compared,
not digits.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import tfcourse
from recipes.claims import harness, pictures
from tfcourse.command_line import Options
from tfcourse.datasets import Dataset
from tfcourse.hyperparameters import Hyperparameters, batch_size, integer, number
from tfcourse.run_directory import RunDirectory

if TYPE_CHECKING:
    import keras

# Training cost at epoch 45 in the paper's experiment.
PAPER = {"adam": 0.257, "sgd_nesterov": 0.265, "adagrad": 0.459}
CONTESTANTS = (*PAPER, "adagrad_constant")


@dataclasses.dataclass(frozen=True)
class AdamPaper(Hyperparameters):
    batch_size: int | Literal["full"] = batch_size(128, "Examples per step.")
    epochs: int = integer(45, "Passes over the training set.", interval="[1, inf)")
    tuning_epochs: int = integer(10, "Passes with each alpha of the grid.", interval="[1, inf)")
    lowest_alpha: float = number(0.01, "Lowest alpha of the grid.", interval="(0, inf)")
    decades: int = integer(3, "Powers of ten that the grid spans.", interval="[1, inf)")
    alphas_per_decade: int = integer(2, "Alphas a power of ten.", interval="[1, inf)")
    num_seeds: int = integer(3, "Trainings at the chosen alpha.", interval="[1, inf)")

    @property
    def alphas(self) -> np.ndarray:
        return self.lowest_alpha * np.logspace(
            0, self.decades, self.decades * self.alphas_per_decade + 1
        )


def make_optimizer(name: str, alpha: float) -> "keras.Optimizer":
    """Returns the optimizer of a contestant; all but "adagrad_constant" decay as the paper's."""
    import keras

    step_size = tfcourse.schedules.RootDecay(alpha, steps_per_epoch=1)  # An "epoch" is a step.
    if name == "adam":
        return tfcourse.optimizers.Adam(step_size)
    if name == "sgd_nesterov":
        return keras.optimizers.SGD(step_size, momentum=0.9, nesterov=True)
    rate = step_size if name == "adagrad" else alpha
    return keras.optimizers.Adagrad(rate, initial_accumulator_value=0.0)


def costs(
    hp: AdamPaper, data: Dataset, name: str, alpha: float, seed: int, epochs: int
) -> np.ndarray:
    """Returns the training cost of each epoch, the mean over its steps; infinite from a failure."""
    tfcourse.training.set_seed(seed)
    model = tfcourse.models.softmax_regression(data.input_shape, data.num_classes)
    tfcourse.training.compile_classifier(model, make_optimizer(name, float(alpha)))
    try:
        history = tfcourse.training.fit(
            model, data, epochs=epochs, batch_size=hp.batch_size, seed=seed, verbose=0
        )
    except tfcourse.training.NotFiniteError:
        return np.full(epochs, np.inf)
    return np.array(history.history["loss"])


def contest(hp: AdamPaper, data: Dataset, name: str, seed: int) -> tuple[float, np.ndarray]:
    """Returns `(alpha, costs [seeds, epochs])`: the best of the grid, and other seeds with it."""
    seeds = harness.seeds(seed, hp.num_seeds, skip=1)
    with tfcourse.training.shared_programs():
        last = [costs(hp, data, name, alpha, seed, hp.tuning_epochs)[-1] for alpha in hp.alphas]
        alpha = float(hp.alphas[np.argmin(last)])
        return alpha, np.array([costs(hp, data, name, alpha, other, hp.epochs) for other in seeds])


def findings(
    hp: AdamPaper, alphas: dict[str, float], curves: dict[str, np.ndarray]
) -> harness.Findings:
    means = {name: values[:, -1].mean() for name, values in curves.items()}
    numbers = {
        "hp": dataclasses.asdict(hp),
        "num_alphas": len(hp.alphas),
        "paper": PAPER,
        "arms": {
            name: {
                "label": pictures.optimizers.NAMES[name],
                "alpha": alphas[name],
                "cost": values[:, -1],
                "cost_by_epoch": values,
            }
            for name, values in curves.items()
        },
    }
    return numbers, {
        "order": [
            means["adam"] <= means["sgd_nesterov"] + 0.01,
            means["adam"] < means["adagrad"] and means["sgd_nesterov"] < means["adagrad"],
        ],
        "adagrad": [
            means["adagrad"] > 1.5 * means["adam"],
            means["adagrad_constant"] > 1.5 * means["adam"],
        ],
    }


def main(hp: AdamPaper, data: Dataset, options: Options, run: RunDirectory) -> dict[str, Any]:
    alphas, curves, metrics = {}, {}, {}
    for name in CONTESTANTS:
        alphas[name], curves[name] = contest(hp, data, name, options.seed)
        last = curves[name][:, -1]
        print(f"{name:>17} alpha {alphas[name]:6.2g}: cost {last.mean():.4f} ± {last.std():.4f}")
        metrics[f"{name}_cost"] = float(last.mean())
        metrics[f"{name}_alpha"] = alphas[name]
    pictures.optimizers.draw_paper(curves, PAPER, run.path / "adam_paper.png")
    return harness.results("adam_paper", metrics, findings(hp, alphas, curves), data)


if __name__ == "__main__":
    harness.run(
        main, AdamPaper, epochs=2, tuning_epochs=1, decades=1, alphas_per_decade=1, num_seeds=1
    )
