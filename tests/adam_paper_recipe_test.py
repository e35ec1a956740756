import keras
import numpy as np
import pytest
import recipe_runs

from recipes.claims import adam_paper, harness, rates
from recipes.claims.adam_paper import AdamPaper


def test_a_smoke_run_leaves_rows_and_a_picture(tmp_path):
    assert len(recipe_runs.smoke("adam_paper", tmp_path)["evidence"]) == 2


def moves(name, alpha, gradients):
    """Where a parameter that starts at 0 is after each step."""
    optimizer = adam_paper.make_optimizer(name, alpha)
    w = keras.Variable(np.zeros(1), dtype="float32")
    path = []
    for gradient in gradients:
        optimizer.apply([keras.ops.array([gradient], "float32")], [w])
        path.append(float(w.numpy()[0]))
    return path


def test_step_sizes_are_alpha_over_the_root_of_the_step():
    g = np.array([1.0, -2.0, 0.5, 3.0])
    t = np.arange(1, 5)
    rate = 0.5 / np.sqrt(t)
    root = np.sqrt(np.cumsum(g**2))
    np.testing.assert_allclose(
        moves("adagrad", 0.5, g), -np.cumsum(rate * g / root), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        moves("adagrad_constant", 0.5, g), -np.cumsum(0.5 * g / root), rtol=1e-5, atol=1e-6
    )
    velocity, w, expected = 0.0, 0.0, []
    for step_rate, gradient in zip(rate, g, strict=True):
        velocity = 0.9 * velocity - step_rate * gradient
        w += 0.9 * velocity - step_rate * gradient
        expected.append(w)
    np.testing.assert_allclose(moves("sgd_nesterov", 0.5, g), expected, rtol=1e-5)
    # At a constant gradient Adam's step is its rate.
    np.testing.assert_allclose(moves("adam", 0.5, np.ones(4)), -np.cumsum(rate), rtol=1e-5)


@pytest.mark.parametrize(
    ("costs", "verdicts"),
    [
        ((0.25, 0.26, 0.4, 0.4), ["holds", "holds"]),
        ((0.25, 0.26, 0.4, 0.3), ["holds", "holds in part"]),
        ((0.28, 0.26, 0.3, 0.2), ["holds in part", "does not hold"]),
    ],
)
def test_verdicts_follow_the_costs(costs, verdicts):
    wobble = np.array([[0.999], [1.0], [1.001]])
    tuned = {"rates": [0.1, 0.3, 1.0], "costs": [[2.0], [1.0], [2.0]]}
    arms = {
        name: {"tuned": tuned, "cost_by_epoch": cost * wobble * np.ones([3, 45])}
        for name, cost in zip(adam_paper.START, costs, strict=True)
    }
    raw = {"hp": vars(AdamPaper()), "arms": arms}
    rows = harness.judged("adam_paper", adam_paper.judge(harness.plain(raw)))
    assert [row["verdict"] for row in rows] == verdicts
    spread = harness.spread(costs[0] * wobble[:, 0], 4)
    assert f"Adam {spread} (paper 0.257)" in rows[0]["measured"]


def test_an_alpha_at_the_edge_is_refused():
    tuned = {"rates": [0.1, 0.3, 1.0], "costs": [[1.0], [2.0], [3.0]]}
    arms = {name: {"tuned": tuned, "cost_by_epoch": [[0.3], [0.3]]} for name in adam_paper.START}
    with pytest.raises(rates.EdgeError):
        adam_paper.judge({"hp": vars(AdamPaper()), "arms": arms})
