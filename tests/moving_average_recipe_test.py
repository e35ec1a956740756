import numpy as np
import pytest

from recipes.claims import harness, moving_average
from recipes.claims.moving_average import MovingAverage


def frequency_response(beta):
    # Of v_t = beta v_{t-1} + (1 - beta) theta_t, at one turn a year.
    turn = 2 * np.pi / 365
    response = (1 - beta) / (1 - beta * np.exp(-1j * turn))
    return np.abs(response), -np.angle(response) / turn


@pytest.mark.parametrize("beta", moving_average.BETAS)
def test_lag_is_that_of_the_filter_on_a_yearly_wave(beta):
    # Years enough for the start to be forgotten.
    true_mean, noise = moving_average.temperatures(MovingAverage(days=3650), seed=1)
    measured = moving_average.measure(true_mean, 0 * noise, beta)
    gain, lag = frequency_response(beta)
    late = moving_average.lag_days(true_mean, first_day=1)
    np.testing.assert_allclose(late, 0.0, atol=1e-9)
    # From the third window on, the start still weighs exp(-3).
    np.testing.assert_allclose(measured["lag"], lag, atol=0.1)
    wave = moving_average.AMPLITUDE * np.abs(gain * np.exp(-2j * np.pi * lag / 365) - 1)
    np.testing.assert_allclose(measured["error"], wave / np.sqrt(2), rtol=0.02)


@pytest.mark.parametrize("beta", moving_average.BETAS)
def test_noise_falls_as_in_a_plain_mean_of_twice_the_window(beta):
    true_mean, noise = moving_average.temperatures(MovingAverage(days=20_000), seed=2)
    left = moving_average.measure(true_mean, noise, beta)["noise"]
    expected = 6.0 * np.sqrt((1 - beta) / (1 + beta))
    assert np.sqrt(np.mean(left**2)) == pytest.approx(expected, rel=0.01)


def test_start_is_low_by_the_missing_weight_and_corrected():
    true_mean, noise = moving_average.temperatures(MovingAverage(), seed=3)
    for beta in moving_average.BETAS:
        measured = moving_average.measure(true_mean, 0 * noise, beta)
        np.testing.assert_allclose(measured["first_day_uncorrected"], 1 - beta)
        assert (measured["start_error_corrected"] < 2.5).all()
        assert (measured["start_error_uncorrected"] > 15).all()


def test_error_is_smallest_where_noise_and_lag_are_equal_parts():
    true_mean, noise = moving_average.temperatures(MovingAverage(), seed=4)
    parts = moving_average.errors_by_window(true_mean, noise, [1.0, 8.0, 50.0])
    mean = {name: errors.mean(axis=0) for name, errors in parts.items()}
    assert mean["noise alone"][0] == pytest.approx(6.0, rel=0.05)
    np.testing.assert_allclose(mean["lag alone"][0], 0.0, atol=1e-9)
    assert mean["both"].argmin() == 1
    together = np.hypot(mean["noise alone"], mean["lag alone"])
    np.testing.assert_allclose(mean["both"], together, rtol=0.05)


def test_verdicts_follow_the_numbers():
    hyperparameters = MovingAverage(num_seeds=20)
    true_mean, noise = moving_average.temperatures(hyperparameters, seed=5)
    measured = {b: moving_average.measure(true_mean, noise, b) for b in moving_average.BETAS}

    def verdicts():
        raw = harness.plain({"hp": vars(hyperparameters), "arms": measured})
        found = harness.judged("moving_average", moving_average.judge(raw))
        return [row["verdict"] for row in found]

    assert verdicts() == ["holds", "does not hold", "holds", "holds"]
    measured[0.98]["lag"] = measured[0.9]["lag"] - 1
    assert verdicts() == ["holds", "does not hold", "holds in part", "holds"]


def test_pictures_are_drawn(tmp_path):
    true_mean, noise = moving_average.temperatures(MovingAverage(num_seeds=2), seed=6)
    moving_average.draw(true_mean, noise, tmp_path)
    for name in ("moving_average.png", "moving_average_window.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
