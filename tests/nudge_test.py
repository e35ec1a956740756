import json
import os
import pathlib

import keras
import numpy as np
import processes
import pytest

from tfcourse import datasets, models, nudges, optimizers, run_directory, schedules, training
from tfcourse.system import due
from tfcourse.training import optimizer_settings
from tfcourse.training.checkpoints import checkpoint, saving

STEPS = 4
pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(STEPS * 32)


class Once(dict):
    """What is asked for once, also where training goes back: no state that comes back."""


class Asking(keras.callbacks.Callback):
    """Asks for changes, or stops, once `place` is reached."""

    def __init__(self, run, asked, stop=None):
        super().__init__()
        self._run = run
        self._asked = Once(asked)
        self._stop = stop
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        place = (self._epoch, batch + 1)
        changes = self._asked.pop(place, None)
        if changes:
            nudges.request(self._run.path, changes)
        if place == self._stop:
            self._stop = None
            raise KeyboardInterrupt


def trained(data, folder, *, flags=None, asked=(), stop=None, steps_per_block=1):
    """Returns `(arrays, history, run)` of a run that is nudged, or stopped, on its way."""
    training.set_seed(1)
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (8,), 0.2)
    training.compile_classifier(model, optimizers.Momentum(0.05, beta=0.9))
    with run_directory.open_run(folder, flags or {"epochs": ["4"]}, recipe="test") as run:
        history = training.fit(
            model,
            data,
            epochs=4,
            batch_size=32,
            seed=1,
            run=run,
            verbose=0,
            steps_per_block=steps_per_block,
            callbacks=[Asking(run, asked, stop)],
        )
    return [v.numpy() for v in checkpoint.variables_of(model)], history, folder


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def differs(first, second):
    return any((a != b).any() for a, b in zip(first, second, strict=True))


def recorded(folder):
    return run_directory.parse_flags((folder / "flags.txt").read_text())


def test_a_nudged_run_is_repeated_by_its_flags(data, tmp_path):
    asked = {(1, 2): {"learning_rate": 0.2}, (2, 4): {"beta": 0.5}}
    plain, *_ = trained(data, tmp_path / "plain")
    nudged, history, folder = trained(data, tmp_path / "nudged", asked=asked)
    assert differs(plain, nudged)
    flags = recorded(folder)
    assert flags["nudge"] == ["1:2:learning_rate=0.2", "3:0:beta=0.5"]
    assert history.nudges == flags["nudge"]
    replayed, again, _ = trained(data, tmp_path / "replayed", flags=flags, steps_per_block=9)
    assert_same(nudged, replayed)
    assert again.history == history.history
    log = [json.loads(line) for line in (folder / "nudges.jsonl").read_text().splitlines()]
    assert [(entry["epoch"], entry["step"]) for entry in log] == [(1, 2), (3, 0)]
    rows = (folder / "history.csv").read_text().splitlines()
    assert [row.rpartition(",")[2] for row in rows] == ["nudges", "0", "1", "0", "1"]
    assert not list((folder / nudges.REQUESTS).iterdir())


def test_a_nudge_for_after_the_last_step_is_told(data, tmp_path, capsys):
    flags = {"nudge": ["0:99:learning_rate=0.2", "9:0:learning_rate=0.1"]}
    trained(data, tmp_path, flags=flags)
    told = capsys.readouterr().out
    assert "nudge at epoch 2, step 0: learning_rate is now 0.2" in told
    assert "the nudge 9:0:learning_rate=0.1 is for after the last step: nothing was changed" in told


def test_going_back_forgets_what_came_after(data, tmp_path):
    asked = {(0, 3): {"learning_rate": 0.2}, (2, 1): {"rollback_epoch": 1, "learning_rate": 0.01}}
    nudged, history, folder = trained(data, tmp_path / "nudged", asked=asked)
    flags = recorded(folder)
    assert flags["nudge"] == ["0:3:learning_rate=0.2", "1:0:learning_rate=0.01"]
    assert history.epoch == [0, 1, 2, 3]
    replayed, again, _ = trained(data, tmp_path / "replayed", flags=flags)
    assert_same(nudged, replayed)
    assert again.history == history.history


def test_going_back_to_what_is_no_longer_kept_trains_to_it_again(data, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", 1e9)
    monkeypatch.setattr(due, "_COST_FACTOR", 1e9)  # The first block's, and the last.
    asked = {(1, 2): {"beta": 0.3}, (3, 2): {"rollback_epoch": 2, "learning_rate": 0.01}}
    monkeypatch.setattr(checkpoint, "KEPT", 0)
    monkeypatch.setattr(checkpoint, "KEPT_EPOCHS", 0)
    nudged, _, folder = trained(data, tmp_path / "nudged", asked=asked)
    assert recorded(folder)["nudge"] == ["1:2:beta=0.3", "2:0:learning_rate=0.01"]
    replayed, *_ = trained(data, tmp_path / "replayed", flags=recorded(folder))
    assert_same(nudged, replayed)


@pytest.mark.parametrize("stop", [(1, 2), (1, 3), (3, 1)])
def test_a_nudged_run_that_stopped_ends_as_one_that_did_not(data, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)
    asked = {(1, 1): {"learning_rate": 0.2, "beta": 0.5}}
    whole, history, _ = trained(data, tmp_path / "whole", asked=asked)
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "stopped", asked=asked, stop=stop)
    resumed, again, folder = trained(data, tmp_path / "stopped")
    assert_same(whole, resumed)
    assert again.history == history.history
    assert recorded(folder) == recorded(tmp_path / "whole")


def test_a_request_that_was_granted_before_a_kill_is_not_granted_twice(data, tmp_path, monkeypatch):
    asked = {(1, 1): {"learning_rate": 0.2}}
    whole, *_ = trained(data, tmp_path / "whole", asked=asked)
    # The kill comes after the checkpoint that holds the nudge, before the request is removed.
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "unlink", _raise_for_requests)
        with pytest.raises(KeyboardInterrupt):
            trained(data, tmp_path / "killed", asked=asked)
    resumed, *_ = trained(data, tmp_path / "killed")
    assert_same(whole, resumed)
    assert recorded(tmp_path / "killed")["nudge"] == ["1:1:learning_rate=0.2"]


_unlink = pathlib.Path.unlink


def _raise_for_requests(path, missing_ok=False):
    if path.parent.name == nudges.REQUESTS:
        raise KeyboardInterrupt
    _unlink(path, missing_ok=missing_ok)


def test_a_rate_under_a_schedule_scales_it():
    schedule = schedules.build("exponential", 0.1, steps_per_epoch=4, epochs=3, decay_rate=0.5)
    optimizer = optimizers.GradientDescent(schedule)
    optimizer.build([keras.Variable(np.zeros(1), dtype="float32")])
    settings = optimizer_settings.OptimizerSettings(optimizer)
    optimizer.iterations.assign(5)
    before = float(optimizer.learning_rate)
    settings.set("learning_rate", 2 * before)
    assert float(optimizer.learning_rate) == pytest.approx(2 * before)
    optimizer.iterations.assign(9)
    assert float(optimizer.learning_rate) == pytest.approx(2 * float(schedule(9)))
    settings.restore({**settings.state(), "learning_rate_factor": 1.0})
    assert float(optimizer.learning_rate) == float(schedule(9))


def test_a_rate_under_a_schedule_arrives_where_gradients_are_accumulated():
    schedule = schedules.build("exponential", 0.1, steps_per_epoch=1, epochs=9, decay_rate=0.5)
    optimizer = optimizers.GradientDescent(schedule, gradient_accumulation_steps=3)
    weight = keras.Variable(np.zeros(1), dtype="float32")
    for _ in range(4):
        optimizer.apply([np.ones(1, "float32")], [weight])
    settings = optimizer_settings.OptimizerSettings(optimizer)
    for rate in (0.01, 0.03):
        settings.set("learning_rate", rate)
        assert float(optimizer.learning_rate) == pytest.approx(rate)


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_nudge_reaches_the_optimizer_whose_loss_is_scaled(scheduled):
    schedule = schedules.build("exponential", 0.1, steps_per_epoch=4, epochs=3, decay_rate=0.5)
    inner = optimizers.Adam(schedule if scheduled else 0.1)
    optimizer = keras.optimizers.LossScaleOptimizer(inner)
    optimizer.build([keras.Variable(np.zeros(1), dtype="float32")])
    settings = optimizer_settings.OptimizerSettings(optimizer)
    before = settings.state()
    assert before["beta_1"] == 0.9
    settings.set("learning_rate", 0.025)
    settings.set("beta_1", 0.5)
    assert float(inner.learning_rate) == pytest.approx(0.025)
    assert inner.beta_1 == 0.5
    settings.restore(before)
    assert inner.beta_1 == 0.9
    assert float(inner.learning_rate) == pytest.approx(0.1 if scheduled else 0.025)


def test_a_beta_that_follows_a_schedule_is_left_to_it():
    cycle = schedules.CycledMomentum(total_steps=10)
    optimizer = optimizers.Adam(0.1, beta_1=cycle)
    optimizer.build([keras.Variable(np.zeros(1), dtype="float32")])
    settings = optimizer_settings.OptimizerSettings(optimizer)
    assert settings.state().keys() == {"learning_rate_factor", "beta_2"}
    settings.restore(settings.state())
    with pytest.raises(ValueError, match="beta_1 follows a schedule"):
        settings.set("beta_1", 0.5)
    assert optimizer.beta_1 is cycle


def test_a_model_nudged_under_a_schedule_can_be_loaded_and_nudged_again(tmp_path):
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(optimizers.Momentum(schedules.ExponentialDecay(0.1, 5)), "mse")
    model.optimizer.build(model.trainable_variables)
    optimizer_settings.OptimizerSettings(model.optimizer).set("learning_rate", 0.02)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.02)
    # What is scaled is the schedule, not the scaled one.
    settings = optimizer_settings.OptimizerSettings(loaded.optimizer)
    assert settings.state()["learning_rate_factor"] == pytest.approx(0.2)
    settings.restore(settings.state())
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("optimizer", "name"), [(optimizers.Momentum, "beta"), (optimizers.Adam, "beta_1")]
)
def test_a_new_beta_keeps_the_average(optimizer, name):
    optimizer = optimizer(0.1)
    weight = keras.Variable(np.zeros(3), dtype="float32")
    optimizer.apply([np.float32([1, 2, 3])], [weight])
    (weighted_sum,) = optimizer._weighted_sums
    average = weighted_sum.numpy() * (1 - 0.9)
    optimizer_settings.OptimizerSettings(optimizer).set(name, 0.99)
    np.testing.assert_allclose(weighted_sum.numpy() * (1 - 0.99), average, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "EPOCH:STEP:NAME=VALUE") for text in ("", "1:2", "1:2:beta=", "-1:0:beta=0")),
        *(("1:2:epochs=3", "can't be nudged"), ("1:2:beta=1", r"must be a number in \[0, 1\)")),
        *((f"1:2:beta={text}", "must be a decimal number") for text in ("nan", "0_1", "1e5e5")),
        ("1:2:rollback_epoch=1", "is for recipes.nudge alone"),
    ],
)
def test_what_is_no_nudge_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        nudges.parse(text)


NO_REQUESTS = [
    *(b"", b"[1]", b"\xff", b'{"beta": 2}', b"x" * 20_000, b"[" * 9000, b'{"beta": [0.5]}'),
    *(b'{"beta": 1' + b"0" * 400 + b"}", b'{"beta": null}', b'{"\\ud800": 1}', b'{"beta": "0.5"}'),
]


@pytest.mark.parametrize("content", NO_REQUESTS, ids=lambda content: str(content[:20]))
def test_what_is_no_request_is_left_out_and_removed(tmp_path, capsys, content):
    nudges.request(tmp_path, {"beta": 0.5})
    (path,) = (tmp_path / nudges.REQUESTS).iterdir()
    path.write_bytes(content)
    assert list(nudges.requests(tmp_path)) == []
    assert not path.exists()
    assert "left out" in capsys.readouterr().out


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)])
def test_what_is_no_file_is_no_request_and_left_alone(tmp_path, make, capsys):
    nudges.request(tmp_path, {"beta": 0.5})
    odd = tmp_path / nudges.REQUESTS / "0.json"
    make(odd)
    assert [changes for _, changes in nudges.requests(tmp_path)] == [{"beta": 0.5}]
    assert os.path.lexists(odd)
    assert capsys.readouterr().out == ""


@pytest.fixture
def nudge(tmp_path):
    def run(*arguments):
        return processes.command("recipes.nudge", *arguments, cwd=tmp_path, tensorflow=False)

    return run


def test_a_request_goes_through_no_link(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "run" / nudges.REQUESTS).symlink_to(tmp_path / "mine")
    with pytest.raises(run_directory.RunDirectoryError, match="is a link"):
        nudges.request(tmp_path / "run", {"learning_rate": 0.1})
    assert not any((tmp_path / "mine").iterdir())


def test_the_command_leaves_a_request(nudge, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "flags.txt").write_text("--optimizer=momentum\n")
    result = nudge("--run_dir=run", "--learning_rate=0.5", "--beta=0.25", "--rollback_epoch=0")
    assert result.returncode == 0, result.stderr
    assert "no process is training there" in result.stdout
    ((_, changes),) = nudges.requests(tmp_path / "run")
    assert changes == {"learning_rate": 0.5, "beta": 0.25, "rollback_epoch": 0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learning_rate=0.1"], "--run_dir"),
        (["--run_dir=none", "--learning_rate=0.1"], "not a run's folder"),
        (["--run_dir=run"], "nothing to change"),
        (["--run_dir=run", "--learning_rate=-1"], "learning_rate"),
        (["--run_dir=run", "--learning_rate=nan"], "learning_rate"),
        (["--run_dir=run", "--beta_1=0.5"], "momentum, does not have it"),
        (["--run_dir=run", "--beta=1"], "beta"),
        (["--run_dir=run", "--rollback_epoch=1"], "has done 0 epochs"),
        (["--run_dir=done", "--beta=0.5"], "finished"),
        (["--run_dir=sweep", "--beta=0.5"], "holds a sweep"),
        (["--run_dir=sweeps/latest", "--beta=0.5"], "holds no unfinished run"),
    ],
)
def test_a_command_that_makes_no_sense_ends_with_2(nudge, tmp_path, arguments, message):
    for name in ("run", "done", "sweep", "sweeps/one"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "flags.txt").write_text("--optimizer=momentum\n")
    (tmp_path / "done" / "metrics.json").write_text("{}")
    for name in ("sweep", "sweeps/one"):
        (tmp_path / name / "journal.jsonl").touch()
    result = nudge(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
