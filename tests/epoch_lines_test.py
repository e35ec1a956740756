import keras
import numpy as np
import pytest

from tfcourse import datasets, training
from tfcourse.training import epoch_lines


@pytest.fixture(scope="module")
def data():
    split = datasets.Split(np.eye(4, dtype=np.float32), np.arange(4, dtype=np.int32))
    return datasets.Dataset("corners", split, split, split, tuple("abcd"), "here")


def shown(data, capsys, epochs, **arguments):
    """Returns the epochs that a training prints."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    training.compile_classifier(model, keras.optimizers.SGD(0.1))
    arguments = {"verbose": 2, **arguments}
    history = training.fit(model, data, epochs=epochs, batch_size=4, seed=1, **arguments)
    assert len(history.epoch) == epochs
    lines = capsys.readouterr().out.splitlines()
    return [int(line[6:].split("/")[0]) for line in lines if line.startswith("Epoch ")]


@pytest.fixture
def short(monkeypatch):
    """However slow the machine is, an epoch counts as short."""
    monkeypatch.setattr(epoch_lines, "_SHORT_SECONDS", float("inf"))


def test_of_many_short_epochs_about_ten_are_shown(data, capsys, short):
    assert shown(data, capsys, 64) == [1, 7, 14, 21, 28, 35, 42, 49, 56, 63, 64]


def test_of_few_epochs_or_long_ones_all_are_shown(data, capsys, short, monkeypatch):
    assert shown(data, capsys, 20) == list(range(1, 21))
    monkeypatch.setattr(epoch_lines, "_SHORT_SECONDS", 0.0)
    assert shown(data, capsys, 21) == list(range(1, 22))


def test_a_progress_bar_that_is_given_shows_all(data, capsys, short):
    given = keras.callbacks.ProgbarLogger()
    assert shown(data, capsys, 21, callbacks=[given]) == list(range(1, 22))
    assert shown(data, capsys, 21, verbose=0) == []
