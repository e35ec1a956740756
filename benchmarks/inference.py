"""Milliseconds to evaluate and to predict a whole split, beside Keras.

    python -m benchmarks.inference --rounds=9

One process, TensorFlow's default threads; the contestants take turns, each round in another order,
after one warm-up each. All hold the same weights and 10,000 images; their answers are compared
before anything is measured. Written into docs/performance_inference.md.
"""

import argparse
import pathlib
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks import pages
from benchmarks.training_report import TITLES
from tfcourse import models, optimizers, training
from tfcourse.datasets import Split
from tfcourse.run_directory import environment

EXAMPLES = 10_000
Functions = dict[str, Callable[[], Any]]  # By contestant; they return numbers to compare.


def contestants(model: keras.Model, split: Split) -> dict[str, Functions]:
    """Returns the functions of each job."""
    evaluator = training.Evaluator(model)
    features, labels = split.features, split.labels

    def keras_evaluate(batch_size: int) -> list[float]:
        result = model.evaluate(
            features, labels, batch_size=batch_size, verbose=0, return_dict=True
        )
        return [result["loss"], result["accuracy"]]

    def evaluate() -> list[float]:
        result = evaluator.evaluate(split)
        return [result["loss"], result["accuracy"]]

    return {
        "evaluate": {
            "tfcourse": evaluate,
            "Keras": lambda: keras_evaluate(32),
            "Keras, batches of 1,000": lambda: keras_evaluate(1000),
        },
        "predict": {
            "tfcourse": lambda: evaluator.predict(features),
            "Keras": lambda: model.predict(features, verbose=0),
            "Keras, batches of 1,000": lambda: model.predict(features, batch_size=1000, verbose=0),
        },
    }


def measure(functions: Functions, num_rounds: int) -> dict[str, list[float]]:
    """Returns `{contestant: [milliseconds, one a round]}`."""
    answers = {name: function() for name, function in functions.items()}
    for answer in answers.values():
        np.testing.assert_allclose(answer, answers["tfcourse"], rtol=1e-3, atol=1e-3)
    times: dict[str, list[float]] = {name: [] for name in functions}
    names, order = list(functions), random.Random(0)
    for _ in range(num_rounds):
        order.shuffle(names)
        for name in names:
            start = time.perf_counter()
            functions[name]()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def rows(by_model: dict[str, dict[str, list[float]]]) -> list[list[str]]:
    """Returns the table of one job: `{model: {contestant: [milliseconds]}}`."""
    found = [["", *(cell for model in by_model for cell in (TITLES[model], "ratio"))]]
    for name in next(iter(by_model.values())):
        row = [name]
        for times in by_model.values():
            ratios = [t / ours for t, ours in zip(times[name], times["tfcourse"], strict=True)]
            row += [pages.spread(times[name], 1), pages.spread(ratios)]
        found.append(row)
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--models", default=",".join(TITLES))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    arguments = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    images = rng.random((EXAMPLES, 28, 28, 1), dtype=np.float32)
    split = Split(images, rng.integers(10, size=EXAMPLES).astype(np.int32))
    results: dict[str, dict[str, Any]] = {"evaluate": {}, "predict": {}}
    for name in arguments.models.split(","):
        training.set_seed(0)
        model = models.MODELS[name](images.shape[1:], 10)
        training.compile_classifier(model, optimizers.Adam(1e-3))
        for job, functions in contestants(model, split).items():
            results[job][name] = times = measure(functions, arguments.rounds)
            told = {each: round(statistics.median(ms), 1) for each, ms in times.items()}
            print(name, job, told, flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    page = pages.render(
        "inference.md.j2",
        tables={job: rows(by_model) for job, by_model in results.items()},
        rounds=arguments.rounds,
        machine=environment.machine(("tensorflow", "keras")),
    )
    (arguments.out / "performance_inference.md").write_text(page)


if __name__ == "__main__":
    main()
