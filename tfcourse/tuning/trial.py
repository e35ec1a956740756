"""What a worker does: trains one replicate of a trial in a folder of its own, and says how it went.

A task is a dict of plain values, so that any process can be handed one. It names the recipe by
its module, and the worker imports it. A training that was stopped goes on from its checkpoint; one
that was finished before its result could be told is not trained again.
"""

import contextlib
import functools
import gc
import importlib
import math
import sys
import time

import keras
import psutil
import tensorflow as tf

from tfcourse import datasets, run_directory, training
from tfcourse import hyperparameters as hp
from tfcourse.tuning import state as sweeps

# The folder of a trial may still be held by a worker whose driver has just died.
_LOCK_SECONDS = 10.0


class Pruning(keras.callbacks.Callback):
    """Stops a training whose best score after an epoch is worse than the threshold there.

    Args:
        objective: str, the metric that counts.
        thresholds: `{epoch: score}`.
    """

    def __init__(self, objective, thresholds):
        super().__init__()
        self._objective = objective
        self._thresholds = thresholds
        self.best = math.inf if sweeps.is_minimized(objective) else -math.inf

    def on_epoch_end(self, epoch, logs=None):
        choose = min if sweeps.is_minimized(self._objective) else max
        self.best = choose(self.best, logs[self._objective])
        threshold = self._thresholds.get(epoch + 1)
        if threshold is not None and choose(self.best, threshold) != self.best:
            self.model.stop_training = True


def run(task):
    """Trains what `task` says and returns its result as a dict.

    The result's `status` is one of `sweeps` or "environment": the machine failed, not the trial.

    Raises:
        Interrupted: a signal asked this process to stop; the trial's state is saved.
    """
    started = time.perf_counter()
    try:
        result = _trained(task)
    except training.Interrupted:
        raise  # In a worker none arrives; where the sweep trains by itself, it is meant for it.
    except (OSError, MemoryError, tf.errors.ResourceExhaustedError) as error:
        result = {"status": "environment", "reason": f"{type(error).__name__}: {error}"}
    except training.NotFiniteError as error:
        result = _infeasible(f"not finite: {error}")
    except Exception as error:
        if getattr(error, "exit_code", None) in (3, 5):
            result = {"status": "environment", "reason": str(error), "code": error.exit_code}
        else:
            first_line = (str(error).splitlines() or [""])[0]
            result = _infeasible(f"{type(error).__name__}: {first_line[:300]}")
    keras.backend.clear_session(free_memory=False)
    gc.collect()
    return {
        "seconds": time.perf_counter() - started,
        "curve": [],
        **result,
        "memory": psutil.Process().memory_info().rss,
    }


def test(task):
    """Saves the finished training's model, and returns what it reaches, on the test set too."""
    train, data = _recipe(task), _data(task)
    run = run_directory.RunDirectory(task["folder"])
    with _output_to(run.path / "output.txt"):
        # Its checkpoint is at the end, so nothing is trained.
        model, history = train(data, run=run, verbose=0, tensorboard=False)
        training.save_model(model, run)
    return training.final_metrics(model, history, data)


def _infeasible(reason):
    return {"status": sweeps.INFEASIBLE, "reason": reason}


def _trained(task):
    train = _recipe(task)
    data = _data(task)
    thresholds = {int(epoch): score for epoch, score in task["thresholds"].items()}
    started = time.perf_counter()
    try:
        with _opened(task) as run, _output_to(run.path / "output.txt"):
            callbacks = [Pruning(task["objective"], thresholds)] if thresholds else []
            with training.shared_programs():
                _, history = train(data, run=run, callbacks=callbacks, verbose=0, tensorboard=False)
            result = {
                "status": sweeps.COMPLETE,
                "reason": "",
                "curve": _curve(history),
                "seconds": time.perf_counter() - started,
            }
            if _is_pruned(result["curve"], task["objective"], thresholds):
                result["status"] = sweeps.PRUNED
            run.write_metrics({"result": result, "train_examples": len(data.train.labels)})
    except run_directory.RunFinished as finished:
        result = finished.metrics["result"]
    return result


@contextlib.contextmanager
def _opened(task):
    deadline = time.monotonic() + _LOCK_SECONDS
    while run_directory.is_in_use(task["folder"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    with run_directory.open_run(task["folder"], task["flags"], recipe=task["module"]) as run:
        yield run


@contextlib.contextmanager
def _output_to(path):
    with open(path, "a") as file, contextlib.redirect_stdout(file):
        yield


def _curve(history):
    """Returns a row an epoch, with `None` for what is not finite: JSON has no word for it."""
    rows = []
    for number, epoch in enumerate(history.epoch):
        values = {name: float(column[number]) for name, column in history.history.items()}
        finite = {name: v if math.isfinite(v) else None for name, v in values.items()}
        rows.append({"epoch": int(epoch) + 1, **finite})
    return rows


def _is_pruned(curve, objective, thresholds):
    choose = min if sweeps.is_minimized(objective) else max
    for number, row in enumerate(curve, start=1):
        so_far = [row[objective] for row in curve[:number] if row[objective] is not None]
        threshold = thresholds.get(row["epoch"])
        if threshold is not None and choose([threshold, *so_far]) == threshold not in so_far:
            return True
    return False


def _recipe(task):
    """Returns the recipe's `train`, which still takes the data and the arguments of `fit`."""
    if task["path"] and task["path"] not in sys.path:
        sys.path.insert(0, task["path"])  # A recipe that is a script, not in a package.
    module = importlib.import_module(task["module"])
    _forget_imported_objects()
    kind = getattr(module, task["hyperparameters"])
    declarations = hp.declarations(kind)
    values = {name: declarations[name].parse(text) for name, text in task["values"].items()}
    return functools.partial(getattr(module, task["function"]), kind(**values), seed=task["seed"])


@functools.cache
def _forget_imported_objects():
    """Spares the collector all that imports have made, once: a pass over it takes 0.3 s."""
    gc.collect()
    gc.freeze()


def _data(task):
    return data_of(task["dataset"], task["data_dir"], tuple(task["data_flags"].items()))


@functools.lru_cache(maxsize=1)
def data_of(dataset, data_dir, flags=()):
    """Returns the data set, which a process loads only once."""
    return datasets.load(dataset, data_dir, **vars(datasets.Reading.from_texts(dict(flags))))
