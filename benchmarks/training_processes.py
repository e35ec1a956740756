"""Races to an accuracy and whole commands for `benchmarks.training`: a fresh process every time."""

import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.contestants.process import ContestantFailedError, Process
from benchmarks.contestants.task import LEARNING_RATE, task

BATCH = 128
RACE_EPOCHS = 20
COMMAND_MODEL = "batch_norm_mlp"
COMMAND_EPOCHS = 5


def in_turns(names, num_rounds):
    """Yields (round, name); every round begins with another name."""
    for number in range(num_rounds):
        start = number % max(1, len(names))
        for name in names[start:] + names[:start]:
            yield number, name


def run_races(names, model, target, data, num_rounds, max_examples):
    """Yields {contestant: [one result per round]} so far, each round with a seed of its own."""
    results = {name: [] for name in names}
    for number, name in in_turns(names, num_rounds):
        limits = {"max_examples": max_examples, "max_test_examples": 10_000}
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


def stages(result):
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


def run_commands(names, data, folder, num_rounds, max_examples, smoke):
    """Returns {contestant: [one result per round]}: from process start to a saved, tested model."""
    results = {}
    for number, name in in_turns(names, num_rounds):
        limits = {"max_examples": max_examples, "max_test_examples": 10_000}
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


def run_recipe(run_dir, smoke):
    """Trains with the recipe itself, as its user does; returns the test accuracy."""
    flags = {"model": COMMAND_MODEL, "epochs": COMMAND_EPOCHS, "batch_size": BATCH}
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
