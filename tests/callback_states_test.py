"""What callbacks know when a run goes on that was cut off between two blocks of steps."""

import collections
import random
import threading

import keras
import numpy as np
import pytest

from tfcourse import datasets, models, optimizers, run_directory, training
from tfcourse.training import keras_internals
from tfcourse.training.checkpoints import checkpoint, plain_values, saving

EPOCHS, STEPS = 4, 4
pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(STEPS * 32)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.


class Stop(keras.callbacks.Callback):
    """Cuts the run off once `place` is reached."""

    def __init__(self, place):
        super().__init__()
        self._place = place

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._epoch, batch) == self._place:
            raise KeyboardInterrupt


def trained(data, folder, callbacks, *, optimizer=None, stop=None, monitor="val_loss"):
    """Returns the arrays and the history of a run that may have been cut off before."""
    training.set_seed(1)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizer or optimizers.Momentum(0.05, beta=0.9))
    with run_directory.open_run(folder, {"epochs": [str(EPOCHS)]}, recipe="test") as run:
        history = training.fit(
            model,
            data,
            epochs=EPOCHS,
            batch_size=32,
            seed=1,
            run=run,
            verbose=0,
            tensorboard=False,
            steps_per_block=1,
            monitor=monitor,
            callbacks=[*callbacks, Stop(stop)],
        )
    return [v.numpy() for v in checkpoint.variables_of(model)], history.history


def check_resumed(data, folder, make, stop=(2, 2), **options):
    """Checks that a run with `make(folder)` ends as one that was cut off at `stop`.

    Returns the callback of the resumed run, and both folders.
    """
    whole, stopped = folder / "whole", folder / "stopped"
    optimizer = options.pop("optimizer", lambda: None)
    (folder / "own").mkdir()
    first, second = folder / "own" / "whole", folder / "own" / "stopped"
    callback = make(first)
    arrays, history = trained(data, whole, [callback], optimizer=optimizer(), **options)
    killed = make(second)
    with pytest.raises(KeyboardInterrupt):
        trained(data, stopped, [killed], optimizer=optimizer(), stop=stop, **options)
    if hasattr(killed, "csv_file"):
        killed.csv_file.close()  # As the end of its process would.
    resumed = make(second)
    again, history_again = trained(data, stopped, [resumed], optimizer=optimizer(), **options)
    for a, b in zip(arrays, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert history_again == history
    for name in vars(callback).keys() - keras_internals.remade_attributes(callback):
        if name not in ("filepath", "filename", "backup_dir") and "_path" not in name:
            before, after = (plain_values.packed(vars(c)[name]) for c in (callback, resumed))
            assert before is None or after.is_same(before), name
    return callback, resumed, first, second


class Remembering(keras.callbacks.Callback):
    """Sets the learning rate by all that it has seen, kept in every kind of container."""

    def __init__(self):
        super().__init__()
        self.losses = []
        self.by_epoch = {}
        self.lowest = (9.0, (0, 0))
        self.seen = set()
        self.counts = np.zeros(3, "int64")
        self.recent = collections.deque(maxlen=2)
        self.nested = {("a", 1): [{"b": np.float32(1.5)}], "empty": [(), {}, set()]}
        self.steady = [np.zeros(2)]
        self.generator = np.random.default_rng(3)
        self.random = random.Random(4)
        self.weights = None
        self.kept = b""

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])
        self.by_epoch[batch] = self.by_epoch.get(batch, 0.0) + logs["loss"]
        self.lowest = min(self.lowest, (logs["loss"], (batch, 1)))
        self.seen.add(int(10 * logs["loss"]))
        self.counts[batch % 3] += 1
        self.recent.append(logs["loss"])
        self.nested["a", 1].append({"b": np.float32(logs["loss"])})
        self.weights = [self.model.get_weights()[0], [logs["loss"]]]
        self.kept += bytes([batch, 200])
        seen = len(self.losses) + len(self.seen) + len(self.nested["a", 1]) + self.counts[0]
        known = sum(self.recent) + sum(self.by_epoch.values()) + self.lowest[0] + len(self.kept)
        drawn = self.generator.random() + self.random.random()
        mean = abs(self.weights[0]).mean()
        self.model.optimizer.learning_rate = 0.05 / (seen + known + drawn + mean)


@pytest.mark.parametrize("stop", [(0, 2), (2, 2), (3, 0)])
def test_all_that_a_callback_keeps_comes_back(data, tmp_path, stop):
    _, resumed, *_ = check_resumed(data, tmp_path, lambda folder: Remembering(), stop)
    assert len(resumed.losses) == EPOCHS * STEPS
    assert isinstance(resumed.lowest, tuple)
    assert resumed.recent.maxlen == 2
    assert resumed.weights[0].flags.writeable


def _lambda_callback(folder):
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs["loss"])


KERAS = {
    "EarlyStopping": lambda folder: keras.callbacks.EarlyStopping(
        "loss", min_delta=0.5, patience=3, restore_best_weights=True
    ),
    "ReduceLROnPlateau": lambda folder: keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.5, patience=1, min_delta=0.3, cooldown=1
    ),
    "LearningRateScheduler": lambda folder: keras.callbacks.LearningRateScheduler(
        lambda epoch, rate: 0.8 * rate
    ),
    "ModelCheckpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        f"{folder}.weights.h5", "val_loss", save_best_only=True, save_weights_only=True
    ),
    "ModelCheckpoint by steps": lambda folder: keras.callbacks.ModelCheckpoint(
        f"{folder}-{{epoch}}.weights.h5", save_freq=3, save_weights_only=True
    ),
    "TensorBoard": lambda folder: keras.callbacks.TensorBoard(folder),
    "LambdaCallback": _lambda_callback,
    "BackupAndRestore": lambda folder: keras.callbacks.BackupAndRestore(folder, save_freq=3),
}


@pytest.mark.parametrize("name", KERAS)
def test_callbacks_of_keras_go_on_where_they_were(data, tmp_path, capsys, name):
    check_resumed(data, tmp_path, KERAS[name])
    assert "will not bring back" not in capsys.readouterr().out


@pytest.mark.parametrize("stop", [(2, 2), (3, 0)])
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averaged_weights_are_swapped_back(data, tmp_path, swap_on_epoch, stop):
    check_resumed(
        data,
        tmp_path,
        lambda folder: keras.callbacks.SwapEMAWeights(swap_on_epoch),
        stop,
        optimizer=lambda: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5),
    )


@pytest.mark.parametrize("append", [False, True])
def test_the_rows_of_a_csv_logger_are_all_there_once(data, tmp_path, append):
    def make(path):
        if append and not path.exists():
            path.write_text("")
        return keras.callbacks.CSVLogger(path, append=append)

    *_, whole, stopped = check_resumed(data, tmp_path, make, (3, 1))
    assert stopped.read_bytes() == whole.read_bytes()
    assert len(whole.read_text().splitlines()) == EPOCHS + 1


class Holding(keras.callbacks.Callback):
    not_kept = ("drawn",)

    def __init__(self, **values):
        super().__init__()
        vars(self).update(values)


def test_what_will_not_come_back_is_told_before_training(data, tmp_path, capsys):
    told = []
    model_like = keras.layers.Dense(1)
    seen, count = [], 0

    def counting(epoch, logs):
        nonlocal count
        count += 1

    callbacks = [
        Holding(lock=threading.Lock(), other=model_like, path=tmp_path, drawn=object()),
        Holding(masked=np.ma.zeros(2), inside={"a": [object()]}, scale=lambda x, by=2: by * x),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)),
        keras.callbacks.LambdaCallback(on_epoch_begin=counting),
        keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: told.append(capsys.readouterr().out)
        ),
    ]
    trained(data, tmp_path / "run", callbacks)
    assert "will not bring back Holding.lock, Holding.other, Holding.masked" in told[0]
    assert "Holding.inside, LambdaCallback.on_epoch_end, LambdaCallback.on_epoch_begin" in told[0]
    assert "Holding.path" not in told[0]
    assert "Holding.drawn" not in told[0]
    assert "Holding.scale" not in told[0]
    assert not any(told[1:])


def test_a_resumed_run_may_bring_other_settings(data, tmp_path):
    folder = tmp_path / "run"
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=9, min_delta=0.01)
    with pytest.raises(KeyboardInterrupt):
        trained(data, folder, [stopping], stop=(2, 2))
    again = keras.callbacks.EarlyStopping("val_loss", patience=7, min_delta=0.01)
    trained(data, folder, [again])
    assert (again.patience, again.min_delta) == (7, -0.01)


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5, "a", None, True, [()]],
        {1: {"a": {2, 3}}, (1, "b"): frozenset({4})},
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        collections.deque([1, 2], 5),
        np.arange(6, dtype="float16").reshape(2, 3),
        np.float64(0.1),
        np.zeros((0, 3), "bool"),
        b"\x00\xff",
    ],
)
def test_values_are_unpacked_as_they_were_packed(value):
    back = plain_values.unpacked(plain_values.packed(value))
    assert type(back) is type(value)
    np.testing.assert_array_equal(back, value) if isinstance(value, np.ndarray) else None
    assert isinstance(value, np.ndarray) or back == value


@pytest.mark.parametrize(
    "value", [np.array(["a"]), np.array([None]), np.arange(3, dtype=">i4"), object(), {1: [open]}]
)
def test_what_is_neither_plain_nor_an_array_is_not_packed(value):
    assert plain_values.packed(value) is None
