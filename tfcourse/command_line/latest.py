"""`latest`: the newest run, for commands that read a run."""

import pathlib
from collections.abc import Callable

from tfcourse import run_directory
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.hyperparameters import printable
from tfcourse.system import files

LATEST = "latest"
_RUNS = pathlib.Path("runs")


def is_finished(folder: pathlib.Path) -> bool:
    """Returns whether the folder holds a finished run."""
    return (folder / run_directory.METRICS).is_file()


def has_model(folder: pathlib.Path) -> bool:
    """Returns whether the folder holds a finished run, or sweep, with a model."""
    left = (run_directory.PREPROCESSING, run_directory.JOURNAL)
    return is_finished(folder) and any((folder / name).exists() for name in left)


def run_named(
    name: str, wanted: Callable[[pathlib.Path], bool] = has_model, kind: str = "finished run"
) -> pathlib.Path:
    """Returns the run directory that `name` means; prints it if `name` is `latest`.

    Args:
        name: a path. `latest` is the newest run in runs/ and its folders, `FOLDER/latest` the
            newest in `FOLDER`, unless a folder with that name exists.
        wanted: function that returns whether the command can use a run directory.
        kind: a name for such a run directory, for the error.

    Raises:
        UsageError: there is no such run.
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
    print(f"{name} is {printable(str(found))}", flush=True)
    return found


def _started(folder: pathlib.Path) -> tuple[int, str]:
    return (folder / run_directory.FLAGS).stat().st_mtime_ns, folder.name
