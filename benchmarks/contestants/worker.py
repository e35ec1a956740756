"""The process of one contestant.

    python -m benchmarks.contestants.worker MODULE TASK_AS_JSON

Answers in lines of JSON on stdout: first what stands ready, then an answer to every line on
stdin; or, in a race and of a whole command, one line at its end.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

from benchmarks.contestants.pace import Command, Race, Rounds
from benchmarks.contestants.task import Arrays, Task


def main() -> None:
    name, task = sys.argv[1], Task(**json.loads(sys.argv[2]))
    # What libraries print would mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module = importlib.import_module(f"benchmarks.contestants.{name}")
    imported = time.time()
    data = module.prepare(task, Arrays.load(task))
    loaded = time.time()
    if task.save_to:
        command = Command(task.max_epochs, task.save_to)
        module.run(task, data, command)
        print(json.dumps({"accuracies": command.accuracies}), file=answers, flush=True)
        return
    if task.target is None:
        print(json.dumps({"threads": module.threads(task)}), file=answers, flush=True)
        module.run(task, data, Rounds(sys.stdin, answers))
        return
    race = Race(task.target, task.max_epochs)
    module.run(task, data, race)
    result: dict[str, Any] = {
        "import": imported - task.started,
        "data": loaded - imported,
        "epoch_ends": [end - task.started for end in race.times],
        "accuracies": race.accuracies,
        "epochs": race.epochs,
    }
    print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
