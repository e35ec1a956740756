"""Trains one Keras model: blocks of steps, validation, callbacks, checkpoints and records."""

import os
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfcourse import batching, checked, datasets, run_directory, training_data
from tfcourse.training import (
    class_weighting,
    epoch_lines,
    input_checks,
    interruption,
    memory,
    preparation,
)
from tfcourse.training.checkpoints import checkpoint, identity, kept_preprocessing, own_run
from tfcourse.training.compilation import programs, replicated, steps
from tfcourse.training.keras_internals import build_for, direction_of, has_own_logs, overrides
from tfcourse.training.outputs import check_outputs
from tfcourse.training.session import Session


def fit(
    model: keras.Model,
    data: training_data.Data,
    *,
    epochs: int,
    batch_size: int | Literal["full"],
    seed: int,
    run_dir: os.PathLike[str] | str | None = None,
    run: run_directory.RunDirectory | None = None,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None = (),
    early_stopping: int = 0,
    monitor: str | None = None,
    monitor_mode: Literal["auto", "max", "min"] = "auto",
    class_weight: class_weighting.ClassWeight | None = None,
    steps_per_block: int | None = None,
    in_memory_steps: bool = True,
    tensorboard: bool = True,
    verbose: Literal[0, 1, 2] | None = None,
) -> keras.callbacks.History:
    """Trains `model` as Keras's `fit` does, and leaves it with the weights of its best epoch.

    The order of the examples is a pure function of (seed, epoch). Training ends early if a callback
    sets `model.stop_training`. Inside `on_devices`, each batch is split among the devices.

    Differences from Keras's `fit`: callbacks are called once per block of steps; a loss that is not
    finite ends training; validation takes 1,000 examples at a time; weights per example are not
    supported. XLA compiles the steps if it can and is faster; its random numbers differ. It does
    not compile a model with `run_eagerly=True`, nor, on a GPU, one with `jit_compile=False`
    (without a GPU, and after `set_seed`, Keras turns "auto" into `False` too). If a callback
    restores weights at the end, as `EarlyStopping(restore_best_weights=True)` does, these are kept.
    With `use_ema`, the model gets the averages of the best epoch.

    Args:
        model: compiled; its optimizer's rate may follow a schedule.
        data: has `train` and `validation`, each with `features` and `labels`: arrays, or dicts of
            arrays for a model with several inputs or outputs.
        epochs: >= 1, passes over the training set.
        batch_size: >= 1, or "full".
        seed: determines the order of the examples.
        run_dir: folder for checkpoints, history.csv, tensorboard/ and the trained model. A training
            that stopped there is resumed. A finished one is not repeated: its `History` is
            returned, with the best epoch's weights in `model`; a larger `epochs` continues it.
        run: the same for a recipe, which opens and finishes its run itself.
        callbacks: Keras callbacks; `on_train_batch_end` is called once per block.
        early_stopping: >= 0, epochs without a better `monitor` after which training stops; 0 turns
            early stopping off.
        monitor: the metric that decides which epoch is best; ties are broken by the lower
            validation loss, then by the later epoch. By default val_accuracy, or val_loss if there
            is none.
        monitor_mode: "max" if larger is better, "min" if smaller is better; "auto" infers it as
            Keras's callbacks do.
        class_weight: the weight in the loss of an example of each class: a sequence, such as the
            one that `balanced_class_weights` returns, or `{class: weight}`. Metrics are not
            weighted.
        steps_per_block: >= 1, steps between calls of `on_train_batch_end`; `None` makes blocks of
            about half a second.
        in_memory_steps: whether to train with the compiled program of `InMemorySteps` if the model
            allows it.
        tensorboard: whether to write the run's tensorboard/.
        verbose: 0: silent; 1: one row per epoch, and on a terminal the current step; 2: one row per
            epoch; `None` means 1. If there are more than 20 short epochs, about ten are shown.

    Returns:
        `keras.callbacks.History` with `epoch` and `history`, including the epochs before a resume.

    Raises:
        DataError: a split of `data` has no examples, or not a label for each.
        ValueError: an argument is out of range, or several devices can't train the model.
        NotFiniteError: the loss or a weight is not finite.
        Interrupted: a signal asked to stop; the state is saved in `run`.
        CheckpointError: `run` has checkpoints, but none of them can be used here.
        RunDirectoryError: the folder of `run` is gone, or its disk has no room for three
            checkpoints.
        WorkerLostError: another machine of this training is gone.
        OSError: a file of `run` can't be written; the last intact checkpoint is still there.

    Examples:
        >>> digits = tfcourse.datasets.load("digits")
        >>> tfcourse.training.set_seed(1)
        >>> model = tfcourse.models.softmax_regression(digits.input_shape, digits.num_classes)
        >>> tfcourse.training.compile_classifier(model, tfcourse.optimizers.Adam(0.01))
        >>> history = tfcourse.training.fit(
        ...     model, digits, epochs=5, batch_size=32, seed=1, tensorboard=False, verbose=0
        ... )
        >>> history.history["val_accuracy"][-1] > 0.9
        True
    """
    checked.count("epochs", epochs)
    checked.count("steps_per_block", 1 if steps_per_block is None else steps_per_block)
    for name, value in (("early_stopping", early_stopping), ("seed", seed)):
        checked.count(name, value, minimum=0)
    for name, value in (("in_memory_steps", in_memory_steps), ("tensorboard", tensorboard)):
        checked.flag(name, value)
    checked.one_of("monitor_mode", monitor_mode, ("auto", "max", "min"))
    input_checks.check_data(data)
    if run_dir is not None and run is not None:
        raise ValueError(f"Give `run_dir` or `run`, not both. Received: run_dir={run_dir}")
    if run:
        run.stopwatch.lap("model")
    size = _built(model, data, batch_size, of_recipe=run is not None)
    monitor, mode = _monitored(model, monitor, monitor_mode)
    weights = class_weighting.checked(class_weight, data.train.labels)
    num_steps = batching.steps_per_epoch(training_data.num_examples(data.train), size)
    program = _program(model, data, size, seed, epochs * num_steps, weights)
    execution = _execution(model, data, in_memory_steps)
    verbose = 1 if verbose is None else verbose
    given = tf.nest.flatten(callbacks or ())
    lines = _epoch_lines(given, verbose)

    def train(run: run_directory.RunDirectory | None) -> keras.callbacks.History:
        own = _own_callbacks(run if tensorboard else None, early_stopping, monitor, mode)
        callback_list = keras.callbacks.CallbackList(
            [*given, *own, *([lines] if lines else [])],
            add_history=True,
            model=model,
            epochs=epochs,
            steps=num_steps,
            verbose=verbose,
        )
        if run:
            checkpoint.Checkpoints(run, model).check_space()
            kept_preprocessing.keep(run, getattr(data, "preprocessing", None))
        with program.in_use(), interruption.held_signals() as request:
            session = Session(
                program,
                data.validation,
                execution,
                num_steps,
                callback_list,
                monitor,
                mode,
                run,
                identity.identity(run, data, seed, size) if run else None,
            )
            if lines:
                lines.best_epoch = lambda: session.progress.best_epoch
            try:
                session.train(epochs, steps_per_block, request)
            finally:
                if lines:
                    lines.clear()
        return model.history

    if run_dir is None:
        return train(run)
    arguments = {
        "epochs": epochs,
        "batch_size": size,
        "seed": seed,
        "monitor": monitor,
        "monitor_mode": mode,
        "early_stopping": early_stopping,
        "class_weight": None if weights is None else weights.tolist(),
    }
    return own_run.trained_in(run_dir, model, data, arguments, train)


def _built(
    model: keras.Model,
    data: training_data.Data,
    batch_size: int | Literal["full"],
    *,
    of_recipe: bool,
) -> int:
    """Builds `model` and checks it against `data`; returns the number of examples per step."""
    input_checks.check_compiled(model)
    size = batching.resolve_batch_size(batch_size, training_data.num_examples(data.train))
    if batch_size not in ("full", size):
        print(f"batch_size={batch_size}: the set has {size} examples, so a step takes {size}")
    input_checks.check_form_of_labels(model, data)
    build_for(model, training_data.first_examples(data.train, size), quickly=programs.is_sharing())
    check_outputs(model, of_recipe=of_recipe)
    memory.check_step(model, size)
    input_checks.check_labels(model, data)
    return size


def _program(
    model: keras.Model,
    data: training_data.Data,
    batch_size: int,
    seed: int,
    num_steps: int,
    class_weights: npt.NDArray[np.float32] | None,
) -> programs.Program:
    replicated.check_built_outside(model)
    arguments = model, data.train, batch_size, seed, num_steps, class_weights
    strategy = replicated.current_strategy()
    if strategy is None:
        return programs.Program(*arguments)
    if training_data.stays_on_disk(data.train):
        raise datasets.DataError(
            f"{getattr(data, 'name', 'data')}: expected data that fits into memory, to train on "
            "several devices; received some that stays on the disk. Train on one device."
        )
    return replicated.ReplicatedProgram(strategy, *arguments)


def _execution(
    model: keras.Model, data: training_data.Data, in_memory_steps: bool
) -> dict[str, bool]:
    """Returns how the steps are run; this is recorded, and a resumed run keeps it."""
    stock = not has_own_logs(model)
    in_memory_steps = in_memory_steps and not training_data.stays_on_disk(data.train)
    if replicated.current_strategy() is not None:
        replicated.check_trainable(model)
        return {"in_memory": True, "xla": False}
    if in_memory_steps and not stock:
        print(f"{model.name} has its own train_step: training step by step through tf.data")
    xla = steps.compiles_with_xla(model)
    preparation.tell_of_device()
    preparation.tell_of_precision(model, xla)
    return {
        "in_memory": bool(
            in_memory_steps and stock and not model.run_eagerly and memory.data_fits(data)
        ),
        "xla": xla,
    }


def _monitored(
    model: keras.Model, monitor: str | None, mode: Literal["auto", "max", "min"]
) -> tuple[str, Literal["max", "min"]]:
    """Returns the monitored metric and the direction in which it improves.

    Raises:
        ValueError: the model has no such metric, or its direction is unknown.
    """
    names = set(model.get_metrics_result())
    names |= {f"val_{name}" for name in names}
    if monitor is None:
        monitor = "val_accuracy" if "val_accuracy" in names else "val_loss"
    own = has_own_logs(model) or overrides(model, "test_step")
    if monitor not in names and not own:  # Logs of custom steps are known only later.
        raise input_checks.unknown_monitor(monitor, names)
    found = direction_of(model, monitor) if mode == "auto" else mode
    if found != "max" and found != "min":
        raise ValueError(
            f"`monitor_mode` must be 'max' or 'min' where Keras does not know which way {monitor} "
            f"gets better. Received: monitor_mode={mode!r}"
        )
    return monitor, found


def _own_callbacks(
    run: run_directory.RunDirectory | None, early_stopping: int, monitor: str, mode: str
) -> list[keras.callbacks.Callback]:
    own = []
    if early_stopping:
        own.append(keras.callbacks.EarlyStopping(monitor, patience=early_stopping, mode=mode))
    if run:
        own.append(keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False))
    return own


def _epoch_lines(
    given: Sequence[keras.callbacks.Callback], verbose: int
) -> epoch_lines.EpochLines | None:
    """Returns what prints the epochs, unless nothing, or one of the `given` callbacks, does."""
    shown = any(isinstance(each, keras.callbacks.ProgbarLogger) for each in given)
    return epoch_lines.EpochLines(live=verbose == 1) if verbose and not shown else None
