"""Trains one Keras model: blocks of steps, validation, callbacks, checkpoints, and a record."""

import dataclasses
import functools
import sys

import keras

from tfcourse import batching, datasets, run_directory
from tfcourse.training import class_weighting, in_memory, interruption, programs, replicated
from tfcourse.training.session import Session


def fit(
    model,
    data,
    *,
    epochs,
    batch_size,
    seed,
    run=None,
    callbacks=(),
    early_stopping=0,
    monitor="val_accuracy",
    class_weight=None,
    steps_per_block=None,
    in_memory_steps=True,
    tensorboard=True,
    verbose=None,
):
    """Trains `model` and leaves it with the weights of its best epoch.

    The order of the examples is a pure function of (seed, epoch). Training ends early where a
    callback sets `model.stop_training`. Inside `on_devices` each batch is shared among devices.

    Args:
        model: compiled `keras.Model`; its optimizer's rate may follow a schedule.
        data: has `train` and `validation`, each with `features` and `labels`.
        epochs: int >= 1, passes over the training set.
        batch_size: int >= 1, or "full".
        seed: int, orders the examples.
        run: `RunDirectory` for checkpoints, history.csv and tensorboard/; an unfinished run there
            is resumed.
        callbacks: Keras callbacks. Between two calls of `on_train_batch_end` lies a block.
        early_stopping: int >= 0, epochs without a better `monitor` after which training ends;
            0 never does.
        monitor: str, the metric that says which epoch is best; the larger the better, but for
            names that end in "loss".
        class_weight: what an example of each class counts in the loss: a sequence such as
            `balanced_class_weights`, or `{class: weight}`. Metrics are not weighted.
        steps_per_block: int >= 1, steps between calls of `on_train_batch_end`; `None` takes
            blocks of about half a second.
        in_memory_steps: whether to train in the compiled program of `InMemorySteps` where the
            model allows it.
        tensorboard: whether to write `run`'s tensorboard/.
        verbose: 0 silent, 1 progress bar, 2 a line an epoch; `None` takes 1 on a terminal.

    Returns:
        `keras.callbacks.History` with `epoch` and `history`, the epochs before a resume included.

    Raises:
        ValueError: `epochs` or `batch_size` is out of its range, or the model is none that
            several devices can train.
        NotFiniteError: the loss or a weight is not finite.
        Interrupted: a signal asked to stop; the state is saved in `run`.
        CheckpointError: `run` has checkpoints, and none can be used here.
        RunDirectoryError: `run` is gone, or its disk has no room for three checkpoints.
        WorkerLostError: another machine that took part is gone.
        OSError: a file of `run` can't be written; the last good checkpoint is still there.

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
    if epochs < 1:
        raise ValueError(f"`epochs` must be >= 1. Received: epochs={epochs}")
    if run:
        run.stopwatch.lap("model")
    size = batching.resolve_batch_size(batch_size, len(data.train.labels))
    if batch_size not in ("full", size):
        print(f"batch_size={batch_size}: the set has {size} examples, so a step takes {size}")
    batch = data.train.features[:size], data.train.labels[:size]
    model._symbolic_build(data_batch=batch)
    num_steps = batching.steps_per_epoch(len(data.train.labels), size)
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    on_disk = hasattr(data.train.features, "read")
    path = _path(model, in_memory_steps and not on_disk)
    weights = class_weighting.checked(class_weight, data.train.labels)
    strategy = replicated.current_strategy()
    if strategy is not None:
        if on_disk:
            raise datasets.DataError(
                f"{data.name}: expected data that fits into memory, to train on several devices; "
                "received some that stays on the disk. Train on one device."
            )
        program = replicated.ReplicatedProgram(model, strategy, batch, weights)
    else:
        program = programs.program_for(model, data.train, size, epochs * num_steps, path, weights)
    callback_list = keras.callbacks.CallbackList(
        [*callbacks, *_own_callbacks(run if tensorboard else None, early_stopping, monitor)],
        add_history=True,
        add_progbar=verbose != 0,
        model=program.model,
        epochs=epochs,
        steps=num_steps,
        verbose=verbose,
    )
    if run:
        _keep_preprocessing(run, getattr(data, "preprocessing", None))
    make_steps = functools.partial(program.steps, data.train, size, seed)
    with program.standing_in_for(model), interruption.held_signals() as request:
        session = Session(
            program, data.validation, make_steps, path, num_steps, callback_list, monitor, run
        )
        session.train(epochs, steps_per_block, request)
    return model.history


def _keep_preprocessing(run, fitted):
    """Writes how raw examples become the model's input; a resumed run must have the same data."""
    if fitted is None:
        return
    path = run.path / run_directory.PREPROCESSING
    begun = any(run.path.glob("checkpoints/*.ckpt"))
    if begun and path.exists() and not _is_same(path.read_text(), fitted):
        raise datasets.DataError(
            f"{path}: expected the data that the run began with; received other data in "
            f"{fitted.source}. Restore it, or name another `run_dir`."
        )
    run.write(run_directory.PREPROCESSING, datasets.preprocessing.to_json(fitted))


def _is_same(text, fitted):
    try:
        before = datasets.preprocessing.from_json(text)
    except ValueError:
        return False
    # A file is known by its sha256; a library that brings a set may have become a newer one.
    if "sha256" not in fitted.source:
        before = dataclasses.replace(before, source=fitted.source)
    return before == fitted


def _path(model, in_memory_steps):
    """Returns how the steps are taken; it is recorded, and a resumed run keeps it."""
    stock = type(model).train_step is keras.Model.train_step
    if replicated.current_strategy() is not None:
        if not stock or len(getattr(model, "outputs", None) or ()) != 1:
            raise ValueError(
                "Several devices train functional models with one output and Keras's train_step. "
                f"Received: model={model.name}"
            )
        return {"in_memory": True, "xla": False}
    if in_memory_steps and not stock:
        print(f"{model.name} has a train_step of its own: training step by step through tf.data")
    return {
        "in_memory": bool(in_memory_steps and stock),
        "xla": in_memory.compiles_with_xla(model),
    }


def _own_callbacks(run, early_stopping, monitor):
    own = []
    if early_stopping:
        mode = "min" if monitor.endswith("loss") else "max"
        own.append(keras.callbacks.EarlyStopping(monitor, patience=early_stopping, mode=mode))
    if run:
        own.append(keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False))
    return own
