"""Kills a recipe's whole command at random moments, from its first line of Python to its exit.

    python -m tests.command_soak --kills=60

Unlike tests.soak, which forks and kills while it trains, each process is one that a user would
start, killed with SIGKILL in a phase drawn at random: start-up, compiling, training, evaluating,
drawing, exit; some again while they resume. The same command then goes on, and what it ends with
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


PHASES = {  # How far a process has come, by the newest that there is in its folder.
    "exit": "metrics.json",
    "evaluating, drawing": "model.keras",
    "training, saving": "checkpoints/*",
    "compiling": "flags.txt",
    "start-up": "",
}


def phase(folder):
    """Returns how far a process has come, as its folder tells."""
    return next(name for name, mark in PHASES.items() if not mark or any(folder.glob(mark)))


def killed(process, folder, rng):
    """Kills a process at random; returns in which phase, `None` where it was faster."""
    if any(folder.glob("flags.txt")):  # It resumes a run, so the folder tells no phase of its own.
        found, seconds = "resumed", rng.uniform(0, 10)
    else:
        wanted = [*PHASES].index(rng.choice([*PHASES]))
        while process.poll() is None and [*PHASES].index(phase(folder)) > wanted:
            time.sleep(0.01)
        found, seconds = None, rng.uniform(0, 1.5)
    try:
        process.wait(seconds)
        return None
    except subprocess.TimeoutExpired:
        found = found or phase(folder)
        process.kill()
        process.wait()
        return found


def soak(num_kills, rng, deadline):
    """Returns (kills by phase, counts of runs, by what came of them)."""
    kills, runs = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        with open(root / "log", "wb") as log:
            code = start(root / "whole", log).wait()
            assert code == 0, (root / "log").read_text()
            whole = outcome(root / "whole")
            while sum(kills.values()) < num_kills and time.monotonic() < deadline:
                folder = root / f"run{sum(runs.values())}"
                for _ in range(rng.randint(1, 4)):
                    found = killed(start(folder, log), folder, rng)
                    if found is None:
                        break
                    kills[found] += 1
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
