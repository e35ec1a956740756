"""The run directory that `fit(run_dir=...)` opens: what it records, and how it resumes."""

import hashlib
import json
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from tfcourse import run_directory, training_data
from tfcourse.system import files
from tfcourse.training.checkpoints.identity import split_digest
from tfcourse.training.checkpoints.model_files import WEIGHTS, load_weights, save_model
from tfcourse.training.compilation.constants import without_names
from tfcourse.training.keras_internals import (
    decays,
    has_decay_exclusions,
    inner_of,
    schedule_of,
)
from tfcourse.training.optimizer_settings import ScaledSchedule


def trained_in(
    run_dir: os.PathLike[str] | str,
    model: keras.Model,
    data: training_data.Data,
    arguments: dict[str, Any],
    train: Callable[[run_directory.RunDirectory], keras.callbacks.History],
) -> keras.callbacks.History:
    """Returns the `History` of `train(run)` in the folder `run_dir`, or of the finished run there.

    Args:
        run_dir: the folder; created if it does not exist.
        model: compiled and built `keras.Model`; ends with the best epoch's weights.
        data: the data that it is trained on.
        arguments: the arguments that affect the result, by name.
        train: starts or resumes the training.

    Raises:
        ChangedFlagsError: the folder's run has another model, other data or other arguments.
        RunDirectoryError: the folder is in use, or holds something else.
        ValueError: `run_dir` is empty.
    """
    if not os.fspath(run_dir):
        raise ValueError("`run_dir` must name a folder. Received: run_dir=''")
    path = files.expanded(run_dir)
    texts = _flags(path, model, data, arguments)
    try:
        with run_directory.open_run(path, texts, recipe="") as run:
            history = train(run)
            save_model(model, run)
            run.write_metrics({"epochs": len(history.epoch), "best_epoch": history.best_epoch})
    except run_directory.ChangedFlagsError as error:
        before = run_directory.recorded_flags(path) or {}
        others = {"model": "another model", "data": "other data"}
        changed = [text for name, text in others.items() if before.get(name) != texts[name]]
        of = f", of {' and '.join(changed)}" if changed else ""
        raise run_directory.ChangedFlagsError(
            f"{error}. That was another training{of}; a second training needs another `run_dir`"
        ) from None
    except run_directory.RunFinished as finished:
        print(
            f"{finished}. So nothing is trained: this is its history, and the model gets its best "
            "weights. A second training needs another `run_dir`",
            flush=True,
        )
        load_weights(model, path / WEIGHTS)
        history = _history(path, model)
        history.best_epoch = finished.metrics["best_epoch"]
    return history


def _flags(
    path: pathlib.Path, model: keras.Model, data: training_data.Data, arguments: dict[str, Any]
) -> run_directory.Flags:
    """Returns what is recorded of a training, and compared when it is called again.

    Raises:
        ChangedFlagsError: the same training in the folder `path` followed another schedule.
    """
    schedule = _schedule(model)
    flags = {
        **arguments,
        "model": _model_digest(model),
        "data": "".join(split_digest(split) for split in (data.train, data.validation)),
        "learning_rate": None if schedule else float(model.optimizer.learning_rate),
        run_directory.SCHEDULE_DIGEST: _schedule_digest(schedule) if schedule else None,
    }
    texts = {name: [str(value)] for name, value in flags.items() if value is not None}
    before = run_directory.recorded_flags(path) or texts
    if "learning_rate" in texts and int(model.optimizer.iterations) > 0:
        # A rate that training has changed does not count as another argument.
        texts["learning_rate"] = before.get("learning_rate", texts["learning_rate"])
    if "monitor_mode" not in before:  # Older versions did not record it.
        del texts["monitor_mode"]
    # With more epochs, a schedule that spans them all is another one.
    is_same = before.get("epochs") == texts["epochs"] and before.get("model") == texts["model"]
    digests = [each.get(run_directory.SCHEDULE_DIGEST) for each in (before, texts)]
    if is_same and all(digests) and digests[0] != digests[1]:
        raise run_directory.ChangedFlagsError(
            f"{path} holds a training with another learning-rate schedule; "
            "a second training needs another `run_dir`"
        )
    return texts


def _history(path: pathlib.Path, model: keras.Model) -> keras.callbacks.History:
    """Returns history.csv as the `History` that `fit` returned."""
    history = keras.callbacks.History()
    history.set_model(model)
    columns = run_directory.read_history(path)
    history.epoch = [int(epoch) - 1 for epoch in columns["epoch"]]
    logged = sorted(columns.keys() - {"epoch", "train_seconds", "nudges"})  # As Keras sorts them.
    history.history = {name: columns[name] for name in logged}
    history.nudges = (run_directory.recorded_flags(path) or {}).get("nudge", [])
    model.history = history
    return history


def _model_digest(model: keras.Model) -> str:
    """Returns a digest of a model's configuration that is the same in every process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About lambdas, which are not read back here.
        try:
            configs = [model.get_config(), model.get_compile_config()]
        except NotImplementedError:
            configs = []
    for config in configs[1:]:
        outer = config["optimizer"]["config"]
        for each in (outer, outer.get("inner_optimizer", {}).get("config", {})):
            for name in ("name", "learning_rate"):
                each.pop(name, None)
    settings = [
        type(model).__name__,
        [[list(variable.shape), str(variable.dtype)] for variable in model.variables],
        type(_schedule(model)).__name__,
        without_names(configs, model),
    ]
    optimizer = inner_of(model.optimizer)
    if has_decay_exclusions(optimizer):  # Which its configuration lacks.
        settings.append([decays(optimizer, each) for each in model.trainable_variables])
    return _digest(settings)


def _schedule(model: keras.Model) -> LearningRateSchedule | None:
    """Returns the schedule of a model's learning rate, without the factor of a nudge."""
    schedule = schedule_of(model.optimizer)
    return schedule.schedule if isinstance(schedule, ScaledSchedule) else schedule


def _schedule_digest(schedule: LearningRateSchedule) -> str:
    """Returns a digest of a schedule's configuration, or of its class if it has none."""
    try:
        config = schedule.get_config()
    except NotImplementedError:
        config = {}
    return _digest([type(schedule).__name__, config])


def _digest(settings: Any) -> str:
    text = json.dumps(settings, sort_keys=True, default=lambda item: type(item).__name__)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
