"""The folder of a run or search: created, recognized, locked, removed after an early failure."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

from tfcourse.run_directory.flag_records import FLAGS
from tfcourse.system import files, locks

METRICS = "metrics.json"
# A sweep's trial keeps its whole curve in it until the journal has the result.
MAX_METRICS_BYTES = 64 << 20
MODEL_CARD = "model_card.md"
LOCK = "run.lock"
PREPROCESSING = "preprocessing.json"
JOURNAL = "journal.jsonl"
OURS = (
    *(FLAGS, METRICS, MODEL_CARD, "history.csv", "model.keras", "weights.arrays", "curves.png"),
    *("model.keras.sha256", "compiled.json", PREPROCESSING, "nudges.jsonl", "tensorboard"),
    *("learning_rate.png", JOURNAL, "trials.csv", "curves.csv", "best.flags", "report.html"),
    *("trials", "checkpoints", "model.txt"),
)
_OF_A_START = (FLAGS, METRICS, LOCK, PREPROCESSING, "compiled.json", "model.txt")
_FOLDERS = ("tensorboard", "trials", "checkpoints", "nudge_requests")


class RunDirectoryError(Exception):
    """The folder can't be used: locked, full, gone, or with files that are not ours."""

    exit_code = 5


@contextlib.contextmanager
def owned(
    path: pathlib.Path, check: Callable[[pathlib.Path], None], argument: str
) -> Iterator[int]:
    """Creates the folder `path` and its parents, and locks it; yields the lock's descriptor.

    If the block fails before it has written anything, no folder is left.

    Args:
        path: the folder.
        check: called before anything is written; raises an error if the folder is not ours.
        argument: the caller's name for the folder, for messages.

    Raises:
        OSError: the folder can't be created or written to.
        RunDirectoryError: another process uses the folder, or it is not a folder.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        check(path)
        before = set(os.listdir(path))
        before = set() if before == {LOCK} else before  # Which a kill has left.
        with _locked(path, argument) as lock, _without_traces(path, before):
            yield lock
    except BaseException as error:
        if os.name == "nt" and missing and path.is_dir() and os.listdir(path) == [LOCK]:
            with contextlib.suppress(OSError):  # Fails if another process has it open.
                (path / LOCK).unlink()
        for folder in missing:  # Fails if it is not empty.
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, FileExistsError) and not path.is_dir():
            raise RunDirectoryError(f"`{argument}`: {path} is not a folder") from None
        raise


@contextlib.contextmanager
def _without_traces(path: pathlib.Path, before: set[str]) -> Iterator[None]:
    """Leaves the folder `path` with the files of `before` where the run fails at once.

    After an interruption, the folder stays, for the resumed run.
    """
    try:
        yield
    except Exception:
        new = set(os.listdir(path)) - before if path.is_dir() else set()
        for name in new if new <= {FLAGS, LOCK} else ():
            with contextlib.suppress(PermissionError):  # Windows can't remove an open lock.
                (path / name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def put_back(path: pathlib.Path) -> Iterator[None]:
    """Restores the flags and results of the run in `path` where its block fails before it has
    changed anything else there: a finished run that can't go on to more epochs stays finished."""
    before = {
        name: files.read_bytes(path / name, MAX_METRICS_BYTES)
        for name in (FLAGS, METRICS)
        if (path / name).exists()
    }
    progress = _progress(path)
    try:
        yield
    except Exception:
        if path.is_dir() and _progress(path) == progress:
            for name, data in before.items():
                with contextlib.suppress(OSError):  # Such as a full disk, which may be the reason.
                    files.write_file(path / name, data)
        raise


def _progress(path: pathlib.Path) -> dict[pathlib.Path, tuple[int, int]]:
    """Returns what differs once a run in `path` has written more than each start does."""
    found = [*path.iterdir(), *(path / "checkpoints").glob("*")]
    status = {p: p.lstat() for p in found if p.is_file() and p.name not in _OF_A_START}
    return {p: (s.st_mtime_ns, s.st_ino) for p, s in status.items()}


@contextlib.contextmanager
def _locked(path: pathlib.Path, argument: str) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        try:
            lock = stack.enter_context(locks.lock(path / LOCK))
        except locks.LockedError as owner:
            raise RunDirectoryError(
                f"{path} is in use by {owner}; wait until it ends, or name another `{argument}`"
            ) from None
        yield lock


def is_in_use(path: os.PathLike[str] | str) -> bool:
    """Returns whether a process uses the run directory `path`."""
    return locks.is_locked(pathlib.Path(path) / LOCK)


def output(path: os.PathLike[str] | str, argument: str) -> pathlib.Path:
    """Returns `path`, to which a program writes, with `~` as the home folder.

    Args:
        path: a file, or a folder for several.
        argument: the caller's name of the path, for messages.

    Raises:
        ValueError: it is not printable text, or would replace a file of a run.
    """
    expanded = files.expanded(path)
    if not str(expanded).isprintable():
        raise ValueError(f"`{argument}` must be printable text. Received: {str(path)!r}")
    if expanded.name in (FLAGS, *OURS) and (expanded.parent / FLAGS).exists():
        raise ValueError(f"`{argument}`: {path} belongs to the run in that folder; name another")
    return expanded


def check_folders(path: os.PathLike[str] | str) -> None:
    """Raises `RunDirectoryError` if a folder inside is a link, or is not a folder."""
    for name in _FOLDERS:
        folder = pathlib.Path(path) / name
        if folder.is_symlink():
            raise RunDirectoryError(f"{folder} is a link, which is not followed; remove it")
        if folder.exists() and not folder.is_dir():
            raise RunDirectoryError(f"{folder} is not a folder; move it away")


def check_ours(path: pathlib.Path) -> None:
    """Raises `RunDirectoryError` if the folder has files with our names that no run made."""
    check_folders(path)
    foreign = [name for name in OURS if (path / name).exists()]
    if foreign and not (path / FLAGS).exists():
        raise RunDirectoryError(
            f"{path} holds {foreign[0]} but no {FLAGS}: not a run's folder; name another"
        )
