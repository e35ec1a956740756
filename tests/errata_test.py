import pathlib
import re

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from tfcourse import averages, from_scratch, gradient_tape, layers, optimizers, schedules

EPSILON = 1e-8
RATE = 0.125  # Keras keeps the rate in float32, where 0.1 would be off by 1.5e-8 of itself.


def adam(
    gradients,
    *,
    signs=(1, 1),  # E3: of (1 - b1) g and of (1 - b2) g^2
    times_gradient=False,  # E4
    epsilon_inside_sqrt=False,  # E5
    bias_correction=True,  # E6
    beta_2=0.999,  # E7
    learning_rate=RATE,
    beta_1=0.9,
):
    # Algorithm 1 of the paper, with the slide's mistakes one by one.
    w = m = s = np.zeros(np.shape(gradients[0]))
    path = [w]
    for t, g in enumerate(np.asarray(gradients, np.float64), start=1):
        m = beta_1 * m + signs[0] * (1 - beta_1) * g
        s = beta_2 * s + signs[1] * (1 - beta_2) * g**2
        mh = m / (1 - beta_1**t) if bias_correction else m
        sh = s / (1 - beta_2**t) if bias_correction else s
        with np.errstate(invalid="ignore"):
            root = np.sqrt(sh + EPSILON) if epsilon_inside_sqrt else np.sqrt(sh) + EPSILON
        w = w - learning_rate * mh / root * (g if times_gradient else 1)
        path.append(w)
    return np.array(path)


def own_adam(gradients, **arguments):
    optimizer = optimizers.Adam(RATE, epsilon=EPSILON, **arguments)
    w = keras.Variable(np.zeros(np.shape(gradients[0])), dtype="float64")
    path = [w.numpy()]
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [w])
        path.append(w.numpy())
    return np.array(path)


def descend(slope, start, steps=50, **mistakes):
    # Follows the gradient slope(w) from `start`, computed anew at each place.
    gradients, w = [], np.float64(start)
    for _ in range(steps):
        gradients.append(slope(w))
        w = start + adam(gradients, **mistakes)[-1]
    return w


def test_e01_stochastic_descent_leads_at_one_rate_but_not_at_each_batch_sizes_own():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1000, 2))
    targets = features @ [2.0, -1.0] + 3.0

    def error_and_steps(batch_size, rate):
        path = gradient_tape.linear_regression(
            features, targets, learning_rate=rate, batch_size=batch_size
        )
        error = gradient_tape.mean_squared_error(path[-1], features, targets)
        return float(error), len(path) - 1

    sizes = (1, 10, 1000)
    errors, steps = zip(*(error_and_steps(size, 0.01) for size in sizes), strict=True)
    # After the same 1000 examples at the same rate the smallest batch is far ahead,
    assert errors[0] < 1e-6
    assert errors[1] == pytest.approx(1.8, abs=0.4)
    assert errors[2] > 13
    # by steps that have to be taken one after the other.
    assert steps == (1000, 100, 1)
    # At a rate of its own a larger one is there as well.
    own = [error_and_steps(*each)[0] for each in zip(sizes, (0.3, 0.4, 1.1), strict=True)]
    assert max(own[:2]) < 1e-12
    assert own[2] == pytest.approx(0.14, abs=0.02)


def test_e02_average_starts_too_low_without_bias_correction():
    data = [40, 49, 45, 60, 56]
    printed = averages.exponentially_weighted_average(data, 0.9)
    corrected = averages.exponentially_weighted_average(data, 0.9, bias_correction=True)
    np.testing.assert_allclose(printed, [4, 8.5, 12.15, 16.935, 20.8415], rtol=1e-12)
    np.testing.assert_allclose(
        corrected, [40, 44.736842, 44.833948, 49.243966, 50.893751], rtol=0, atol=5e-7
    )
    assert printed.max() < min(data) <= corrected.min()


def test_e03_minus_for_plus_turns_the_root_to_nan_and_the_step_uphill():
    gradients = [[1.0, -2.0, 0.0]] * 3
    both = adam(gradients, signs=(-1, -1))
    assert np.isnan(both[1:, :2]).all()
    # The slide's epsilon inside the root and its beta_2 do not save it.
    slide = {"epsilon_inside_sqrt": True, "bias_correction": False, "beta_2": 0.99}
    literal = adam(gradients, signs=(-1, -1), times_gradient=True, **slide)
    assert np.isnan(literal[1:, :2]).all()
    # With the minus in the first average alone, the numbers are finite and the direction is wrong.
    np.testing.assert_array_equal(adam(gradients, signs=(-1, 1)), -adam(gradients))
    assert (adam(gradients)[1:, :2] * gradients[0][:2] < 0).all()
    np.testing.assert_allclose(own_adam(gradients), adam(gradients), rtol=1e-10, atol=1e-12)


def test_e04_step_times_gradient_moves_one_way_only_and_depends_on_scale():
    # (w - 0)^2 / 2 has the gradient w. From the right the minimum is reached, from the left
    # the gradient is negative twice, and w runs away.
    assert abs(descend(lambda w: w, 1.0, times_gradient=True)) < 0.2
    assert descend(lambda w: w, -1.0, times_gradient=True) < -50
    assert abs(descend(lambda w: w, -1.0)) < 0.3
    # A cost that is 1000 times as large makes steps 1000 times as long; Adam's stay.
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(
        adam(1000 * gradients, times_gradient=True), 1000 * adam(gradients, times_gradient=True)
    )
    np.testing.assert_allclose(adam(1000 * gradients), adam(gradients), rtol=1e-5)


def test_e05_epsilon_inside_the_root_stops_small_gradients():
    gradients = [[1.0, 1e-6]] * 10
    outside, inside = own_adam(gradients), own_adam(gradients, epsilon_inside_sqrt=True)
    np.testing.assert_allclose(inside, adam(gradients, epsilon_inside_sqrt=True), rtol=1e-10)
    np.testing.assert_allclose(outside, adam(gradients), rtol=1e-10)
    # 1e-6 / (1e-6 + 1e-8) against 1e-6 / sqrt(1e-12 + 1e-8): inside, epsilon acts as its root.
    np.testing.assert_allclose(outside[-1], [-10 * RATE, -10 * RATE / 1.01], rtol=1e-6)
    np.testing.assert_allclose(inside[-1], [-10 * RATE, -10 * RATE / np.sqrt(10001)], rtol=1e-6)


def test_e06_without_bias_correction_the_first_steps_are_too_long():
    gradients = [[1.0]] * 3
    steps = np.abs(np.diff(own_adam(gradients, bias_correction=False), axis=0))[:, 0]
    t = np.array([1, 2, 3])
    np.testing.assert_allclose(steps, RATE * (1 - 0.9**t) / np.sqrt(1 - 0.999**t), rtol=1e-6)
    assert steps[0] == pytest.approx(3.162 * RATE, rel=1e-4)
    np.testing.assert_allclose(-np.diff(own_adam(gradients), axis=0)[:, 0], [RATE] * 3, rtol=1e-6)
    # With the slide's beta_2 the first step happens to be right; the tenth is not.
    steps = -np.diff(adam([[1.0]] * 10, bias_correction=False, beta_2=0.99), axis=0)[:, 0]
    np.testing.assert_allclose(steps[[0, 9]], [RATE, 2.106 * RATE], rtol=1e-3)


def test_e07_beta_2_of_099_forgets_rare_large_gradients():
    # One gradient of 1100 and a hundred of -10 are positive together: w must fall.
    gradients = np.tile([1100.0] + [-10.0] * 100, 20)
    assert gradients.sum() > 0
    assert adam(gradients, beta_2=0.99)[-1] > 0.5
    assert adam(gradients, beta_2=0.999)[-1] < -0.5
    assert averages.effective_window(0.99) == pytest.approx(100)
    assert averages.effective_window(0.999) == pytest.approx(1000)
    assert optimizers.Adam().beta_2 == 0.999


def test_e08_root_decay_divides_by_zero_at_epoch_0():
    with np.errstate(divide="ignore"):
        assert 0.1 / np.sqrt(np.float64(0)) == np.inf
    with pytest.raises(ZeroDivisionError):
        0.1 / 0**0.5
    schedule = schedules.RootDecay(0.1, steps_per_epoch=7)
    rates = [float(schedule(7 * (epoch - 1))) for epoch in (1, 2, 5, 10)]
    np.testing.assert_allclose(rates, [0.1, 0.0707107, 0.0447214, 0.0316228], rtol=1e-6)


def test_e09_current_rate_on_the_right_decays_with_the_square_of_the_epoch():
    rate = 0.1
    for epoch in range(1, 11):
        rate = 0.95**epoch * rate
    assert rate == pytest.approx(0.1 * 0.95 ** (10 * 11 / 2))
    schedule = schedules.ExponentialDecay(0.1, steps_per_epoch=7)
    rates = [float(schedule(7 * epoch)) for epoch in (0, 1, 2, 5, 10)]
    expected = [0.1, 0.095, 0.09025, 0.07737809375, 0.05987369392]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert rate < rates[-1] / 10


def digits_network(batch_norm, seed):
    images, labels = load_digits(return_X_y=True)
    images = images / 16
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1400], order[1400:]
    network = from_scratch.initialize((64, 32, 10), seed=seed, batch_norm=batch_norm)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        for rows in np.array_split(rng.permutation(train), 44):
            _, network = from_scratch.train_step(
                network, images[rows], np.eye(10)[labels[rows]], learning_rate=0.3
            )
    return network, images[test], labels[test]


def accuracies(batch_norm, seed):
    network, images, labels = digits_network(batch_norm, seed)
    moved = np.roll(images.reshape(-1, 8, 8), 1, axis=2).reshape(-1, 64)
    results = [np.mean(from_scratch.predict(network, x) == labels) for x in (images, moved)]
    for x in (images + 0.5, 0.3 * images):
        results.append(np.mean(from_scratch.predict(network, x) == labels))
        # training=True takes mean and variance from the test images themselves.
        logits, _ = from_scratch.forward(network, x, training=True)
        results.append(np.mean(logits.argmax(axis=1) == labels))
    return results


def test_e10_batch_normalization_is_not_robust_to_shifted_inputs():
    plain = np.mean([accuracies(False, seed) for seed in range(3)], axis=0)
    normalized = np.mean([accuracies(True, seed) for seed in range(3)], axis=0)
    as_trained, moved, brighter, brighter_anew, dimmer, dimmer_anew = range(6)
    for accuracy in (plain, normalized):
        assert accuracy[as_trained] > 0.95
        assert accuracy[moved] < 0.65
    assert abs(normalized[moved] - plain[moved]) < 0.1
    # Frozen averages do not follow the inputs: it does worse than the network without it,
    assert normalized[brighter] < plain[brighter] - 0.1
    assert normalized[dimmer] < plain[dimmer] - 0.3
    # until its averages are taken anew from the (unlabelled) shifted images.
    assert normalized[brighter_anew] > 0.95
    assert normalized[dimmer_anew] > 0.95
    assert plain[brighter_anew] == plain[brighter]


def test_e10_inference_hands_a_shift_on():
    layer = layers.BatchNormalization(dtype="float64")
    x = np.random.default_rng(0).normal(size=(20, 3))
    for _ in range(100):
        layer(x, training=True)
    shift = np.array([1.0, -2.0, 3.0])
    passed_on = shift / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    np.testing.assert_allclose(layer(x + shift) - layer(x), np.tile(passed_on, (20, 1)))
    np.testing.assert_allclose(layer(x + shift, training=True), layer(x, training=True))


def test_e11_one_x_along_each_row_is_not_w_x_plus_b():
    rng = np.random.default_rng(0)
    w, x, b = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    printed = np.array([sum(w[i, j] * x[i] for j in range(3)) + b[i] for i in range(3)])
    correct = np.array([sum(w[i, j] * x[j] for j in range(3)) + b[i] for i in range(3)])
    # Row i sees x_i alone, through the sum of its weights: three numbers instead of nine.
    np.testing.assert_allclose(printed, w.sum(axis=1) * x + b)
    np.testing.assert_allclose(correct, w @ x + b)
    assert not np.allclose(layers.softmax(printed), layers.softmax(correct), atol=0.01)
    network = [{"weights": w.T, "biases": b}]
    np.testing.assert_allclose(from_scratch.forward(network, x[np.newaxis])[0][0], correct)


def test_e12_printed_coefficients_have_their_minimum_at_10():
    w = np.linspace(-1.0, 12.0, 27)
    printed, correct = (1.0, -20.0, 25.0), (1.0, -10.0, 25.0)
    np.testing.assert_allclose(gradient_tape.quadratic(w, correct), (w - 5) ** 2, atol=1e-12)
    np.testing.assert_allclose(gradient_tape.quadratic(w, printed), (w - 10) ** 2 - 75)
    assert gradient_tape.minimize_quadratic(printed)[-1] == pytest.approx(10, abs=2e-8)
    assert gradient_tape.minimize_quadratic(correct)[-1] == pytest.approx(5, abs=1e-8)


def test_e13_dividing_by_the_variance_leaves_the_scale_in():
    x = np.random.default_rng(0).normal(7.0, 5.0, (1000, 1))
    printed = (x - x.mean()) / x.var()
    ten_times = (10 * x - 10 * x.mean()) / (10 * x).var()
    # What varied much varies little now, and the other way round.
    assert printed.var() == pytest.approx(1 / x.var())
    np.testing.assert_allclose(ten_times, printed / 10)
    layer = layers.BatchNormalization(epsilon=1e-12, dtype="float64")
    assert np.var(layer(x, training=True)) == pytest.approx(1)
    np.testing.assert_allclose(layer(10 * x, training=True), layer(x, training=True), rtol=1e-9)


def test_page_and_tests_name_each_other():
    page = (pathlib.Path(__file__).parent.parent / "docs" / "errata.md").read_text()
    assert re.findall(r"^## (E\d+)\.", page, re.MULTILINE) == [f"E{n}" for n in range(1, 14)]
    on_page = set(re.findall(r"`(test_e\d\d_\w+)`", page))
    assert on_page == {name for name in globals() if re.match(r"test_e\d\d_", name)}
