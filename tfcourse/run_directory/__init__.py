"""The folder that holds everything of one run, written so that a kill leaves no torn file.

flags.txt       the flags that can change a result; `--flagfile=flags.txt` runs it again
history.csv     one row an epoch
metrics.json    the final numbers; its presence says that the run is finished
model_card.md   what a classifier is, what it reaches, and its limits, for people
model.keras     the epoch with the best validation accuracy, and its sha256 beside it
weights.arrays  its weights alone, as plain arrays
preprocessing.json  how raw examples become its input
curves.png      loss and accuracy by epoch
nudges.jsonl    what was changed while it trained; nudge_requests/ is where that is asked for
journal.jsonl   of a sweep: all that was tried, and what came of it
trials.csv      the same as a table; curves.csv, report.html and best.flags follow from it too
trials/         the run directories of a sweep's best trials; best leads to the best one
tensorboard/    loss and accuracy for TensorBoard
checkpoints/    what a resumed run continues from
run.lock        held by the process that writes here
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import socket

from tfcourse.run_directory import flag_records, stopwatch
from tfcourse.run_directory.files import write_file
from tfcourse.run_directory.flag_records import FLAGS, ChangedFlagsError, flags_text, parse_flags

__all__ = [
    "BEST",
    "FLAGS",
    "JOURNAL",
    "LOCK",
    "METRICS",
    "MODEL_CARD",
    "PREPROCESSING",
    "ChangedFlagsError",
    "RunDirectory",
    "RunDirectoryError",
    "RunFinished",
    "flags_text",
    "is_in_use",
    "open_run",
    "parse_flags",
    "write_file",
]

METRICS = "metrics.json"
MODEL_CARD = "model_card.md"
LOCK = "run.lock"
PREPROCESSING = "preprocessing.json"
JOURNAL = "journal.jsonl"
BEST = "best"
_OURS = (
    *(FLAGS, METRICS, MODEL_CARD, "history.csv", "model.keras", "weights.arrays", "curves.png"),
    *("model.keras.sha256", PREPROCESSING, "nudges.jsonl", "tensorboard", "checkpoints"),
    *(
        "learning_rate.png",
        JOURNAL,
        "trials.csv",
        "curves.csv",
        "best.flags",
        "report.html",
        "trials",
    ),
)


class RunDirectoryError(Exception):
    """The folder can't be used: locked, full, gone, or it holds somebody else's files."""

    exit_code = 5


class RunFinished(Exception):
    """The folder holds the finished run that was asked for; nothing is left to do.

    Attributes:
        metrics: dict, what it reached.
    """

    exit_code = 0

    def __init__(self, message, metrics):
        super().__init__(message)
        self.metrics = metrics


class RunDirectory:
    """Paths and atomic writes inside one run's folder, and the clock of the run.

    Args:
        path: path-like, an existing folder.
        recipe: str, the recipe's module, for the header of flags.txt.
        lock: open lock file of the folder, or `None` for a reader.

    Attributes:
        flags: `{name: [text, ...]}` as in flags.txt, once `open_run` has settled them.
        continued_from: the --epochs with which this run was finished before, in order.
    """

    def __init__(self, path, recipe="", lock=None):
        self.path = pathlib.Path(path)
        self.stopwatch = stopwatch.Stopwatch()
        self.flags = {}
        self.continued_from = []
        self._recipe = recipe
        self._lock = lock

    def write(self, name, data, *, durable=True):
        """Writes `data` to the file `name`: all of it, or nothing.

        Args:
            name: str, path within the folder.
            data: str, bytes, or a list of bytes-like parts.
            durable: whether it has to outlast a power loss.

        Raises:
            OSError: naming the file; what it held before is still there.
            RunDirectoryError: the folder was removed or replaced since the run began.
        """
        self.check_ownership()
        path = self.path / name
        if path.parent != self.path:
            path.parent.mkdir(exist_ok=True)
        write_file(path, data, durable=durable)

    def check_ownership(self):
        """Raises `RunDirectoryError` where the folder is no longer the one that this run locked."""
        if self._lock is None:
            return
        try:
            same = os.path.samestat(os.stat(self.path / LOCK), os.fstat(self._lock.fileno()))
        except FileNotFoundError:
            same = False
        if not same:
            raise RunDirectoryError(f"{self.path} was removed or replaced while the run went on")

    def check_space(self, num_bytes):
        """Raises `RunDirectoryError` where the disk has less than `num_bytes` left."""
        free = shutil.disk_usage(self.path).free
        if free < num_bytes:
            raise RunDirectoryError(
                f"{self.path}: the run needs about {_megabytes(num_bytes)} there, and "
                f"{_megabytes(free)} are free; make room or name another --run_dir"
            )

    def write_flags(self, flags):
        """Writes `flags` as the ones that repeat this run."""
        self.flags = flags
        comments = flag_records.continued_comments(self.continued_from)
        self.write(FLAGS, flags_text(flags, self._recipe, comments))

    def write_metrics(self, metrics):
        """Writes metrics.json, which marks the run as finished."""
        metrics = {**metrics, "continued_from": self.continued_from}
        self.write(METRICS, json.dumps(metrics, indent=2) + "\n")

    def read_metrics(self):
        """Returns the finished run's metrics as a dict; `None` where the run is unfinished."""
        path = self.path / METRICS
        if not path.exists():
            return None
        try:
            metrics = dict(json.loads(path.read_text()))
        except (ValueError, TypeError, RecursionError) as error:
            raise RunDirectoryError(f"{path} is damaged ({error}); remove it") from None
        # While a finished run goes on to more epochs, its old results may still lie there.
        return metrics if metrics.get("continued_from", []) == _continued_from(self.path) else None

    def remove_temporary_files(self):
        """Removes what a kill in the middle of a write has left, by our own names only."""
        left = [self.path / f".{name}.tmp" for name in _OURS]
        left += [*self.path.glob("checkpoints/.*.ckpt.tmp"), self.path / ".saving.keras"]
        for path in left:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def open_run(path, flags, *, recipe, extend=False):
    """Yields the `RunDirectory` at `path`, new or unfinished, locked against other processes.

    A finished run is opened again where nothing but --epochs has changed, and that to more; a
    finished sweep, where more --trials are wanted.

    Args:
        path: path-like; made where it does not exist.
        flags: `{name: [text, ...]}`, the flags that can change a result; a sweep's have `sweep`.
        recipe: str, the recipe's module, for the header of flags.txt.
        extend: whether a sweep goes on with other flags than it began with.

    Raises:
        OSError: the folder can't be made or written to.
        RunDirectoryError: another process runs there, or the folder is not a run's.
        ChangedFlagsError: the folder's run has other flags.
        RunFinished: that run is finished.
    """
    path = pathlib.Path(path)
    _make_folder(path)
    _check_ours(path)
    with _locked(path) as lock:
        run = RunDirectory(path, recipe, lock)
        run.remove_temporary_files()
        metrics = run.read_metrics()
        run.continued_from = _continued_from(path)
        finished = metrics is not None
        journal = (path / JOURNAL).exists()
        if "sweep" in flags:
            settled, goes_on = flag_records.settle_sweep(path, flags, begun=journal, extend=extend)
        else:
            begun = finished or journal or any(path.glob("checkpoints/*.ckpt"))
            settled, done = flag_records.settle(path, flags, begun=begun, finished=finished)
            goes_on = done is not None
            if goes_on:
                run.continued_from.append(done)
        if finished and not goes_on:
            raise RunFinished(f"{path} holds this run, finished; see {METRICS} there", metrics)
        run.write_flags(settled)
        (path / METRICS).unlink(missing_ok=True)
        yield run


def _make_folder(path):
    """Makes the folder `path` and those above it: all of them, or none."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, FileExistsError):
            raise RunDirectoryError(f"--run_dir: {path} is not a folder") from None
        raise


def is_in_use(path):
    """Returns whether a process runs in the run directory `path`."""
    try:
        with open(pathlib.Path(path) / LOCK, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def _locked(path):
    # The kernel frees the lock when its owner dies, however it dies; the text is for people.
    with open(path / LOCK, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read(200).strip() or "another process"
            raise RunDirectoryError(
                f"{path} is in use by {owner}; wait for its end or name another --run_dir"
            ) from None
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path / LOCK)) from error
        yield file


def _continued_from(path):
    try:
        return flag_records.continued_from(path)
    except ValueError as error:
        raise RunDirectoryError(f"{path / FLAGS} is damaged ({error}); name another") from None


def _check_ours(path):
    """Raises `RunDirectoryError` where the folder holds files of our names that no run made."""
    foreign = [name for name in _OURS if (path / name).exists()]
    if foreign and not (path / FLAGS).exists():
        raise RunDirectoryError(
            f"{path} holds {foreign[0]} but no {FLAGS}: not a run's folder; name another"
        )


def _megabytes(num_bytes):
    return f"{num_bytes / 1e6:,.1f} MB"
