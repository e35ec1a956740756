import io
import typing

import keras
import matplotlib.image
import numpy as np
import pytest
from sweep_examples import large_sweep, phase, small_sweep, sweep_of

from tfcourse import datasets, models, optimizers, training
from tfcourse.reports import live, style
from tfcourse.tuning import sweeps
from tfcourse.tuning.report import live as sweep_live
from tfcourse.tuning.report import picture as sweep_picture


class Handle:
    """Stands in for one output of a notebook's cell; remembers what it showed."""

    shown: typing.ClassVar = []

    def display(self, image):
        assert not Handle.shown, "a second output"
        Handle.shown.append(image.data)

    def update(self, image):
        assert Handle.shown, "nothing to update"
        Handle.shown.append(image.data)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that were shown, PNG bytes in order."""
    monkeypatch.setattr(Handle, "shown", [])
    monkeypatch.setattr(live, "DisplayHandle", Handle)
    return Handle.shown


class Clock:
    """Tells a second more each time it is asked: drawing takes one second."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def logs(epoch):
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return dict(zip(names, (1 / (epoch + 1), 0.5, 0.9, 0.6 + 0.01 * epoch), strict=True))


def ink(png):
    return matplotlib.image.imread(io.BytesIO(png))[..., :3].std()


def test_curves_take_a_fifth_of_the_time_and_end_with_the_last_epoch(shown, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        live, "draw_history", lambda history, file: drawn.append(history["epoch"][-1])
    )
    curves = live.LiveCurves(clock=Clock())
    curves.on_train_begin()
    for epoch in range(12):
        curves.on_epoch_end(epoch, logs(epoch))
    curves.on_train_end()
    # It draws from 1 to 2 and is due again at 6; between, each epoch asks once.
    assert drawn == [1, 5, 9, 12]
    assert len(shown) == 4


def test_curves_of_a_real_training(shown):
    data = datasets.load("digits").smaller(40)
    training.set_seed(0)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    arguments = {"epochs": 2, "batch_size": 20, "seed": 0, "verbose": 0}
    history = training.fit(model, data, callbacks=[curves := live.LiveCurves()], **arguments)
    assert curves._history["epoch"] == [1, 2]
    assert curves._history["val_loss"] == history.history["val_loss"]
    assert all(ink(png) > 0.05 for png in shown)
    assert shown


def test_curves_work_in_keras_own_fit(shown):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    x, y = np.zeros((4, 2), "float32"), np.zeros(4, "int32")
    model.fit(x, y, validation_data=(x, y), epochs=1, verbose=0, callbacks=[live.LiveCurves()])
    assert len(shown) == 2  # After the epoch, and at the end.


def test_sweep_is_shown_when_a_trial_has_finished(shown):
    watch = sweep_live.LiveSweep(clock=lambda: 0.0)
    done = large_sweep(3)
    part = sweeps.Sweep(done.phases, done.trials[:1], None)
    for state in (part, part, done, done):
        watch(state, [])
    assert len(shown) == 2
    assert ink(shown[-1]) > 0.05


def test_the_last_state_of_a_sweep_is_always_shown(shown, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        sweep_live, "draw_sweep", lambda sweep, file: drawn.append(len(sweep.trials))
    )
    watch, done = sweep_live.LiveSweep(clock=Clock()), large_sweep(9)
    for count in range(1, 10):
        watch(sweeps.Sweep(done.phases, done.trials[:count], None), [])
    assert drawn == [1, 5, 9]


@pytest.mark.parametrize(
    "sweep",
    [small_sweep(), large_sweep(30), sweep_of([phase()])],
    ids=["infeasible and half done", "conditional axes", "nothing done"],
)
def test_any_sweep_can_be_drawn(sweep, tmp_path):
    sweep_picture.draw_sweep(sweep, tmp_path / "sweep.png")
    assert ink((tmp_path / "sweep.png").read_bytes()) > 0.05


@pytest.mark.parametrize(
    ("better", "expected"), [(np.maximum, [0.5, 0.7, 0.7]), (np.minimum, [0.5, 0.5, 0.5])]
)
def test_best_so_far_follows_the_objective(better, expected, tmp_path):
    sweep = large_sweep(3)
    with style.picture(tmp_path / "best.png") as axes:
        sweep_picture._draw_best_so_far(
            axes[0, 0], sweep, sweep.trials, np.array([0.5, 0.7, 0.6]), better
        )
        assert list(axes[0, 0].get_lines()[-1].get_ydata()) == expected


def test_an_axis_of_many_integers_has_few_ticks(tmp_path):
    sweep = large_sweep(3)
    (epochs,) = (axis for axis in sweep.space.axes if axis.name == "epochs")
    scores = np.array([sweep.score(trial) for trial in sweep.trials])
    with style.picture(tmp_path / "axis.png") as axes:
        sweep_picture._draw_axis(axes[0, 0], epochs, sweep, sweep.trials, scores)
        assert [text.get_text() for text in axes[0, 0].get_xticklabels()] == ["2", "11", "20"]
