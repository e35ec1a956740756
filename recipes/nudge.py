r"""Changes a run while it trains: the one that is watched, not left alone.

    python -m recipes.nudge --run_dir=runs/mnist_softmax/20260101-120000 --learning_rate=0.0003

It takes effect at the next block of steps, within about a second. A rate under a schedule scales
the schedule from there on; a beta goes on with the averages as they are; --rollback_epoch=N goes
back to the end of epoch N first. The run's flags.txt then holds what repeats it, nudges included,
and nudges.jsonl all that was asked for.
"""

import csv
import dataclasses
import pathlib

from tfcourse import command_line, nudges, run_directory
from tfcourse.hyperparameters import Hyperparameters, declarations, integer, number, texts

# Which of the betas an optimizer has.
BETAS = {"momentum": ("beta",), "rmsprop": ("beta",), "adam": ("beta_1", "beta_2")}


@dataclasses.dataclass(frozen=True)
class Change(Hyperparameters):
    run_dir: tuple[str, ...] = texts(None, "Folder of the run.")
    learning_rate: float | None = number(None, "Step size from here on.", interval="(0, 1000]")
    beta: float | None = number(None, "Decay rate, momentum or rmsprop.", interval="[0, 1)")
    beta_1: float | None = number(None, "Adam's first decay rate.", interval="[0, 1)")
    beta_2: float | None = number(None, "Adam's second decay rate.", interval="[0, 1)")
    rollback_epoch: int | None = integer(
        None, "Goes back to the end of this epoch; 0 is the start.", interval="[0, inf)"
    )

    def __post_init__(self):
        for name, declaration in declarations(self).items():
            value = getattr(self, name)
            try:
                if value is not None:
                    declaration.check(value)
            except ValueError as error:
                raise ValueError(f"--{name} {error}") from None

    @property
    def changes(self):
        """What is asked for, as `{name: value}`."""
        values = dataclasses.asdict(self)
        return {n: v for n, v in values.items() if n != "run_dir" and v is not None}


def check(folder, changes):
    """Raises `UsageError` unless `folder` holds a run that can take `changes`."""
    if not (folder / run_directory.FLAGS).is_file():
        raise command_line.UsageError(
            f"--run_dir: {folder} holds no {run_directory.FLAGS}, so it is no run"
        )
    if not changes:
        names = ", ".join(f"--{name}" for name in [*nudges.BOUNDS, nudges.ROLLBACK])
        raise command_line.UsageError(f"nothing to change: give one of {names}")
    if run_directory.RunDirectory(folder).read_metrics() is not None:
        raise command_line.UsageError(f"--run_dir: the run in {folder} is finished")
    flags = run_directory.parse_flags((folder / run_directory.FLAGS).read_text())
    optimizer = flags.get("optimizer", [None])[0]
    for name in changes:
        if name.startswith("beta") and optimizer and name not in BETAS.get(optimizer, ()):
            raise command_line.UsageError(f"--{name}: the run's optimizer {optimizer} has none")
    if changes.get(nudges.ROLLBACK, 0) > epochs_done(folder):
        raise command_line.UsageError(
            f"--{nudges.ROLLBACK}={changes[nudges.ROLLBACK]}: the run has done "
            f"{epochs_done(folder)} epochs"
        )


def epochs_done(folder):
    """Returns the number of epochs in history.csv, which is at most a second behind."""
    try:
        with open(folder / "history.csv", newline="") as file:
            return sum(1 for _ in csv.DictReader(file))
    except FileNotFoundError:
        return 0


def main(change):
    if change.run_dir is None:
        raise command_line.UsageError("--run_dir must name the folder of a run")
    folder = pathlib.Path(",".join(change.run_dir)).expanduser()
    check(folder, change.changes)
    nudges.request(folder, change.changes)
    when = "at the next block of steps"
    if not run_directory.is_in_use(folder):
        when = "when the run goes on; no process runs there now"
    asked = ", ".join(f"{name}={value:g}" for name, value in change.changes.items())
    print(f"asked for {asked}: takes effect {when}")


if __name__ == "__main__":
    command_line.run_tool(main, Change)
