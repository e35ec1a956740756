import contextlib

import numpy as np
import pytest
import recipe_runs
from sweep_pool import Pool

from recipes.claims import best_effort, harness, rates, search, search_importance, search_trial
from tfcourse import datasets, tuning
from tfcourse.choices import MODELS
from tfcourse.tuning import grid, sweeps
from tfcourse.tuning import space as search_space

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


def test_search_compares_tuners_and_scales(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "BUDGETS", {"one": (3, 5), "four": (16,)})
    monkeypatch.setattr(search, "check_range", lambda best_rates: None)
    hp = search.Search(largest=16, num_seeds=2, scale_seeds=3, epochs=1, training_examples=64)
    metrics = recipe_runs.run(search.main, hp, tmp_path)
    assert {f"{t}_one_5" for t in search.TUNERS} <= set(metrics)
    assert {"grid_one_3", "grid_four_16", "random_adam_linear_5"} <= set(metrics)
    assert "random_one_3" not in metrics  # They are the first of the five.
    (journal,) = (tmp_path / "sweeps" / "random_linear_5_2").glob("*.jsonl")
    assert '"linear"' in journal.read_text()


def test_budgets_are_those_of_grids():
    for space, budgets in search.BUDGETS.items():
        optimizer, axes = search.SPACES[space]
        base = search_trial.Network(optimizer=optimizer)
        searchable = {axis.name for axis in search_space.space_of(base).axes}
        searched = search_space.space_of(base, axes, searchable - set(axes))
        for trials in budgets:
            assert len(grid.points(searched, trials)) == trials


def test_scores_take_the_infeasible_for_nothing():
    class Scores:
        trials = (3, 1, 2, 0)
        score = staticmethod([0.9, None, 0.4, 0.7].__getitem__)

    assert search.scores(Scores) == [0.7, 0.0, 0.4, 0.9]


def test_fewer_trials_are_the_first_ones():
    found = {
        "random": {"4": [[0.1, 0.9, 0.2, 0.95]]},
        "grid": {"2": [[0.5, 0.4]], "4": [[0.6] * 4]},
    }
    assert search.best_of(found, "random", 2).tolist() == [0.9]
    assert search.best_of(found, "random", 4).tolist() == [0.95]
    assert search.best_of(found, "grid", 2).tolist() == [0.5]


def raw_search(**best):
    hp = search.Search(num_seeds=3, largest=17)
    found = {}
    for space, tuner, trials in search.searches(hp):
        score = best.get(tuner, best.get(space, 0.9))
        found.setdefault(space, {}).setdefault(tuner, {})[trials] = [
            [score + wobble] * trials for wobble in (0.001, 0.0, -0.001)
        ]
    return harness.plain({"hp": vars(hp), "found": found, "best_rates": [0.3]})


@pytest.mark.parametrize(
    ("best", "verdicts"),
    [
        ({"grid": 0.8, "linear": 0.8, "adam_linear": 0.8}, ["holds", "does not hold", "holds"]),
        # Half a point is not worth waiting for each round.
        ({"coarse_to_fine": 0.905}, ["undecided", "does not hold", "undecided"]),
        ({"grid": 0.99, "coarse_to_fine": 0.95}, ["does not hold", "holds", "undecided"]),
        ({"coarse_to_fine": 0.85, "linear": 0.8}, ["undecided", "does not hold", "holds in part"]),
    ],
)
def test_verdicts_on_searches_follow_the_numbers(best, verdicts):
    judged = harness.judged("search", search.judge(raw_search(**best)))
    assert [row["verdict"] for row in judged] == verdicts


def test_a_range_that_ends_at_the_best_rate_is_refused():
    with pytest.raises(rates.EdgeError, match="end of the range"):
        search.judge(raw_search() | {"best_rates": [0.3, 9.0]})


def test_importance_runs_and_names_every_hyperparameter(tmp_path):
    hp = search_importance.SearchImportance(
        sweeps=2, num_trials=16, resamples=2, epochs=1, training_examples=64
    )
    metrics = recipe_runs.run(search_importance.main, hp, tmp_path)
    shares = {n: v for n, v in metrics.items() if n.startswith("adam_") and n != "adam_best"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.get) == "adam_learning_rate"  # All that the answers follow.


def test_verdicts_on_importance_follow_the_shares():
    def verdicts(rate):
        shares = {name: [0.01 / tier] * 3 for name, tier in search_importance.TIERS.items()}
        shares["learning_rate"] = np.array([0.98, 1.0, 1.02]) * rate
        wobble = np.array([0.99, 1.0, 1.01])
        shares = {name: np.array(values) * wobble for name, values in shares.items()}
        arms = {
            "momentum": [
                {subset: {n: s for n, s in shares.items() if n not in ("beta_1", "beta_2")}
                 for subset in search_importance.SUBSETS}
            ],
            "adam": [
                {subset: {n: s for n, s in shares.items() if n != "beta"}
                 for subset in search_importance.SUBSETS}
            ],
        }  # fmt: skip
        raw = {"hp": vars(search_importance.SearchImportance()), "arms": arms}
        judged = search_importance.judge(harness.plain(raw))
        return [row["verdict"] for row in harness.judged("search_importance", judged)]

    assert verdicts(rate=0.8) == ["holds", "holds"]
    assert verdicts(rate=0.001) == ["does not hold", "holds in part"]


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
    hp = best_effort.BestEffort(
        num_trials=(4, 4, 4), tuning_epochs=(1, 1, 1), epochs=(2, 2, 2), num_seeds=(2, 2, 2)
    )
    metrics = recipe_runs.run(best_effort.main, hp, tmp_path)
    assert [seed for _, seed in trained] == [1, 2] * 3
    assert [each.model for each, _ in trained[::2]] == list(best_effort.SEARCHES)
    assert metrics["test_error_small_cnn"] == pytest.approx(9.0)
    assert {each.epochs for each, _ in trained} == {2}
    softmax, _, cnn = metrics["evidence"]
    assert "9.00 ± 1.41 %" in softmax["measured"]
    # With two seeds 9 is not told from 12.
    assert (softmax["verdict"], cnn["verdict"]) == ("undecided", "undecided")


def test_best_effort_knows_every_model():
    assert set(best_effort.SEARCHES) == set(best_effort.PUBLISHED) == set(MODELS)
    with pytest.raises(ValueError, match="one per model"):
        best_effort.BestEffort(num_trials=(1, 2))
