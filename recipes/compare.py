r"""Compares the curves and metrics of several runs.

    python -m recipes.compare --run_dirs=runs/adam,runs/momentum

It prints the flags that differ between the runs and the metrics of each, and draws --picture. Of a
sweep, it takes the best trial.
"""

import dataclasses
import os
import pathlib
from typing import Any

from tfcourse import command_line, reports, run_directory
from tfcourse.hyperparameters import Hyperparameters, printable, text, texts
from tfcourse.run_directory import best as best_run
from tfcourse.system import files, misspelt

Run = tuple[run_directory.Flags, dict[str, Any]]  # Its flags and its metrics.
RESULTS = ("test_accuracy", "test_loss", "val_accuracy", "best_epoch", "seconds")
_MAX_CELL = 40
OF_A_QUANTITY = ("test_rmse", "test_mae", "test_r2", "val_rmse", "best_epoch", "seconds")


@dataclasses.dataclass(frozen=True)
class Comparison(Hyperparameters):
    run_dirs: tuple[str, ...] = texts(None, "Run directories of two or more runs.")
    picture: str = text("comparison.png", "PNG file to write.")

    def __post_init__(self) -> None:
        different = {os.path.realpath(files.expanded(path)) for path in self.run_dirs or ()}
        if len(different) < 2 or len(different) < len(self.run_dirs):
            raise ValueError("`run_dirs` must name two or more runs, separated by commas")
        if not self.picture.endswith(".png") or self.path.is_dir():
            raise ValueError(f"`picture` must name a .png file. Received: {self.picture!r}")

    @property
    def path(self) -> pathlib.Path:
        """`picture`, with `~` as the home folder."""
        return run_directory.output(self.picture, "picture")


class NotARunError(Exception):
    """A folder does not contain a run."""

    exit_code = 2


def trained(path: pathlib.Path) -> pathlib.Path:
    """Returns the folder with the curves of a run, or of a sweep's best trial."""
    best = path / run_directory.BEST
    is_sweep = (path / run_directory.JOURNAL).exists() and best.exists()
    return best_run.followed(best) if is_sweep else path


def read(path: pathlib.Path) -> Run:
    """Returns `(flags, metrics)` of a run, or of a sweep's best trial.

    The metrics are empty until it is finished.
    """
    if path.name == run_directory.BEST and (path.parent / run_directory.JOURNAL).exists():
        path = path.parent  # The sweep has the results of its best trial.
    run = run_directory.RunDirectory(trained(path))
    for name in (run_directory.FLAGS, "history.csv"):
        if not (run.path / name).exists():
            message = f"`run_dirs`: {path} is not a run to compare: it holds no {name}."
            raise NotARunError(f"{message}{misspelt.meant(run.path)}".removesuffix("."))
    try:
        run_directory.read_history(run.path)
    except ValueError as error:
        raise NotARunError(str(error)) from None
    metrics = run_directory.RunDirectory(path).read_metrics() or {}
    if run.path != path:
        metrics.pop("seconds", None)  # They are those of the whole sweep.
    return run_directory.recorded_flags(run.path) or {}, metrics


def table(runs: dict[str, Run]) -> list[str]:
    """Returns the comparison: a column per run, a row per differing flag or result."""
    every_flag = {name: None for flags, _ in runs.values() for name in flags}
    differing = [
        name for name in every_flag if len({str(f.get(name)) for f, _ in runs.values()}) > 1
    ]
    rows = [["", *map(printable, runs)]]
    for name in differing:
        texts = (",".join(flags.get(name, [])) for flags, _ in runs.values())
        rows.append([printable(f"--{name}"), *map(printable, texts)])
    of_quantities = any("target" in metrics for _, metrics in runs.values())
    for name in OF_A_QUANTITY if of_quantities else RESULTS:
        rows.append([name, *(_number(metrics.get(name)) for _, metrics in runs.values())])
    return command_line.aligned(rows)


def _number(value: Any) -> str:
    # A run from somebody else may contain anything.
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return "" if value is None else printable(text[:_MAX_CELL])


def _has_curves(folder: pathlib.Path) -> bool:
    return (trained(folder) / "history.csv").is_file()


def main(comparison: Comparison) -> None:
    names = comparison.run_dirs
    folders = [command_line.run_named(name, _has_curves, "run").absolute() for name in names]
    shared = os.path.commonpath([folder.parent for folder in folders])
    labels = {os.path.relpath(folder, shared): folder for folder in folders}
    if len(labels) < len(folders):
        raise command_line.UsageError("--run_dirs names a run twice, once as `latest`")
    runs = {label: read(path) for label, path in labels.items()}
    print("\n".join(table(runs)))
    try:
        curves = {label: trained(folder) for label, folder in labels.items()}
        reports.draw_comparison(curves, comparison.path)
    except ValueError as error:
        raise command_line.UsageError(str(error)) from None
    print(f"The curves are in {comparison.path}")


if __name__ == "__main__":
    command_line.run_tool(main, Comparison)
