import dataclasses
import types

import keras
import pytest
import sweep_pool
from sweep_pool import Pool

from recipes import searching
from recipes.claims import search_trial
from recipes.claims.pictures import strategies
from tfcourse import datasets, tuning
from tfcourse.tuning import oracles
from tfcourse.tuning.records import Result
from tfcourse.tuning.task import Outcome

# keras-tuner reads the current thread's name the old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner")
]


@pytest.fixture(autouse=True)
def trials_that_answer_at_once(monkeypatch):
    monkeypatch.setattr(tuning, "InProcess", Pool)


@pytest.fixture
def drawn_from(monkeypatch):
    """The boxes after the first round of what is searched."""
    boxes = []
    zoomed = oracles.CoarseToFine._zoomed

    def noted(oracle, box, round_number):
        boxes.append(zoomed(oracle, box, round_number))
        return boxes[-1]

    monkeypatch.setattr(oracles.CoarseToFine, "_zoomed", noted)
    return boxes


def test_boxes_after_ties_and_failures_are_those_of_the_search(tmp_path, drawn_from):
    def answer(task):
        outcome = sweep_pool.trained(task)
        if task.seed % 8:
            return Outcome(Result("infeasible", f"{task.seed}"))
        curve = [{"epoch": 1, "val_accuracy": float(task.seed % 2), "val_loss": 1.0}]
        return Outcome(dataclasses.replace(outcome.result, curve=curve))

    sweep = tuning.search(
        search_trial.train, search_trial.Network(), tmp_path, sweep_pool.Pool(1, answer),
        dataset="digits", tuner="coarse_to_fine", trials=60, searches=searching.SQUARE,
        fixed=search_trial.others(search_trial.Network(), searching.SQUARE), report=False,
    )  # fmt: skip
    rounds = searching.rounds(sweep, *searching.SQUARE)
    assert [box for box, _ in rounds[1:]] == drawn_from


def test_boxes_are_those_that_the_search_drew_from(tmp_path, drawn_from):
    sweep = searching.sweep_of(
        search_trial.Network(epochs=2), tmp_path, searching.SQUARE,
        dataset="digits", tuner="coarse_to_fine", trials=24, seed=1,
    )  # fmt: skip
    rounds = searching.rounds(sweep, *searching.SQUARE)
    assert [len(points) for _, points in rounds] == [8, 8, 8]
    assert [box for box, _ in rounds[1:]] == drawn_from
    for box, points in rounds:
        assert all(box["learning_rate"][0] <= p.x <= box["learning_rate"][1] for p in points)
        assert all(box["decay_rate"][0] <= p.y <= box["decay_rate"][1] for p in points)


def test_it_nudges_one_model_and_draws_four_pictures(tmp_path, monkeypatch):
    short = dict(zip((1, 2), searching.NUDGES.values(), strict=True))
    monkeypatch.setattr(searching, "NUDGES", short)
    monkeypatch.setattr(
        searching, "MODEL", dataclasses.replace(searching.MODEL, epochs=3, batch_size=64)
    )
    monkeypatch.setattr(searching, "RESAMPLES", 2)
    watched, trained = [], searching.watched_and_nudged
    monkeypatch.setattr(
        searching,
        "watched_and_nudged",
        lambda *given: watched.append(trained(*given)) or watched[0],
    )
    hp = searching.Searching(models=2, points=4, rounds=2, ranking=8, epochs=1)
    options = types.SimpleNamespace(seed=1, data_dir=None)
    run = types.SimpleNamespace(path=tmp_path)
    metrics = searching.main(hp, datasets.load("digits").smaller(640), options, run)
    (history,) = watched
    assert history.history["learning_rate"] == pytest.approx([0.001, 1.0, 0.1])
    assert {"caviar_best", "grid_best", "random_best", "coarse_to_fine_best"} <= metrics.keys()
    pictures = sorted(path.stem for path in tmp_path.glob("*.png"))
    assert pictures == ["coarse_to_fine", "grid_and_random", "importance", "panda_and_caviar"]


def test_one_model_and_all_trials_are_drawn(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(strategies, "draw_panda_and_caviar", lambda *args: given.extend(args))
    history = types.SimpleNamespace(history={"loss": [2.0, 1.0], "val_loss": [2.1, 1.1]})
    sweep = searching.sweep_of(
        searching.MODEL, tmp_path, searching.SIDE_BY_SIDE, dataset="digits", trials=3, seed=1
    )
    searching.draw_panda_and_caviar(history, {0: 0.1, 1: 0.2}, sweep, tmp_path / "a.png")
    _, watched, rates, curves = given
    assert watched == {"training": [2.0, 1.0], "validation": [2.1, 1.1]}
    assert rates == {0: 0.1, 1: 0.2}
    assert [curve.rate for curve in curves] == [t.values["learning_rate"] for t in sweep.trials]
    assert all(curve.costs[-1] < curve.costs[0] for curve in curves)


def test_a_watched_training_that_was_stopped_goes_on_with_its_nudges(monkeypatch, tmp_path):
    data = datasets.load("digits").smaller(640)
    model = dataclasses.replace(searching.MODEL, epochs=3)
    train, stops = searching.mnist_softmax.train, [2]

    def stopped(epoch, logs):
        if [epoch] == stops:
            raise KeyboardInterrupt

    def with_stop(*args, **given):
        return train(*args, callbacks=[keras.callbacks.LambdaCallback(stopped)], **given)

    monkeypatch.setattr(searching.mnist_softmax, "train", with_stop)

    def watched(folder):
        rates = {1: 1.0, 2: 0.1}
        return searching.watched_and_nudged(model, data, tmp_path / folder, rates, 1).history

    with pytest.raises(KeyboardInterrupt):
        watched("parts")
    stops.clear()
    assert watched("parts") == watched("whole")
