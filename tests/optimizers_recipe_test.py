import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, optimizers
from recipes.claims.optimizers import Optimizers
from tfcourse import choices

NAMES = tuple(choices.OPTIMIZERS)


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path):
    assert recipe_runs.smoke("optimizers", tmp_path)["adam_minus_rmsprop"] == 0.0


def test_the_grid_is_logarithmic_and_holds_both_ends():
    rates = Optimizers(lowest_rate=1e-3, decades=2, rates_per_decade=2).rates
    np.testing.assert_allclose(rates, [1e-3, 10**-2.5, 1e-2, 10**-1.5, 1e-1])


def test_a_network_that_there_is_none_of_is_refused():
    with pytest.raises(ValueError, match=r"models=\('transformer',\)"):
        Optimizers(models=("transformer",))


def results(momentum, adam, curve):
    """Results of one model: three seeds, and the validation accuracies of three rates."""
    accuracies = {**dict.fromkeys(NAMES, 0.90), "momentum": momentum, "rmsprop": 0.91, "adam": adam}
    accuracies = {name: np.array([0.0, 0.01, -0.01]) + a for name, a in accuracies.items()}
    tuned = dict.fromkeys(NAMES, np.array([0.1, 0.9, 0.1])) | {"adam": np.array(curve)}
    return tuned, accuracies, {name: 1 - values for name, values in accuracies.items()}


def rows(*models):
    tuned, accuracies, losses = (
        dict(zip(choices.MODELS, (parts[part] for parts in models), strict=False))
        for part in range(3)
    )
    hyperparameters = Optimizers(num_seeds=3, lowest_rate=0.01, decades=2, rates_per_decade=1)
    found = optimizers.findings(hyperparameters, tuned, accuracies, losses, 0.0)
    return harness.evidence("optimizers", *found)


def test_verdicts_follow_the_numbers():
    good, bad = results(0.95, 0.96, [0.9, 0.9, 0.9]), results(0.85, 0.80, [0.1, 0.6, 0.1])
    expected = ["holds", "holds", "holds", "holds"]
    assert [row["verdict"] for row in rows(good, good)] == expected
    expected = ["does not hold", "holds in part", "holds in part", "holds"]
    assert [row["verdict"] for row in rows(good, bad)] == expected


def test_pairs_are_counted_seed_by_seed():
    _, accuracies, losses = results(0.90, 0.9, [0.9, 0.9, 0.9])
    accuracies["momentum"] = np.array([0.91, 0.91, 0.0])
    # Equal is not better: of 0.90, 0.91 and 0.89, only the first is beaten.
    assert optimizers.wins({"m": accuracies}, {"m": losses}) == (1, 0, 3)
    row = rows(results(0.95, 0.96, [0.9] * 3))[0]
    assert "in 3 of 3 pairs" in row["measured"]


@pytest.mark.parametrize(("curve", "decades"), [([0.9, 0.895, 0.2], 2), ([0.8, 0.8, 0.7], 0)])
def test_good_rates_are_those_within_a_point_of_the_best_of_all(curve, decades):
    tuned = results(0.9, 0.9, curve)[0]
    hyperparameters = Optimizers(lowest_rate=0.01, decades=2, rates_per_decade=1)
    good = optimizers.good_decades(hyperparameters, tuned)
    assert good == dict.fromkeys(NAMES, 1) | {"adam": decades}
