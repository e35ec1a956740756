import json

import numpy as np
import processes
import pytest
import scipy.optimize

from recipes import logistic_regression
from recipes.logistic_regression import LogisticRegression


def run(run_dir, *flags):
    return processes.command("recipes.logistic_regression", f"--run_dir={run_dir}", *flags)


def test_flagfile_comes_near_the_optimum(tmp_path):
    result = run(tmp_path, "--flagfile=configs/logistic_regression.flags")
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["cross_entropy"] == pytest.approx(found["optimum_cross_entropy"], rel=0.01)
    assert found["train_accuracy"] == pytest.approx(0.94)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert result.stdout.splitlines()[-2].split()[0] == "optimum"


def test_every_step_is_that_of_a_numpy_reference():
    petals, labels = logistic_regression.flowers()
    assert petals.shape == (100, 2)
    assert labels.sum() == 50
    x = np.column_stack([np.ones(100), (petals - petals.mean(axis=0)) / petals.std(axis=0)])
    theta, expected, costs = np.zeros(3), [], []
    for _ in range(31):
        expected.append(theta)
        h = 1 / (1 + np.exp(-x @ theta))
        costs.append(-np.mean(labels * np.log(h) + (1 - labels) * np.log(1 - h)))
        theta = theta - 0.7 * x.T @ (h - labels) / 100
    path = logistic_regression.fit(LogisticRegression(learning_rate=0.7, epochs=30), seed=0)
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(logistic_regression.cross_entropy(path), costs, rtol=1e-12)


def test_a_huge_rate_is_drawn_without_warnings(tmp_path):
    path = logistic_regression.fit(LogisticRegression(learning_rate=1e38, epochs=3), seed=0)
    logistic_regression.draw(path, logistic_regression.optimum(), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_the_optimum_is_where_another_method_ends():
    def cost(theta):
        return float(logistic_regression.cross_entropy(theta))

    found = scipy.optimize.minimize(cost, np.zeros(3), method="Nelder-Mead", tol=1e-10).x
    np.testing.assert_allclose(logistic_regression.optimum(), found, rtol=1e-4)


def test_seed_matters_only_below_the_full_batch():
    def last(batch_size, seed):
        return logistic_regression.fit(LogisticRegression(batch_size=batch_size, epochs=2), seed)[
            -1
        ]

    np.testing.assert_array_equal(last("full", 0), last("full", 1))
    np.testing.assert_array_equal(last(10, 0), last(10, 0))
    assert not np.array_equal(last(10, 0), last(10, 1))
