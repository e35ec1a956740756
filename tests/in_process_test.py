import gc
import io
import random
import signal
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich import console
from tensorflow.python.framework import config

from recipes import mnist_softmax
from tfcourse import training, tuning
from tfcourse.tuning import report, trial

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
BASE = mnist_softmax.MnistSoftmax(model="softmax_regression", epochs=2)
SEARCHES = {"learning_rate": "1e-4:1:log", "batch_size": "64,512"}


FIXED = ("epochs", "hidden_units", "dropout", "optimizer")


def search(folder, watch=lambda sweep, running: None, *, trials=3):
    pool = tuning.InProcess()
    return tuning.search(
        mnist_softmax.train, BASE, folder, pool, dataset="digits", trials=trials,
        searches=SEARCHES, fixed=FIXED, watch=watch,
    )  # fmt: skip


def test_trials_that_end_at_once_are_not_said_to_be_done_before(tmp_path):
    text = io.StringIO()
    with report.SweepTable(console.Console(file=text)) as table:
        search(tmp_path, table.update)
    assert "[1/3]" in text.getvalue()
    assert "done before" not in text.getvalue()


def test_a_search_without_workers_is_watched_and_goes_on_where_it_was(tmp_path, monkeypatch):
    watched = []
    done = search(tmp_path, lambda sweep, running: watched.append(len(sweep.finished())))
    assert watched[-1] == 3
    assert sorted(set(watched)) == [0, 1, 2, 3]
    scores = [done.score(each) for each in done.trials]
    assert done.score(done.best) == max(scores) > 0.5
    assert all(set(each.values) == set(SEARCHES) for each in done.trials)

    ran = []
    monkeypatch.setattr(trial, "run", lambda task, run=trial.run: ran.append(task) or run(task))
    again = search(tmp_path, trials=4)
    assert [task.folder.split("/")[-2] for task in ran] == ["00003"]
    assert [again.score(each) for each in again.trials[:3]] == scores


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"pruning": "medain"}, "`pruning` must be one of none, .*Received: pruning='medain'"),
        ({"tuner": "bayes"}, "`tuner` must be one of random, .*Received: tuner='bayes'"),
        ({"trials": 0}, "trials=0"),
        ({"confirm": -1}, "confirm=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"max_minutes": -1}, "max_minutes=-1"),
        ({"generation_size": 0}, "generation_size=0"),
        ({"tuner": "hyperband", "pruning": "median"}, "`tuner=hyperband` prunes"),
    ],
)
def test_what_makes_no_search_is_refused_before_anything_is_written(tmp_path, asked, message):
    asked = {"dataset": "digits", "trials": 1, "searches": SEARCHES, "fixed": FIXED, **asked}
    with pytest.raises(ValueError, match=message):
        tuning.search(mnist_softmax.train, BASE, tmp_path / "new", tuning.InProcess(), **asked)
    assert not (tmp_path / "new").exists()


def test_a_stop_ends_the_sweep_and_costs_no_trial(tmp_path, monkeypatch):
    def stopped(task):
        raise training.Interrupted("stopped", signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(trial, "_trained", stopped)
        with pytest.raises(training.Interrupted):
            search(tmp_path, trials=1)
    assert search(tmp_path, trials=1).best.number == 0


def of_the_process():
    """Draws from every generator, and tells what else belongs to the process."""
    return {
        "python": random.random(),
        "numpy": np.random.random(),
        "tensorflow": float(tf.random.uniform(())),
        "keras": float(keras.random.uniform(())),
        "dtype policy": keras.config.dtype_policy().name,
        "is deterministic": config.is_op_determinism_enabled(),
        "layer": keras.layers.Dense(1).name,
        "stdout": sys.stdout,
        "path": list(sys.path),
    }


def begun():
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    config.disable_op_determinism()
    keras.config.set_dtype_policy("mixed_bfloat16")
    of_the_process()  # What follows is neither the first number nor the first layer.


def test_the_process_is_afterwards_as_it_was(tmp_path):
    try:
        begun()
        expected = of_the_process()
        begun()
        frozen = gc.get_freeze_count()
        search(tmp_path, trials=1)
        assert of_the_process() == expected
        # A few of them may be freed meanwhile.
        assert 0 <= frozen - gc.get_freeze_count() < 100
    finally:
        keras.config.set_dtype_policy("float32")
