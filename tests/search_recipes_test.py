import contextlib

import numpy as np
import pytest
import recipe_runs
from sweep_pool import Pool

from recipes.claims import best_effort, harness, search, search_importance, search_trial
from tfcourse import datasets, tuning
from tfcourse.choices import MODELS
from tfcourse.tuning import state as sweeps

# keras-tuner reads the current thread's name the old way.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner")
]


@pytest.fixture(autouse=True)
def workers_that_answer_at_once(monkeypatch):
    monkeypatch.setattr(tuning, "Workers", lambda n: contextlib.nullcontext(Pool(n)))


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_a_trial_trains_the_network_that_it_says(optimizer):
    hp = search_trial.Network(
        optimizer=optimizer,
        learning_rate=0.05,
        layers=2,
        hidden_units=8,
        batch_size=16,
        training_examples=64,
        decay_rate=0.5,
        epochs=2,
    )
    model, history = search_trial.train(hp, datasets.load("digits"), seed=1, verbose=0)
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [8, 8, 10]
    assert model.optimizer.iterations == 2 * 4
    rate = model.optimizer.learning_rate
    assert float(rate) == pytest.approx(0.05 * 0.5**2)  # Of the epoch that would come next.
    assert len(history.history["val_accuracy"]) == 2


def test_search_compares_tuners_and_scales(tmp_path):
    hp = search.Search(trials=4, num_seeds=2, epochs=1, training_examples=64)
    metrics = recipe_runs.run(search.main, hp, tmp_path)
    assert {f"{t}_{s}" for t in search.TUNERS for s in search.SPACES if s != "four"} <= set(metrics)
    assert not any(name.endswith("_four") for name in metrics)  # Its grid would have 16 points.
    (journal,) = (tmp_path / "sweeps" / "random_linear_2").glob("*.jsonl")
    assert '"linear"' in journal.read_text()


def test_best_so_far_never_falls_and_takes_the_infeasible_for_nothing():
    class Scores:
        trials = (3, 1, 2, 0)
        score = staticmethod([0.9, None, 0.4, 0.7].__getitem__)

    assert search.best_so_far(Scores).tolist() == [0.7, 0.7, 0.7, 0.9]


@pytest.mark.parametrize(("grid", "verdict"), [(0.8, "holds"), (0.99, "does not hold")])
def test_verdict_on_random_search_follows_the_numbers(grid, verdict):
    found = {(t, s): np.full((2, 4), 0.9) for t in search.TUNERS for s in search.SPACES}
    found |= {("grid", s): np.full((2, 4), grid) for s in search.SPACES}
    found = search.findings(found, search.Search(num_seeds=2, trials=4))
    rows = harness.evidence("search", *found)
    assert [row["verdict"] for row in rows[:2]] == [verdict, "does not hold"]


def test_importance_runs_and_names_every_hyperparameter(tmp_path):
    hp = search_importance.SearchImportance(trials=24, resamples=2, epochs=1, training_examples=64)
    metrics = recipe_runs.run(search_importance.main, hp, tmp_path)
    shares = {n: v for n, v in metrics.items() if n.startswith("adam_") and n != "adam_best"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.get) == "adam_learning_rate"  # All that the answers follow.


def test_importance_is_found_where_it_was_put():
    rng = np.random.default_rng(1)
    positions = [dict(zip("abc", rng.random(3), strict=True)) for _ in range(100)]
    trials = [sweeps.Trial(n, {}, each, 0, {}, {}, 0) for n, each in enumerate(positions)]
    scores = [2.0 * each["b"] + each["c"] for each in positions]
    shares = search_importance.importances(trials, scores, num_resamples=2)
    assert search_importance.ranked(shares) == ["b", "c", "a"]
    # Variances of 2u and u are as 4 to 1.
    assert shares["b"].mean() == pytest.approx(0.8, abs=0.08)
    assert shares["a"].mean() < 0.03


def test_tiers_name_what_is_searched():
    declared = {"learning_rate", "beta", "beta_1", "beta_2", "batch_size", "hidden_units"}
    assert set(search_importance.TIERS) == declared | {"layers", "decay_rate"}


def test_best_effort_retrains_what_the_sweep_found(tmp_path, monkeypatch):
    trained = []

    def train(hyperparameters, data, seed, **_):
        trained.append((hyperparameters, seed))
        return "model", "history"

    answers = iter([0.9, 0.92] * 3)
    monkeypatch.setattr(best_effort, "train", train)
    train.__module__ = "recipes.mnist_softmax"
    monkeypatch.setattr(
        best_effort.tfcourse.training, "final_metrics", lambda *_: {"test_accuracy": next(answers)}
    )
    hp = best_effort.BestEffort(trials=(4, 4, 4), epochs=(2, 2, 2), num_seeds=2)
    metrics = recipe_runs.run(best_effort.main, hp, tmp_path)
    assert [seed for _, seed in trained] == [1, 2] * 3
    assert [each.model for each, _ in trained[::2]] == list(best_effort.SEARCHES)
    assert metrics["test_error_small_cnn"] == pytest.approx(9.0)
    assert "9.00 ± 1.41 %" in metrics["evidence"][0]["measured"]


def test_best_effort_knows_every_model():
    assert set(best_effort.SEARCHES) == set(best_effort.PUBLISHED) == set(MODELS)
    with pytest.raises(ValueError, match="one a model"):
        best_effort.BestEffort(trials=(1, 2))
