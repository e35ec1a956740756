"""The folder that holds everything of one run, written so that a kill leaves no torn file.

flags.txt       the flags that can change a result; `--flagfile=flags.txt` runs it again
history.csv     one row an epoch
metrics.json    the final numbers; its presence says that the run is finished
model_card.md   what a classifier is, what it reaches, and its limits, for people
model.keras     the epoch with the best validation accuracy, and its sha256 beside it
weights.arrays  its weights alone, as plain arrays
preprocessing.json  how raw examples become its input
curves.png      loss and accuracy by epoch
nudges.jsonl    what was changed while it trained
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

from tfcourse import stopwatch

FLAGS = "flags.txt"
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
# They change where, how long or how loudly a run goes, never what it computes.
NOT_COMPARED = (
    *("workers", "scheduler", "trial_resources", "trials", "max_minutes", "keep_models"),
    *("debug", "timing"),
)
# What even a sweep that is extended has to keep: its scores could not be compared.
_KEPT_IN_A_SWEEP = ("dataset", "seed", "replicates")
_CONTINUED = "# But first run it to its end with --epochs="


class RunDirectoryError(Exception):
    """The folder can't be used: locked, full, gone, or it holds somebody else's files."""

    exit_code = 5


class ChangedFlagsError(Exception):
    """The folder holds a run with other flags."""

    exit_code = 2


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
        recipe: str, the recipe's name, for the header of flags.txt.
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
        header = "".join(f"{_CONTINUED}{epochs}\n" for epochs in self.continued_from)
        self.write(FLAGS, flags_text(flags, self._recipe, header))

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


def write_file(path, data, *, durable=True):
    """Writes `data` to `path`: all of it, or nothing; see `RunDirectory.write`.

    The bytes go to a temporary file that is flushed to the disk and then renamed; the folder is
    flushed too, so that a power loss keeps either the old file or the new one.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    parts = [data.encode()] if isinstance(data, str) else data
    parts = [parts] if isinstance(parts, bytes) else parts
    try:
        with open(temporary, "wb") as file:
            file.writelines(parts)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            flush_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # A failed write or flush does not say of which file.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def flush_folder(path):
    """Makes the names in the folder `path` outlast a power loss."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def open_run(path, flags, *, recipe, extend=False):
    """Yields the `RunDirectory` at `path`, new or unfinished, locked against other processes.

    A finished run is opened again where nothing but --epochs has changed, and that to more; a
    finished sweep, where more --trials are wanted.

    Args:
        path: path-like; made where it does not exist.
        flags: `{name: [text, ...]}`, the flags that can change a result; a sweep's have `sweep`.
        recipe: str, the recipe's name, for the header of flags.txt.
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
        if "sweep" in flags:
            settled, goes_on = _settle_sweep_flags(run, flags, extend)
        else:
            settled, goes_on = _settle_flags(run, flags, finished=metrics is not None)
        if metrics is not None and not goes_on:
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
    """Returns the --epochs with which the run at `path` was finished and then went on."""
    try:
        lines = (path / FLAGS).read_text().splitlines()
        return [int(line.removeprefix(_CONTINUED)) for line in lines if line.startswith(_CONTINUED)]
    except FileNotFoundError:
        return []
    except ValueError as error:  # Not UTF-8, or no number.
        raise RunDirectoryError(f"{path / FLAGS} is damaged ({error}); name another") from None


def _check_ours(path):
    """Raises `RunDirectoryError` where the folder holds files of our names that no run made."""
    foreign = [name for name in _OURS if (path / name).exists()]
    if foreign and not (path / FLAGS).exists():
        raise RunDirectoryError(
            f"{path} holds {foreign[0]} but no {FLAGS}: not a run's folder; name another"
        )


def _settle_flags(run, flags, *, finished):
    """Returns the flags that this run goes on with, and whether a finished one goes on."""
    recorded = run.path / FLAGS
    if not recorded.exists():
        return flags, False
    before = parse_flags(recorded.read_text())
    asked = _as_recorded(flags, before)
    changed = _changed(before, asked)
    if changed == ["epochs"] and finished:
        done, wanted = int(before["epochs"][0]), int(asked["epochs"][0])
        if wanted > done:
            run.continued_from.append(done)
            return asked, True
    begun = finished or any(run.path.glob("checkpoints/*.ckpt")) or (run.path / JOURNAL).exists()
    if not begun:
        # It had not got anywhere that they could change.
        return (flags if changed else before), False
    if changed:
        raise ChangedFlagsError(_differences(run.path, before, asked, changed))
    return before, False


def _settle_sweep_flags(run, flags, extend):
    """Returns the flags that this sweep goes on with, and whether a finished one goes on."""
    recorded = run.path / FLAGS
    if not recorded.exists():
        return flags, False
    before = parse_flags(recorded.read_text())
    changed = _changed(before, flags)
    if not (run.path / JOURNAL).exists() and "sweep" in before:
        return flags, True
    kept = [name for name in changed if name in _KEPT_IN_A_SWEEP or "sweep" not in before]
    if changed and (kept or not extend):
        hint = "" if kept else "; --extend goes on with them, and keeps all trials"
        raise ChangedFlagsError(_differences(run.path, before, flags, changed) + hint)
    more = int(flags["trials"][0]) > int(before["trials"][0])
    return flags, bool(changed) or more


def _changed(before, asked):
    names = [name for name in {**before, **asked} if before.get(name) != asked.get(name)]
    return [name for name in names if name not in NOT_COMPARED]


def _differences(path, before, asked, changed):
    differences = ", ".join(
        f"--{name} is {_values(asked, name)}, was {_values(before, name)}" for name in changed
    )
    return f"{path} holds a run with other flags: {differences}"


def _as_recorded(flags, before):
    """Returns `flags` with what a run settles by itself as it was settled."""
    flags = dict(flags)
    names = flags.get("dataset", [""])[0].split(",")
    if len(names) > 1 and before.get("dataset", [""])[0] in names:
        flags["dataset"] = before["dataset"]
        if before["dataset"] != names[:1] and "expect" not in before:
            flags.pop("expect", None)  # What a stand-in reaches was never to be checked.
    if "nudge" not in flags and "nudge" in before:
        flags["nudge"] = before["nudge"]  # They were added while the run went on.
    return flags


def _values(flags, name):
    return ",".join(flags[name]) if flags.get(name) else "not set"


def _megabytes(num_bytes):
    return f"{num_bytes / 1e6:,.1f} MB"


def flags_text(flags, recipe, comments="", name=FLAGS):
    """Returns `flags` as a flagfile called `name`."""
    header = f"# python -m recipes.{recipe} --flagfile={name} runs this again.\n"
    lines = [f"--{name}={text}\n" for name, texts in flags.items() for text in texts]
    return header + comments + "".join(lines)


def parse_flags(text):
    """Returns `{name: [text, ...]}` of a flagfile that `flags_text` wrote."""
    flags = {}
    for line in text.splitlines():
        if line.startswith("--"):
            name, _, value = line[2:].partition("=")
            flags.setdefault(name, []).append(value)
    return flags
