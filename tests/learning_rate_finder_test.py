import math
import types

import keras
import matplotlib.image
import numpy as np
import pytest

from tfcourse import averages, batching, datasets, models, optimizers, schedules, training
from tfcourse.reports.learning_rate import draw_learning_rate_curve
from tfcourse.training.checkpoints import checkpoint
from tfcourse.training.learning_rate_finder import find_learning_rate
from tfcourse.training.learning_rate_rules import RULES, steep, suggestions


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(200)


def regression(data, optimizer):
    """Softmax regression, whose steps NumPy repeats."""
    training.set_seed(1)
    model = models.softmax_regression(data.input_shape, data.num_classes)
    training.compile_classifier(model, optimizer)
    return model


def softmax_losses(weights, bias, split, batch_size, rates):
    """The losses of plain gradient descent in float64, a step at each of `rates`."""
    features = split.features.reshape(len(split.labels), -1).astype(np.float64)
    losses = []
    per_epoch = len(split.labels) // batch_size
    for step, rate in enumerate(rates):
        epoch, place = divmod(step, per_epoch)
        order = np.asarray(batching.epoch_permutation(len(split.labels), 3, epoch))
        chosen = order[place * batch_size : (place + 1) * batch_size]
        x, y = features[chosen], np.eye(bias.size)[split.labels[chosen]]
        z = x @ weights + bias
        z -= z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses.append(-(y * log_p).sum(axis=1).mean())
        error = (np.exp(log_p) - y) / len(chosen)
        weights = weights - rate * x.T @ error
        bias = bias - rate * error.sum(axis=0)
    return np.array(losses)


def test_the_losses_are_those_of_steps_at_rising_rates(data):
    model = regression(data, optimizers.GradientDescent(0.1))
    model.optimizer.iterations.assign(7)  # The rate rises from `low` wherever training stands.
    weights, bias = (v.numpy().astype(np.float64) for v in model.trainable_variables)
    curve = find_learning_rate(model, data, batch_size=32, seed=3, low=1e-3, high=1.0, num_steps=30)
    rates = np.geomspace(1e-3, 1.0, 30)
    np.testing.assert_allclose(curve.rates, rates, rtol=1e-12)
    expected = softmax_losses(weights, bias, data.train, 32, rates)
    np.testing.assert_allclose(curve.losses, expected, rtol=2e-5)
    smoothed = averages.exponentially_weighted_average(curve.losses, 0.9, bias_correction=True)
    np.testing.assert_array_equal(curve.smoothed, smoothed)


@pytest.fixture
def half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def test_the_rate_rises_where_the_loss_is_scaled(data, half_precision):
    model = regression(data, optimizers.GradientDescent(0.1))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    weights, bias = (v.numpy().astype(np.float64) for v in model.trainable_variables)
    curve = find_learning_rate(model, data, batch_size=32, seed=3, low=1e-3, high=1.0, num_steps=30)
    expected = softmax_losses(weights, bias, data.train, 32, np.geomspace(1e-3, 1.0, 30))
    np.testing.assert_allclose(curve.losses, expected, rtol=0.02)


def test_the_rate_rises_from_the_first_where_gradients_are_accumulated(data):
    losses = []
    for epochs in (0, 1):
        model = regression(data, optimizers.GradientDescent(0.1, gradient_accumulation_steps=2))
        start = model.get_weights()
        if epochs:
            training.fit(model, data, epochs=epochs, batch_size=20, seed=1, verbose=0)
        model.set_weights(start)
        curve = find_learning_rate(model, data, batch_size=32, seed=3, low=1e-3, num_steps=20)
        losses.append(curve.losses)
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.parametrize("scheduled", [False, True])
def test_model_and_optimizer_are_as_before(data, scheduled):
    training.set_seed(1)
    rate = schedules.ExponentialDecay(0.01, 5) if scheduled else 0.01
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (8,), 0.3)
    training.compile_classifier(model, optimizers.Adam(rate))
    training.fit(model, data, epochs=1, batch_size=32, seed=1, verbose=0)
    before = checkpoint.arrays_of(checkpoint.variables_of(model))
    assert model.optimizer.iterations.numpy() > 0
    first = find_learning_rate(model, data, batch_size=32, seed=1, num_steps=30)
    after = checkpoint.arrays_of(checkpoint.variables_of(model))
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    assert (model.optimizer._learning_rate is rate) == scheduled
    second = find_learning_rate(model, data, batch_size=32, seed=1, num_steps=30)
    np.testing.assert_array_equal(first.losses, second.losses)
    assert first.rates[0] == 1e-6


def test_it_ends_where_the_loss_diverges(data):
    model = regression(data, optimizers.GradientDescent(0.1))
    curve = find_learning_rate(model, data, batch_size=64, seed=1, high=1e6, num_steps=100)
    assert 20 < len(curve.losses) < 100
    assert len(curve.rates) == len(curve.losses) == len(curve.smoothed)
    assert np.isfinite(curve.losses).all()
    assert (curve.smoothed <= 4.0 * np.minimum.accumulate(curve.smoothed)).all()
    weights = np.concatenate([v.numpy().ravel() for v in model.trainable_variables])
    assert np.isfinite(weights).all()


def test_a_loss_that_is_not_finite_ends_it(data):
    model = regression(data, keras.optimizers.SGD(0.1))
    model.trainable_variables[0].assign(np.full((64, 10), math.nan))
    curve = find_learning_rate(model, data, batch_size=64, seed=1, num_steps=20)
    assert len(curve.losses) == 0
    assert curve.suggestion is None


def test_the_suggestion_is_at_the_steepest_descent():
    rates = np.geomspace(1e-5, 10.0, 121)  # 20 steps a decade.
    smoothed = 1.0 - np.tanh(2.0 * (np.log10(rates) + 2.0))  # Steepest at 0.01.
    assert steep(rates, smoothed) == pytest.approx(0.01, rel=1e-9)
    assert steep(rates, -smoothed) is None
    jumping = np.where(rates < 1.0, smoothed, 5.0 + 5.0 * np.cos(np.arange(121)))
    assert steep(rates, jumping) == pytest.approx(0.01, rel=1e-9)
    early = smoothed.copy()
    early[:5] += 100.0  # Averages of few losses do not count.
    assert steep(rates, early) == pytest.approx(0.01, rel=1e-9)


def test_every_rule_reads_the_curve_in_its_own_way():
    rates = np.geomspace(1e-5, 10.0, 121)  # 20 steps a decade.
    place = np.log10(rates)
    smoothed = 2.0 - np.tanh(2.0 * (place + 2.0)) + np.maximum(place, 0.0) ** 2
    found = suggestions(rates, smoothed)
    assert list(found) == list(RULES)
    inner, losses = rates[10:-5], smoothed[10:-5]
    smallest = int(losses.argmin())
    assert found["minimum"] == pytest.approx(inner[smallest] / 10)
    # The valley is all of the way down, of which the middle is asked for.
    assert found["valley"] == pytest.approx(inner[smallest // 2], rel=0.13)
    # From the end to the left, to where steps 15 apart have slopes alike.
    slopes, left = np.gradient(losses), len(losses) - 16
    while abs(slopes[left + 15] - slopes[left]) > 0.005:
        left -= 1
    assert 0 < left < len(losses) - 17
    assert found["slide"] == pytest.approx(inner[left + 1])
    assert found["valley"] < found["steep"] < found["minimum"]


def test_the_longest_valley_leaves_out_what_is_between():
    rates = np.geomspace(1e-5, 10.0, 45)
    smoothed = np.full(45, 9.0)
    inner = smoothed[10:-5]
    inner[2:20] = [8, 3, 7.5, 7, 6.5, 2.9, 6, 5.5, 5, 2.5, 4.5, 4, 3.5, 3, 9, 2, 1.5, 1]
    # Down from 9 to 1 in 15 steps, the last of them at 19: it begins at 4; half of 15 is 5 + 2.
    assert RULES["valley"](rates, smoothed) == pytest.approx(rates[10 + 19 - 15 + 5 + 2])


def test_where_the_loss_never_falls_nothing_is_suggested():
    rates = np.geomspace(1e-5, 10.0, 121)
    assert set(suggestions(rates, np.linspace(1.0, 4.0, 121))) <= {"slide"}
    assert suggestions(rates[:5], np.ones(5)) == {}


def test_the_suggested_rate_learns(data):
    model = regression(data, optimizers.GradientDescent(0.1))
    curve = find_learning_rate(model, data, batch_size=32, seed=1)
    losses = []
    for rate in (curve.suggestion, curve.suggestion / 100.0):
        model = regression(data, optimizers.GradientDescent(rate))
        history = training.fit(model, data, epochs=3, batch_size=32, seed=1, verbose=0)
        losses.append(history.history["val_loss"][-1])
    assert losses[0] < 0.8 * losses[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 0.0}, "low=0.0"),
        ({"low": 1.0, "high": 0.5}, "high=0.5"),
        ({"high": math.inf}, "high=inf"),
        ({"num_steps": 19}, "num_steps=19"),
    ],
)
def test_arguments_out_of_range_are_refused(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        find_learning_rate(None, data, batch_size=32, seed=1, **arguments)


def test_the_curve_is_a_picture_with_ink_in_it(data, tmp_path):
    model = regression(data, optimizers.GradientDescent(0.1))
    curve = find_learning_rate(model, data, batch_size=32, seed=1, num_steps=60)
    draw_learning_rate_curve(curve, tmp_path / "curve.png")
    assert matplotlib.image.imread(tmp_path / "curve.png")[..., :3].std() > 0.05


def test_a_loss_below_0_does_not_count_as_diverged():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 4)).astype("float32")
    y = rng.poisson(np.exp(0.5 * x[:, 0] + 1.5)).astype("float32")
    training.set_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "exponential")])
    model.compile(optimizers.Adam(0.01), "poisson")
    data = types.SimpleNamespace(train=types.SimpleNamespace(features=x, labels=y))
    curve = find_learning_rate(model, data, batch_size=32, seed=1, num_steps=150)
    assert curve.smoothed.min() < -1.0
    assert curve.smoothed[-1] > curve.smoothed.min() + 1.0  # It goes on until the loss rises.
    assert 1e-3 < curve.suggestion < 1.0
