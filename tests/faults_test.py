import contextlib
import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfcourse import datasets, models, optimizers, run_directory, training
from tfcourse.system import due, files
from tfcourse.training.checkpoints import checkpoint, saved_arrays, saving
from tfcourse.training.compilation import steps

ROOT = pathlib.Path(__file__).parents[1]
pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(128)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.


class Acting(keras.callbacks.Callback):
    """Does something once, in the middle of training."""

    def __init__(self, act=None):
        super().__init__()
        self._act = act
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self._epoch, batch) == (1, 1) and self._act:
            act, self._act = self._act, None
            act()


def trained(data, folder, act=None, *, epochs=3, make=models.softmax_regression, **arguments):
    training.set_seed(1)
    model = make(data.input_shape, data.num_classes)
    training.compile_classifier(model, arguments.pop("optimizer", None) or optimizers.Adam(0.01))
    callbacks = [Acting(act), *arguments.pop("callbacks", ())]
    with run_directory.open_run(folder, {"epochs": [str(epochs)]}, recipe="test") as run:
        training.fit(
            model,
            data,
            epochs=epochs,
            batch_size=32,
            seed=1,
            run=run,
            verbose=0,
            steps_per_block=1,
            callbacks=callbacks,
            **arguments,
        )
    return [v.numpy() for v in checkpoint.variables_of(model)]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    return trained(data, tmp_path_factory.mktemp("whole") / "run")


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


class Fault:
    """Lets the call number `at` of a function of `os` fail."""

    def __init__(self, monkeypatch, name, code, at):
        self._calls = 0
        original = getattr(os, name)

        def failing(*arguments, **named):
            self._calls += 1
            if self._calls == at:
                raise OSError(code, os.strerror(code))
            return original(*arguments, **named)

        monkeypatch.setattr(os, name, failing)


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("at", [4, 5, 6, 9])
def test_a_failing_disk_ends_with_5_and_loses_nothing(data, tmp_path, whole, name, at):
    with pytest.MonkeyPatch.context() as patch:
        Fault(patch, name, errno.EIO, at)
        with pytest.raises(OSError, match=str(tmp_path)) as caught:
            trained(data, tmp_path / "run")
    assert caught.value.errno == errno.EIO
    assert not list((tmp_path / "run").rglob(".*"))
    assert_same(trained(data, tmp_path / "run"), whole)


CODES = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_file_that_can_not_be_written_leaves_the_one_before(tmp_path, monkeypatch, code):
    path = tmp_path / "file"
    files.write_file(path, "before")
    Fault(monkeypatch, "fsync", code, 1)
    with pytest.raises(OSError, match="file") as caught:
        files.write_file(path, "after")
    assert caught.value.filename == str(path)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_ends_with_5_and_the_run_goes_on_once_there_is_room(data, tmp_path, whole):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    filler = folder / "filler"
    try:

        def fill():
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(512))

        with pytest.raises(OSError, match="No space") as caught:
            trained(data, folder / "run", act=fill)
        assert str(folder) in str(caught.value)
        filler.unlink()
        assert_same(trained(data, folder / "run"), whole)
    finally:
        # Lazily, since TensorBoard's writer may still hold a file there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_too_little_room_is_told_before_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 1000))
    with pytest.raises(run_directory.RunDirectoryError, match=r"needs about \d+ kB .* 1 kB"):
        trained(data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_was_removed_or_replaced_ends_the_run(data, tmp_path, again):
    folder = tmp_path / "run"

    def remove():
        shutil.rmtree(folder)
        if again:
            folder.mkdir()
            (folder / "run.lock").touch()

    with pytest.raises(run_directory.RunDirectoryError, match="removed or replaced"):
        trained(data, folder, act=remove)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_only_files_of_our_own_are_removed(data, tmp_path):
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    random = "0123456789abcdef"
    own = [
        folder / f".flags.txt.{random}.tmp",
        folder / f"checkpoints/.000001-000001-000000001.ckpt.{random}.tmp",
    ]
    foreign = [
        folder / f".bashrc.{random}.tmp",
        folder / "checkpoints/mine.ckpt",
        folder / "notes.txt",
    ]
    for path in (*own, *foreign):
        path.write_text("x")
    (folder / "flags.txt").write_text("--epochs=3\n")
    trained(data, folder)
    assert all(path.exists() for path in foreign)
    assert not any(path.exists() for path in own)


def test_a_living_owner_is_refused_and_a_dead_ones_lock_is_taken_over(tmp_path):
    code = (
        "import sys, time\nfrom tfcourse import run_directory\n"
        "with run_directory.open_run(sys.argv[1], {}, recipe='t'):\n"
        "    print('open', flush=True)\n    time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert owner.stdout.readline() == b"open\n"
        with (
            pytest.raises(run_directory.RunDirectoryError, match=f"process {owner.pid} on "),
            run_directory.open_run(tmp_path, {}, recipe="t"),
        ):
            pass
        assert run_directory.is_in_use(tmp_path)
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    assert not run_directory.is_in_use(tmp_path)
    with run_directory.open_run(tmp_path, {}, recipe="t"):
        pass


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)]
)
def test_a_signal_saves_the_state_and_the_run_goes_on_from_there(
    data, tmp_path, whole, monkeypatch, usual_signals, number, code
):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", 1e9)
    monkeypatch.setattr(due, "_COST_FACTOR", 1e9)
    before = signal.getsignal(number)
    with pytest.raises(training.Interrupted, match="epoch 2, step 2; the state is saved") as caught:
        trained(data, tmp_path / "run", act=lambda: os.kill(os.getpid(), number))
    assert caught.value.exit_code == code
    assert signal.getsignal(number) == before
    newest = sorted((tmp_path / "run/checkpoints").iterdir())[-1]
    assert newest.name.endswith("000001-000000002.ckpt")
    assert_same(trained(data, tmp_path / "run"), whole)


def test_an_ignored_signal_stays_ignored(data, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        trained(data, tmp_path / "run", act=lambda: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_not_finite_is_never_saved(data, tmp_path):
    def make(*arguments):
        trained.model = models.softmax_regression(*arguments)
        return trained.model

    def spoil():
        trained.model.layers[-1].bias.assign(np.full(10, np.nan))

    with pytest.raises(training.NotFiniteError, match="epoch 2"):
        trained(data, tmp_path / "run", act=spoil, make=make)
    for path in (tmp_path / "run/checkpoints").iterdir():
        arrays, _ = saved_arrays.read(path, 1 << 20)
        assert saved_arrays.first_not_finite(arrays) is None


def test_a_checkpoint_that_is_not_finite_is_passed_over(data, tmp_path, whole, capsys):
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", act=_interrupt)
    newest = sorted((tmp_path / "run/checkpoints").iterdir())[-1]
    arrays, state = saved_arrays.read(newest, 1 << 20)
    name = next(iter(arrays))
    arrays = {**arrays, name: np.full_like(arrays[name], np.inf)}
    newest.write_bytes(b"".join(saved_arrays.pack(arrays, state)))
    assert_same(trained(data, tmp_path / "run"), whole)
    assert "not finite" in capsys.readouterr().out


def _interrupt():
    raise KeyboardInterrupt


def test_a_checkpoint_of_another_model_is_refused(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", act=_interrupt)
    with pytest.raises(training.CheckpointError, match="another model") as caught:
        trained(data, tmp_path / "run", make=lambda *a: models.batch_norm_mlp(*a, (4,)))
    assert len(str(caught.value).splitlines()) <= 3
    with pytest.raises(training.CheckpointError, match="another model"):
        trained(data, tmp_path / "run", optimizer=optimizers.GradientDescent(0.1))


def test_other_callbacks_are_refused(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", act=_interrupt)
    with pytest.raises(training.CheckpointError, match="callbacks Acting; received Acting, Early"):
        trained(data, tmp_path / "run", early_stopping=3)


def test_other_libraries_are_told_and_the_path_is_kept(data, tmp_path, monkeypatch, capsys):
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", act=_interrupt, in_memory_steps=False)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    used = []
    start_epoch = steps.StreamingSteps.start_epoch
    monkeypatch.setattr(
        steps.StreamingSteps,
        "start_epoch",
        lambda self, epoch: (used.append(epoch), start_epoch(self, epoch))[1],
    )
    trained(data, tmp_path / "run")
    assert "began with onednn True, now False" in capsys.readouterr().out
    assert used


@pytest.mark.parametrize(
    "make_callbacks",
    [
        lambda: [keras.callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=10.0)],
        lambda: [
            keras.callbacks.EarlyStopping("val_loss", min_delta=0.4, restore_best_weights=True)
        ],
        lambda: [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    ],
)
def test_callbacks_go_on_where_they_were(data, tmp_path, make_callbacks):
    whole = trained(data, tmp_path / "whole", epochs=4, callbacks=make_callbacks())
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run", _interrupt, epochs=4, callbacks=make_callbacks())
    assert_same(trained(data, tmp_path / "run", epochs=4, callbacks=make_callbacks()), whole)


def test_a_batch_larger_than_the_set_is_told(data, tmp_path, capsys):
    training.set_seed(1)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizers.Adam(0.01))
    training.fit(model, data, epochs=1, batch_size=1000, seed=1, verbose=0)
    assert "batch_size=1000: the set has 128 examples" in capsys.readouterr().out


def test_a_finished_run_goes_on_with_more_epochs(tmp_path):
    def settings(**changed):
        values = {"epochs": "3", "learning_rate": "0.1", **changed}
        return {name: [value] for name, value in values.items()}

    with run_directory.open_run(tmp_path, settings(), recipe="t") as run:
        run.write_metrics({"total": 1})
    with (
        pytest.raises(run_directory.RunFinished) as caught,
        run_directory.open_run(tmp_path, settings(), recipe="t"),
    ):
        pass
    assert caught.value.metrics["total"] == 1
    for changed in ({"epochs": "2"}, {"epochs": "5", "learning_rate": "0.2"}):
        with (
            pytest.raises(run_directory.ChangedFlagsError, match="`epochs` is"),
            run_directory.open_run(tmp_path, settings(**changed), recipe="t"),
        ):
            pass
    # Killed at once, and begun again: it is not taken for finished.
    for _ in range(2):
        with run_directory.open_run(tmp_path, settings(epochs="5"), recipe="t") as run:
            assert run.continued_from == [3]
            assert run.read_metrics() is None
    with run_directory.open_run(tmp_path, settings(epochs="5"), recipe="t") as run:
        run.write_metrics({"total": 2})
    assert json.loads((tmp_path / "metrics.json").read_text())["continued_from"] == [3]
    assert run_directory.RunDirectory(tmp_path).read_metrics()["total"] == 2


def test_a_stand_in_is_kept_and_flags_without_effect_are_not_compared(tmp_path):
    asked = {"dataset": ["mnist,digits"], "expect": ["a:0:1"], "epochs": ["3"], "workers": ["2"]}
    with run_directory.open_run(tmp_path, asked, recipe="t") as run:
        run.write_flags({"dataset": ["digits"], "epochs": ["3"], "workers": ["2"]})
        run.write("checkpoints/000001-000000000.ckpt", "")  # There is something to go on from.
    with run_directory.open_run(tmp_path, {**asked, "workers": ["4"]}, recipe="t") as run:
        assert run.flags["dataset"] == ["digits"]
    with (
        pytest.raises(run_directory.ChangedFlagsError, match="`dataset` is mnist, was digits"),
        run_directory.open_run(tmp_path, {**asked, "dataset": ["mnist"]}, recipe="t"),
    ):
        pass


@pytest.mark.parametrize("arguments", [{"epochs": 0}, {"epochs": -1}])
def test_no_epochs_are_refused(data, tmp_path, arguments):
    with pytest.raises(ValueError, match="epochs="):
        trained(data, tmp_path / "run", **arguments)
