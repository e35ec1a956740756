"""Races to an accuracy and whole commands for `benchmarks.training`: a fresh process every time."""

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.contestants.process import ContestantFailedError, Process
from benchmarks.contestants.task import LEARNING_RATE, task

# Of each contestant, one result per round.
Results = dict[str, list[dict[str, Any]]]
BATCH = 128
RACE_EPOCHS = 20
COMMAND_MODEL = "batch_norm_mlp"
COMMAND_EPOCHS = 5


def in_turns(names: list[str], num_rounds: int) -> Iterator[tuple[int, str]]:
    """Yields (round, name); every round begins with another name."""
    for number in range(num_rounds):
        start = number % max(1, len(names))
        for name in names[start:] + names[:start]:
            yield number, name


def run_races(
    names: list[str],
    model: str,
    target: float,
    data: pathlib.Path,
    num_rounds: int,
    max_examples: int,
) -> Iterator[Results]:
    """Yields the results so far; each round has a seed of its own."""
    results: Results = {name: [] for name in names}
    for number, name in in_turns(names, num_rounds):
        limits: dict[str, Any] = {"max_examples": max_examples, "max_test_examples": 10_000}
        limits |= {"target": target, "max_epochs": RACE_EPOCHS}
        race = task(model, BATCH, data, seed=number, **limits)
        try:
            with Process(name, race) as process:
                results[name].append(stages(process.result()))
        except ContestantFailedError as error:
            print(f"{name} is left out: {error}", flush=True)
        else:
            print(f"{model}, round {number + 1}, {name}: {results[name][-1]}", flush=True)
            yield {name: rounds for name, rounds in results.items() if rounds}


def stages(result: Mapping[str, Any]) -> dict[str, Any]:
    """Splits the seconds until the target; compiling is what the first epoch took beyond others."""
    ready = result["import"] + result["data"]
    ends = result["epoch_ends"]
    typical = float(np.median(np.diff(ends)))
    compiling = max(0.0, ends[0] - ready - typical)
    epochs_trained = result["epochs"] or len(ends)
    total = ends[epochs_trained - 1]
    return {
        "import": result["import"],
        "data": result["data"],
        "compile": compiling,
        "train": total - ready - compiling,
        "total": total,
        "epochs_trained": epochs_trained,
        "reached": result["epochs"] is not None,
        "accuracy": result["accuracies"][epochs_trained - 1],
    }


def run_commands(
    names: list[str],
    data: pathlib.Path,
    folder: pathlib.Path,
    num_rounds: int,
    max_examples: int,
    smoke: bool,
) -> Results:
    """Returns the results: from process start to a saved, tested model."""
    results: Results = {}
    for number, name in in_turns(names, num_rounds):
        limits: dict[str, Any] = {"max_examples": max_examples, "max_test_examples": 10_000}
        limits |= {"max_epochs": COMMAND_EPOCHS, "save_to": str(folder / name)}
        started = time.perf_counter()
        try:
            if name == "recipe":
                accuracy = run_recipe(folder / f"{name}{number}", smoke)
            else:
                trained = task(COMMAND_MODEL, BATCH, data, seed=number, **limits)
                with Process(name, trained) as process:
                    accuracy = process.result()["accuracies"][-1]
                    process.wait()
        except ContestantFailedError as error:
            print(f"{name} is left out: {error}", flush=True)
        else:
            result = {"seconds": time.perf_counter() - started, "accuracy": accuracy}
            print(f"command, round {number + 1}, {name}: {result}", flush=True)
            results.setdefault(name, []).append(result)
    return results


def run_recipe(run_dir: pathlib.Path, smoke: bool) -> float:
    """Trains with the recipe itself, as its user does; returns the test accuracy."""
    flags: dict[str, Any] = {"model": COMMAND_MODEL, "epochs": COMMAND_EPOCHS, "batch_size": BATCH}
    flags |= {"optimizer": "adam", "schedule": "constant", "learning_rate": LEARNING_RATE}
    flags |= {"dataset": "digits" if smoke else "mnist", "run_dir": run_dir}
    command = [sys.executable, "-m", "recipes.mnist_softmax"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    if not smoke and os.environ.get("TFCOURSE_MNIST_DIR"):
        command.append(f"--data_dir={os.environ['TFCOURSE_MNIST_DIR']}")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ContestantFailedError(ended.stderr.strip() or f"exit {ended.returncode}")
    return json.loads((run_dir / "metrics.json").read_text())["test_accuracy"]
