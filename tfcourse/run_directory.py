"""The folder that holds everything of one run, written so that a kill leaves no torn file.

flags.txt       the flags that can change a result; `--flagfile=flags.txt` runs it again
history.csv     one row an epoch
metrics.json    the final numbers; its presence says that the run is finished
model.keras     the epoch with the best validation accuracy
curves.png      loss and accuracy by epoch
tensorboard/    the same for TensorBoard
checkpoints/    what a resumed run continues from
run.lock        held by the process that writes here
"""

import contextlib
import fcntl
import json
import os
import pathlib
import socket

from tfcourse import stopwatch

FLAGS = "flags.txt"
METRICS = "metrics.json"
_LOCK = "run.lock"
_OURS = (FLAGS, METRICS, "history.csv", "model.keras", "curves.png", "tensorboard", "checkpoints")


class RunDirectoryError(Exception):
    """The folder can't be used: locked by another run, or it holds somebody else's files."""

    exit_code = 5


class ChangedFlagsError(Exception):
    """The folder holds a run with other flags."""

    exit_code = 2


class RunFinished(Exception):
    """The folder holds the finished run that was asked for; nothing is left to do."""

    exit_code = 0


class RunDirectory:
    """Paths and atomic writes inside one run's folder, and the clock of the run.

    Args:
        path: path-like, an existing folder.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.stopwatch = stopwatch.Stopwatch()

    def write(self, name, data):
        """Writes `data` (str or bytes) to the file `name`: all of it, or nothing.

        The bytes go to a temporary file that is flushed to the disk and then renamed; the folder
        is flushed too, so that a power loss keeps either the old file or the new one.
        """
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with open(temporary, "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)

    def write_metrics(self, metrics):
        """Writes metrics.json, which marks the run as finished."""
        self.write(METRICS, json.dumps(metrics, indent=2) + "\n")

    def read_metrics(self):
        """Returns the finished run's metrics as a dict; `None` where the run is unfinished."""
        path = self.path / METRICS
        return json.loads(path.read_text()) if path.exists() else None


def flush_folder(path):
    """Makes the names in the folder `path` outlast a power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def open_run(path, flags, *, recipe):
    """Yields the `RunDirectory` at `path`, new or unfinished, locked against other processes.

    Args:
        path: path-like; made where it does not exist.
        flags: `{name: [text, ...]}`, the flags that can change a result.
        recipe: str, the recipe's name, for the header of flags.txt.

    Raises:
        OSError: the folder can't be made or written to.
        RunDirectoryError: another process runs there, or the folder is not a run's.
        ChangedFlagsError: the folder's run has other flags.
        RunFinished: that run is finished.
    """
    run = RunDirectory(path)
    run.path.mkdir(parents=True, exist_ok=True)
    with _lock(run.path):
        _check_flags(run, flags)
        if run.read_metrics() is not None:
            raise RunFinished(f"{run.path} holds this run, finished; see {METRICS} there")
        run.write(FLAGS, flags_text(flags, recipe))
        yield run


@contextlib.contextmanager
def _lock(path):
    # The kernel frees the lock when its owner dies, however it dies; the text is for people.
    with open(path / _LOCK, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise RunDirectoryError(f"{path} is in use by {owner}") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _check_flags(run, flags):
    recorded = run.path / FLAGS
    if not recorded.exists():
        foreign = [name for name in _OURS if (run.path / name).exists()]
        if foreign:
            raise RunDirectoryError(
                f"{run.path} holds {foreign[0]} but no {FLAGS}: not a run's folder; name another"
            )
        return
    before = parse_flags(recorded.read_text())
    changed = [name for name in {**before, **flags} if before.get(name) != flags.get(name)]
    if changed:
        differences = ", ".join(
            f"--{name} is {_values(flags, name)}, was {_values(before, name)}" for name in changed
        )
        raise ChangedFlagsError(f"{run.path} holds a run with other flags: {differences}")


def _values(flags, name):
    return ",".join(flags[name]) if flags.get(name) else "not set"


def flags_text(flags, recipe):
    """Returns `flags` as a flagfile."""
    header = f"# python -m recipes.{recipe} --flagfile=flags.txt runs this again.\n"
    lines = [f"--{name}={text}\n" for name, texts in flags.items() for text in texts]
    return header + "".join(lines)


def parse_flags(text):
    """Returns `{name: [text, ...]}` of a flagfile that `flags_text` wrote."""
    flags = {}
    for line in text.splitlines():
        if line.startswith("--"):
            name, _, value = line[2:].partition("=")
            flags.setdefault(name, []).append(value)
    return flags
