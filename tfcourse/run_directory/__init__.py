"""The folder with all files of one run, written so that a kill leaves no incomplete file.

flags.txt       the flags that can change a result; `--flagfile=flags.txt` runs it again
history.csv     one row per epoch
metrics.json    the final numbers; its presence says that the run is finished
model_card.md   what a classifier is, what it reaches, and its limits, for people
model.keras     the epoch with the best validation accuracy, and its sha256 beside it
model.txt       its layers, as Keras's `summary` shows them
compiled.json   its optimizer, loss and metrics, where Keras alone does not know them
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
import csv
import io
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from tfcourse import files
from tfcourse.run_directory import flag_records, folder, stopwatch
from tfcourse.run_directory.best import BEST
from tfcourse.run_directory.flag_records import (
    FLAGS,
    MAX_FLAGS_BYTES,
    NOT_COMPARED,
    ChangedFlagsError,
    Flags,
    flags_text,
    parse_flags,
)
from tfcourse.run_directory.flag_records import read as recorded_flags
from tfcourse.run_directory.folder import (
    JOURNAL,
    LOCK,
    METRICS,
    MODEL_CARD,
    PREPROCESSING,
    RunDirectoryError,
    check_folders,
    is_in_use,
)

__all__ = [
    "BEST",
    "FLAGS",
    "JOURNAL",
    "LOCK",
    "MAX_FLAGS_BYTES",
    "MAX_METRICS_BYTES",
    "METRICS",
    "MODEL_CARD",
    "NOT_COMPARED",
    "PREPROCESSING",
    "ChangedFlagsError",
    "Flags",
    "RunDirectory",
    "RunDirectoryError",
    "RunFinished",
    "check_folders",
    "flags_text",
    "is_in_use",
    "open_run",
    "open_search",
    "parse_flags",
    "read_history",
    "recorded_flags",
]

# A sweep's trial keeps its whole curve there, until its journal has it.
MAX_METRICS_BYTES = 64 << 20
_MAX_HISTORY_BYTES = 1 << 30


class RunFinished(Exception):
    """The folder holds the finished run that was asked for; nothing is left to do.

    Attributes:
        metrics: what it reached.
    """

    exit_code = 0

    def __init__(self, message: str, metrics: dict[str, Any]) -> None:
        super().__init__(message)
        self.metrics = metrics


class RunDirectory:
    """Paths and atomic writes inside one run's folder, and the clock of the run.

    Args:
        path: an existing folder.
        recipe: the recipe's module, for the header of flags.txt.
        lock: descriptor of the folder's lock file, which is held; `None` for a reader.
        durable: whether more than the checkpoints has to outlast a power loss.

    Attributes:
        flags: as in flags.txt, once `open_run` has settled them.
        continued_from: the `epochs` with which this run was finished before, in order.
    """

    def __init__(
        self,
        path: os.PathLike[str] | str,
        recipe: str = "",
        lock: int | None = None,
        *,
        durable: bool = True,
    ) -> None:
        self.path = pathlib.Path(path)
        self.stopwatch = stopwatch.Stopwatch()
        self.flags: Flags = {}
        self.continued_from: list[int] = []
        self._recipe = recipe
        self._lock = lock
        self.durable = durable

    def write(
        self, name: str, data: str | bytes | Iterable[bytes | memoryview], *, durable: bool = True
    ) -> None:
        """Writes `data` to the file `name`: all of it, or nothing; see `files.write_file`.

        Args:
            durable: whether it has to outlast a power loss.

        Raises:
            OSError: naming the file; what it held before is still there.
            RunDirectoryError: the folder was removed or replaced since the run began.
        """
        self.check_ownership()
        path = self.path / name
        if path.parent != self.path:
            path.parent.mkdir(exist_ok=True)
        files.write_file(path, data, durable=durable)

    def check_ownership(self) -> None:
        """Raises `RunDirectoryError` where the folder is no longer the one that this run locked."""
        if self._lock is None:
            return
        try:
            same = os.path.samestat(os.stat(self.path / LOCK), os.fstat(self._lock))
        except FileNotFoundError:
            same = False
        if not same:
            raise RunDirectoryError(f"{self.path} was removed or replaced during the run")

    def check_space(self, num_bytes: int) -> None:
        """Raises `RunDirectoryError` where the disk has less than `num_bytes` left."""
        free = shutil.disk_usage(self.path).free
        if free < num_bytes:
            raise RunDirectoryError(
                f"{self.path}: the run needs about {_megabytes(num_bytes)} there, and "
                f"{_megabytes(free)} are free; make room or name another `run_dir`"
            )

    def write_flags(self, flags: Flags) -> None:
        """Writes `flags` as the ones that repeat this run."""
        self.flags = flags
        comments = flag_records.continued_comments(self.continued_from)
        text = flags_text(flags, self._recipe, comments)
        _check_size(self.path / FLAGS, text, MAX_FLAGS_BYTES)
        self.write(FLAGS, text, durable=self.durable)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Writes metrics.json, which marks the run as finished."""
        metrics = {**metrics, "continued_from": self.continued_from}
        text = json.dumps(metrics, indent=2) + "\n"
        _check_size(self.path / METRICS, text, MAX_METRICS_BYTES)
        self.write(METRICS, text, durable=self.durable)

    def read_metrics(self) -> dict[str, Any] | None:
        """Returns the finished run's metrics; `None` where the run is unfinished."""
        try:
            metrics = files.read_json_object(self.path / METRICS, MAX_METRICS_BYTES)
        except FileNotFoundError:
            return None
        except files.ContentError as error:
            raise RunDirectoryError(f"{error}; remove it") from None
        # While a finished run goes on to more epochs, its old results may still lie there.
        return metrics if metrics.get("continued_from", []) == _continued_from(self.path) else None

    def remove_temporary_files(self) -> None:
        """Removes what a kill in the middle of a write has left, by our own names only."""
        left = [path for path, name in files.leftovers(self.path) if name in folder.OURS]
        checkpoints = files.leftovers(self.path / "checkpoints")
        left += [path for path, name in checkpoints if name.endswith(".ckpt")]
        for path in left:
            files.remove(path)


@contextlib.contextmanager
def open_run(
    path: os.PathLike[str] | str,
    flags: Flags,
    *,
    recipe: str,
    extend: bool = False,
    durable: bool = True,
) -> Iterator[RunDirectory]:
    """Yields the `RunDirectory` at `path`, new or unfinished, locked against other processes.

    A finished run is opened again where nothing but `epochs` has changed, and that to more; a
    finished sweep, where more `trials`, or more seeds to `confirm` its best, are wanted.

    Args:
        path: a folder; made where it does not exist.
        flags: those that can change a result; a sweep's have `sweep`.
        recipe: the recipe's module, for the header of flags.txt.
        extend: whether a sweep goes on with other flags than it began with.
        durable: see `RunDirectory`.

    Raises:
        OSError: the folder can't be made or written to.
        RunDirectoryError: another process runs there, or the folder is not a run's.
        ChangedFlagsError: the folder's run has other flags.
        RunFinished: that run is finished.
    """
    path = pathlib.Path(path)
    with folder.owned(path, folder.check_ours, "run_dir") as lock:
        run = RunDirectory(path, recipe, lock, durable=durable)
        run.remove_temporary_files()
        metrics = run.read_metrics()
        run.continued_from = _continued_from(path)
        journal = (path / JOURNAL).exists()
        if "sweep" in flags:
            settled, goes_on = flag_records.settle_sweep(path, flags, begun=journal, extend=extend)
        else:
            finished = metrics is not None
            begun = finished or journal or any(path.glob("checkpoints/*.ckpt"))
            settled, done = flag_records.settle(path, flags, begun=begun, finished=finished)
            goes_on = done is not None
            if done is not None:
                run.continued_from.append(done)
        if metrics is not None and not goes_on:
            raise RunFinished(f"{path} holds this run, and it is finished: see {METRICS}", metrics)
        run.write_flags(settled)
        (path / METRICS).unlink(missing_ok=True)
        yield run


@contextlib.contextmanager
def open_search(path: os.PathLike[str] | str) -> Iterator[RunDirectory]:
    """Yields the `RunDirectory` at `path` for a search from Python, locked as a run is.

    It has no flags: its journal alone says what it is, and whether it goes on.

    Args:
        path: a folder; made where it does not exist.

    Raises:
        OSError: the folder can't be made or written to.
        RunDirectoryError: another process runs there.
    """
    path = pathlib.Path(path)
    with folder.owned(path, folder.check_folders, "folder") as lock:
        run = RunDirectory(path, lock=lock)
        run.remove_temporary_files()
        yield run


def read_history(path: os.PathLike[str] | str) -> dict[str, list[float]]:
    """Returns the columns of history.csv in the run directory `path`.

    Raises:
        FileNotFoundError: the folder holds none.
        ContentError: it is damaged.
    """
    file = pathlib.Path(path) / "history.csv"
    text = files.read_text(file, _MAX_HISTORY_BYTES)
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
        columns = {name: [float(row[name]) for row in rows] for name in ("epoch", *rows[0])}
        return {name: columns[name] for name in rows[0]}
    except (csv.Error, IndexError, KeyError, TypeError, ValueError) as error:
        raise files.ContentError(f"{file} is damaged: {error}") from None


def _continued_from(path: pathlib.Path) -> list[int]:
    try:
        return flag_records.continued_from(path)
    except ValueError as error:
        raise RunDirectoryError(f"{error}; name another `run_dir`") from None


def _check_size(path: pathlib.Path, text: str, limit: int) -> None:
    """Refuses to write what could not be read again."""
    size = len(text.encode())
    if size > limit:
        raise RunDirectoryError(f"{path} would be {size:,} bytes; the limit is {limit:,}")


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
