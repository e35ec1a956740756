"""Trials per minute beside keras-tuner, Optuna and Ray Tune, and the sweep's own share.

    python -m benchmarks.sweeps --data_dir=PATH

Every contestant is a process of its own that searches a learning rate, with two epochs of MNIST per
trial or twenty of digits; they take turns, each round in another order. Then the driver is timed
with workers that answer at once, up to 20,000 trials. It all takes about a quarter of an hour on
two idle cores.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import pages
from benchmarks.contestants.searchers import LABELS
from benchmarks.pages import spread
from benchmarks.training import PACKAGES
from benchmarks.training_processes import in_turns
from tfcourse.run_directory import environment

# Title, and what differs from the flags and from two epochs per trial.
SEARCHED: dict[str, tuple[str, dict[str, Any]]] = {
    "softmax_regression": ("Softmax regression", {"model": "softmax_regression"}),
    "batch_norm_mlp": ("Batch-norm MLP", {"model": "batch_norm_mlp"}),
    "digits": (
        "Batch-norm MLP on the 1,257 digits of scikit-learn, 20 epochs",
        {"model": "batch_norm_mlp", "dataset": "digits", "data_dir": None, "epochs": 20},
    ),
}
_IDLE_TRIALS = 200
DRIVER_SIZES = (250, 2_000, 20_000)
DRIVER_CASES = (
    {"tuner": "random", "pruning": "none", "workers": 1},
    {"tuner": "random", "pruning": "none", "workers": 1_000},
    {"tuner": "coarse_to_fine", "pruning": "none", "workers": 1_000},
    {"tuner": "hyperband", "pruning": "none", "workers": 1_000},
    {"tuner": "random", "pruning": "median", "workers": 1_000},
)


def printed(module: str, *arguments: str) -> dict[str, Any]:
    """Returns what a module of the contestants printed, as JSON."""
    command = [sys.executable, "-m", f"benchmarks.contestants.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def search(name: str, **task: Any) -> dict[str, Any]:
    """Returns when the trials of the contestant `name` ended, and their scores."""
    return printed("searchers", name, json.dumps({**task, "started": time.time()}))


def trials_a_minute(ends: Sequence[float], num_workers: int) -> float:
    """Returns the rate after the first trials, in which processes start and compile."""
    return 60 * (len(ends) - num_workers) / (ends[-1] - ends[num_workers - 1])


def measure(searched: str, arguments: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Returns `{contestant: {"per_minute": [...], "seconds": [...], "best": [...]}}`."""
    results: dict[str, dict[str, list[float]]] = {
        name: {"per_minute": [], "seconds": [], "best": []} for name in LABELS
    }
    asked: dict[str, Any] = {key: vars(arguments)[key] for key in ("trials", "dataset", "data_dir")}
    asked |= {"epochs": 2, **SEARCHED[searched][1]}
    for number, name in in_turns(list(LABELS), arguments.rounds):
        found = search(name, seed=number, **asked)
        num_workers = 2 if name == "tfcourse_2" else 1
        rate = trials_a_minute(found["ends"], num_workers)
        results[name]["per_minute"].append(rate)
        results[name]["seconds"].append(found["ends"][-1])
        results[name]["best"].append(max(found["scores"]))
        print(f"{searched} {name}: {rate:.1f} trials per minute", flush=True)
    return results


def overhead(arguments: argparse.Namespace) -> list[float]:
    """Returns the milliseconds that a trial takes in which nothing is trained, one worker."""
    milliseconds: list[float] = []
    for number in range(arguments.rounds):
        asked = {"trials": arguments.idle_trials, "dataset": "digits", "data_dir": None}
        found = search("tfcourse_1", model="idle", seed=number, **asked)
        milliseconds.append(6e4 / trials_a_minute(found["ends"], 1))
        print(f"overhead: {milliseconds[-1]:.1f} ms per trial", flush=True)
    return milliseconds


def driver_curve(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Returns a list of cases, each with what `contestants.instant` measured of it."""
    found: list[dict[str, Any]] = []
    for case in DRIVER_CASES:
        for trials in sizes:
            asked = {**case, "trials": trials}
            found.append({"case": asked, **printed("instant", json.dumps(asked))})
            print(f"driver {asked}: {found[-1]['ms']:.2f} ms per trial", flush=True)
    return found


def page(results: Mapping[str, Any]) -> str:
    """Returns docs/performance_sweeps.md."""
    models = []
    for searched in (name for name in SEARCHED if name in results["models"]):
        contestants = results["models"][searched]
        rows = [["", "trials per minute", "times keras-tuner", "seconds in all"]]
        reference = contestants["keras_tuner"]["per_minute"]
        for name, label in LABELS.items():
            result = contestants[name]
            ratios = [a / b for a, b in zip(result["per_minute"], reference, strict=True)]
            cells = spread(result["per_minute"], 1), spread(ratios), spread(result["seconds"], 1)
            rows.append([label, *cells])
        two, one = (contestants[f"tfcourse_{n}"]["per_minute"] for n in (2, 1))
        ratio = spread([a / b for a, b in zip(two, one, strict=True)])
        models.append((SEARCHED[searched][0], rows, ratio))
    driver = [["tuner", "workers", "trials", "ms", "CPU ms", "s to resume"]]
    for each in results["driver"]:
        case = each["case"]
        tuner = case["tuner"] + (f", pruning {case['pruning']}" * (case["pruning"] != "none"))
        numbers = f"{each['ms']:.2f}", f"{each['busy_ms']:.2f}", f"{each['resume_seconds']:.1f}"
        driver.append([tuner, f"{case['workers']:,}", f"{each['trials']:,}", *numbers])
    described = {name: results[name] for name in ("dataset", "trials", "rounds", "overhead_ms")}
    return pages.render(
        "sweeps.md.j2",
        models=models,
        driver=driver,
        has_ray="ray_same" in LABELS,
        machine=results["environment"],
        date=results["date"],
        load=results["load"],
        **described,
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=7)
    parser.add_argument("--idle_trials", type=int, default=_IDLE_TRIALS)
    parser.add_argument("--driver_trials", default=",".join(map(str, DRIVER_SIZES)))
    parser.add_argument("--models", default=",".join(SEARCHED))
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data_dir", default=os.environ.get("TFCOURSE_MNIST_DIR"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs"))
    arguments = parser.parse_args(argv)
    results: dict[str, Any] = {
        "models": {},
        "overhead_ms": overhead(arguments),
        "driver": driver_curve([int(size) for size in arguments.driver_trials.split(",")]),
        "dataset": arguments.dataset,
        "trials": arguments.trials,
        "rounds": arguments.rounds,
        "date": str(datetime.date.today()),
        "environment": environment.machine(PACKAGES),
    }
    for searched in arguments.models.split(","):
        results["models"][searched] = measure(searched, arguments)
        results["load"] = round(os.getloadavg()[0], 1)
        write(results, arguments.out)  # What is measured so far outlives an interruption.
    print(arguments.out / "performance_sweeps.md")


def write(results: Mapping[str, Any], folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, sort_keys=True) + "\n"
    (folder / "performance_sweeps.json").write_text(text)
    (folder / "performance_sweeps.md").write_text(page(results))


if __name__ == "__main__":
    main()
