import numpy as np
import pytest
import recipe_runs

from recipes.claims import batch_training, harness
from recipes.claims.batch_training import BatchTraining


def test_a_smoke_run_leaves_claims_and_a_picture(tmp_path):
    metrics = recipe_runs.smoke("batch_training", tmp_path)
    assert len(metrics["evidence"]) == 2
    assert metrics["passes_wine_online"] < metrics["passes_wine_batch"]


def test_both_arms_take_the_steps_they_are_called_by():
    hp = BatchTraining(epochs=1, batch_epochs=1, target_cost=1e-9)
    data = batch_training.split("iris", seed=1)
    few = batch_training.Split(data.x[:2], data.one_hot[:2], data.x_test, data.labels_test)
    costs = {
        arm: batch_training.train(hp, few, arm, 1e-4, seed=1)["costs"]
        for arm in batch_training.ARMS
    }
    first = costs["batch"][0]
    assert costs["on-line"][0] == first
    # At a small rate two steps go twice as far as one of their mean.
    ratio = (first - costs["on-line"][1]) / (first - costs["batch"][1])
    assert ratio == pytest.approx(2, rel=1e-3)


def test_inputs_are_standardized_by_the_training_part():
    data = batch_training.split("wine", seed=3)
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(data.x.std(axis=0), 1)
    assert (len(data.x), len(data.x_test)) == (125, 53)


def test_a_target_that_is_missed_counts_as_more_than_all_passes():
    hp = BatchTraining(epochs=10, target_cost=0.1)
    assert batch_training.passes(hp, "on-line", [2.0, 0.5, 0.1]) == 2
    assert batch_training.passes(hp, "on-line", [2.0, 0.5, 0.3]) == pytest.approx(30)


@pytest.mark.parametrize(
    ("passes", "accuracy", "verdicts"),
    [
        ((10, 100), (0.95, 0.95), ["holds", "holds"]),
        ((100, 10), (0.90, 0.95), ["does not hold", "does not hold"]),
    ],
)
def test_verdicts_follow_the_numbers(passes, accuracy, verdicts):
    wobble = np.array([0.999, 1.0, 1.001])
    tuned = {"rates": [0.1, 0.3, 1.0], "costs": [[2.0], [1.0], [2.0]]}
    arms = {
        arm: {"tuned": tuned, "passes": p * wobble, "accuracy": a * wobble, "curve": [1.0]}
        for arm, p, a in zip(batch_training.ARMS, passes, accuracy, strict=True)
    }
    raw = {"hp": vars(BatchTraining()), "arms": {"iris": arms, "breast_cancer": arms}}
    judged = batch_training.judge(harness.plain(raw))
    rows = harness.judged("batch_training", judged)
    assert [row["verdict"] for row in rows] == verdicts
    assert "(breast cancer; " in rows[0]["measured"]
