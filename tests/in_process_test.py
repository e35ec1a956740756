import json
import signal

import pytest

from recipes import mnist_softmax
from tfcourse import search_space, sweeps, training, tuning
from tfcourse.tuning import trial

# keras-tuner reads the current thread's name the old way.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(currentThread|getName):DeprecationWarning:keras_tuner"
)
BASE = mnist_softmax.MnistSoftmax(model="softmax_regression", epochs=2)
SEARCHES = {"learning_rate": "1e-4:1:log", "batch_size": "64,512"}


def sweep(folder, watch=lambda sweep, running: None, **others):
    arguments = {"dataset": "digits", "trials": 3, **others}
    return tuning.sweep(mnist_softmax.train, BASE, SEARCHES, folder, watch=watch, **arguments)


def test_a_sweep_here_is_watched_ends_with_a_test_and_goes_on_where_it_was(tmp_path, monkeypatch):
    watched = []
    done = sweep(tmp_path / "new" / "sweep", lambda s, running: watched.append(len(s.finished())))
    assert watched[-1] == 3
    assert sorted(set(watched)) == [1, 2, 3]
    scores = [done.score(each) for each in done.trials]
    assert done.score(done.best) == max(scores) > 0.5
    assert done.chosen["trial"] == done.best.number
    assert 0.5 < done.chosen["metrics"][0]["test_accuracy"] <= 1
    assert all(set(each.values) == set(SEARCHES) for each in done.trials)

    ran = []
    monkeypatch.setattr(trial, "run", lambda task, run=trial.run: ran.append(task) or run(task))
    again = sweep(tmp_path / "new" / "sweep", trials=4)
    assert [task["folder"].split("/")[-2] for task in ran] == ["00003"]
    assert [again.score(each) for each in again.trials[:3]] == scores


def test_a_stop_ends_the_sweep_and_costs_no_trial(tmp_path, monkeypatch):
    def stopped(task):
        raise training.Interrupted("stopped", signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(trial, "_trained", stopped)
        with pytest.raises(training.Interrupted):
            sweep(tmp_path, trials=1)
    assert sweep(tmp_path, trials=1).best.number == 0


def test_a_name_that_is_no_hyperparameter_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="no hyperparameter 'rate'"):
        tuning.sweep(
            mnist_softmax.train, BASE, {"rate": "1:2"}, tmp_path / "s", dataset="digits", trials=1
        )
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("tuner", "trials", "size"), [("random", 30, 8), ("coarse_to_fine", 30, 10)]
)
def test_settings_are_what_a_worker_and_a_resumed_sweep_need(tuner, trials, size):
    space = search_space.space_of(BASE, SEARCHES, [n for n in vars(BASE) if n not in SEARCHES])
    settings, path = tuning.settings_of(
        mnist_softmax.train, BASE, space, tuner=tuner, trials=trials, dataset="digits", seed=5,
        recipe="mnist_softmax",
    )  # fmt: skip
    assert json.loads(json.dumps(settings)) == settings
    assert path
    assert settings["module"] == "recipes.mnist_softmax"
    assert settings["function"] == "train"
    assert settings["hyperparameters"] == "MnistSoftmax"
    assert settings["base"]["model"] == "softmax_regression"
    assert settings["generation_size"] == size
    assert settings["max_epochs"] == 2
    assert sweeps.Sweep.from_records([{"kind": "sweep", **settings}]).space == space
