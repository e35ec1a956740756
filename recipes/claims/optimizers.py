r"""Compares the four optimizers on MNIST, each with its own tuned learning rate, over seeds.

    python -m recipes.claims.optimizers --flagfile=configs/optimizers.flags

Every optimizer is tried with every rate of one grid, chosen by validation accuracy after the last
epoch; then it trains with other seeds at that rate. The pictures: validation accuracy against
rate, and test accuracy by seed.
"""

import dataclasses
import itertools

import numpy as np
from scipy import stats

import tfcourse
from recipes.claims import pictures, verdicts
from tfcourse import command_line
from tfcourse.choices import MODELS, OPTIMIZERS
from tfcourse.hyperparameters import (
    Hyperparameters,
    batch_size,
    integer,
    integers,
    number,
    texts,
)

WITHIN = 0.01  # of the best validation accuracy, a learning rate counts as a good one.


@dataclasses.dataclass(frozen=True)
class Optimizers(Hyperparameters):
    models: tuple[str, ...] = texts(("softmax_regression", "batch_norm_mlp"), "Networks.")
    hidden_units: tuple[int, ...] = integers((128,), "Hidden layers of the MLP.")
    batch_size: int | str = batch_size(128, "Examples a step.")
    epochs: int = integer(3, "Passes over the training set.", interval="[1, inf)")
    lowest_rate: float = number(1e-4, "Lowest learning rate of the grid.", interval="(0, inf)")
    decades: int = integer(5, "Powers of ten that the grid spans.", interval="[1, inf)")
    rates_per_decade: int = integer(2, "Learning rates a power of ten.", interval="[1, inf)")
    num_seeds: int = integer(10, "Trainings at the chosen rate.", interval="[2, inf)")

    def __post_init__(self):
        super().__post_init__()
        if not set(self.models) <= set(MODELS):
            raise ValueError(
                f"`models` must be among {', '.join(MODELS)}. Received: models={self.models}"
            )

    @property
    def rates(self):
        count = self.decades * self.rates_per_decade + 1
        return self.lowest_rate * np.logspace(0, self.decades, count)


def build(hyperparameters, data, model, optimizer, learning_rate, seed, **arguments):
    """Returns the compiled network `model` for `data`."""
    tfcourse.training.set_seed(seed)
    sized = "hidden_units" in MODELS[model].takes
    shape = {"hidden_units": hyperparameters.hidden_units} if sized else {}
    network = tfcourse.models.MODELS[model](data.input_shape, data.num_classes, **shape)
    rule = tfcourse.optimizers.OPTIMIZERS[optimizer](learning_rate, **arguments)
    tfcourse.training.compile_classifier(network, rule)
    return network


def compare(hyperparameters, data, model, optimizer, seed):
    """Tunes the rate of one optimizer on one model, then trains with `num_seeds` other seeds.

    Returns:
        `(validation accuracies, test accuracies, training losses)`: a value a rate, then one a
        seed.
    """
    hp = hyperparameters
    choice = hp, data, model, optimizer
    network = build(*choice, hp.rates[0], seed)
    stepping = tfcourse.training.Stepping(network, data.train, hp.batch_size)
    evaluator = tfcourse.training.Evaluator(network)

    def train(rate, seed):
        """Returns the mean training loss over the last epoch."""
        stepping.restart(build(*choice, rate, seed))
        run_epochs(stepping, hp.epochs, seed)
        return float(network.get_metrics_result()["loss"])

    tuned, accuracies, losses = [], [], []
    for rate in hp.rates:
        train(rate, seed)
        tuned.append(evaluator.evaluate(data.validation)["accuracy"])
    best = hp.rates[np.argmax(tuned)]
    for offset in range(hp.num_seeds):
        # The largest seed is followed by 0.
        losses.append(train(best, (seed + 1 + offset) % 2**32))
        accuracies.append(evaluator.evaluate(data.test)["accuracy"])
    return np.array(tuned), np.array(accuracies), np.array(losses)


def run_epochs(stepping, epochs, seed):
    for _ in stepping.run(stepping.steps_per_epoch * np.arange(1, epochs + 1), seed):
        pass


def largest_difference_to_rmsprop(hyperparameters, data, seed):
    """Returns how far Adam with beta_1 = 0, uncorrected, ends from RMSProp in any weight."""
    hp = hyperparameters
    weights = []
    for optimizer, arguments in (
        ("rmsprop", {"beta": 0.9, "epsilon": 1e-7}),
        ("adam", {"beta_1": 0.0, "beta_2": 0.9, "epsilon": 1e-7, "bias_correction": False}),
    ):
        network = build(hp, data, hp.models[0], optimizer, 1e-3, seed, **arguments)
        run_epochs(tfcourse.training.Stepping(network, data.train, hp.batch_size), 1, seed)
        weights.append(network.get_weights())
    return max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))


def wins(accuracies, losses):
    """Returns `(more accurate, lower loss, pairs)`: seeds in which momentum beats descent."""
    pairs = [(a["momentum"], a["gradient_descent"]) for a in accuracies.values()]
    more_accurate = sum(int((ours > theirs).sum()) for ours, theirs in pairs)
    lower = [loss["momentum"] < loss["gradient_descent"] for loss in losses.values()]
    return more_accurate, int(np.sum(lower)), sum(len(ours) for ours, _ in pairs)


def good_decades(hyperparameters, tuned):
    """Returns how many powers of ten the rates span that come within `WITHIN` of the best."""
    best = max(values.max() for values in tuned.values())
    steps = {name: int((values >= best - WITHIN).sum()) for name, values in tuned.items()}
    return {name: count / hyperparameters.rates_per_decade for name, count in steps.items()}


def evidence(hyperparameters, tuned, accuracies, losses, difference):
    """Returns the rows of docs/evidence.md."""
    hp = hyperparameters
    names = pictures.optimizers.NAMES
    more_accurate, lower, pairs = wins(accuracies, losses)
    interval = stats.binomtest(more_accurate, pairs).proportion_ci(method="wilson")
    how = f"each with the best of the same {len(hp.rates)} rates"
    firsts, widest, reached, widths = [], [], [], []
    for model, by_optimizer in accuracies.items():
        means = {name: values.mean() for name, values in by_optimizer.items()}
        good = good_decades(hp, tuned[model])
        firsts.append(max(means, key=means.get))
        widest.append(good["adam"] == max(good.values()))
        spreads = (
            f"{names[name]} {verdicts.mean_and_spread(100 * values, 2)} %"
            for name, values in by_optimizer.items()
        )
        label = MODELS[model].label
        reached.append(f"{label}: {', '.join(spreads)}")
        widths.append(f"{label}: {', '.join(f'{names[n]} {width:g}' for n, width in good.items())}")
    return [
        verdicts.claim(
            2,
            "Momentum almost always beats plain gradient descent.",
            f"On MNIST, {how}, momentum has the higher test accuracy in {more_accurate} of {pairs} "
            f"pairs of trainings from the same weights and batches (95 % interval "
            f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %) and the lower training loss "
            f"in {lower}; {len(accuracies)} models, {hp.num_seeds} seeds, {hp.epochs} epochs.",
            verdicts.verdict_of(more_accurate >= 0.9 * pairs, lower >= 0.9 * pairs),
            "optimizers_seeds.png",
        ),
        verdicts.claim(
            3,
            "Adam compares favourably to the other methods.",
            f"Test accuracy after {hp.epochs} epochs, {how}, mean and standard deviation of "
            f"{hp.num_seeds} seeds: {'; '.join(reached)}.",
            verdicts.verdict_of(*(first == "adam" for first in firsts)),
            "optimizers_seeds.png",
        ),
        verdicts.claim(
            3,
            "Adam's learning rate needs little tuning.",
            f"Powers of ten that the rates span within {100 * WITHIN:g} percentage point of "
            f"the best validation accuracy: {'; '.join(widths)}.",
            verdicts.verdict_of(*widest),
            "optimizers.png",
        ),
        verdicts.claim(
            3,
            "Adam is momentum and RMSProp in one.",
            "With b1 = 0 and without bias correction, after an epoch of MNIST the weight that "
            f"differs most from RMSProp's differs by {difference:g}.",
            verdicts.verdict_of(difference == 0.0),
            "optimizers.png",
        ),
    ]


def main(hyperparameters, data, options, run):
    hp = hyperparameters
    tuned, accuracies, losses = ({model: {} for model in hp.models} for _ in range(3))
    metrics = {}
    for model, name in itertools.product(hp.models, OPTIMIZERS):
        results = compare(hp, data, model, name, options.seed)
        tuned[model][name], accuracies[model][name], losses[model][name] = results
        rate = hp.rates[results[0].argmax()]
        mean, deviation = results[1].mean(), results[1].std(ddof=1)
        print(
            f"{model:>18}  {name:>16}  rate {rate:8.2g}  test accuracy {mean:.4f} ± {deviation:.4f}"
        )
        metrics[f"{model}_{name}_rate"] = float(rate)
        metrics[f"{model}_{name}_accuracy"] = float(mean)
        metrics[f"{model}_{name}_accuracy_deviation"] = float(deviation)
    difference = largest_difference_to_rmsprop(hp, data, options.seed)
    more_accurate, lower, pairs = wins(accuracies, losses)
    draw = pictures.optimizers
    draw.draw_sensitivity(hp.rates, tuned, run.path / "optimizers.png")
    draw.draw_seeds(accuracies, run.path / "optimizers_seeds.png")
    return {
        **metrics,
        "momentum_wins_accuracy": more_accurate / pairs,
        "momentum_wins_loss": lower / pairs,
        "adam_minus_rmsprop": difference,
        "rates": hp.rates.tolist(),
        "val_accuracies": {m: {n: list(v) for n, v in by.items()} for m, by in tuned.items()},
        "test_accuracies": {m: {n: list(v) for n, v in by.items()} for m, by in accuracies.items()},
        "dataset": data.name,
        "fallback_from": list(data.fallback_from),
        "evidence": evidence(hp, tuned, accuracies, losses, difference),
        "environment": tfcourse.training.environment(),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        Optimizers,
        dataset="mnist,digits",
        smoke={
            "dataset": "digits",
            "models": ("softmax_regression",),
            "epochs": 1,
            "decades": 2,
            "rates_per_decade": 1,
            "lowest_rate": 1e-3,
            "num_seeds": 2,
        },
    )
