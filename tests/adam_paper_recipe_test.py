import keras
import numpy as np
import pytest
import recipe_runs

from recipes.claims import adam_paper, harness
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
        ({"adam": 0.25, "sgd_nesterov": 0.26, "adagrad": 0.4, "adagrad_constant": 0.4}, (0, 0)),
        ({"adam": 0.25, "sgd_nesterov": 0.26, "adagrad": 0.4, "adagrad_constant": 0.3}, (0, 1)),
        ({"adam": 0.28, "sgd_nesterov": 0.26, "adagrad": 0.3, "adagrad_constant": 0.2}, (1, 2)),
    ],
)
def test_verdicts_follow_the_numbers(costs, verdicts):
    curves = {name: np.full((3, 45), cost) for name, cost in costs.items()}
    found = adam_paper.findings(AdamPaper(), dict.fromkeys(costs, 0.1), curves)
    rows = harness.evidence("adam_paper", *found)
    words = ("holds", "holds in part", "does not hold")
    assert [row["verdict"] for row in rows] == [words[index] for index in verdicts]
    assert f"Adam {costs['adam']:.3f} ± 0.000 (paper 0.257, alpha here 0.1)" in rows[0]["measured"]
