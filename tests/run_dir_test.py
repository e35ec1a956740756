"""`training.fit(..., run_dir=PATH)`: a run without a RunDirectory in sight."""

import types

import keras
import numpy as np
import pytest

import tfcourse
from tfcourse import datasets, nudges, optimizers, run_directory, schedules, training
from tfcourse.system import files
from tfcourse.training import optimizer_settings

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(96)


def compiled(rate=0.01, units=8):
    training.set_seed(1)
    layers = [keras.layers.Flatten(), keras.layers.Dense(units, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    training.compile_classifier(model, optimizers.Adam(rate))
    return model


def fit(model, data, path=None, **arguments):
    arguments = {"epochs": 3, "batch_size": 32, "seed": 1, "tensorboard": False, **arguments}
    return training.fit(model, data, run_dir=path, verbose=0, **arguments)


class StoppedError(Exception):
    pass


class Stop(keras.callbacks.Callback):
    """Ends the training at the end of an epoch; no attribute, since a resume restores those."""

    at = None

    def on_epoch_end(self, epoch, logs=None):
        if epoch == Stop.at:
            raise StoppedError


def assert_same(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(one.history.history.items()) == list(other.history.history.items())
    assert one.history.epoch == other.history.epoch
    assert one.history.best_epoch == other.history.best_epoch


def test_what_a_finished_run_has_written_last_outlives_a_power_loss(data, tmp_path, monkeypatch):
    flushed, write = {}, files.write_file

    def noted(path, content, *, durable=True):
        flushed[path.name] = durable
        write(path, content, durable=durable)

    monkeypatch.setattr(files, "write_file", noted)
    fit(compiled(), data, tmp_path / "run")
    # Once metrics.json is there, no other file is written again.
    needed = {"history.csv", "metrics.json", "weights.arrays", "flags.txt"} & {*flushed}
    assert {"history.csv", "metrics.json"} <= needed
    assert [name for name in needed if not flushed[name]] == []


def test_a_training_that_stopped_goes_on_and_a_finished_one_comes_back(
    data, tmp_path, capsys, monkeypatch
):
    path, alone = tmp_path / "run", compiled()
    fit(alone, data)
    monkeypatch.setattr(Stop, "at", 2)
    with pytest.raises(StoppedError):
        fit(compiled(), data, path, callbacks=[Stop()], steps_per_block=1)
    monkeypatch.setattr(Stop, "at", None)
    again = compiled()
    fit(again, data, path, callbacks=[Stop()])
    assert_same(again, alone)
    assert "finished" not in capsys.readouterr().out
    finished = compiled()
    history = fit(finished, data, str(path))
    assert history is finished.history
    assert_same(finished, alone)
    assert "finished" in capsys.readouterr().out
    assert keras.models.load_model(path / "model.keras", compile=False).count_params() == 610


def test_a_finished_training_goes_on_to_more_epochs(data, tmp_path):
    for epochs in (1, 3):
        model, schedule = compiled(), schedules.ExponentialDecay(0.01, steps_per_epoch=4)
        training.compile_classifier(model, optimizers.Adam(schedule))
        history = fit(model, data, tmp_path, epochs=epochs)
    assert history.epoch == [0, 1, 2]


def test_a_model_that_was_nudged_goes_on_in_the_same_process(data, tmp_path, monkeypatch):
    model = compiled()
    training.compile_classifier(model, optimizers.Adam(schedules.ExponentialDecay(0.01, 4)))
    monkeypatch.setattr(Stop, "at", 1)
    with pytest.raises(StoppedError):
        fit(model, data, tmp_path, callbacks=[Stop()], steps_per_block=1)
    monkeypatch.setattr(Stop, "at", None)
    optimizer_settings.OptimizerSettings(model.optimizer).set("learning_rate", 0.001)
    assert fit(model, data, tmp_path, callbacks=[Stop()]).epoch == [0, 1, 2]


def test_the_nudges_of_a_finished_training_come_back(data, tmp_path):
    nudges.request(tmp_path, {"learning_rate": 0.02})
    first = fit(compiled(), data, tmp_path, epochs=1)
    again = fit(compiled(), data, tmp_path, epochs=1)
    assert again.nudges == first.nudges == ["0:0:learning_rate=0.02"]


def test_a_second_training_is_told_as_such(data, tmp_path, capsys):
    model = compiled()
    fit(model, data, tmp_path, epochs=1)
    capsys.readouterr()
    fit(model, data, tmp_path, epochs=1)
    told = capsys.readouterr().out
    assert "nothing is trained" in told
    assert "another `run_dir`" in told
    model.compile(keras.optimizers.Adam(0.01), model.loss)
    with pytest.raises(run_directory.ChangedFlagsError, match="of another model; a second"):
        fit(model, data, tmp_path, epochs=1)
    with pytest.raises(run_directory.ChangedFlagsError, match="That was another training;"):
        fit(compiled(), data, tmp_path, epochs=1, seed=2)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: (compiled(), data, {"seed": 2}), "seed"),
        (lambda data: (compiled(), data, {"batch_size": 16}), "batch_size"),
        (lambda data: (compiled(rate=0.02), data, {}), "learning_rate"),
        (lambda data: (compiled(units=9), data, {}), "model"),
        (lambda data: (compiled(), data, {"monitor_mode": "min"}), "monitor_mode"),
        (lambda data: (compiled(), data.smaller(90), {}), "data"),
    ],
)
def test_another_model_or_other_arguments_are_refused(data, tmp_path, change, named):
    fit(compiled(), data, tmp_path, epochs=1)
    model, other, arguments = change(data)
    before = model.get_weights()
    with pytest.raises(run_directory.ChangedFlagsError, match=named):
        fit(model, other, tmp_path, **{"epochs": 1, **arguments})
    for value, original in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, original)


def decaying(rate, num_steps=4):
    return compiled(keras.optimizers.schedules.CosineDecay(rate, num_steps))


def test_another_schedule_is_refused_unless_more_epochs_need_it(data, tmp_path):
    path = tmp_path / "run"
    first = fit(decaying(0.01), data, path, epochs=1)
    with pytest.raises(run_directory.ChangedFlagsError, match="learning-rate schedule"):
        fit(decaying(0.1), data, path, epochs=1)
    assert fit(decaying(0.01), data, path, epochs=1).history == first.history
    longer = fit(decaying(0.01, 12), data, path, epochs=3)
    assert fit(decaying(0.01, 12), data, path, epochs=3).history == longer.history
    with pytest.raises(run_directory.ChangedFlagsError, match="learning-rate schedule"):
        fit(decaying(0.02, 12), data, path, epochs=3)


@pytest.mark.parametrize("name", ["monitor_mode", "schedule_digest"])
def test_a_run_of_an_older_version_comes_back(data, tmp_path, name):
    first = fit(decaying(0.01), data, tmp_path, epochs=1)
    flags = tmp_path / run_directory.FLAGS
    kept = [line for line in flags.read_text().splitlines(True) if f"--{name}" not in line]
    flags.write_text("".join(kept))
    assert fit(decaying(0.01), data, tmp_path, epochs=1).history == first.history


def test_a_folder_in_use_is_refused(data, tmp_path):
    with (
        tfcourse.run_directory.open_run(tmp_path, {}, recipe="other"),
        pytest.raises(run_directory.RunDirectoryError, match="in use"),
    ):
        fit(compiled(), data, tmp_path)


def test_another_exclusion_from_weight_decay_is_another_training(data, tmp_path):
    def model(*excluded):
        optimizer = optimizers.Adam(0.01, weight_decay=0.1)
        if excluded:
            optimizer.exclude_from_weight_decay(var_names=excluded)
        made = compiled()
        training.compile_classifier(made, optimizer)
        return made

    fit(model(), data, tmp_path, epochs=1)
    with pytest.raises(run_directory.ChangedFlagsError, match="of another model"):
        fit(model("bias"), data, tmp_path, epochs=1)


def test_a_folder_may_be_in_the_home_folder_but_not_without_a_name(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    with pytest.raises(ValueError, match="`run_dir` must name a folder"):
        fit(compiled(), data, "")
    fit(compiled(), data, "~/run", epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_folder_and_an_open_run_are_not_given_together(data, tmp_path):
    with (
        run_directory.open_run(tmp_path, {}, recipe="other") as run,
        pytest.raises(ValueError, match="`run_dir` or `run`"),
    ):
        fit(compiled(), data, tmp_path, run=run)


def test_a_model_of_named_inputs_trains_in_a_run_directory_too(data, tmp_path):
    training.set_seed(1)
    pixels = keras.Input((8, 8, 1), name="pixels")
    outputs = keras.layers.Dense(10)(keras.layers.Flatten()(pixels))
    model = keras.Model({"pixels": pixels}, outputs)
    training.compile_classifier(model, optimizers.Adam(0.01))

    def named(split, factor=1.0):
        return types.SimpleNamespace(
            features={"pixels": factor * split.features}, labels=split.labels
        )

    def changed(factor):
        return types.SimpleNamespace(
            train=named(data.train, factor), validation=named(data.validation)
        )

    fit(model, changed(1.0), tmp_path / "run")
    with pytest.raises(run_directory.ChangedFlagsError, match="other data"):
        fit(model, changed(0.5), tmp_path / "run")
