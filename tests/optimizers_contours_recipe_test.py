import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, optimizers_contours
from recipes.claims.optimizers_contours import OptimizersContours

SMALL = OptimizersContours(lowest_rate=0.01, rates_per_decade=5, max_steps=3000, quadratics=20)


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path):
    recipe_runs.smoke("optimizers_contours", tmp_path)
    assert (tmp_path / "optimizers_contours.gif").stat().st_size < 1.5e6


def test_quadratics_have_the_condition_numbers_they_are_said_to_have():
    eigenvalues, start = optimizers_contours.random_quadratics(500, seed=3)
    condition = eigenvalues.max(axis=1) / eigenvalues.min(axis=1)
    assert eigenvalues.max() == 1.0
    assert (np.diff(np.sort(eigenvalues, axis=1)) >= 0).all()
    assert np.log10(condition).mean() == pytest.approx(1.5, abs=0.1)
    assert start.shape == eigenvalues.shape == (500, optimizers_contours.PARAMETERS)
    again, _ = optimizers_contours.random_quadratics(500, seed=3)
    other, _ = optimizers_contours.random_quadratics(500, seed=4)
    np.testing.assert_array_equal(eigenvalues, again)
    assert not np.array_equal(eigenvalues, other)


def test_steps_of_gradient_descent_are_those_of_its_closed_form():
    condition, steps = optimizers_contours.count_wins(SMALL, seed=5)
    eigenvalues, start = optimizers_contours.random_quadratics(SMALL.quadratics, seed=5)

    def cost(n):
        # [rates, quadratics] after n steps
        w = start * (1 - SMALL.rates[:, np.newaxis, np.newaxis] * eigenvalues) ** n
        return 0.5 * (eigenvalues * w**2).sum(axis=-1)

    for quadratic, n in enumerate(steps["gradient_descent"]):
        goal = 1e-6 * cost(0)[0, quadratic]
        with np.errstate(over="ignore"):
            assert cost(n)[:, quadratic].min() <= goal
            assert cost(n - 1)[:, quadratic].min() > goal
    assert condition.min() >= 1


def test_wins_are_counted_by_decade():
    condition = np.array([2.0, 5.0, 20.0, 200.0, 900.0])
    steps = {
        "gradient_descent": np.array([10.0, 10.0, 10.0, 500.0, 900.0]),
        "momentum": np.array([50.0, 9.0, 10.0, 100.0, 90.0]),
    }
    wins = optimizers_contours.wins_by_decade(condition, steps)
    assert wins == {(1, 10): (1, 2), (10, 100): (0, 1), (100, 1000): (2, 2)}
    assert optimizers_contours.gain(condition, steps) == 7.5


def test_verdicts_follow_the_numbers():
    condition = np.array([2.0, 20.0, 200.0])
    steps = {"gradient_descent": np.array([9.0, 9.0, 9.0]), "momentum": np.array([8.0, 8.0, 8.0])}

    def verdicts(adam):
        counts = {"gradient_descent": 50, "momentum": 30, "rmsprop": 40, "adam": adam}
        results = {n: optimizers_contours.Finish(0.1, float(c), None) for n, c in counts.items()}
        races = dict.fromkeys(("ravine", "Rosenbrock", "saddle"), results)
        found = optimizers_contours.findings(races, condition, steps, SMALL)
        return [row["verdict"] for row in harness.evidence("optimizers_contours", *found)]

    assert verdicts(adam=10) == ["holds", "holds", "holds"]
    steps["momentum"] = np.array([10.0, 10.0, 8.0])
    assert verdicts(adam=35) == ["holds in part", "holds", "does not hold"]


def test_a_race_that_nobody_ends_says_what_to_change():
    from tfcourse import training

    with pytest.raises(training.NotFiniteError, match="raise --max_steps") as error:
        optimizers_contours.count_wins(OptimizersContours(quadratics=3, max_steps=2), seed=0)
    assert error.value.exit_code == 6


def test_a_grid_without_width_is_refused():
    with pytest.raises(ValueError, match=r"lowest_rate=1\.0, highest_rate=1\.0"):
        OptimizersContours(lowest_rate=1.0, highest_rate=1.0)
