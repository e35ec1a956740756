import numpy as np
import pytest
import recipe_runs

from recipes import batch_norm, batch_norm_inference, batch_norm_rates, covariate_shift
from tfcourse import datasets


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(100)


def test_paper_network_runs_on_digits(tmp_path):
    small = batch_norm.BatchNorm(steps=50, hidden_units=(8, 8), num_seeds=2)
    metrics = recipe_runs.run(batch_norm.main, small, tmp_path)
    assert 0 <= metrics["accuracy_with_end"] <= 1


def test_inputs_are_binary(data):
    assert set(np.unique(batch_norm.binary(data).train.features)) == {0.0, 1.0}


def test_inputs_of_the_last_sigmoids_are_what_they_get(data):
    hyperparameters = batch_norm.BatchNorm(hidden_units=(5, 4), initial_sd=1.0)
    model = batch_norm.build(hyperparameters, data, batch_norm=True, seed=1)
    features = data.test.features[:7]
    inputs = batch_norm.inputs_of_last_sigmoids(model, features)
    assert inputs.shape == (7, 4)
    kernel, bias = model.layers[-1].get_weights()
    logits = 1 / (1 + np.exp(-inputs)) @ kernel + bias
    np.testing.assert_allclose(logits, model(features), rtol=1e-5, atol=1e-6)


def test_drift_is_measured_in_ranges():
    still = np.random.default_rng(0).normal(size=(1, 5000, 3)).repeat(11, axis=0)
    moving = still + np.arange(11)[:, np.newaxis, np.newaxis]
    assert batch_norm.drift(still) == 0
    # From the first tenth to the end by 9, in a range of about 2 * 1.036.
    assert batch_norm.drift(moving) == pytest.approx(9 / 2.073, rel=0.03)


def test_rates_run_on_digits(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_norm_rates, "RATES", (0.1, 1.0, 1e9))
    small = batch_norm_rates.BatchNormRates(
        depths=(1, 2), width=8, steps=30, target_accuracy=0.3, num_seeds=2
    )
    metrics = recipe_runs.run(batch_norm_rates.main, small, tmp_path)
    assert metrics["best_relu_1_with"] > 0.3
    assert metrics["decades_relu_1_with"] >= 1


def test_usable_rates_span_from_the_first_to_the_last():
    usable = np.zeros(len(batch_norm_rates.RATES))
    assert batch_norm_rates.decades(usable, 0.8) == 0
    usable[3] = 0.9
    assert batch_norm_rates.decades(usable, 0.8) == pytest.approx(0.5, abs=0.01)
    usable[7] = 0.8
    assert batch_norm_rates.decades(usable, 0.8) == pytest.approx(2.5, abs=0.01)


def test_inference_runs_on_digits(tmp_path):
    small = batch_norm_inference.BatchNormInference(hidden_units=(16,), max_steps=100, num_seeds=2)
    metrics = recipe_runs.run(batch_norm_inference.main, small, tmp_path)
    assert metrics["alone_inference"] < 1e-4 < 0.1 < metrics["alone_training"]
    # After one step the averages still hold 99 % of where they started.
    assert metrics["loss_moving_1"] != pytest.approx(metrics["loss_anew_1"], rel=1e-3)
    assert metrics["loss_own_100"] == pytest.approx(metrics["loss_anew_100"], rel=0.3)


def test_covariate_shift_runs_on_digits(tmp_path):
    small = covariate_shift.CovariateShift(hidden_units=(32,), epochs=10, num_seeds=2)
    metrics = recipe_runs.run(covariate_shift.main, small, tmp_path)
    assert metrics["accuracy_as_in_training_with"] > 0.8
    # Means and variances of the dimmed images undo their dimming.
    assert metrics["accuracy_dimmed_anew"] > metrics["accuracy_dimmed_with"]


def test_shifts_are_what_they_are_called(data):
    shifted = covariate_shift.shifted(data.test)
    images = data.test.features
    np.testing.assert_array_equal(shifted["as in training"].features, images)
    np.testing.assert_allclose(shifted["inverted"].features, 1 - images)
    np.testing.assert_array_equal(shifted["moved by 1/10"].features[:, :, 1:], images[:, :, :-1])
    assert all(s.features.min() >= 0 and s.features.max() <= 1 for s in shifted.values())
