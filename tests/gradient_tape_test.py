import numpy as np
import pytest
import tensorflow as tf

from recipes.tutorials import tensorflow_1
from tfcourse import gradient_tape

CORRECT, PRINTED = (1.0, -10.0, 25.0), (1.0, -20.0, 25.0)
STEPS = np.arange(1001)
X, Y = gradient_tape.FIFTEEN_POINTS[:, :1], gradient_tape.FIFTEEN_POINTS[:, 1]

# The first step is 0.1 long; a rate or coefficient off by 1e-6 of itself moves it by 1e-7.
FLOAT64 = {"rtol": 1e-12, "atol": 1e-12}


# The quadratic


def test_coefficients_are_those_of_w_minus_5_squared():
    w = np.linspace(-3.0, 8.0, 12)
    np.testing.assert_allclose(gradient_tape.quadratic(w, CORRECT), (w - 5) ** 2, **FLOAT64)


def test_float64_takes_the_golden_path():
    path = gradient_tape.minimize_quadratic(CORRECT)
    assert path.dtype == np.float64
    assert path.shape == (1001,)
    np.testing.assert_allclose(path, 5 * (1 - 0.98**STEPS), **FLOAT64)
    assert path[1] == 0.1
    assert f"{path[1000]:.8f}" == "4.99999999"


def test_float32_stalls_before_5():
    path = gradient_tape.minimize_quadratic(CORRECT, dtype="float32")
    assert path.dtype == np.float32
    np.testing.assert_allclose(path, 5 * (1 - 0.98**STEPS), rtol=0, atol=2e-5)
    assert path[1000] == pytest.approx(4.99999, abs=2e-6)
    longer = gradient_tape.minimize_quadratic(CORRECT, dtype="float32", initial_w=path[1000])
    assert set(longer) == {path[1000]}


def test_printed_coefficients_go_to_10():
    path = gradient_tape.minimize_quadratic(PRINTED)
    np.testing.assert_allclose(path, 10 * (1 - 0.98**STEPS), **FLOAT64)
    assert path[-1] == pytest.approx(10, abs=2e-8)
    assert float(gradient_tape.quadratic(path[-1], PRINTED)) == pytest.approx(-75)


@pytest.mark.parametrize("coefficients", [CORRECT, PRINTED, (0.3, 2.0, 0.0)])
@pytest.mark.parametrize("learning_rate", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("initial_w", [0.0, -7.0])
def test_every_step_matches_reference_and_closed_form(coefficients, learning_rate, initial_w):
    arguments = {"learning_rate": learning_rate, "initial_w": initial_w}
    path = gradient_tape.minimize_quadratic(coefficients, steps=50, **arguments)
    w, expected = initial_w, [initial_w]
    for _ in range(50):
        w -= learning_rate * (2 * coefficients[0] * w + coefficients[1])
        expected.append(w)
    np.testing.assert_allclose(path, expected, **FLOAT64)
    closed = gradient_tape.quadratic_closed_form(coefficients, np.arange(51), **arguments)
    np.testing.assert_allclose(closed, expected, **FLOAT64)


@pytest.mark.parametrize("coefficients", [CORRECT, PRINTED])
def test_port_takes_the_steps_of_the_tensorflow_1_program(coefficients):
    expected = tensorflow_1.minimize_quadratic(coefficients, steps=100)
    path = gradient_tape.minimize_quadratic(coefficients, steps=100, dtype="float32")
    np.testing.assert_allclose(path, expected, rtol=2e-6)


def test_step_returns_the_cost_before_it():
    w = tf.Variable(2.0, dtype="float64")
    cost = gradient_tape.quadratic_step(w, tf.constant(CORRECT, "float64"), 0.01)
    assert cost == 9.0
    assert w.numpy() == pytest.approx(2.06, abs=1e-15)


def test_other_coefficients_are_not_traced_again():
    gradient_tape.minimize_quadratic(CORRECT, steps=1)
    traces = gradient_tape.quadratic_step.experimental_get_tracing_count()
    gradient_tape.minimize_quadratic(PRINTED, learning_rate=0.02, steps=2, initial_w=1.0)
    assert gradient_tape.quadratic_step.experimental_get_tracing_count() == traces


def test_no_step_is_the_start():
    np.testing.assert_array_equal(gradient_tape.minimize_quadratic(CORRECT, steps=0), [0.0])
    assert gradient_tape.quadratic_closed_form(CORRECT, 0, initial_w=3.0) == 3.0


@pytest.mark.parametrize("coefficients", [(1, 2), (0, 1, 2), (-1, 0, 0), (1, np.nan, 0)])
def test_quadratic_without_minimum_is_refused(coefficients):
    received = r"Received: coefficients=\(" + str(coefficients[0])
    with pytest.raises(ValueError, match=received):
        gradient_tape.minimize_quadratic(coefficients)
    with pytest.raises(ValueError, match=received):
        gradient_tape.quadratic_closed_form(coefficients, 1)


# Linear regression


def reference_path(features, targets, *, alpha, batch_size, epochs, h=lambda score: score):
    # The slide, index by index: i counts the examples from 1, x_k0 is 1.
    m, n = features.shape
    theta = [0.0] * (1 + n)
    path = [theta]
    for _ in range(epochs):
        for i in range(1, m + 1, batch_size):
            last = min(i + batch_size - 1, m)
            slope = [0.0] * (1 + n)
            for k in range(i, last + 1):
                x = [1.0, *features[k - 1]]
                error = h(sum(theta[j] * x[j] for j in range(1 + n))) - targets[k - 1]
                for j in range(1 + n):
                    slope[j] += error * x[j]
            theta = [theta[j] - alpha * slope[j] / (last - i + 1) for j in range(1 + n)]
            path.append(theta)
    return np.array(path)


def thousand_examples(noise):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1000, 2))
    return features, features @ [2.0, -1.0] + 3.0 + noise * rng.normal(size=1000)


@pytest.mark.parametrize(
    ("batch_size", "steps"), [(1000, 1), (300, 4), (64, 16), (10, 100), (1, 1000)]
)
def test_every_step_is_the_slide(batch_size, steps):
    features, targets = thousand_examples(noise=0.5)
    path = gradient_tape.linear_regression(
        features, targets, learning_rate=0.05, batch_size=batch_size, epochs=2
    )
    assert path.shape == (2 * steps + 1, 3)
    expected = reference_path(features, targets, alpha=0.05, batch_size=batch_size, epochs=2)
    np.testing.assert_allclose(path, expected, **FLOAT64)


@pytest.mark.parametrize("batch_size", [1000, 300])
def test_logistic_regression_takes_the_same_steps_with_another_h(batch_size):
    features, scores = thousand_examples(noise=0.5)
    arguments = {"batch_size": batch_size, "epochs": 5}
    path = gradient_tape.linear_regression(
        features, scores > 3, learning_rate=0.5, h=gradient_tape.probability, **arguments
    )
    sigmoid = {"h": lambda score: 1 / (1 + np.exp(-score))}
    expected = reference_path(features, scores > 3, alpha=0.5, **arguments, **sigmoid)
    np.testing.assert_allclose(path, expected, **FLOAT64)


def test_a_smaller_last_batch_is_averaged_over_its_true_size():
    # Two batches of 4 and 1 examples; all of them alike, so every step must have the same factor.
    features, targets = np.zeros((5, 1)), np.ones(5)
    path = gradient_tape.linear_regression(features, targets, learning_rate=0.5, batch_size=4)
    np.testing.assert_allclose(path[:, 0], [0.0, 0.5, 0.75], **FLOAT64)


def test_all_thetas_move_at_once():
    path = gradient_tape.linear_regression([[2.0]], [10.0], learning_rate=0.1, batch_size=1)
    # One after the other, theta_1 would see the error 9 and come to 1.8.
    np.testing.assert_allclose(path[1], [1.0, 2.0], **FLOAT64)


@pytest.mark.parametrize("batch_size", [1, 10, 300, 1000])
def test_without_noise_every_batch_size_reaches_least_squares(batch_size):
    features, targets = thousand_examples(noise=0.0)
    epochs = {1: 2, 10: 10, 300: 60, 1000: 200}[batch_size]
    path = gradient_tape.linear_regression(
        features, targets, learning_rate=0.1, batch_size=batch_size, epochs=epochs
    )
    np.testing.assert_allclose(path[-1], [3.0, 2.0, -1.0], rtol=1e-8)
    np.testing.assert_allclose(
        gradient_tape.least_squares(features, targets), [3, 2, -1], **FLOAT64
    )


def test_with_noise_smaller_batches_end_farther_from_least_squares():
    features, targets = thousand_examples(noise=0.5)
    goal = gradient_tape.least_squares(features, targets)
    distances = []
    for batch_size, epochs in [(1000, 300), (100, 30), (10, 6), (1, 2)]:
        path = gradient_tape.linear_regression(
            features, targets, learning_rate=0.1, batch_size=batch_size, epochs=epochs, seed=0
        )
        distances.append(np.linalg.norm(path[len(path) // 2 :] - goal, axis=1).mean())
    assert distances[0] < 1e-6
    # Steps of fixed length keep a noise of about sqrt(learning_rate / batch_size).
    np.testing.assert_array_less(2 * np.array(distances[:-1]), distances[1:])


def test_seed_orders_every_epoch_anew_and_repeats():
    def orders(seed):
        # Targets that name their example, features without effect: the bias tells the order.
        names = np.arange(8.0)
        theta = gradient_tape.linear_regression(
            np.zeros((8, 1)), names, learning_rate=1.0, batch_size=1, epochs=2, seed=seed
        )[1:, 0]
        return theta[:8].tolist(), theta[8:].tolist()

    assert orders(None) == ([*range(8)], [*range(8)])
    for seed in (0, 1):
        first, second = orders(seed)
        assert sorted(first) == sorted(second) == [*range(8)]
        assert first != second
        assert orders(seed) == (first, second)
    assert orders(0) != orders(1)


def with_tape(learning_rate=0.001, steps=60, dtype="float64"):
    theta = tf.Variable(tf.zeros(2, dtype))
    given = [tf.constant(value, dtype) for value in (X, Y, learning_rate)]
    path = [theta.numpy()]
    for _ in range(steps):
        gradient_tape.mean_squared_error_step(theta, *given)
        path.append(theta.numpy())
    return np.array(path)


def test_fifteen_points_take_the_golden_path():
    path = with_tape()
    assert path.shape == (61, 2)
    np.testing.assert_allclose(path[-1], [0.0621534222, 0.3568857177], rtol=0, atol=5e-11)
    mse = float(gradient_tape.mean_squared_error(path[-1], X, Y))
    assert mse == pytest.approx(0.2305755521, abs=5e-11)
    assert np.mean((path[-1, 0] + path[-1, 1] * X[:, 0] - Y) ** 2) == pytest.approx(mse)


def test_tape_takes_the_slides_steps_at_twice_the_rate():
    by_hand = gradient_tape.linear_regression(X, Y, learning_rate=0.002, batch_size=15, epochs=60)
    np.testing.assert_allclose(with_tape(), by_hand, **FLOAT64)


def test_fifteen_points_in_float32():
    path = with_tape(dtype="float32")
    assert path.dtype == np.float32
    np.testing.assert_allclose(path[-1], [0.0621534222, 0.3568857177], rtol=1e-5)


def test_least_squares_of_the_fifteen_points():
    theta = gradient_tape.least_squares(X, Y)
    np.testing.assert_allclose(theta, [0.7476653, 0.2599899], rtol=0, atol=5e-8)
    mse = float(gradient_tape.mean_squared_error(theta, X, Y))
    assert mse == pytest.approx(0.1689152551, abs=5e-11)
    ones = np.column_stack([np.ones(15), X])
    np.testing.assert_allclose(theta, np.linalg.inv(ones.T @ ones) @ ones.T @ Y, rtol=1e-10)


def test_many_steps_reach_least_squares():
    path = with_tape(learning_rate=0.02, steps=4000)
    np.testing.assert_allclose(path[-1], gradient_tape.least_squares(X, Y), rtol=1e-8)


# Arguments

PATHS = {
    "minimize_quadratic": lambda **given: gradient_tape.minimize_quadratic(CORRECT, **given),
    "linear_regression": lambda **given: gradient_tape.linear_regression(
        X, Y, **{"learning_rate": 0.1, "batch_size": 5, **given}
    ),
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("learning_rate", [0.0, -0.1, float("nan"), float("inf")])
def test_learning_rate_must_be_finite_and_positive(name, learning_rate):
    with pytest.raises(ValueError, match=f"Received: learning_rate={learning_rate}"):
        PATHS[name](learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("minimize_quadratic", "steps", -1),
        ("linear_regression", "epochs", -1),
        ("linear_regression", "batch_size", 0),
        ("linear_regression", "batch_size", 16),
    ],
)
def test_count_outside_its_range_is_refused(name, argument, value):
    with pytest.raises(ValueError, match=f"Received: {argument}={value}"):
        PATHS[name](**{argument: value})


@pytest.mark.parametrize("shapes", [((15,), (15,)), ((15, 1), (14,)), ((15, 1), (15, 1))])
def test_shapes_must_fit(shapes):
    features, targets = (np.ones(shape) for shape in shapes)
    with pytest.raises(ValueError, match=r"features\.shape=\(15,.*targets\.shape=\(1"):
        gradient_tape.least_squares(features, targets)
