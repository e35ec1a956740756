"""Trials a minute of random search beside keras-tuner and Optuna, and the sweep's own overhead.

    python -m benchmarks.sweeps --rounds=3 --data_dir=PATH

Every contestant is a process of its own that searches a learning rate on MNIST, two epochs a
trial; they take turns, each round in another order. keras-tuner and Optuna have the whole machine
with their framework's default threads; so has tfcourse with two workers of one thread each.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

from benchmarks.contestants.searchers import LABELS
from benchmarks.pages import spread
from benchmarks.training import PACKAGES
from benchmarks.training_processes import in_turns
from tfcourse.run_directory import environment

MODELS = {"softmax_regression": "Softmax regression", "batch_norm_mlp": "Batch-norm MLP"}
_IDLE_TRIALS = 200


def search(name, **task):
    """Returns what the contestant `name` printed."""
    command = [sys.executable, "-m", "benchmarks.contestants.searchers", name]
    task = json.dumps({**task, "started": time.time()})
    done = subprocess.run([*command, task], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def trials_a_minute(ends, num_workers):
    """Returns the rate after the first trials, in which processes start and compile."""
    return 60 * (len(ends) - num_workers) / (ends[-1] - ends[num_workers - 1])


def measure(model, arguments):
    """Returns `{contestant: {"per_minute": [...], "seconds": [...], "best": [...]}}`."""
    results = {name: {"per_minute": [], "seconds": [], "best": []} for name in LABELS}
    for number, name in in_turns(list(LABELS), arguments.rounds):
        asked = {key: vars(arguments)[key] for key in ("trials", "dataset", "data_dir")}
        found = search(name, model=model, epochs=2, seed=number, **asked)
        num_workers = 2 if name == "tfcourse_2" else 1
        rate = trials_a_minute(found["ends"], num_workers)
        results[name]["per_minute"].append(rate)
        results[name]["seconds"].append(found["ends"][-1])
        results[name]["best"].append(max(found["scores"]))
        print(f"{model} {name}: {rate:.1f} trials a minute", flush=True)
    return results


def overhead(arguments):
    """Returns the milliseconds that a trial takes in which nothing is trained, one worker."""
    milliseconds = []
    for number in range(arguments.rounds):
        asked = {"trials": _IDLE_TRIALS, "dataset": "digits", "data_dir": None}
        found = search("tfcourse_1", model="idle", seed=number, **asked)
        milliseconds.append(6e4 / trials_a_minute(found["ends"], 1))
        print(f"overhead: {milliseconds[-1]:.1f} ms a trial", flush=True)
    return milliseconds


def page(results):
    """Returns docs/performance_sweeps.md."""
    lines = [
        "# Sweep speed",
        "",
        "Written by `python -m benchmarks.sweeps`; do not edit. Random search for a learning rate",
        f"on {results['dataset']}, two epochs a trial, batch 128, {results['trials']} trials a",
        f"search, {results['rounds']} rounds in which all take turns. Median [smallest, largest].",
        "The first trials, in which processes start and compile, count only in the seconds.",
        "keras-tuner and Optuna use all cores; each worker of tfcourse has one thread.",
        "",
    ]
    for model, contestants in results["models"].items():
        lines += [
            f"## {MODELS[model]}",
            "",
            "|  | trials a minute | times keras-tuner | seconds in all |",
            "| --- | --- | --- | --- |",
        ]
        reference = contestants["keras_tuner"]["per_minute"]
        for name, result in contestants.items():
            pairs = zip(result["per_minute"], reference, strict=True)
            ratios = spread([rate / other for rate, other in pairs])
            rate, seconds = spread(result["per_minute"], 1), spread(result["seconds"], 1)
            lines.append(f"| {LABELS[name]} | {rate} | {ratios} | {seconds} |")
        two, one = (contestants[f"tfcourse_{n}"]["per_minute"] for n in (2, 1))
        pairs = zip(two, one, strict=True)
        lines += ["", f"Two workers against one: {spread([a / b for a, b in pairs])} times.", ""]
    own_share = spread(results["overhead_ms"], 1)
    versions = ", ".join(f"{n} {v}" for n, v in results["environment"]["versions"].items())
    lines += [
        "## The sweep's own share",
        "",
        f"A trial in which nothing is trained takes {own_share} ms: choosing,",
        "handing to a worker, the trial's folder, writing and flushing the journal.",
        "",
        f"{results['date']}, {results['environment']['cores']} cores of "
        f"{results['environment']['cpu']}, load {results['load']} at the end, {versions}.",
    ]
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", default=os.environ.get("TFCOURSE_MNIST_DIR"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    arguments = parser.parse_args(argv)
    results = {
        "models": {},
        "overhead_ms": overhead(arguments),
        "dataset": arguments.dataset,
        "trials": arguments.trials,
        "rounds": arguments.rounds,
        "date": str(datetime.date.today()),
        "environment": environment.machine(PACKAGES),
    }
    for model in arguments.models.split(","):
        results["models"][model] = measure(model, arguments)
        results["load"] = round(os.getloadavg()[0], 1)
        write(results, arguments.out)  # What is measured so far outlives an interruption.
    print(arguments.out / "performance_sweeps.md")


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    (folder / "performance_sweeps.json").write_text(text)
    (folder / "performance_sweeps.md").write_text(page(results))


if __name__ == "__main__":
    main()
