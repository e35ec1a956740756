r"""Publishes the results of the claim recipes: docs/evidence.md, its pictures and numbers.

    python -m recipes.evidence --run_dirs=runs/moving_average/A,runs/batch_size/B

copies the pictures of these runs into docs/images/evidence/ and their raw numbers into
docs/evidence/NAME.json. Then it judges all claims again, and writes docs/evidence.md and every
sentence about them in README.md, docs/ and notebooks/. Without --run_dirs, it first runs the
flagfile of every published recipe, or of those in --only, into runs/evidence/TIME/NAME.

    python -m recipes.evidence --repeat      # runs them with three other base seeds
    python -m recipes.evidence --refresh     # runs nothing, only writes the texts again

On Linux, as many recipes run at a time as there are cores, each on one core, because their small
networks gain little from a second one. Recipes that measure seconds run alone, on all cores.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recipes.claims import published
from tfcourse import command_line, run_directory
from tfcourse.hyperparameters import Hyperparameters, text, texts
from tfcourse.system import files

REPEATED_SEEDS = (1001, 2001, 3001)  # Far enough apart that no seed is used twice.
TIMED = ("batch_size", "frameworks")  # Recipes that measure seconds.
# In JSON: a list of only numbers, each on its own line.
_NUMBER = r"(?:-?\d[\d.e+-]*|null|true|false)"
_NUMBERS = re.compile(rf"\[\s+((?:{_NUMBER},\s+)*{_NUMBER})\s+\]")


@dataclasses.dataclass(frozen=True)
class Evidence(Hyperparameters):
    run_dirs: tuple[str, ...] | None = texts(None, "Finished runs of claim recipes.", optional=True)
    only: tuple[str, ...] | None = texts(
        None, "Recipes to run; by default all published ones.", optional=True
    )
    data_dir: str | None = text(None, "Data folder, passed on to the recipes.", optional=True)
    docs: str = text("docs", "Folder to write to.")


class NotPublishableError(Exception):
    """The run can't be published: unfinished, a smoke run, other data, or without numbers."""

    exit_code = 2


def read(path: str) -> tuple[str, dict[str, Any]]:
    """Returns `(recipe, record)` of the finished run in the folder `path`."""
    run = run_directory.RunDirectory(path)
    metrics = run.read_metrics()
    if metrics is None:
        raise NotPublishableError(f"--run_dirs: {path} holds no finished run")
    text = (run.path / run_directory.FLAGS).read_text(encoding="utf-8")
    module = text.split("recipes.", 1)[1].split()[0]  # As in its header: python -m recipes.NAME
    recipe = module.rpartition(".")[2]
    flags = run_directory.parse_flags(text)
    if flags.get("smoke") == ["True"] or metrics.get("fallback_from") or not metrics.get("raw"):
        raise NotPublishableError(
            f"--run_dirs: {path} is a smoke run, ran on a stand-in for its data, or has no numbers"
        )
    environment = metrics["environment"]
    return recipe, {
        "recipe": recipe,
        "command": f"python -m recipes.{module} --flagfile=configs/{recipe}.flags",
        # The data's folder differs between machines.
        "flags": {name: texts for name, texts in flags.items() if name != "data_dir"},
        "versions": {"python": environment["python"], **environment["versions"]},
        "cpu": environment["cpu"],
        "cores": environment["cores"],
        "date": time.strftime("%Y-%m-%d", time.gmtime((run.path / "metrics.json").stat().st_mtime)),
        "seconds": round(metrics["seconds"]),
        "pictures": sorted(
            file.name for kind in ("png", "gif") for file in run.path.glob(f"{recipe}*.{kind}")
        ),
        "raw": metrics["raw"],
    }


def publish(path: str, docs: pathlib.Path) -> None:
    """Copies one run's pictures and numbers into the folder `docs`."""
    recipe, record = read(path)
    images = docs / "images" / "evidence"
    images.mkdir(parents=True, exist_ok=True)
    numbers = docs / "evidence" / f"{recipe}.json"
    if numbers.exists():
        for picture in json.loads(numbers.read_text(encoding="utf-8"))["pictures"]:
            (images / picture).unlink(missing_ok=True)
    for picture in record["pictures"]:
        shutil.copyfile(pathlib.Path(path) / picture, images / picture)
    _write(numbers, record)


def keep_repeat(path: str, docs: pathlib.Path) -> None:
    """Saves the numbers of one run with another base seed."""
    recipe, record = read(path)
    (seed,) = record["flags"]["seed"]
    _write(docs / "evidence" / "repeats" / f"{recipe}.{seed}.json", record)


def _write(path: pathlib.Path, record: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # More digits than the precision of a measurement would only take space.
    short = json.loads(json.dumps(record), parse_float=lambda text: float(f"{float(text):.9g}"))
    text = json.dumps(short, indent=1, ensure_ascii=False)
    text = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    files.write_file(path, text + "\n")


def write_texts(docs: pathlib.Path) -> None:
    """Writes docs/evidence.md, and each sentence about it in other files."""
    records = published.read(docs)
    page = published.page(records, published.read_repeats(docs))
    files.write_file(docs / "evidence.md", page)
    found = published.findings(records)
    for path, refreshed in published.refreshed(docs.parent, found).items():
        files.write_file(path, refreshed)
    print(f"{docs / 'evidence.md'} holds {len(found)} claims")


def run_again(evidence: Evidence, docs: pathlib.Path, seeds: Sequence[int | None]) -> Iterator[str]:
    """Runs published recipes again, each with every base seed; None is the flagfile's.

    Yields:
        Each run directory, as soon as the run has finished.

    Raises:
        NotPublishableError: `--only` names an unknown recipe, or runs failed; the others finish.
    """
    records = published.read(docs)
    unknown = set(evidence.only or ()) - set(records)
    if unknown:
        raise NotPublishableError(
            f"--only: there is no {', '.join(sorted(unknown))} among {', '.join(records)}"
        )
    folder = time.strftime("runs/evidence/%Y%m%d-%H%M%S")
    # The longest first, so that no core waits for it at the end.
    names = sorted(evidence.only or records, key=lambda name: -records[name]["seconds"])
    failed = []
    for at_a_time in (True, False):
        commands = {
            run_dir: _command(evidence, records[name], run_dir, seed)
            for name in names
            if (name not in TIMED) == at_a_time
            for seed in seeds
            for run_dir in [f"{folder}/{name}" if seed is None else f"{folder}/{name}.{seed}"]
        }
        for run_dir, code in _run(commands, _cores() if at_a_time else [None]):
            if code:
                failed.append(f"{' '.join(commands[run_dir][1:])} ended with exit code {code}")
            else:
                yield run_dir
    if failed:
        raise NotPublishableError("\n".join(failed))


def _command(
    evidence: Evidence, record: published.Record, run_dir: str, seed: int | None
) -> list[str]:
    command = [sys.executable, *record["command"].split()[1:], f"--run_dir={run_dir}"]
    if seed is not None:
        command.append(f"--seed={seed}")
    if evidence.data_dir and "dataset" in record["flags"]:
        command.append(f"--data_dir={evidence.data_dir}")
    return command


def _cores() -> Sequence[int | None]:
    """Returns the cores on which processes can be placed; [None] if they choose themselves."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else [None]


def _run(
    commands: Mapping[str, Sequence[str]], cores: Sequence[int | None]
) -> Iterator[tuple[str, int]]:
    """Runs `{key: command}`, one at a time on each core; yields `(key, exit code)`."""
    free: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for core in cores:
        free.put(core)

    def take_core() -> None:
        core = free.get()
        if core is not None:
            os.sched_setaffinity(0, {core})  # Of this thread, and of the processes it starts.

    def execute(command: Sequence[str]) -> int:
        print(" ".join(command[1:]), flush=True)
        return subprocess.run(command).returncode

    with concurrent.futures.ThreadPoolExecutor(len(cores), initializer=take_core) as pool:
        keys = {pool.submit(execute, command): key for key, command in commands.items()}
        try:
            for ended in concurrent.futures.as_completed(keys):
                yield keys[ended], ended.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(evidence: Evidence, repeat: bool, refresh: bool) -> None:
    """Raises `UsageError` for flags of which one has no effect beside another."""
    ways = {"--repeat": repeat, "--refresh": refresh, "--run_dirs": bool(evidence.run_dirs)}
    asked = [flag for flag, is_given in ways.items() if is_given]
    if len(asked) > 1:
        raise command_line.UsageError(f"give only one of {' and '.join(asked)}")
    runs_none = set(asked) & {"--refresh", "--run_dirs"}
    if runs_none and (evidence.only or evidence.data_dir):
        raise command_line.UsageError(
            f"--only and --data_dir have no effect with {asked[0]}, which runs nothing"
        )


def main(evidence: Evidence, repeat: bool = False, refresh: bool = False) -> None:
    docs = pathlib.Path(evidence.docs)
    _check(evidence, repeat, refresh)
    if repeat:
        for run_dir in run_again(evidence, docs, REPEATED_SEEDS):
            keep_repeat(run_dir, docs)
    elif not refresh:
        for run_dir in evidence.run_dirs or run_again(evidence, docs, [None]):
            publish(run_dir, docs)
    write_texts(docs)


if __name__ == "__main__":
    command_line.run_tool(
        main,
        Evidence,
        repeat="Runs with three other base seeds, and keeps the results.",
        refresh="Runs nothing, and writes all texts from the published results.",
    )
