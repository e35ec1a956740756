import dataclasses

import numpy as np
import pytest

from recipes import mnist_softmax
from tfcourse import datasets, training
from tfcourse.training import programs

BASE = mnist_softmax.MnistSoftmax(
    hidden_units=(16,), epochs=3, batch_size=32, dropout=0.1, early_stopping=0
)


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(200)


@pytest.fixture(autouse=True)
def _nothing_kept():
    programs.forget_shared_programs()
    yield
    programs.forget_shared_programs()


def trained(data, seed, shared=True, **changes):
    """Returns weights, optimizer slots and history of one training."""
    hyperparameters = dataclasses.replace(BASE, **changes)
    if not shared:
        model, history = mnist_softmax.train(hyperparameters, data, seed, verbose=0)
    else:
        with training.shared_programs():
            model, history = mnist_softmax.train(hyperparameters, data, seed, verbose=0)
    arrays = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    return arrays, history.history


def assert_same(one, other, **tolerance):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(a, b, **tolerance)
    assert one[1].keys() == other[1].keys()
    for name in one[1]:
        np.testing.assert_allclose(one[1][name], other[1][name], **tolerance)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle", "inverse_time"])
def test_a_shared_program_trains_what_one_of_its_own_would(data, schedule):
    first = {"learning_rate": 0.003, "schedule": schedule}
    second = {"learning_rate": 0.02, "schedule": schedule}
    trained(data, 1, **first)
    shared = trained(data, 2, **second)
    assert len(programs._kept) == 1
    assert_same(shared, trained(data, 2, shared=False, **second), rtol=2e-3, atol=2e-5)


def test_what_was_trained_before_changes_no_bit(data):
    a = {"learning_rate": 0.003, "schedule": "one_cycle", "seed": 1}
    b = {"learning_rate": 0.02, "schedule": "exponential", "seed": 7}
    results = {}
    for order in ("ab", "ba"):
        programs.forget_shared_programs()
        for name in order:
            results[order, name] = trained(data, **(a if name == "a" else b))
        assert len(programs._kept) == 1
    for name in "ab":
        assert_same(results["ab", name], results["ba", name], rtol=0, atol=0)


@pytest.mark.parametrize(
    "changes", [{"dropout": 0.2}, {"hidden_units": (17,)}, {"batch_size": 16}, {"beta_1": 0.8}]
)
def test_another_constant_is_another_program(data, changes):
    before = trained(data, 1)
    shared = trained(data, 1, **changes)
    assert len(programs._kept) == 2
    assert any(
        a.shape != b.shape or (a != b).any() for a, b in zip(before[0], shared[0], strict=True)
    )


def test_few_programs_are_kept(data):
    for units in range(8, 8 + programs._MAX_PROGRAMS + 2):
        trained(data, 1, hidden_units=(units,), epochs=1)
    assert len(programs._kept) == programs._MAX_PROGRAMS


def test_nothing_is_shared_outside(data):
    trained(data, 1, shared=False)
    assert not programs._kept
