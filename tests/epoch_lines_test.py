import io
import re

import keras
import numpy as np
import pytest

from tfcourse import datasets, training
from tfcourse.training import epoch_lines

CLASSES = {"accuracy": 0.9, "loss": 0.25, "val_accuracy": 0.8, "val_loss": 0.5}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def data():
    split = datasets.Split(np.eye(4, dtype=np.float32), np.arange(4, dtype=np.int32))
    return datasets.Dataset("corners", split, split, split, tuple("abcd"), "here")


def trained(data, epochs, **arguments):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    training.compile_classifier(model, keras.optimizers.SGD(0.1))
    history = training.fit(model, data, epochs=epochs, batch_size=4, seed=1, **arguments)
    assert len(history.epoch) == epochs


def rows(text):
    """Returns the epochs of which a training prints a row."""
    return [int(number) for number in re.findall(r"^ *(\d+)/\d+ ", text, re.MULTILINE)]


@pytest.fixture
def short(monkeypatch):
    """However slow the machine is, an epoch counts as short."""
    monkeypatch.setattr(epoch_lines, "_AT_LEAST_SECONDS", float("inf"))


def lines_of(epochs, logs=CLASSES, best=None, **arguments):
    """Returns the callback once it was told of so many epochs."""
    lines = epoch_lines.EpochLines(**arguments)
    lines.set_params({"epochs": epochs, "steps": 3, "verbose": 1})
    for epoch in range(epochs):
        lines.best_epoch = lambda: best
        lines.on_epoch_begin(epoch)
        lines.on_train_batch_begin(0)
        lines.on_train_batch_end(1, logs)
        lines.on_epoch_end(epoch, {**logs, "learning_rate": 1e-3})
    lines.on_train_end()
    return lines


def test_of_many_short_epochs_about_ten_are_shown(data, capsys, short):
    trained(data, 64, verbose=2)
    assert rows(capsys.readouterr().out) == [1, 7, 14, 21, 28, 35, 42, 49, 56, 63, 64]


def test_of_few_epochs_or_long_ones_all_are_shown(data, capsys, short, monkeypatch):
    trained(data, 20)
    assert rows(capsys.readouterr().out) == list(range(1, 21))
    monkeypatch.setattr(epoch_lines, "_AT_LEAST_SECONDS", 0.0)
    trained(data, 21)
    assert rows(capsys.readouterr().out) == list(range(1, 22))


def test_a_progress_bar_that_is_given_takes_their_place(data, capsys):
    trained(data, 2, verbose=2, callbacks=[keras.callbacks.ProgbarLogger()])
    assert "Epoch 2/2" in capsys.readouterr().out
    trained(data, 2, verbose=0)
    assert capsys.readouterr().out == ""


def test_the_best_and_the_last_epoch_are_shown_wherever_they_lie(capsys, short):
    lines_of(600, best=7)
    out = capsys.readouterr().out
    assert rows(out) == [1, *range(60, 601, 60), 7]
    assert out.splitlines()[-2] == "best epoch:"
    lines = epoch_lines.EpochLines()
    lines.set_params({"epochs": 600, "steps": 3})
    for epoch in range(5):  # Then a callback ends the training.
        lines.on_epoch_end(epoch, CLASSES)
    lines.on_train_end()
    assert rows(capsys.readouterr().out) == [1, 5]


@pytest.mark.parametrize(
    ("logs", "titles"),
    [
        (CLASSES, "loss accuracy val_loss val_accuracy learning_rate"),
        (
            {"loss": 0.1, "mae": 1234567.0, "val_loss": 1e-7, "val_mae": 0.1},
            "loss mae val_loss val_mae learning_rate",
        ),
        (
            {f"output_{n}_{kind}": 0.1 for n in range(4) for kind in ("loss", "auc")} | CLASSES,
            "loss output_0_loss output_0_auc accuracy val_loss",
        ),
    ],
)
def test_a_row_fits_80_columns(capsys, logs, titles):
    lines_of(9999 if logs is CLASSES else 2, logs)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["epoch", *titles.split(), "seconds"]
    assert max(map(len, out)) <= 80
    assert ("8 more metrics" in out[1]) == (len(logs) > 4)
    assert len({len(line) for line in out if "metrics" not in line}) == 1


def test_a_terminal_shows_the_step_and_no_time_left_at_first(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr(epoch_lines, "_KNOWN_SECONDS", float("inf"))
    lines_of(2, live=True)
    drawn = epoch_lines.sys.stdout.getvalue().split("\r")
    assert drawn[0] == "compiling the first step"
    assert drawn[1].startswith("epoch 1/2, step 2/3, loss 0.2500")
    assert not any("left" in text for text in drawn)
    monkeypatch.setattr(epoch_lines, "_KNOWN_SECONDS", 0.0)
    monkeypatch.setattr("sys.stdout", Terminal())
    lines_of(3, live=True)
    assert "epoch 2/3, step 2/3, loss 0.2500, about 0:00 left" in epoch_lines.sys.stdout.getvalue()


def test_what_ends_a_training_stands_on_a_line_of_its_own(data, monkeypatch):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdout", Terminal())
    with pytest.raises(KeyboardInterrupt):
        trained(data, 2, callbacks=[Stop()])
    out = epoch_lines.sys.stdout.getvalue()
    assert "compiling the first step\r" in out
    assert out.endswith(" \r")  # Drawn over, and nothing behind it.
