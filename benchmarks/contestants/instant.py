"""A sweep whose workers answer at once: what is left is the driver's own time.

    python -m benchmarks.contestants.instant CASE_AS_JSON

A case has `tuner`, `pruning`, `trials` and `workers`. All that --sweep does while trials run is
done: the journal on the disk, a line per trial, the tables. A process prints a line of JSON.
"""

import collections
import contextlib
import io
import json
import math
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from recipes.mnist_softmax import MnistSoftmax, train
from tfcourse import hyperparameters as hp
from tfcourse import run_directory, tuning
from tfcourse.tuning import journal, report
from tfcourse.tuning import space as search_space
from tfcourse.tuning.files import SweepFiles
from tfcourse.tuning.records import COMPLETE, PRUNED, Result, Row
from tfcourse.tuning.settings import Settings, settings_of
from tfcourse.tuning.sweeps import Running, Sweep
from tfcourse.tuning.task import Key, Outcome, Task

BASE = MnistSoftmax(model="softmax_regression", epochs=9)
SEARCHES = {"learning_rate": "1e-4:1:log", "weight_decay": "0:0.1:linear"}


def answer(task: Task) -> Outcome:
    """Returns a training that is best at a rate of 0.01."""
    quality = 1 / (1 + abs(math.log10(float(task.values["learning_rate"])) + 2))
    curve: list[Row] = []
    status = COMPLETE
    for epoch in range(1, int(task.values["epochs"]) + 1):
        curve.append({"epoch": epoch, "val_accuracy": quality * (1 - 0.5**epoch)})
        if curve[-1]["val_accuracy"] < task.thresholds.get(epoch, 0.0):
            status = PRUNED
            break
    return Outcome(Result(status, "", curve, 1.0))


class Instant:
    """Workers that have their answers when they are asked for them, in order."""

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._answers: collections.deque[tuple[Key, Outcome]] = collections.deque()

    @property
    def num_free(self) -> int:
        return self._num_workers - len(self._answers)

    def submit(self, key: Key, name: str, task: Task) -> None:
        self._answers.append((key, answer(task)))

    def next_outcome(self, timeout: float) -> tuple[Key, Outcome] | None:
        return self._answers.popleft() if self._answers else None


def settings(case: Mapping[str, Any]) -> Settings:
    fixed = set(hp.declarations(BASE)) - set(SEARCHES)
    return settings_of(
        train,
        BASE,
        search_space.space_of(BASE, SEARCHES, fixed),
        dataset="digits",
        trials=case["trials"],
        tuner=case["tuner"],
        pruning=case["pruning"],
    )


def driver_of(
    folder: pathlib.Path, records: journal.Journal, case: Mapping[str, Any]
) -> tuning.Driver:
    run = run_directory.RunDirectory(folder)
    return tuning.Driver(run, records, hp.declarations(BASE), settings(case), tuning.Plan())


def measured(case: Mapping[str, Any]) -> dict[str, float]:
    """Returns milliseconds per trial by the clock and of the processor, and more."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        path = folder / run_directory.JOURNAL
        begun, begun_working = time.perf_counter(), time.process_time()
        with journal.Journal(path) as records, contextlib.ExitStack() as stack:
            driver = driver_of(folder, records, case)
            table = stack.enter_context(report.SweepTable(Console(file=io.StringIO())))
            files = stack.enter_context(SweepFiles(driver))

            def watch(sweep: Sweep, running: list[Running]) -> None:
                table.update(sweep, running)
                files.update()

            driver.train(Instant(case["workers"]), watch)
        seconds, busy = time.perf_counter() - begun, time.process_time() - begun_working
        count = len(driver.sweep.trials)
        begun = time.perf_counter()
        with journal.Journal(path) as records:
            driver_of(folder, records, case)
        return {
            "trials": count,
            "ms": 1e3 * seconds / count,
            "busy_ms": 1e3 * busy / count,
            "resume_seconds": time.perf_counter() - begun,
            "rows": len((folder / "trials.csv").read_text().splitlines()) - 1,
        }


def main() -> None:
    answer_file = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print would mix with the answer.
    print(json.dumps(measured(json.loads(sys.argv[1]))), file=answer_file, flush=True)


if __name__ == "__main__":
    main()
