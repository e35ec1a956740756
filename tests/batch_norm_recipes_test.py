import numpy as np
import pytest
import recipe_runs

from recipes.claims import (
    batch_norm,
    batch_norm_inference,
    batch_norm_rates,
    covariate_shift,
    harness,
    rates,
)
from tfcourse import datasets


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(100)


def test_paper_network_runs_on_digits(tmp_path):
    metrics = recipe_runs.smoke("batch_norm", tmp_path, hidden_units=(8, 8))
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


def verdicts(rows):
    return [row["verdict"] for row in rows]


def test_verdicts_on_the_figure_follow_the_accuracies():
    hyperparameters = batch_norm.BatchNorm()
    slow, fast = np.linspace(0.1, 0.9, 51), np.minimum(0.1 + 0.1 * np.arange(51), 0.95)
    wobble = np.array([[0.001], [0.0], [-0.001]])

    def rows(with_, without, drift=0.1):
        networks = {"with": (with_, drift), "without": (without, 0.2)}
        arms = {
            name: {"accuracy": accuracy + wobble, "drift": [moved, 1.1 * moved, 1.2 * moved]}
            for name, (accuracy, moved) in networks.items()
        }
        stops = batch_norm.stops_of(hyperparameters)
        raw = {"hp": vars(hyperparameters), "stops": stops, "arms": arms}
        return harness.judged("batch_norm", batch_norm.judge(harness.plain(raw)))

    good, bad = rows(fast, slow), rows(slow, fast, drift=0.3)
    assert verdicts(good) == ["holds", "holds", "holds"]
    assert good[0]["table"][0]["accuracy: with minus without (points)"].startswith("+42.0")
    assert "8,000 steps reach what 50,000 reach without" in good[0]["measured"]
    assert verdicts(bad) == ["does not hold"] * 3
    assert "50,000 steps do not reach" in bad[0]["measured"]


def test_rates_run_on_digits(tmp_path):
    metrics = recipe_runs.smoke("batch_norm_rates", tmp_path, depths=(3,), activations=("relu",))
    assert 0 < metrics["best_relu_3_with"] <= 1


def test_usable_rates_span_from_the_first_to_the_last():
    usable = np.zeros(len(batch_norm_rates.RATES))
    assert batch_norm_rates.decades(usable, 0.8) == 0
    usable[3] = 0.9
    assert batch_norm_rates.decades(usable, 0.8) == pytest.approx(0.5, abs=0.01)
    usable[7] = 0.8
    assert batch_norm_rates.decades(usable, 0.8) == pytest.approx(2.5, abs=0.01)
    usable[-1] = 0.8
    with pytest.raises(rates.EdgeError, match="widen it"):
        batch_norm_rates.decades(usable, 0.8)


def test_each_seed_is_judged_at_the_rate_that_is_best_for_the_others():
    accuracy = np.zeros([3, len(batch_norm_rates.RATES)])
    accuracy[:, 4] = 0.3
    accuracy[0, 6] = 0.9  # Luck of one seed.
    assert batch_norm_rates.best_of_others(accuracy).tolist() == [0.3, 0.0, 0.0]


def test_verdicts_on_rates_follow_the_accuracies():
    hyperparameters = batch_norm_rates.BatchNormRates()
    few, many, none = (np.zeros([3, len(batch_norm_rates.RATES)]) for _ in range(3))
    few[:, 3:5], many[:, 3:7], none[:, 3] = 0.9, 0.95, 0.1

    def rows(shallow, deep):
        arms = {
            depth: {
                activation: dict(zip(("with", "without"), networks, strict=True))
                for activation in hyperparameters.activations
            }
            for depth, networks in ((3, shallow), (20, deep))
        }
        raw = {"hp": vars(hyperparameters), "rates": batch_norm_rates.RATES, "arms": arms}
        judged = batch_norm_rates.judge(harness.plain(raw))
        return harness.judged("batch_norm_rates", judged)

    assert verdicts(rows((many, few), (few, none))) == ["holds", "holds", "holds"]
    in_part = verdicts(rows((many, few), (few, few)))
    assert in_part == ["holds in part", "holds", "holds in part"]
    assert verdicts(rows((few, many), (none, few))) == ["does not hold"] * 3


def test_verdict_on_moving_averages_follows_their_lag():
    hyperparameters = batch_norm_inference.BatchNormInference()
    stops = hyperparameters.stops

    def verdict(at_100_steps, last, change=1e-6):
        losses = {
            kind: np.full([5, len(stops)], 0.2) + 0.001 * np.arange(5)[:, np.newaxis]
            for kind in batch_norm_inference.KINDS
        }
        moving = losses[batch_norm_inference.MOVING]
        moving[:, stops.index(100)], moving[:, -1] = at_100_steps, last
        changes = {"inference": [change, 1.01 * change], "training": [3.0, 4.0]}
        raw = {"hp": vars(hyperparameters), "stops": stops, "losses": losses, "changes": changes}
        judged = batch_norm_inference.judge(harness.plain(raw))
        return verdicts(harness.judged("batch_norm_inference", judged))

    assert verdict(0.2, 0.2) == ["holds", "holds"]
    assert verdict(0.3, 0.2) == ["holds", "holds in part"]
    assert verdict(0.3, 0.3, change=0.1) == ["does not hold", "does not hold"]


def test_inference_runs_on_digits(tmp_path):
    metrics = recipe_runs.smoke("batch_norm_inference", tmp_path, hidden_units=(16,))
    assert metrics["alone_inference"] < 1e-4 < 0.1 < metrics["alone_training"]
    # After one step the averages still hold 99 % of where they started.
    assert metrics["loss_moving_1"] != pytest.approx(metrics["loss_anew_1"], rel=1e-3)
    assert metrics["loss_own_100"] == pytest.approx(metrics["loss_anew_100"], rel=0.3)


def test_covariate_shift_runs_on_digits(tmp_path):
    metrics = recipe_runs.smoke(
        "covariate_shift", tmp_path, hidden_units=(32,), epochs=10, training_examples=2000
    )
    assert metrics["accuracy_as_in_training_with"] > 0.8
    # Means and variances of the dimmed images undo their dimming.
    assert metrics["accuracy_dimmed_anew"] > metrics["accuracy_dimmed_with"]


def test_verdicts_on_shift_ask_for_better_and_nearly_as_good_as_unshifted():
    def verdict(**with_):
        wobble = np.array([0.01, 0.0, -0.01, 0.0])
        arms = {
            name: {
                network: 0.5 + wobble if network == "without" else with_.get(name, 0.3) + wobble
                for network in covariate_shift.NETWORKS
            }
            for name in covariate_shift.SHIFTS
        }
        arms["as in training"]["with batch norm"] = 0.97 + wobble
        raw = {"hp": vars(covariate_shift.CovariateShift()), "arms": arms}
        judged = covariate_shift.judge(harness.plain(raw))
        return verdicts(harness.judged("covariate_shift", judged))

    assert verdict() == ["does not hold", "does not hold"]
    assert verdict(dimmed=0.9) == ["does not hold", "holds in part"]
    assert verdict(dimmed=0.96) == ["holds in part", "holds in part"]


def test_shifts_are_what_they_are_called(data):
    data = covariate_shift.coloured(data)
    shifted = covariate_shift.shifted(data.test)
    images = data.test.features
    assert data.input_shape == (8, 8, 3)
    np.testing.assert_array_equal(shifted["as in training"].features, images)
    np.testing.assert_allclose(shifted["inverted"].features, 1 - images)
    np.testing.assert_allclose(shifted["red"].features[..., 0], images[..., 0])
    np.testing.assert_allclose(shifted["blue"].features[..., 0], 0.1 * images[..., 0])
    np.testing.assert_array_equal(shifted["moved by 1/10"].features[:, :, 1:], images[:, :, :-1])
    assert all(s.features.min() >= 0 and s.features.max() <= 1 for s in shifted.values())
