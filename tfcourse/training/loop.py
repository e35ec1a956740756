"""Trains one Keras model: blocks of steps, validation, callbacks, checkpoints, and a record."""

import dataclasses
import math
import sys
import time

import keras
import numpy as np

from tfcourse import batching
from tfcourse.training import in_memory, interruption, streaming
from tfcourse.training.checkpoint import Checkpoints
from tfcourse.training.evaluation import Evaluator

# A block is what runs between two looks at signals, callbacks and the clock.
_BLOCK_SECONDS = 0.5
_FIRST_BLOCK_STEPS = 8
# A checkpoint is due once training has taken so many times as long as the last one took to
# write, and at the latest after so many seconds: saving costs 5 % of the time at most.
_SAVE_COST_FACTOR = 20
_SAVE_SECONDS = 30.0


class NotFiniteError(Exception):
    """The loss became infinite or not a number; the message says where."""

    exit_code = 6


@dataclasses.dataclass
class _Progress:
    """Where training stands; together with the variables, all that a resume needs."""

    epoch: int = 0
    step: int = 0
    train_seconds: float = 0.0
    history: list = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    best_value: float | None = None
    best_weights: list = dataclasses.field(default_factory=list, repr=False)

    def state(self):
        names = [f.name for f in dataclasses.fields(self) if f.name != "best_weights"]
        return {name: getattr(self, name) for name in names}


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
    steps_per_block=None,
    in_memory_steps=True,
    verbose=None,
):
    """Trains `model` and leaves it with the weights of its best epoch.

    The order of the examples is a pure function of (seed, epoch). Training ends early where a
    callback sets `model.stop_training`.

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
        steps_per_block: int >= 1, steps between calls of `on_train_batch_end`; `None` takes
            blocks of about half a second.
        in_memory_steps: whether to train in the compiled program of `InMemorySteps` where the
            model allows it.
        verbose: 0 silent, 1 progress bar, 2 a line an epoch; `None` takes 1 on a terminal.

    Returns:
        `keras.callbacks.History` with `epoch` and `history`, the epochs before a resume included.

    Raises:
        NotFiniteError: the loss or a weight is not finite.
        Interrupted: a signal asked to stop; the state is saved in `run`.
        CheckpointError: `run` has checkpoints, and none can be read.
    """
    if run:
        run.stopwatch.lap("model")
    size = batching.resolve_batch_size(batch_size, len(data.train.labels))
    model._symbolic_build(data_batch=(data.train.features[:size], data.train.labels[:size]))
    steps = _steps(model, data.train, size, seed, in_memory_steps)
    num_steps = batching.steps_per_epoch(len(data.train.labels), size)
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    callback_list = keras.callbacks.CallbackList(
        [*callbacks, *_own_callbacks(run, early_stopping, monitor)],
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        epochs=epochs,
        steps=num_steps,
        verbose=verbose,
    )
    session = _Session(model, data.validation, steps, num_steps, callback_list, monitor, run)
    with interruption.held_signals() as request:
        session.train(epochs, steps_per_block, request)
    return model.history


def _steps(model, split, batch_size, seed, in_memory_steps):
    stock = type(model).train_step is keras.Model.train_step
    kind = in_memory.InMemorySteps if in_memory_steps and stock else streaming.StreamingSteps
    if in_memory_steps and not stock:
        print(f"{model.name} has a train_step of its own: training step by step through tf.data")
    return kind(model, split, batch_size, seed, jit_compile=in_memory.compiles_with_xla(model))


def _own_callbacks(run, early_stopping, monitor):
    own = []
    if early_stopping:
        mode = "min" if monitor.endswith("loss") else "max"
        own.append(keras.callbacks.EarlyStopping(monitor, patience=early_stopping, mode=mode))
    if run:
        own.append(keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False))
    return own


class _Session:
    """One call of `fit`: the parts it was given, and its progress."""

    def __init__(self, model, validation, steps, num_steps, callback_list, monitor, run):
        self.model = model
        self.steps = steps
        self.num_steps = num_steps
        self.validation = validation
        self.evaluator = Evaluator(model)
        self.callbacks = callback_list
        self.monitor = monitor
        self.run = run
        self.checkpoints = Checkpoints(run, model) if run else None
        self.progress = _Progress()
        self.saved_at = time.perf_counter()
        self.save_cost = 0.0
        self.seconds_per_step = None

    def train(self, epochs, steps_per_block, request):
        self.model.stop_training = False
        self.callbacks.on_train_begin()
        self._restore()
        progress = self.progress
        while progress.epoch < epochs and not self.model.stop_training:
            self.callbacks.on_epoch_begin(progress.epoch)
            self._train_epoch(steps_per_block, request)
            self._end_epoch()
            self._save_if_due(request, last=progress.epoch == epochs or self.model.stop_training)
        self.callbacks.on_train_end(progress.history[-1] if progress.history else None)
        for variable, value in zip(self.model.variables, progress.best_weights, strict=False):
            variable.assign(value)
        if self.run:
            self.run.stopwatch.lap("training, validation")

    def _train_epoch(self, steps_per_block, request):
        progress = self.progress
        if progress.step == 0:
            self.model.reset_metrics()
            progress.train_seconds = 0.0
        self.steps.start_epoch(progress.epoch)
        while progress.step < self.num_steps:
            last = min(progress.step + (steps_per_block or self._block_steps()), self.num_steps)
            self.callbacks.on_train_batch_begin(progress.step)
            started = time.perf_counter()
            self.steps.train(progress.step, last)
            logs = _floats(self.model.get_metrics_result())
            seconds = time.perf_counter() - started
            if self.run and self.seconds_per_step is None:
                self.run.stopwatch.lap("compile, first step")
            self.seconds_per_step = seconds / (last - progress.step)
            progress.train_seconds += seconds
            progress.step = last
            self._check_finite(logs, "loss")
            self.callbacks.on_train_batch_end(last - 1, logs)
            if last < self.num_steps:
                self._save_if_due(request)

    def _block_steps(self):
        # The first block compiles and tells nothing of the speed, so it is a short one.
        if self.seconds_per_step is None:
            return 1
        return max(_FIRST_BLOCK_STEPS, int(_BLOCK_SECONDS / max(self.seconds_per_step, 1e-7)))

    def _end_epoch(self):
        progress = self.progress
        logs = _floats(self.model.get_metrics_result())
        logs |= {f"val_{name}": value for name, value in self.evaluator.evaluate(self.validation).items()}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        self._check_finite(logs, "val_loss")
        self._keep_best(logs)
        progress.history.append(
            {"epoch": progress.epoch + 1, "train_seconds": progress.train_seconds, **logs}
        )
        self.callbacks.on_epoch_end(progress.epoch, logs)
        progress.epoch += 1
        progress.step = 0
        if self.run:
            self.run.write("history.csv", _csv(progress.history))

    def _keep_best(self, logs):
        value = logs[self.monitor] * (-1 if self.monitor.endswith("loss") else 1)
        if self.progress.best_value is None or value > self.progress.best_value:
            weights = [variable.numpy() for variable in self.model.variables]
            for variable, array in zip(self.model.variables, weights, strict=True):
                if not np.isfinite(array).all():
                    raise NotFiniteError(f"epoch {self.progress.epoch + 1}: {variable.path}")
            self.progress.best_value = value
            self.progress.best_epoch = self.progress.epoch + 1
            self.progress.best_weights = weights

    def _check_finite(self, logs, name):
        if not math.isfinite(logs[name]):
            progress = self.progress
            raise NotFiniteError(
                f"{name} is {logs[name]} in epoch {progress.epoch + 1}, by step {progress.step} "
                f"of {self.num_steps}; a lower --learning_rate may mend it"
            )

    def _save_if_due(self, request, *, last=False):
        interrupted = request.signal_number is not None
        if self.checkpoints:
            now = time.perf_counter()
            waited = now - self.saved_at
            due = waited > min(_SAVE_COST_FACTOR * self.save_cost, _SAVE_SECONDS)
            if due or last or interrupted:
                state = {**self.progress.state(), "stopped": bool(self.model.stop_training)}
                state["callbacks"] = [_plain_state(c) for c in self.callbacks.callbacks]
                self.checkpoints.save(state, self.progress.best_weights)
                self.saved_at = time.perf_counter()
                self.save_cost = self.saved_at - now
        if interrupted and not last:
            where = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
            saved = "; the state is saved" if self.checkpoints else ""
            raise interruption.Interrupted(f"stopped in {where}{saved}", request.signal_number)

    def _restore(self):
        restored = self.checkpoints.restore() if self.checkpoints else None
        if restored is None:
            return
        state, best_weights = restored
        self.model.stop_training = state.pop("stopped")
        for callback, values in zip(self.callbacks.callbacks, state.pop("callbacks"), strict=True):
            vars(callback).update(values)
        self.progress = _Progress(**state, best_weights=best_weights)
        for row in self.progress.history:
            self.model.history.epoch.append(row["epoch"] - 1)
            for name in set(row) - {"epoch", "train_seconds"}:
                self.model.history.history.setdefault(name, []).append(row[name])
        print(f"Resuming at epoch {self.progress.epoch + 1}, step {self.progress.step}", flush=True)


def _plain_state(callback):
    """Returns the attributes of a callback that are plain values: counts, bests, patience left."""
    plain = (bool, int, float, str, type(None))
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if isinstance(value, (*plain, np.generic))
    }


def _floats(metrics):
    return {name: float(value) for name, value in metrics.items()}


def _csv(history):
    columns = list(history[-1])
    rows = [",".join(repr(row[name]) for name in columns) for row in history]
    return "\n".join([",".join(columns), *rows]) + "\n"
