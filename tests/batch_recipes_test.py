import numpy as np
import pytest
import recipe_runs

from recipes.claims import batch_noise, batch_size, harness
from tfcourse import datasets


def test_batch_size_runs_on_digits(tmp_path):
    metrics = recipe_runs.smoke("batch_size", tmp_path)
    assert metrics["train_examples"] == 100
    assert metrics["rate_1"] <= metrics["rate_full"]
    assert "examples_to_target_full" not in metrics  # Never reached, so there is no number.
    assert metrics["seconds_per_step_1"] > 0


def test_target_is_reached_where_the_cost_first_falls_to_it():
    curve = {
        "step": np.array([0, 1, 2, 4]),
        "seconds": np.array([0.0, 0.5, 1.0, 2.0]),
        "cost": np.array([2.0, 0.5, 0.2, 0.3]),
    }
    assert batch_size.reached(curve, 0.3) == pytest.approx((5 / 3, 2.5 / 3))
    assert batch_size.reached(curve, 0.1) == (np.inf, np.inf)


def test_verdict_on_stochastic_descent_follows_examples_and_seconds():
    def measures(size, examples, seconds):
        curve = {"step": np.array([0, 4000 // size]), "cost": np.array([2.0, 1 / examples])}
        return {
            "curves": [curve],
            "examples_to_target": examples * np.array([0.99, 1.01]),
            "seconds_to_target": seconds * np.array([0.99, 1.01]),
        }

    def verdict(one, ten, full):
        measured = {1: measures(1, *one), 10: measures(10, *ten), 4000: measures(4000, *full)}
        found = batch_size.findings(measured, batch_size.BatchSize(), 4000)
        return harness.evidence("batch_size", *found)[-1]["verdict"]

    assert verdict((10, 1.0), (20, 2.0), (30, 3.0)) == "holds"
    assert verdict((10, 3.0), (20, 2.0), (30, 4.0)) == "holds in part"
    assert verdict((30, 3.0), (20, 2.0), (np.inf, np.inf)) == "does not hold"


def test_noise_is_the_scatter_and_not_the_trend():
    steps = np.arange(20_000)
    noisy = 2.0 - 1e-5 * steps + np.random.default_rng(0).normal(0, 0.3, len(steps))
    assert batch_noise.noise_of(noisy) == pytest.approx(0.3, rel=0.02)
    assert batch_noise.noise_of(2.0 - 1e-5 * steps) < 1e-6


def test_batch_noise_falls_with_the_batch_size(tmp_path):
    metrics = recipe_runs.smoke("batch_noise", tmp_path, steps=60)
    assert metrics["noise_1"] > metrics["noise_32"] > metrics["noise_full"]
    assert metrics["evidence"][0]["verdict"] == "holds"


def test_step_costs_are_those_of_its_own_batch():
    data = datasets.load("digits").smaller(64)
    small = batch_noise.BatchNoise(steps=4, learning_rate=1e-6)
    measured = batch_noise.measure(small, data, 16, seeds=[3])
    # At a rate of almost 0 an epoch's steps average to the cost of the whole set.
    whole = batch_noise.measure(small, data, 64, seeds=[3])["curve"]
    assert measured["curve"].mean() == pytest.approx(whole[0], rel=1e-4)
    assert np.ptp(measured["curve"]) > 0.01
