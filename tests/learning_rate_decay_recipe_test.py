import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, learning_rate_decay
from recipes.claims.learning_rate_decay import LearningRateDecay
from tfcourse import schedules


def test_a_smoke_run_leaves_rows_and_a_picture(tmp_path):
    metrics = recipe_runs.smoke("learning_rate_decay", tmp_path)
    assert {f"loss_{name}_1" for name in learning_rate_decay.COMPARED} <= set(metrics)


def test_slides_rates_are_met_and_a_change_every_step_is_seen(monkeypatch):
    assert learning_rate_decay.formula_error() < 1e-6
    build = schedules.build
    monkeypatch.setattr(schedules, "build", lambda *a, **k: build(*a, continuous=True, **k))
    assert learning_rate_decay.formula_error() > 1e-3


def rows(**last_costs):
    wobble = np.array([[0.99], [1.0], [1.01]])
    arms = {
        name: {
            "tuned": {"rates": [0.1, 0.2, 0.3], "costs": [[2.0], [1.0], [2.0]]},
            "loss": last_costs.get(name, 0.5) * wobble * np.ones([3, 2]),
            "val_accuracy": np.full((3, 2), 0.9),
        }
        for name in learning_rate_decay.COMPARED
    }
    raw = {"hp": vars(LearningRateDecay()), "arms": {3: arms, 10: arms}, "formula_error": 1e-8}
    judged = learning_rate_decay.judge(harness.plain(raw))
    return harness.judged("learning_rate_decay", judged)


@pytest.mark.parametrize(
    ("costs", "verdicts"),
    [
        ({"constant": 0.6, "one_cycle": 0.4}, ["holds", "holds"]),
        ({"constant": 0.45, "root": 0.4}, ["holds in part", "does not hold"]),
        ({"constant": 0.1}, ["does not hold", "does not hold"]),
    ],
)
def test_verdicts_follow_the_costs(costs, verdicts):
    found = rows(**costs)
    assert [found[0]["verdict"], found[2]["verdict"]] == verdicts
    assert found[1]["verdict"] == "holds"
