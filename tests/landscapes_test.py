import functools

import numpy as np
import pytest
import references

from tfcourse import landscapes
from tfcourse.optimizers import OPTIMIZERS

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
every_landscape = pytest.mark.parametrize("name", landscapes.LANDSCAPES)

HESSIAN = np.array([[3.0, 1.0], [1.0, 2.0]])


def bowl(w):
    return 0.5 * (HESSIAN[0, 0] * w[..., 0] ** 2 + HESSIAN[1, 1] * w[..., 1] ** 2) + (
        HESSIAN[0, 1] * w[..., 0] * w[..., 1]
    )


@every_optimizer
def test_path_is_that_of_the_formula(name):
    path = landscapes.path(OPTIMIZERS[name], bowl, (2.0, -1.0), 0.05, 12)
    steps = references.trajectory(name, path[:-1] @ HESSIAN, 0.05, path[0])
    expected = np.concatenate([[path[0]], steps])
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(path[0], (2.0, -1.0))


def test_steps_are_those_of_the_closed_form_for_every_rate():
    rates = np.array([0.01, 0.1, 0.5, 1.5, 1.99])

    def half_square(w):
        return 0.5 * w[..., 0] ** 2

    steps = landscapes.steps_to_reach(
        OPTIMIZERS["gradient_descent"], half_square, (1.0,), 0.5e-6, rates, 5000
    )
    # w = (1 - rate)^n, and the goal is |w| <= 1e-3.
    np.testing.assert_array_equal(steps, np.ceil(np.log(1e-3) / np.log(np.abs(1 - rates))))


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "rmsprop", "adam", "nesterov"])
def test_the_cost_stays_at_or_below_the_target_from_the_counted_step_on(name):
    steps = landscapes.steps_to_reach(OPTIMIZERS[name], bowl, (2.0, -1.0), 1e-2, [0.02, 0.05], 600)
    assert np.isfinite(steps).all()
    for rate, count in zip((0.02, 0.05), steps.astype(int), strict=True):
        path = landscapes.path(OPTIMIZERS[name], bowl, (2.0, -1.0), rate, 600)
        costs = bowl(path)
        assert costs[count:].max() <= 1e-2
        assert costs[count - 1] > 1e-2


def test_divergence_and_lack_of_steps_are_infinite():
    count = functools.partial(
        landscapes.steps_to_reach, OPTIMIZERS["gradient_descent"], bowl, (2.0, -1.0), 1e-2
    )
    diverging, slow = count([10.0, 1e-4], 2000)
    assert diverging == slow == np.inf


def test_targets_may_differ_from_row_to_row():
    start = np.array([[2.0, -1.0], [0.2, -0.1]])
    steps = landscapes.steps_to_reach(
        OPTIMIZERS["gradient_descent"], bowl, start, 1e-4 * bowl(start), [0.1], 300
    )
    assert steps.shape == (1, 2)
    assert steps[0, 0] == steps[0, 1]


@every_landscape
def test_minima_cost_nothing_and_all_around_costs(name):
    landscape = landscapes.LANDSCAPES[name]
    for minimum in landscape.minima:
        assert float(landscape.cost(np.array(minimum))) == pytest.approx(0.0, abs=1e-15)
        around = np.array(minimum) + 0.1 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1]])
        assert np.asarray(landscape.cost(around)).min() > 0
    left, right, bottom, top = landscape.window
    for x, y in (*landscape.minima[-1:], landscape.start):
        assert left < x < right
        assert bottom < y < top


def test_ravine_has_condition_number_50():
    axes = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)]), np.array([-0.5, np.sqrt(0.75)])
    along, across = (float(landscapes.ravine(axis)) for axis in axes)
    assert (along, across) == pytest.approx((0.5, 25.0))
