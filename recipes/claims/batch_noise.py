r"""How noisy the cost curve of a batch size is, and what memory its step needs.

    python -m recipes.claims.batch_noise --flagfile=configs/batch_noise.flags

Softmax regression by plain gradient descent, every batch size at the same learning rate; the cost
is that of each step's own mini-batch, as one sees it in training.
"""

import dataclasses
import functools

import numpy as np

import tfcourse
from recipes.claims import batch_size, pictures, verdicts
from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, integer, integers, number


@dataclasses.dataclass(frozen=True)
class BatchNoise(Hyperparameters):
    batch_sizes: tuple[int, ...] = integers((1, 8, 64, 512, 4096), "Examples a step, and all.")
    learning_rate: float = number(0.01, "Step size of all.", interval="(0, inf)")
    training_examples: int = integer(10_000, "Examples to train on.", interval="[10, inf)")
    steps: int = integer(200, "Steps; noise is measured in the second half.", interval="[4, inf)")
    num_seeds: int = integer(3, "Trainings with each batch size.", interval="[2, inf)")


def noise_of(costs):
    """Returns the scatter of a cost curve around its trend, from its second half.

    Two steps of white noise differ by sqrt(2) of its standard deviation; the trend adds little.
    """
    return float(np.std(np.diff(costs[len(costs) // 2 :])) / np.sqrt(2))


def measure(hyperparameters, data, size, seeds):
    """Returns the costs by step of each seed, their noise, and the bytes of a step."""
    hp = hyperparameters
    model = batch_size.build(data, hp.learning_rate, seed=0)
    stepping = tfcourse.training.Stepping(model, data.train, size)
    curves = []
    for seed in seeds:
        stepping.restart(batch_size.build(data, hp.learning_rate, seed))
        curves.append([])
        for _ in stepping.run(range(1, hp.steps + 1), seed):
            curves[-1].append(float(model.get_metrics_result()["loss"]))
    another_step = functools.partial(next, stepping.run((1,), seeds[0]))
    return {
        "curve": np.array(curves[0]),
        "noise": np.array([noise_of(np.array(curve)) for curve in curves]),
        "bytes": tfcourse.training.peak_bytes(another_step),
    }


def evidence(measured, hyperparameters, num_examples):
    """Returns the rows of evidence, made from `{batch size: measures}`."""

    names = {size: f"b = {size:,}" for size in measured} | {num_examples: "the full batch"}
    noise = {size: np.mean(m["noise"]) for size, m in measured.items()}
    parts = list(measured)[:-1]
    power = np.polyfit(np.log(parts), np.log([noise[size] for size in parts]), 1)[0]
    rows = "; ".join(
        f"{verdicts.mean_and_spread(m['noise'])} with {names[size]}" for size, m in measured.items()
    )
    result = [
        verdicts.claim(
            1,
            "The noise of the cost curve grows as the batch gets smaller.",
            f"Scatter of a step's cost around its trend, in nats: {rows} "
            f"(n = {hyperparameters.num_seeds}). It falls with b to the power {power:.2f}; "
            f"independent examples give -0.5.",
            verdicts.verdict_of(*(np.diff(list(noise.values())) < 0)),
            "batch_noise.png",
        )
    ]
    if all(m["bytes"] is not None for m in measured.values()):
        mebibytes = {size: m["bytes"] / 2**20 for size, m in measured.items()}
        memory = "; ".join(
            f"{f'{count:.1f}' if count else 'under 0.25'} MiB with {names[size]}"
            for size, count in mebibytes.items()
        )
        result.append(
            verdicts.claim(
                1,
                "The batch must fit into memory: a step needs more, the larger the batch.",
                f"A step needs, beyond data and weights, {memory} (one measurement each).",
                verdicts.verdict_of(
                    mebibytes[num_examples] > mebibytes[parts[0]],
                    *(np.diff(list(mebibytes.values())) >= 0),
                ),
                "batch_noise.png",
            )
        )
    return result


def main(hyperparameters, data, options, run):
    train = data.train.smaller(hyperparameters.training_examples)
    data = dataclasses.replace(data, train=train)
    m = len(train)
    sizes = [*(size for size in sorted(hyperparameters.batch_sizes) if size < m), m]
    seeds = range(options.seed, options.seed + hyperparameters.num_seeds)
    measured = {size: measure(hyperparameters, data, size, seeds) for size in sizes}
    rows = evidence(measured, hyperparameters, m)
    print("\n".join(row["measured"] for row in rows))
    pictures.draw_noise(run.path / "batch_noise.png", measured, m)
    return {
        **{
            f"noise_{'full' if size == m else size}": float(np.mean(numbers["noise"]))
            for size, numbers in measured.items()
        },
        "bytes": {str(size): numbers["bytes"] for size, numbers in measured.items()},
        "evidence": rows,
        **tfcourse.training.provenance(data),
    }


if __name__ == "__main__":
    command_line.run(
        main,
        BatchNoise,
        dataset="mnist,digits",
        smoke={"dataset": "digits", "batch_sizes": (1, 32), "steps": 8, "num_seeds": 2},
    )
