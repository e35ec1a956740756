import types

import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, learning_rate_decay
from recipes.claims.learning_rate_decay import LearningRateDecay
from tfcourse import schedules
from tfcourse.choices import SCHEDULES


def test_a_smoke_run_leaves_rows_and_a_picture(tmp_path):
    metrics = recipe_runs.smoke("learning_rate_decay", tmp_path)
    assert set(SCHEDULES) == {n.removeprefix("val_loss_") for n in metrics if "val_loss_" in n}


def test_the_rate_with_the_lowest_finite_cost_is_chosen():
    last = dict(zip(learning_rate_decay.INITIAL_RATES, (0.5, 0.4, np.inf, np.nan), strict=True))
    trainings = types.SimpleNamespace(train=lambda name, rate, seed: {"val_loss": [0, last[rate]]})
    assert learning_rate_decay.choose_rate(trainings, "constant", seed=1) == 0.3


def test_slides_rates_are_met_and_a_change_every_step_is_seen(monkeypatch):
    assert learning_rate_decay.formula_error() < 1e-6
    build = schedules.build
    monkeypatch.setattr(schedules, "build", lambda *a, **k: build(*a, continuous=True, **k))
    assert learning_rate_decay.formula_error() > 1e-3


def numbers(**last_costs):
    return {
        name: {
            "initial_rate": 0.1,
            "loss": np.full((2, 3), last_costs.get(name, 0.5)),
            "val_accuracy": np.full((2, 3), 1 - last_costs.get(name, 0.5)),
        }
        for name in SCHEDULES
    }


@pytest.mark.parametrize(
    ("costs", "verdicts"),
    [
        ({"constant": 0.6, "one_cycle": 0.4}, ["holds", "holds"]),
        ({"constant": 0.45, "root": 0.4}, ["holds in part", "does not hold"]),
        ({"constant": 0.1}, ["does not hold", "does not hold"]),
    ],
)
def test_verdicts_follow_the_costs(costs, verdicts):
    found = learning_rate_decay.findings(numbers(**costs), 1e-8, LearningRateDecay())
    rows = harness.evidence("learning_rate_decay", *found)
    assert [rows[0]["verdict"], rows[2]["verdict"]] == verdicts
    assert rows[1]["verdict"] == "holds"
