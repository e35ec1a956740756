"""One trial in this process: pruned by the real callback, refused, mended, rarely flushed."""

import os
import pathlib
import types
import zipfile

import keras
import numpy as np
import pytest

from recipes.mnist_softmax import MnistSoftmax
from tfcourse import datasets, run_directory, training
from tfcourse.training import keras_internals
from tfcourse.training.checkpoints import saving
from tfcourse.tuning import objectives, sweeps, tensorflow_internals, trial
from tfcourse.tuning.task import Task

BASE = MnistSoftmax(model="softmax_regression", epochs=4, schedule="constant", learning_rate=0.01)


@pytest.fixture(autouse=True)
def kept():
    with tensorflow_internals.kept():
        yield


def task(folder, objective="val_accuracy", thresholds=None):
    values = BASE.all_texts()
    return Task(
        recipe="mnist_softmax",
        module="recipes.mnist_softmax",
        function="train",
        hyperparameters="MnistSoftmax",
        path="",
        values=values,
        seed=7,
        flags={name: [text] for name, text in values.items()},
        dataset="digits",
        data_dir=None,
        data_flags={},
        folder=str(folder),
        objective=objective,
        thresholds=thresholds or {},
    )


@pytest.mark.parametrize(
    ("objective", "values", "threshold", "stops"),
    [
        ("val_accuracy", [0.5, 0.4], 0.45, False),  # The best so far counts.
        ("val_accuracy", [0.5, 0.4], 0.5, False),
        ("val_accuracy", [0.5, 0.6], 0.61, True),
        ("val_loss", [0.5, 0.6], 0.55, False),
        ("val_loss", [0.5, 0.6], 0.5, False),
        ("val_loss", [0.5, 0.4], 0.39, True),
    ],
)
def test_pruning_stops_what_is_worse_than_the_threshold(objective, values, threshold, stops):
    callback = trial.Pruning(objective, {2: threshold})
    callback.set_model(types.SimpleNamespace(stop_training=False))
    for epoch, value in enumerate(values):
        assert not callback.model.stop_training
        callback.on_epoch_end(epoch, {objective: value})
    assert callback.model.stop_training == stops


def test_a_trial_that_is_pruned_ends_at_the_epoch_of_its_threshold(tmp_path):
    whole = trial.run(task(tmp_path / "whole")).result
    assert whole.status == sweeps.COMPLETE
    assert len(whole.curve) == 4
    best = max(row["val_accuracy"] for row in whole.curve[:2])
    just = trial.run(task(tmp_path / "just", thresholds={2: best})).result
    assert (just.status, just.curve) == (sweeps.COMPLETE, whole.curve)
    under = trial.run(task(tmp_path / "under", thresholds={2: best + 1e-6})).result
    assert (under.status, under.curve) == (sweeps.PRUNED, whole.curve[:2])
    loss = min(row["val_loss"] for row in whole.curve[:3])
    lossy = task(tmp_path / "loss", "val_loss", {3: loss - 1e-6})
    assert trial.run(lossy).result.curve == whole.curve[:3]


def test_a_metric_that_the_recipe_lacks_ends_the_sweep_before_the_first_step(tmp_path):
    outcome = trial.run(task(tmp_path / "trial", "val_acc"))
    assert outcome.fault == 2
    assert "Did you mean val_accuracy? Received: 'val_acc'" in outcome.result.reason
    assert outcome.result.curve == ()
    assert not list((tmp_path / "trial").glob("checkpoints/*"))


def test_no_objective_is_close_to_a_word_from_elsewhere():
    error = objectives.unknown("xyz", ["loss", "val_loss"])
    assert str(error) == "`objective` must be one of loss, val_loss. Received: 'xyz'"


def test_a_metric_is_not_maximized_where_keras_says_that_smaller_is_better():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=[keras.metrics.MeanAbsoluteError(name="distance")])
    keras_internals.build_for(model, (np.ones((2, 1)), np.ones(2)))
    objectives.check(model, "val_loss")
    with pytest.raises(objectives.ObjectiveError, match="val_distance`: Keras says that smaller"):
        objectives.check(model, "val_distance")


@pytest.mark.parametrize("torn", [b"", b"--epo", bytes(80)])
def test_what_a_power_loss_tears_is_trained_again(tmp_path, torn):
    whole = trial.run(task(tmp_path)).result
    for name in (run_directory.METRICS, run_directory.FLAGS, run_directory.PREPROCESSING):
        (tmp_path / name).write_bytes(torn)
        again = trial.run(task(tmp_path)).result
        assert again.curve == whole.curve
        assert (tmp_path / name).read_bytes() != torn


def test_a_run_of_somebody_else_is_no_result_of_a_trial(tmp_path):
    folder = tmp_path / "trial"
    trial.run(task(folder))
    (folder / run_directory.METRICS).write_text('{"test_accuracy": 1.0}\n')
    outcome = trial.run(task(folder))
    assert (outcome.fault, outcome.result.status) == (5, sweeps.INFEASIBLE)
    assert "no trial of this sweep" in outcome.result.reason


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (datasets.DataError("the file is gone"), 3),
        (OSError(28, "No space left on device"), 5),
        (training.CheckpointError("damaged"), None),
        (MemoryError(), None),
        (ValueError("units must be positive"), None),
    ],
)
def test_only_faults_of_the_data_and_the_machine_are_the_sweeps(
    tmp_path, monkeypatch, error, fault
):
    def failing(_):
        raise error

    monkeypatch.setattr(trial, "_trained", failing)
    outcome = trial.run(task(tmp_path))
    assert (outcome.fault, outcome.result.status) == (fault, sweeps.INFEASIBLE)


def test_a_trial_prints_whatever_it_likes(tmp_path):
    with trial._output_to(tmp_path / "output.txt"):
        print("\u732b \udcff")
    assert (tmp_path / "output.txt").read_bytes() == "\u732b \\udcff\n".encode()


def test_a_finished_trial_is_tested_from_its_checkpoint_and_not_trained_again(tmp_path):
    whole = trial.run(task(tmp_path)).result
    before = {path: path.read_bytes() for path in tmp_path.glob("checkpoints/*")}
    metrics = trial.test(task(tmp_path))
    assert metrics["val_accuracy"] == max(row["val_accuracy"] for row in whole.curve)
    assert {path: path.read_bytes() for path in tmp_path.glob("checkpoints/*")} == before


@pytest.mark.parametrize("damage", [bytes, lambda data: data[:-1], lambda data: b""])
def test_a_checkpoint_that_a_power_loss_tears_is_trained_again(tmp_path, damage):
    whole = trial.run(task(tmp_path)).result
    accuracy = trial.test(task(tmp_path))["test_accuracy"]
    (last,) = tmp_path.glob("checkpoints/*.ckpt")
    intact = last.read_bytes()
    last.write_bytes(damage(intact))
    (tmp_path / run_directory.METRICS).unlink()
    assert trial.run(task(tmp_path)).result.curve == whole.curve
    last.write_bytes(damage(intact))
    (tmp_path / run_directory.FLAGS).write_bytes(b"")
    assert trial.test(task(tmp_path))["test_accuracy"] == accuracy
    assert run_directory.recorded_flags(tmp_path)["epochs"] == ["4"]


@pytest.mark.parametrize(("worth", "folders"), [(60.0, set()), (0.0, {"checkpoints"})])
def test_a_trial_waits_for_the_disk_only_with_what_is_worth_it(
    tmp_path, monkeypatch, worth, folders
):
    monkeypatch.setattr(saving, "_WORTH_SECONDS", worth)
    flushed = []

    def fsync(file):
        flushed.append(pathlib.Path(os.readlink(f"/proc/self/fd/{file}")).relative_to(tmp_path))

    monkeypatch.setattr(os, "fsync", fsync)
    trial.run(task(tmp_path))
    assert {path.parts[0] for path in flushed} == folders
    assert (len(list(tmp_path.glob("checkpoints/*"))) > 1) == (worth == 0.0)


def test_a_worker_does_not_repeat_what_the_driver_has_told_of_the_data(tmp_path, caplog):
    path = tmp_path / "mine.csv"
    rows = (f"{i},{i * i % 17},7,{'ab'[i % 2]}" for i in range(60))
    path.write_text("\n".join(["Id,x,same,y", *rows]))
    data = trial._data_of(f"csv:{path}", None, (("label", "y"),), ())
    assert data.report.columns[2].reason == "constant"
    assert caplog.text == ""
    trial._data_of.cache_clear()


def test_a_curve_has_the_numbers_and_leaves_out_values_per_class():
    history = types.SimpleNamespace(epoch=[0], history={"loss": [0.5], "recall": [np.ones(3)]})
    assert trial._curve(history) == [{"epoch": 1, "loss": 0.5}]


@pytest.mark.parametrize("name", ["mine.csv", "mine.zip/mine.csv"])
def test_a_file_that_has_changed_is_read_again(tmp_path, name):
    path = tmp_path / name
    asked = types.SimpleNamespace(dataset=f"csv:{path}", data_dir=None, data_flags={"label": "y"})
    read = []
    for count in (60, 60, 80):
        rows = (f"{i * i % 17},{'ab'[i % 2]}" for i in range(count))
        if count not in read and "zip" in name:
            with zipfile.ZipFile(path.parent, "w") as archive:
                archive.writestr(path.name, "\n".join(["x,y", *rows]))
        elif count not in read:
            path.write_text("\n".join(["x,y", *rows]))
        data = trial._data(asked)
        assert trial._data(asked) is data
        read.append(sum(map(len, data.splits.values())))
    assert read == [60, 60, 80]
    trial._data_of.cache_clear()


def test_an_image_that_is_edited_in_place_is_read_again(tmp_path, fresh_home):
    for number in range(20):
        path = tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.pgm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"P5 2 2 255 " + bytes([200 + number] * 4))
    asked = types.SimpleNamespace(
        dataset=f"images:{tmp_path / 'pets'}", data_dir=None, data_flags={}
    )
    before = trial._data(asked)
    assert trial._data(asked) is before
    with open(path, "r+b") as file:  # As many bytes as before, in the same folder.
        file.write(b"P5 2 2 255 " + bytes([7] * 4))
    after = trial._data(asked)
    darkest = min(split.pixels.min() for split in after.splits.values())
    assert (after is before, darkest) == (False, 7)
    trial._data_of.cache_clear()
