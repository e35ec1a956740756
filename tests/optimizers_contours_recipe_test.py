import numpy as np
import pytest
import recipe_runs

from recipes.claims import harness, optimizers_contours, rates
from recipes.claims.optimizers_contours import OptimizersContours
from recipes.claims.pictures import contours
from tfcourse import landscapes

SMALL = OptimizersContours(lowest_rate=0.01, rates_per_decade=5, max_steps=3000, quadratics=20)


def test_a_smoke_run_leaves_rows_and_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(contours, "_FRAMES", 4)
    # Each race is compiled anew. The claims need these; tests/landscapes_test.py has all.
    ravines = {name: landscapes.LANDSCAPES[name] for name in optimizers_contours.RAVINES}
    monkeypatch.setattr(landscapes, "LANDSCAPES", ravines)
    recipe_runs.smoke("optimizers_contours", tmp_path)
    assert (tmp_path / "optimizers_contours.gif").stat().st_size < 1.5e6


def test_quadratics_have_the_condition_numbers_they_are_said_to_have():
    eigenvalues, start = optimizers_contours.random_quadratics(500, seed=3)
    condition = eigenvalues.max(axis=1) / eigenvalues.min(axis=1)
    assert 1.9 < eigenvalues.max() < 2
    assert 0.5 < eigenvalues.max(axis=1).min() < 0.52
    assert (np.diff(np.sort(eigenvalues, axis=1)) >= 0).all()
    assert np.log10(condition).mean() == pytest.approx(1.5, abs=0.1)
    assert start.shape == eigenvalues.shape == (500, optimizers_contours.PARAMETERS)
    again, _ = optimizers_contours.random_quadratics(500, seed=3)
    other, _ = optimizers_contours.random_quadratics(500, seed=4)
    np.testing.assert_array_equal(eigenvalues, again)
    assert not np.array_equal(eigenvalues, other)


def test_steps_of_gradient_descent_are_those_of_its_closed_form():
    counted = optimizers_contours.descend(SMALL, seed=5)
    eigenvalues, start = optimizers_contours.random_quadratics(SMALL.quadratics, seed=5)

    def cost(n):
        # [rates, quadratics] after n steps
        w = (
            start
            * (1 - optimizers_contours.QUADRATIC_RATES[:, np.newaxis, np.newaxis] * eigenvalues)
            ** n
        )
        return 0.5 * (eigenvalues * w**2).sum(axis=-1)

    for quadratic, n in enumerate(counted["gradient_descent"]["steps"]):
        goal = 1e-6 * cost(0)[0, quadratic]
        with np.errstate(over="ignore"):
            assert cost(n)[:, quadratic].min() <= goal
            assert cost(n - 1)[:, quadratic].min() > goal
    assert counted["condition"].min() >= 1


def counted(condition, descent, momentum):
    steps = {"gradient_descent": {"steps": descent}, "momentum": {"steps": momentum}}
    return {"condition": condition, **steps}


def test_wins_are_counted_by_decade():
    raw = counted([2, 5, 20, 200, 900], [10, 10, 10, 500, 900], [50, 9, 10, 100, 90])
    wins = optimizers_contours.wins_by_decade(raw)
    assert wins == {(1, 10): (1, 2), (10, 100): (0, 1), (100, 1000): (2, 2)}
    assert optimizers_contours.gain(raw) == 7.5


def test_verdicts_follow_the_numbers():
    condition = np.repeat([2.0, 20.0, 200.0], 100)

    def verdicts(momentum, best=1):
        descent = np.full(300, 9.0)
        costs = [[3.0], [3.0], [3.0]]
        costs[best] = [1.0]
        tuned = {"rates": [0.1, 0.2, 0.3], "costs": costs}
        races = {
            place: {
                name: {"tuned": tuned, "steps": np.array([5.0, 6.0]) * (1 + (name != "momentum"))}
                for name in optimizers_contours.RACERS
            }
            for place in ("ravine", "Rosenbrock", "saddle")
        }
        quadratics = counted(condition, descent, momentum)
        raw = {"hp": vars(SMALL), "races": races, "quadratics": quadratics}
        judged = optimizers_contours.judge(harness.plain(raw))
        return [row["verdict"] for row in harness.judged("optimizers_contours", judged)]

    assert verdicts(np.full(300, 8.0)) == ["holds", "holds"]
    assert verdicts(np.repeat([10.0, 10.0, 8.0], 100)) == ["holds in part", "holds"]
    with pytest.raises(rates.EdgeError, match="is at the edge"):
        verdicts(np.full(300, 8.0), best=2)


def test_a_grid_whose_end_is_the_best_is_refused(monkeypatch):
    monkeypatch.setattr(optimizers_contours, "QUADRATIC_RATES", np.array([0.1, 0.9]))
    with pytest.raises(rates.EdgeError, match="at the edge of the grid"):
        optimizers_contours.descend(OptimizersContours(quadratics=3, max_steps=40_000), seed=0)


def test_a_race_that_nobody_ends_says_what_to_change():
    from tfcourse import training

    with pytest.raises(training.NotFiniteError, match="raise --max_steps") as error:
        optimizers_contours.descend(OptimizersContours(quadratics=3, max_steps=2), seed=0)
    assert error.value.exit_code == 6


def test_a_grid_without_width_is_refused():
    with pytest.raises(ValueError, match=r"lowest_rate=1\.0, highest_rate=1\.0"):
        OptimizersContours(lowest_rate=1.0, highest_rate=1.0)
