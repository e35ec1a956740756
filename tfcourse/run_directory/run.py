"""The folder of one run: opened and locked, new or resumed, and the one way to write into it."""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from tfcourse.run_directory import flag_records, folder, stopwatch
from tfcourse.run_directory.best import BEST
from tfcourse.run_directory.flag_records import FLAGS, MAX_FLAGS_BYTES, Flags
from tfcourse.run_directory.folder import (
    JOURNAL,
    LOCK,
    MAX_METRICS_BYTES,
    METRICS,
    RunDirectoryError,
)
from tfcourse.system import files


class RunFinished(Exception):
    """The requested run is finished already; nothing is left to do.

    Attributes:
        metrics: its results.
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
        lock: descriptor of the folder's lock file, which this process holds; `None` for a reader.
        durable: whether other files than checkpoints must survive a power loss too.

    Attributes:
        flags: those of flags.txt, after `open_run` has settled them.
        continued_from: the numbers of `epochs` with which this run was finished earlier, in order.
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
            durable: whether the file must survive a power loss.

        Raises:
            OSError: names the file; its old content is still there.
            RunDirectoryError: the folder was removed or replaced since the run began.
        """
        self.check_ownership()
        path = self.path / name
        if path.parent != self.path:
            path.parent.mkdir(exist_ok=True)
        files.write_file(path, data, durable=durable)

    def check_ownership(self) -> None:
        """Raises `RunDirectoryError` if the folder is no longer the one that this run locked."""
        if self._lock is None:
            return
        try:
            same = os.path.samestat(os.stat(self.path / LOCK), os.fstat(self._lock))
        except FileNotFoundError:
            same = False
        if not same:
            raise RunDirectoryError(f"{self.path} was removed or replaced during the run")

    def check_space(self, num_bytes: int) -> None:
        """Raises `RunDirectoryError` if the disk has less than `num_bytes` left."""
        free = shutil.disk_usage(self.path).free
        if free < num_bytes:
            raise RunDirectoryError(
                f"{self.path}: the run needs about {_size(num_bytes)} there, and "
                f"{_size(free)} are free; make room or name another `run_dir`"
            )

    def write_flags(self, flags: Flags) -> None:
        """Writes `flags` to flags.txt, which repeats this run."""
        self.flags = flags
        comments = flag_records.continued_comments(self.continued_from)
        text = flag_records.flags_text(flags, self._recipe, comments)
        _check_size(self.path / FLAGS, text, MAX_FLAGS_BYTES)
        self.write(FLAGS, text, durable=self.durable)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Writes metrics.json, which marks the run as finished."""
        metrics = {**metrics, "continued_from": self.continued_from}
        text = json.dumps(metrics, indent=2) + "\n"
        _check_size(self.path / METRICS, text, MAX_METRICS_BYTES)
        self.write(METRICS, text, durable=self.durable)

    def read_metrics(self) -> dict[str, Any] | None:
        """Returns the finished run's metrics; `None` if the run is unfinished."""
        try:
            metrics = files.read_json_object(self.path / METRICS, MAX_METRICS_BYTES)
        except FileNotFoundError:
            return None
        except files.ContentError as error:
            raise RunDirectoryError(f"{error}; remove it") from None
        # The old results are still there while a finished run continues to more epochs.
        return metrics if metrics.get("continued_from", []) == _continued_from(self.path) else None

    def remove_temporary_files(self) -> None:
        """Removes files of interrupted writes, only those with our own names."""
        ours = (*folder.OURS, BEST)
        left = [path for path, name in files.leftovers(self.path) if name in ours]
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

    A finished run is opened again if only `epochs` has changed, to a larger number; a finished
    sweep if more `trials`, or more seeds to `confirm` its best trial, are requested.

    Args:
        path: a folder; created if it does not exist.
        flags: those that can affect a result; a sweep's include `sweep`.
        recipe: the recipe's module, for the header of flags.txt.
        extend: whether a sweep may continue with other flags than before.
        durable: see `RunDirectory`.

    Raises:
        OSError: the folder can't be created or written to.
        RunDirectoryError: another process uses the folder, or it does not belong to a run.
        ChangedFlagsError: the folder's run has other flags.
        RunFinished: the run is finished already.
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
        with folder.put_back(path):
            run.write_flags(settled)
            (path / METRICS).unlink(missing_ok=True)
            yield run


@contextlib.contextmanager
def open_search(path: os.PathLike[str] | str) -> Iterator[RunDirectory]:
    """Yields the `RunDirectory` at `path` for a search from Python, locked as a run is.

    It has no flags: the journal describes it, and decides whether it continues.

    Args:
        path: a folder; created if it does not exist.

    Raises:
        OSError: the folder can't be created or written to.
        RunDirectoryError: another process uses the folder.
    """
    path = pathlib.Path(path)
    with folder.owned(path, folder.check_folders, "folder") as lock:
        run = RunDirectory(path, lock=lock)
        run.remove_temporary_files()
        yield run


def _continued_from(path: pathlib.Path) -> list[int]:
    try:
        return flag_records.continued_from(path)
    except ValueError as error:
        raise RunDirectoryError(f"{error}; name another `run_dir`") from None


def _check_size(path: pathlib.Path, text: str, limit: int) -> None:
    """Raises an error if a file is too large to be read again."""
    size = len(text.encode())
    if size > limit:
        raise RunDirectoryError(f"{path} would be {size:,} bytes; the limit is {limit:,}")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:,.0f} kB"
