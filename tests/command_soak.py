"""Kills a recipe's whole command at random moments, from its first line of Python to its exit.

    python -m tests.command_soak --kills=60

Unlike tests.soak, which forks and kills while it trains, each process is one that a user would
start, killed with SIGKILL at a moment drawn from all the time that it takes: start-up, compiling,
training, evaluating, saving, drawing, exit. The same command then goes on, and what it ends with
must be what an uninterrupted one ends with, times aside.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
COMMAND = (
    *(sys.executable, "-m", "recipes.mnist_softmax", "--dataset=digits", "--epochs=30"),
    *("--seed=3", "--hidden_units=32,16", "--optimizer=adam", "--dropout=0.2"),
)
_ASIDE = ("seconds", "stages", "continued_from", "resumed", "environment", "host", "commit")


def start(folder, log):
    return subprocess.Popen(
        [*COMMAND, f"--run_dir={folder}"],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=log,
        stderr=log,
    )


def outcome(folder):
    """Returns what a finished run holds, without times, as `{name: value}`."""
    rows = [row.split(",") for row in (folder / "history.csv").read_text().splitlines()]
    metrics = json.loads((folder / "metrics.json").read_text())
    return {
        "history": [
            [cell for cell, name in zip(row, rows[0], strict=True) if "seconds" not in name]
            for row in rows
        ],
        "weights": (folder / "weights.arrays").read_bytes(),
        "metrics": {k: v for k, v in metrics.items() if isinstance(v, float) and k not in _ASIDE},
        "files": sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if "tensorboard" not in path.parts and "checkpoints" not in path.parts
        ),
    }


def phase(folder):
    """Returns how far a process had come when it was killed, as its folder tells."""
    marks = {
        "exit": "metrics.json",
        "evaluating, drawing": "model.keras",
        "training, saving": "checkpoints/*",
        "compiling": "flags.txt",
    }
    return next((name for name, mark in marks.items() if any(folder.glob(mark))), "start-up")


def soak(num_kills, rng, deadline):
    """Returns (kills by phase, counts of runs, by what came of them)."""
    kills, runs = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        with open(root / "log", "wb") as log:
            began = time.monotonic()
            code = start(root / "whole", log).wait()
            seconds = time.monotonic() - began
            assert code == 0, (root / "log").read_text()
            whole = outcome(root / "whole")
            while sum(kills.values()) < num_kills and time.monotonic() < deadline:
                folder = root / f"run{sum(runs.values())}"
                for _ in range(rng.randint(1, 4)):
                    process = start(folder, log)
                    try:
                        process.wait(rng.uniform(0, seconds))
                        break  # It was faster than the first.
                    except subprocess.TimeoutExpired:
                        kills[phase(folder)] += 1
                        process.kill()
                        process.wait()
                code = start(folder, log).wait()
                same = code == 0 and {k for k, v in outcome(folder).items() if v != whole[k]}
                result = f"exit {code}" if code else f"differs: {same}" if same else "identical"
                runs[result] += 1
                print(f"{folder.name}: {result}; {dict(kills)}", flush=True)
                if result != "identical":
                    print((root / "log").read_text()[-2000:], flush=True)
    return kills, runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes
    kills, runs = soak(arguments.kills, random.Random(arguments.seed), deadline)
    print(f"{sum(kills.values())} kills: {dict(kills)}; runs: {dict(runs)}")
    return 0 if set(runs) <= {"identical"} else 1


if __name__ == "__main__":
    sys.exit(main())
