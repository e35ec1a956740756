import numpy as np
import pytest
import recipe_runs

from recipes.claims import batch_noise, batch_size, harness
from tfcourse import datasets


def test_batch_size_runs_on_digits(tmp_path):
    metrics = recipe_runs.smoke("batch_size", tmp_path)
    assert metrics["train_examples"] == 128
    assert metrics["rate_1"] <= metrics["rate_full"]
    assert metrics["seconds_per_step_1"] > 0


def test_target_is_reached_where_the_cost_first_falls_to_it():
    curve = {"step": np.array([0, 1, 2, 4]), "cost": np.array([2.0, 0.5, 0.2, 0.3])}
    assert batch_size.reached(curve, 0.3) == pytest.approx(5 / 3)
    assert batch_size.reached(curve, 0.1) == np.inf
    assert batch_size.reached({**curve, "cost": np.full(4, np.nan)}, 0.1) == np.inf


def test_verdict_on_stochastic_descent_follows_examples_and_seconds():
    def measures(size, examples, seconds, first_pass):
        steps = np.array([0.99, 1.0, 1.01]) * examples / size
        tuned = {"rates": [0.1, 0.2, 0.3], "costs": [[3.0], [1.0], [3.0]]}
        return {
            "tuned": tuned,
            "steps_to_target": steps,
            "seconds_per_step": seconds / steps,
            "first_pass": first_pass + np.array([0.01, 0.0, -0.01]),
        }

    def verdicts(one, ten, full):
        arms = {1: measures(1, *one), 10: measures(10, *ten), 4000: measures(4000, *full)}
        raw = {"hp": vars(batch_size.BatchSize()), "num_examples": 4000, "arms": arms}
        judged = harness.judged("batch_size", batch_size.judge(harness.plain(raw)))
        return [row["verdict"] for row in judged]

    full = 30, 9.0, 1.5
    assert verdicts((10, 1.0, 0.4), (20, 2.0, 0.5), full) == ["holds", "holds"]
    assert verdicts((10, 3.0, 0.4), (20, 2.0, 0.5), full) == ["holds", "holds in part"]
    assert verdicts((40, 9.5, 0.4), (20, 2.0, 1.6), full) == ["holds in part", "does not hold"]


def test_noise_is_the_scatter_and_not_the_trend():
    steps = np.arange(20_000)
    noisy = 2.0 - 1e-5 * steps + np.random.default_rng(0).normal(0, 0.3, len(steps))
    assert batch_noise.noise_of(noisy) == pytest.approx(0.3, rel=0.02)
    assert batch_noise.noise_of(2.0 - 1e-5 * steps) < 1e-6


def test_batch_noise_falls_with_the_batch_size(tmp_path):
    metrics = recipe_runs.smoke("batch_noise", tmp_path, steps=60)
    assert metrics["noise_1"] > metrics["noise_32"] > metrics["noise_full"]


def test_verdicts_on_noise_and_memory_follow_the_numbers():
    def verdicts(noise, mebibytes):
        wobble = np.array([0.99, 1.0, 1.01])
        arms = {
            size: {"noise": level * wobble, "bytes": counted and [counted] * 3}
            for size, level, counted in zip((1, 8, 64), noise, mebibytes, strict=True)
        }
        raw = {"hp": vars(batch_noise.BatchNoise()), "arms": arms}
        judged = harness.judged("batch_noise", batch_noise.judge(harness.plain(raw)))
        return [row["verdict"] for row in judged]

    assert verdicts((0.9, 0.3, 0.1), (1, 2**20, 2**21)) == ["holds", "holds"]
    assert verdicts((0.9, 0.1, 0.3), (1, 2**21, 2**20)) == ["holds in part", "holds in part"]
    assert verdicts((0.1, 0.3, 0.9), (None, None, None)) == ["does not hold"]


def test_step_costs_are_those_of_its_own_batch():
    data = datasets.load("digits").smaller(64)
    small = batch_noise.BatchNoise(steps=4, learning_rate=1e-6)
    measured = batch_noise.measure(small, data, 16, seeds=[3])
    # At a rate of almost 0 an epoch's steps average to the cost of the whole set.
    whole = batch_noise.measure(small, data, 64, seeds=[3])["curve"]
    assert measured["curve"].mean() == pytest.approx(whole[0], rel=1e-4)
    assert np.ptp(measured["curve"]) > 0.01
