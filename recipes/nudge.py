r"""Changes the settings of a run while it trains.

    python -m recipes.nudge --run_dir=latest --learning_rate=0.0003

The change takes effect at the next block of steps, within about a second. With a schedule,
--learning_rate scales the schedule from there on. A new beta keeps the current averages.
--rollback_epoch=N first goes back to the end of epoch N. The run's flags.txt then repeats the run,
nudges included, and nudges.jsonl lists all accepted requests.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

from tfcourse import command_line, nudges, run_directory
from tfcourse.choices import OPTIMIZERS
from tfcourse.hyperparameters import declarations, text


@dataclasses.dataclass(frozen=True)
class Nudge(nudges.Change):
    run_dir: str = text(None, "Run directory, or `latest`.")


def check(folder: pathlib.Path, changes: Mapping[str, float]) -> None:
    """Raises `UsageError` unless `folder` holds a run that can take `changes`."""
    if not (folder / run_directory.FLAGS).is_file():
        raise command_line.UsageError(
            f"--run_dir: {folder} is not a run's folder: it holds no {run_directory.FLAGS}"
        )
    if (folder / run_directory.JOURNAL).exists():
        raise command_line.UsageError(f"--run_dir: {folder} holds a sweep, which is not nudged")
    if not changes:
        names = ", ".join(f"--{name}" for name in declarations(nudges.Change))
        raise command_line.UsageError(f"nothing to change: pass one of {names}")
    if run_directory.RunDirectory(folder).read_metrics() is not None:
        raise command_line.UsageError(f"--run_dir: the run in {folder} is finished")
    flags = run_directory.recorded_flags(folder) or {}
    optimizer = flags.get("optimizer", [None])[0]
    takes = OPTIMIZERS[optimizer].takes if optimizer in OPTIMIZERS else ()
    for name in changes:
        if optimizer and name not in ("learning_rate", nudges.ROLLBACK, *takes):
            raise command_line.UsageError(
                f"--{name}: the run's optimizer, {optimizer}, does not have it"
            )
    done = epochs_done(folder)
    if changes.get(nudges.ROLLBACK, 0) > done:
        asked = f"--{nudges.ROLLBACK}={changes[nudges.ROLLBACK]}"
        raise command_line.UsageError(f"{asked}: the run has done {done} epochs")


def _unfinished(folder: pathlib.Path) -> bool:
    ends = (run_directory.METRICS, run_directory.JOURNAL)
    return not any((folder / name).exists() for name in ends)


def epochs_done(folder: pathlib.Path) -> int:
    """Returns the number of epochs in history.csv, which is at most a second old."""
    try:
        return len(run_directory.read_history(folder)["epoch"])
    except FileNotFoundError:
        return 0


def main(nudge: Nudge) -> None:
    folder = command_line.run_named(nudge.run_dir, _unfinished, "unfinished run")
    changes = nudge.asked()
    check(folder, changes)
    nudges.request(folder, changes)
    when = "at the next block of steps"
    if not run_directory.is_in_use(folder):
        when = "when the run is resumed; no process is training there now"
    asked = ", ".join(f"{name}={value:g}" for name, value in changes.items())
    print(f"{asked} takes effect {when}")


if __name__ == "__main__":
    command_line.run_tool(main, Nudge)
