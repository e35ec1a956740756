"""What a worker does: trains one replicate of a trial in its own folder and returns the result.

The task names the recipe's module, which the worker imports. A training that was stopped resumes
from its checkpoint. A training that finished, but whose result was lost, is not repeated.
"""

import contextlib
import dataclasses
import functools
import gc
import importlib
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from absl import logging

from tfcourse import datasets, run_directory, training
from tfcourse import hyperparameters as hp
from tfcourse.datasets.table_files import archives
from tfcourse.system import files, out_of_memory
from tfcourse.system.due import Due
from tfcourse.training import seed_internals
from tfcourse.tuning import objectives, sweeps, torn_files
from tfcourse.tuning.records import Result, Row
from tfcourse.tuning.task import Outcome, Task

# The trial's folder may still be locked by a worker whose driver has just died.
_LOCK_SECONDS = 10.0
# A pass of the garbage collector takes as long as a tenth of a short trial.
_collection = Due()


class Pruning(keras.callbacks.Callback):
    """Stops a training whose best score after an epoch is worse than the threshold."""

    def __init__(self, objective: str, thresholds: Mapping[int, float]) -> None:
        super().__init__()
        self._objective = objective
        self._thresholds = thresholds
        self.best = math.inf if sweeps.is_minimized(objective) else -math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        choose = min if sweeps.is_minimized(self._objective) else max
        self.best = choose(self.best, (logs or {})[self._objective])
        threshold = self._thresholds.get(epoch + 1)
        if threshold is not None and choose(self.best, threshold) != self.best:
            self.model.stop_training = True


class _KnownObjective(keras.callbacks.Callback):
    """Stops a training before its first step if the model lacks the ranking metric."""

    def __init__(self, objective: str) -> None:
        super().__init__()
        self._objective = objective

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        objectives.check(self.model, self._objective)


@contextlib.contextmanager
def own_process() -> Iterator[None]:
    """Keeps a process that only trains trials small and fast."""
    _forget_imported_objects()
    try:
        yield
    finally:
        with seed_internals.kernels_kept():  # The next trial may share this one's programs.
            keras.backend.clear_session(free_memory=False)
        if _collection.is_now():
            with _collection.writing():
                gc.collect()


@functools.cache
def _forget_imported_objects() -> None:
    """Excludes imported objects from garbage collection: a pass over them takes 0.3 s."""
    gc.collect()
    gc.freeze()


def run(task: Task) -> Outcome:
    """Trains `task` and returns the outcome.

    Raises:
        Interrupted: a signal stopped this process; the trial's state is saved.
    """
    started = time.perf_counter()
    fault: int | None = None
    try:
        return _trained(task)
    except training.Interrupted:
        raise  # Workers get none; without workers, the signal is for the sweep.
    except training.NotFiniteError as error:
        reason = f"not finite: {error}"
    except Exception as error:
        fault, reason = _fault(error), str(error)
        if out_of_memory.is_out_of_memory(error):  # Other trials may need less.
            reason = out_of_memory.sentence(error)
        elif isinstance(error, OSError):
            reason = f"{type(error).__name__}: {error}"
        elif fault is None:
            reason = f"{type(error).__name__}: {files.first_line(error)[:300]}"
    seconds = time.perf_counter() - started
    return Outcome(Result(sweeps.INFEASIBLE, reason, seconds=seconds), fault)


def _fault(error: Exception) -> int | None:
    """Returns the exit code of an error caused by the machine or the data, not by the trial."""
    if out_of_memory.is_out_of_memory(error):
        return None
    if isinstance(error, objectives.ObjectiveError):
        return error.exit_code
    code = getattr(error, "exit_code", 5 if isinstance(error, OSError) else None)
    return code if code in (3, 5) else None


def test(task: Task) -> dict[str, Any]:
    """Saves the finished training's model, and returns its metrics, including the test set's."""
    train, data = _recipe(task), _data(task)
    run = run_directory.RunDirectory(task.folder)
    torn_files.remove(run.path)
    run.path.mkdir(parents=True, exist_ok=True)
    run.flags = dict(task.flags)  # So that its checkpoint matches.
    with _output_to(run.path / "output.txt"):
        # Its checkpoint is at the end of the training, so nothing is trained.
        model, history = train(data, run=run, callbacks=_callbacks(task), **_QUIET)
        training.save_model(model, run)
    # So that users of the model find the data.
    data_dir = {"data_dir": [task.data_dir]} if task.data_dir else {}
    text = run_directory.flags_text({**task.flags, **data_dir}, task.module)
    run.write(run_directory.FLAGS, text)
    return training.final_metrics(model, history, data)


_QUIET: dict[str, Any] = {"verbose": 0, "tensorboard": False}


def _callbacks(task: Task) -> list[keras.callbacks.Callback]:
    """Returns the training's callbacks; its checkpoint can only be resumed with the same ones."""
    pruning = [Pruning(task.objective, task.thresholds)] if task.thresholds else []
    return [_KnownObjective(task.objective), *pruning]


def _trained(task: Task) -> Outcome:
    train = _recipe(task)
    data = _data(task)
    started = time.perf_counter()
    try:
        with _opened(task) as run, _output_to(run.path / "output.txt"):
            with training.reused_models(), training.shared_programs(), training.within_memory():
                _, history = train(data, run=run, callbacks=_callbacks(task), **_QUIET)
            curve = _curve(history)
            if curve and task.objective not in curve[0]:  # A custom train step.
                raise objectives.unknown(task.objective, {*curve[0]} - {"epoch"})
            pruned = _is_pruned(curve, task.objective, task.thresholds)
            status = sweeps.PRUNED if pruned else sweeps.COMPLETE
            result = Result(status, "", curve, time.perf_counter() - started)
            digests = {name: training.split_digest(split) for name, split in data.splits.items()}
            told = {"result": dataclasses.asdict(result), "digests": digests}
            run.write_metrics({**told, "train_examples": len(data.train.labels)})
    except run_directory.RunFinished as finished:
        return _told(finished.metrics, task.folder)
    return Outcome(result, digests=digests)


def _told(metrics: Mapping[str, Any], folder: str) -> Outcome:
    """Returns the outcome that this trial's training has left in its folder."""
    try:
        return Outcome(Result(**metrics["result"]), digests=metrics["digests"])
    except (KeyError, TypeError):
        raise run_directory.RunDirectoryError(
            f"{folder} holds a run that is no trial of this sweep; move it away"
        ) from None


@contextlib.contextmanager
def _opened(task: Task) -> Iterator[run_directory.RunDirectory]:
    deadline = time.monotonic() + _LOCK_SECONDS
    while run_directory.is_in_use(task.folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    torn_files.remove(pathlib.Path(task.folder))
    # A flush takes as long as a step of a short trial. After a power loss, trials without a result
    # are trained again, so only checkpoints that save more than a second are flushed.
    with run_directory.open_run(task.folder, task.flags, recipe=task.module, durable=False) as run:
        yield run


@contextlib.contextmanager
def _output_to(path: os.PathLike[str]) -> Iterator[None]:
    descriptor = files.open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    # The machine's encoding may lack a printed character.
    with (
        open(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file,
        contextlib.redirect_stdout(file),
    ):
        yield


def _curve(history: keras.callbacks.History) -> list[Row]:
    """Returns a row per epoch, with `None` for values that are not finite, which JSON lacks.

    As in history.csv, metrics with a value per class are left out.
    """
    rows = []
    for number, epoch in enumerate(history.epoch):
        every = {name: column[number] for name, column in history.history.items()}
        values = {name: float(value) for name, value in every.items() if np.ndim(value) == 0}
        finite = {name: v if math.isfinite(v) else None for name, v in values.items()}
        rows.append({"epoch": int(epoch) + 1, **finite})
    return rows


def _is_pruned(curve: Sequence[Row], objective: str, thresholds: Mapping[int, float]) -> bool:
    choose = min if sweeps.is_minimized(objective) else max
    for number, row in enumerate(curve, start=1):
        so_far = [row[objective] for row in curve[:number] if row[objective] is not None]
        threshold = thresholds.get(row["epoch"])
        if threshold is not None and all(choose(score, threshold) != score for score in so_far):
            return True
    return False


def _recipe(task: Task) -> Callable[..., Any]:
    """Returns the recipe's `train`, with the data and the arguments of `fit` still to pass."""
    if task.path and task.path not in sys.path:
        sys.path.insert(0, task.path)  # The recipe is a script outside of packages.
    module = importlib.import_module(task.module)
    kind = getattr(module, task.hyperparameters)
    declarations = hp.declarations(kind)
    values = {name: declarations[name].parse(text) for name, text in task.values.items()}
    return functools.partial(getattr(module, task.function), kind(**values), seed=task.seed)


def _data(task: Task) -> datasets.Dataset:
    flags = tuple(task.data_flags.items())
    return _data_of(task.dataset, task.data_dir, flags, _stamp(task.dataset))


def _stamp(dataset: str) -> tuple[tuple[int, int], ...]:
    """Returns what changes when a user's own file, or one in a folder of images, changes."""
    if not datasets.is_own(dataset):
        return ()
    path = archives.file_of(pathlib.Path(dataset.partition(":")[2]))
    inside = (os.path.join(here, name) for here, _, names in os.walk(path) for name in ("", *names))
    found = []
    for each in (str(path), *inside):
        with contextlib.suppress(OSError):  # A dangling link.
            status = os.stat(each)
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


@functools.lru_cache(maxsize=1)
def _data_of(
    dataset: str,
    data_dir: str | None,
    flags: tuple[tuple[str, str], ...],
    stamp: tuple[tuple[int, int], ...],
) -> datasets.Dataset:
    """Returns the data set, loaded once per process as long as `stamp` stays the same.

    The driver has reported what is in it.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        return datasets.load(dataset, data_dir, **vars(datasets.Reading.from_texts(dict(flags))))
    finally:
        logging.set_verbosity(verbosity)
