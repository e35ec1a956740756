"""`latest`, the name of the newest run where a command asks for a run."""

import pathlib
from collections.abc import Callable

from tfcourse import files, run_directory
from tfcourse.command_line.exit_codes import UsageError

LATEST = "latest"
_RUNS = pathlib.Path("runs")


def is_finished(folder: pathlib.Path) -> bool:
    """Returns whether a run has written its results there."""
    return (folder / run_directory.METRICS).is_file()


def has_model(folder: pathlib.Path) -> bool:
    """Returns whether a finished run, or sweep, of a classifier or regression is there."""
    left = (run_directory.PREPROCESSING, run_directory.JOURNAL)
    return is_finished(folder) and any((folder / name).exists() for name in left)


def run_named(
    name: str, wanted: Callable[[pathlib.Path], bool] = has_model, kind: str = "finished run"
) -> pathlib.Path:
    """Returns the run directory that `name` says, and prints the one that `latest` stands for.

    Args:
        name: a path. `latest` is the newest run in runs/ and the folders in it, `FOLDER/latest`
            the newest in `FOLDER`, unless there is a folder of that name.
        wanted: whether a run directory is one that the command can use.
        kind: what that is called, for the error.

    Raises:
        UsageError: there is none.
    """
    path = files.expanded(name)
    if path.name != LATEST or path.exists():
        return path
    parent = path.parent if len(path.parts) > 1 else _RUNS
    folders = [*parent.glob("*"), *(parent.glob("*/*") if len(path.parts) == 1 else ())]
    runs = [f for f in folders if not f.is_symlink() and (f / run_directory.FLAGS).is_file()]
    found = max(filter(wanted, runs), key=_started, default=None)
    if found is None:
        raise UsageError(f"{name}: {parent} holds no {kind}. Train one, or pass its folder")
    print(f"{name} is {found}", flush=True)
    return found


def _started(folder: pathlib.Path) -> tuple[int, str]:
    return (folder / run_directory.FLAGS).stat().st_mtime_ns, folder.name
