import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, momentum, optimizers, rates
from recipes.claims.optimizers import Optimizers
from tfcourse import choices

NAMES = tuple(optimizers.USUAL)


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path):
    assert recipe_runs.smoke("optimizers", tmp_path)["adam_minus_rmsprop"] == 0.0


def test_a_network_that_there_is_none_of_is_refused():
    with pytest.raises(ValueError, match=r"models=\('transformer',\)"):
        Optimizers(models=("transformer",))


WOBBLE = np.array([0.001, 0.0, -0.001, 0.0])


def arms(best=1, **accuracies):
    """One model: four seeds of each optimizer."""
    costs = [[0.3], [0.3], [0.3]]
    costs[best] = [0.1]
    tuned = {"rates": [0.1, 0.2, 0.3], "costs": costs}
    return {
        name: {
            "tuned": tuned,
            "loss": 1 - accuracies.get(name, 0.90) + WOBBLE,
            "test_accuracy": accuracies.get(name, 0.90) + WOBBLE,
            "usual_test_accuracy": accuracies.get("usual", 0.90) + WOBBLE,
        }
        for name in NAMES
    }


def raw(*models):
    by_model = dict(zip(choices.MODELS, models, strict=False))
    return harness.plain({"hp": vars(Optimizers()), "arms": by_model, "adam_minus_rmsprop": 0.0})


def verdicts(*models):
    judged = harness.judged("optimizers", optimizers.judge(raw(*models)))
    return [row["verdict"] for row in judged]


def test_verdicts_follow_the_numbers():
    good, bad = arms(adam=0.96, usual=0.955), arms(adam=0.80, usual=0.7)
    assert verdicts(good, good) == ["holds", "holds", "holds"]
    assert verdicts(good, bad) == ["holds in part", "holds in part", "holds"]
    assert verdicts(bad, bad) == ["does not hold", "does not hold", "holds"]
    with pytest.raises(rates.EdgeError, match="widen it"):
        verdicts(arms(best=0))


def test_pairs_are_counted_seed_by_seed():
    equal = arms()
    equal["momentum"]["test_accuracy"] = np.array([0.91, 0.90, 0.80, 0.91])
    (share,) = optimizers.momentum_wins(raw(equal))
    # Equal is not better: of 0.901, 0.9, 0.899 and 0.9, the first and the last are beaten.
    assert share.shown == {"cases won": "2 of 4"}
    assert share.estimate(0.95).point == 0.5


def test_momentum_is_one_claim_of_quadratics_and_mnist():
    condition = np.repeat([2.0, 20.0, 200.0], 100)
    quadratics = {
        "condition": condition,
        "momentum": {"steps": np.full(300, 8)},
        "gradient_descent": {"steps": np.where(condition > 100, 9, 7)},
    }
    contours = harness.plain({"hp": {"quadratics": 300}, "quadratics": quadratics})
    mnist = arms(momentum=0.95)
    mnist = {n: {**a, "test_accuracy": np.repeat(a["test_accuracy"], 20)} for n, a in mnist.items()}
    (row,) = harness.judged("momentum", momentum.judge(contours, raw(mnist)))
    assert row["verdict"] == "holds in part"
    where = "quadratics, condition number 100 to 1000; MNIST, softmax regression"
    assert row["where"] == where
    assert "0 of 100 cases (quadratics, condition number 1 to 10)" in row["measured"]
    assert "80 of 80 cases (MNIST, softmax regression)" in row["measured"]
