"""Sets that stay on the disk: the same splits, batches and results as in memory."""

import os
import signal

import keras
import numpy as np
import pytest
import tiny_tfds  # noqa: F401

from tfcourse import batching, datasets, models, optimizers, run_directory, training
from tfcourse.datasets.tfds import records
from tfcourse.system import machine


@pytest.fixture
def both(fresh_home, monkeypatch):
    """The same set in memory, and on the disk as if it did not fit."""

    def load(name, **options):
        whole = datasets.load(name, **options)
        with monkeypatch.context() as patch:
            patch.setattr(machine, "memory_bytes", lambda: 100)
            patch.setenv("XDG_CACHE_HOME", str(fresh_home / "other"))
            return whole, datasets.load(name, **options)

    return load


@pytest.mark.parametrize("name", ["tiny_shapes", "tiny_complete"])
def test_splits_are_those_of_the_set_in_memory(both, name):
    whole, streamed = both(name)
    assert streamed.preprocessing == whole.preprocessing
    assert streamed.input_shape == whole.input_shape
    for split in ("train", "validation", "test"):
        expected, found = whole.splits[split], streamed.splits[split]
        assert len(found) == len(expected)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.features[:], expected.features)
        np.testing.assert_array_equal(found.features[3:5], expected.features[3:5])
        np.testing.assert_array_equal(found.smaller(4).features, expected.smaller(4).features)


def test_table_is_the_one_in_memory(both):
    whole, streamed = both("tiny_flowers", missing="impute")
    assert streamed.preprocessing == whole.preprocessing
    for split in ("train", "validation", "test"):
        np.testing.assert_array_equal(streamed.splits[split].labels, whole.splits[split].labels)
        np.testing.assert_array_equal(
            streamed.splits[split].features[:], whole.splits[split].features
        )


def test_resized_images_are_those_in_memory(both):
    whole, streamed = both("tiny_ragged", image_size=(3, 2))
    np.testing.assert_array_equal(streamed.test.features[:], whole.test.features)


def test_batches_are_those_in_memory_wherever_an_epoch_begins(both):
    whole, streamed = both("tiny_shapes")
    for first_step in (0, 2):
        pairs = [
            list(batching.training_batches(data.train, 16, 1, 3, first_step).as_numpy_iterator())
            for data in (whole, streamed)
        ]
        assert len(pairs[0]) == 4 - first_step
        for (x, y), (found_x, found_y) in zip(*pairs, strict=True):
            np.testing.assert_array_equal(found_x, x)
            np.testing.assert_array_equal(found_y, y)


def trained(data, folder, **arguments):
    training.set_seed(1)
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (8,), dropout=0.2)
    training.compile_classifier(model, optimizers.Adam(0.01))
    with run_directory.open_run(folder, {}, recipe="recipe") as run:
        history = training.fit(
            model, data, epochs=3, batch_size=16, seed=1, run=run, verbose=0, **arguments
        )
    return [variable.numpy() for variable in model.variables], history.history


class StopInSecondEpoch(keras.callbacks.Callback):
    def __init__(self, stops):
        super().__init__()
        self._stops = stops

    def on_train_batch_end(self, batch, logs=None):
        if self._stops and self.model.optimizer.iterations == 6:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("usual_signals")
def test_training_is_that_of_the_path_through_tf_data_and_resumes(both, tmp_path):
    whole, streamed = both("tiny_shapes")
    weights, history = trained(whole, tmp_path / "whole", in_memory_steps=False)
    arguments = {"steps_per_block": 2}
    with pytest.raises(training.Interrupted, match="epoch 2, step 2"):
        trained(streamed, tmp_path / "killed", callbacks=[StopInSecondEpoch(True)], **arguments)
    found, found_history = trained(
        streamed, tmp_path / "killed", callbacks=[StopInSecondEpoch(False)], **arguments
    )
    for expected, array in zip(weights, found, strict=True):
        np.testing.assert_array_equal(array, expected)
    np.testing.assert_allclose(found_history["val_loss"], history["val_loss"], rtol=1e-6)


def test_metrics_of_what_stays_on_the_disk(both):
    whole, streamed = both("tiny_shapes")
    model = models.softmax_regression(whole.input_shape, whole.num_classes)
    training.compile_classifier(model, optimizers.Adam(0.01))
    expected = training.evaluate(model, whole.test)
    assert training.evaluate(model, streamed.test) == pytest.approx(expected, rel=1e-6)


def test_file_that_has_shrunk_is_named(both, fresh_home, tmp_path):
    _, streamed = both("tiny_shapes")
    (shard,) = fresh_home.rglob("*.tfrecord-*")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(datasets.DataError, match=r"tfrecord.*it is shorter"):
        streamed.train.features[:]
    with pytest.raises(datasets.DataError, match=r"tfrecord.*it is shorter"):
        trained(streamed, tmp_path / "run")


def test_positions_are_those_of_the_records(both, fresh_home):
    both("tiny_complete")
    shards = sorted(fresh_home.rglob("*train.tfrecord-*"))
    assert [len(records._positions(shard)) for shard in shards] == [30]
