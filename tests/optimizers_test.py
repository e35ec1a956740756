"""The rules, on any Keras backend; optimizers_backends_test.py runs this file on the others."""

import inspect
import re

import keras
import ml_dtypes
import numpy as np
import pytest
import references
from keras import ops
from references import NOT_DEFAULT

from tfcourse import choices, optimizers, schedules
from tfcourse.optimizers import OPTIMIZERS
from tfcourse.optimizers.adam import average_weight

# float64 variables leave no doubt about the rule; float32 ones drift by rounding.
FLOAT64 = {"rtol": 1e-10, "atol": 1e-12}
FLOAT32 = {"rtol": 1e-5, "atol": 3e-6}
RATE = 0.125  # Exact in float32, in which Keras keeps the learning rate.
# Columns of tiny gradients, where epsilon counts: around 1e-3, 1e-6 and 1e-8.
SCALES = np.array([1.0, 1.0, 1e-3, 1e-6, 1e-8])

MORE_CASES = {
    "momentum": [{"beta": 0.0}, {"beta": 0.5}, {"beta": 0.99}],
    "rmsprop": [{"beta": 0.0}, {"beta": 0.999}, {"epsilon": 1e-4}],
    "adam": [
        {"beta_1": 0.0},
        {"beta_1": 0.5, "beta_2": 0.0},
        {"beta_2": 0.99, "epsilon": 1e-4},
        {"bias_correction": False},
        {"epsilon_inside_sqrt": True},
        {"bias_correction": False, "epsilon_inside_sqrt": True, "epsilon": 1e-12},
    ],
    "nesterov": [{"beta": 0.0}, {"beta": 0.5}, {"beta": 0.99}],
    "adagrad": [{"epsilon": 1e-4}],
    "adamw": [{"weight_decay": 0.0}, {"weight_decay": 0.5, "beta_1": 0.5, "beta_2": 0.9}],
    "lion": [{"beta_1": 0.0}, {"beta_2": 0.5}, {"beta_1": 0.99, "beta_2": 0.0}],
}
CASES = [(name, case) for name in OPTIMIZERS for case in ({}, *MORE_CASES.get(name, ()))]

# Each differs from the defaults by a plausible bug.
WRONG = [
    ("gradient_descent", {"learning_rate": RATE * 1.001}),
    ("momentum", {"learning_rate": RATE * 1.001}),
    ("momentum", {"beta": 0.9001}),
    ("momentum", {"beta": 0.0}),
    ("rmsprop", {"learning_rate": RATE * 1.001}),
    ("rmsprop", {"beta": 0.9001}),
    ("rmsprop", {"epsilon": 1.1e-7}),
    ("adam", {"learning_rate": RATE * 1.001}),
    ("adam", {"beta_1": 0.9001}),
    ("adam", {"beta_2": 0.9991}),
    ("adam", {"epsilon": 1.1e-8}),
    ("adam", {"bias_correction": False}),
    ("adam", {"epsilon_inside_sqrt": True}),
    ("nesterov", {"beta": 0.9001}),
    ("nesterov", {"beta": 0.0}),
    ("adagrad", {"learning_rate": RATE * 1.001}),
    ("adagrad", {"epsilon": 1.1e-10}),
    ("adamw", {"weight_decay": 0.011}),
    ("adamw", {"weight_decay": 0.0}),
    ("lion", {"learning_rate": RATE * 1.001}),
    ("lion", {"beta_1": 0.8}),
    ("lion", {"beta_2": 0.9}),
]


def random_gradients(num_steps, seed=0):
    return np.random.default_rng(seed).normal(size=(num_steps, len(SCALES))) * SCALES


def array(variable):
    # NumPy warns about TensorFlow's variables, and about bfloat16; a cast makes it a plain tensor.
    dtype = "float64" if variable.dtype == "float64" else "float32"
    return ops.convert_to_numpy(ops.cast(variable, dtype))


def trajectory(optimizer, gradients, dtype="float32", start=0.0):
    """Parameters after each step, [steps, parameters]."""
    w = keras.Variable(np.full(gradients.shape[1:], start), dtype=dtype)
    steps = []
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient, dtype)], [w])
        steps.append(array(w))
    return np.stack(steps)


def reference_trajectory(name, gradients, learning_rate=RATE, start=0.0, **hyperparameters):
    return references.trajectory(name, gradients, learning_rate, start, **hyperparameters)


def test_names_are_in_the_order_of_the_course():
    assert list(OPTIMIZERS)[:4] == ["gradient_descent", "momentum", "rmsprop", "adam"]


def test_defaults_are_the_courses_and_the_papers():
    defaults = {
        name: [p.default for p in inspect.signature(cls).parameters.values()][1:-2]
        for name, cls in OPTIMIZERS.items()
    }
    expected = {
        "gradient_descent": [],
        "momentum": [0.9],
        "rmsprop": [0.9, 1e-7],
        "adam": [0.9, 0.999, 1e-8, True, False],
        "nesterov": [0.9],
        "adagrad": [1e-10],
        "adamw": [0.9, 0.999, 1e-8, 0.01],
        "lion": [0.9, 0.99],
    }
    assert {name: defaults[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (
            lambda: optimizers.Momentum(0.1, beta=0.9),
            [[-0.01, 0.02], [-0.024, 0.0355], [-0.0066, 0.04945], [0.00806, 0.022005]],
        ),
        (
            lambda: optimizers.RMSProp(0.1, beta=0.9, epsilon=1e-7),
            [
                [-0.316227666, 0.316227716],
                [-0.463669579, 0.274918104],
                [-0.164193234, 0.274918104],
                [-0.17470994, -0.015527583],
            ],
        ),
        (
            lambda: optimizers.Adam(0.1, epsilon=1e-7),
            [
                [-0.09999999, 0.099999995],
                [-0.193217942, 0.157253449],
                [-0.158495593, 0.201510533],
                [-0.1318824, 0.165892174],
            ],
        ),
        (
            lambda: optimizers.Adam(0.1, epsilon=1e-7, bias_correction=False),
            [
                [-0.316226766, 0.316227266],
                [-0.71236393, 0.559530702],
                [-0.540480292, 0.778613362],
                [-0.395661637, 0.584792042],
            ],
        ),
    ],
    ids=["momentum", "rmsprop", "adam", "adam_uncorrected"],
)
def test_steps_are_the_courses(optimizer, expected):
    gradients = np.array([[1, -2], [0.5, 0.25], [-3, 0], [0.1, 4]])
    np.testing.assert_allclose(trajectory(optimizer(), gradients), expected, rtol=3e-7, atol=3e-8)


@pytest.mark.parametrize(("name", "hyperparameters"), CASES)
def test_every_step_matches_the_reference_in_float64(name, hyperparameters):
    gradients = random_gradients(num_steps=60)
    optimizer = OPTIMIZERS[name](RATE, **hyperparameters)
    expected = reference_trajectory(name, gradients, **hyperparameters)
    np.testing.assert_allclose(trajectory(optimizer, gradients, "float64"), expected, **FLOAT64)


@pytest.mark.parametrize(("name", "hyperparameters"), CASES)
def test_every_step_matches_the_reference_in_float32(name, hyperparameters):
    gradients = random_gradients(num_steps=30)
    optimizer = OPTIMIZERS[name](RATE, **hyperparameters)
    expected = reference_trajectory(name, gradients, **hyperparameters)
    np.testing.assert_allclose(trajectory(optimizer, gradients), expected, **FLOAT32)


@pytest.mark.parametrize(("num_steps", "tolerance"), [(60, FLOAT64), (30, FLOAT32)])
@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_tolerance_tells_hyperparameters_apart(name, wrong, num_steps, tolerance):
    gradients = random_gradients(num_steps)
    right = reference_trajectory(name, gradients)
    off = reference_trajectory(name, gradients, **wrong)
    assert not np.allclose(off, right, **tolerance)


@pytest.mark.parametrize(("num_steps", "tolerance"), [(60, FLOAT64), (30, FLOAT32)])
@pytest.mark.parametrize(
    ("name", "misplaced"), [("rmsprop", references.keras_rmsprop), ("adam", references.keras_adam)]
)
def test_tolerance_tells_kerass_epsilon_apart(name, misplaced, num_steps, tolerance):
    gradients = random_gradients(num_steps)
    right = references.OPTIMIZERS[name](gradients, RATE)
    epsilon = {"rmsprop": 1e-7, "adam": 1e-8}[name]
    off = misplaced(gradients, RATE, epsilon=epsilon)
    assert not np.allclose(references.parameters(off), references.parameters(right), **tolerance)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_schedule_gives_each_step_its_rate(name):
    gradients = random_gradients(num_steps=12)
    schedule = schedules.ExponentialDecay(RATE, steps_per_epoch=3, decay_rate=0.5)
    rates = RATE * 0.5 ** (np.arange(12) // 3)
    expected = reference_trajectory(name, gradients, learning_rate=rates)
    steps = trajectory(OPTIMIZERS[name](schedule), gradients, "float64")
    np.testing.assert_allclose(steps, expected, **FLOAT64)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rate_can_be_set_between_steps(name):
    gradients = random_gradients(num_steps=4)
    optimizer = OPTIMIZERS[name](RATE)
    w = keras.Variable(np.zeros(5), dtype="float64")
    for step, gradient in enumerate(gradients):
        optimizer.learning_rate = RATE / 2**step
        optimizer.apply([ops.convert_to_tensor(gradient, "float64")], [w])
    expected = reference_trajectory(name, gradients, learning_rate=RATE / 2.0 ** np.arange(4))
    np.testing.assert_allclose(array(w), expected[-1], **FLOAT64)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_callable_learning_rate(name):
    gradients = random_gradients(num_steps=4)
    steps = trajectory(OPTIMIZERS[name](lambda: RATE), gradients, "float64")
    np.testing.assert_allclose(steps, reference_trajectory(name, gradients), **FLOAT64)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_variables_of_any_shape_keep_to_themselves(name):
    shapes = [(), (3,), (2, 3), (0,)]
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=(5, *shape)) for shape in shapes]
    variables = [keras.Variable(np.zeros(shape), dtype="float64") for shape in shapes]
    optimizer = OPTIMIZERS[name](RATE)
    for step in range(5):
        tensors = [ops.convert_to_tensor(gradient[step], "float64") for gradient in gradients]
        optimizer.apply(tensors, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        expected = reference_trajectory(name, gradient)[-1]
        np.testing.assert_allclose(array(variable), expected, **FLOAT64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_without_momentum_and_correction_is_exactly_rmsprop(dtype):
    gradients = random_gradients(num_steps=50)
    adam = optimizers.Adam(0.1, beta_1=0.0, beta_2=0.9, epsilon=1e-7, bias_correction=False)
    rmsprop = optimizers.RMSProp(0.1, beta=0.9, epsilon=1e-7)
    np.testing.assert_array_equal(
        trajectory(adam, gradients, dtype), trajectory(rmsprop, gradients, dtype)
    )


def test_adamw_is_exactly_adam_with_weight_decay():
    gradients = random_gradients(num_steps=20)
    np.testing.assert_array_equal(
        trajectory(optimizers.AdamW(0.1), gradients, start=1.0),
        trajectory(optimizers.Adam(0.1, weight_decay=0.01), gradients, start=1.0),
    )
    np.testing.assert_array_equal(
        trajectory(optimizers.AdamW(0.1, weight_decay=None), gradients, start=1.0),
        trajectory(optimizers.Adam(0.1), gradients, start=1.0),
    )


@pytest.mark.parametrize("rule", ["momentum", "nesterov", "adam"])
def test_averages_keep_their_value_where_beta_follows_a_schedule(rule):
    gradients = random_gradients(num_steps=60)
    cycle = schedules.CycledMomentum(total_steps=40)
    argument = choices.OPTIMIZERS[rule].momentum
    betas = schedules.values(cycle, 60).astype("float64")
    assert (betas.min(), betas.max()) == pytest.approx((0.85, 0.95))
    expected = references.parameters(references.cycled_momentum(gradients, RATE, betas, rule))
    optimizer = OPTIMIZERS[rule](RATE, **{argument: cycle})
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    for each in (optimizer, revived):
        # Betas are float32, and 1 - beta**t at the first steps loses some of their digits.
        steps = trajectory(each, gradients, "float64")
        np.testing.assert_allclose(steps, expected, rtol=1e-5, atol=1e-6)
    constant = reference_trajectory(rule, gradients, **{argument: 0.9})
    assert not np.allclose(constant, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("rule", ["momentum", "nesterov", "adam"])
def test_a_scheduled_beta_counts_accumulated_steps_as_the_rate_does(rule):
    gradients = random_gradients(num_steps=20)
    cycle = schedules.CycledMomentum(total_steps=40)
    betas = schedules.values(cycle, 40)[1::2].astype("float64")  # An update every second step.
    expected = references.parameters(references.cycled_momentum(gradients, RATE, betas, rule))
    argument = {choices.OPTIMIZERS[rule].momentum: cycle}
    optimizer = OPTIMIZERS[rule](RATE, gradient_accumulation_steps=2, **argument)
    steps = trajectory(optimizer, np.repeat(gradients, 2, axis=0), "float64")
    np.testing.assert_allclose(steps[1::2], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [optimizers.Momentum, optimizers.Nesterov])
def test_momentum_without_beta_is_exactly_gradient_descent(kind):
    gradients = random_gradients(num_steps=20)
    np.testing.assert_array_equal(
        trajectory(kind(0.1, beta=0.0), gradients),
        trajectory(optimizers.GradientDescent(0.1), gradients),
    )


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999, 1 - 1e-6])
def test_sum_of_weights_keeps_its_digits_in_float32(beta):
    steps = np.array([1, 2, 10, 1000, 10**6, 10**9])
    weight = ops.convert_to_numpy(average_weight(ops.convert_to_tensor(steps, "float32"), beta))
    expected = 1 - np.longdouble(beta) ** steps
    np.testing.assert_allclose(weight, expected.astype(float), rtol=3e-7)
    if beta > 0.99:  # As Keras computes it.
        naive = 1 - np.float32(beta) ** steps.astype("float32")
        assert not np.allclose(naive, expected.astype(float), rtol=3e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zero_gradients_leave_the_parameters(name):
    optimizer = OPTIMIZERS[name](RATE, weight_decay=None)
    steps = trajectory(optimizer, np.zeros((3, 2)), start=1.5)
    np.testing.assert_array_equal(steps, 1.5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bfloat16_is_computed_in_float32_and_rounded_when_stored(name):
    gradients = random_gradients(num_steps=40).astype(ml_dtypes.bfloat16)
    expected = bfloat16_reference(name, gradients)
    optimizer = OPTIMIZERS[name](RATE, weight_decay=None)
    steps = trajectory(optimizer, gradients, "bfloat16", start=1.0)
    np.testing.assert_array_equal(steps, expected)


def bfloat16_reference(name, gradients):
    def stored(x):
        return np.asarray(x, ml_dtypes.bfloat16).astype(np.float64)

    w, u, s, total, m, steps = 1.0, 0.0, 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients.astype(np.float64), start=1):
        beta_2 = {"rmsprop": 0.9}.get(name, 0.999)
        u, s, total = 0.9 * u + g, beta_2 * s + (1 - beta_2) * g**2, total + g**2
        sign, m = np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g
        adam = RATE * 0.1 * u / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
        delta = {
            "gradient_descent": RATE * g,
            "momentum": RATE * 0.1 * u,
            "rmsprop": RATE * g / (np.sqrt(s) + 1e-7),
            "adam": adam,
            "nesterov": RATE * 0.1 * (0.9 * u + g),
            "adagrad": RATE * g / (np.sqrt(total) + 1e-10),
            "adamw": adam,
            "lion": RATE * sign,
        }[name]
        u, s, total, m = (stored(each) for each in (u, s, total, m))
        w = stored(w - stored(delta))
        steps.append(w)
    return np.stack(steps)


def test_average_square_of_adam_stalls_in_bfloat16_only():
    def average_square(dtype):
        optimizer = optimizers.Adam(RATE)
        w = keras.Variable(0.0, dtype=dtype)
        for _ in range(500):
            optimizer.apply([ops.ones((), dtype)], [w])
        return float(array(optimizer.variables[-1]))

    assert average_square("float32") == pytest.approx(1 - 0.999**500, rel=1e-5)
    assert average_square("bfloat16") < 0.8 * (1 - 0.999**500)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_revived_optimizer_takes_the_same_steps(name):
    gradients = random_gradients(num_steps=5)
    common = {"weight_decay": 0.1, "clipvalue": 0.5, "use_ema": True, "ema_momentum": 0.5}
    arguments = {**NOT_DEFAULT[name], **common, "ema_overwrite_frequency": 2}
    optimizer = OPTIMIZERS[name](**arguments)
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(revived) is OPTIMIZERS[name]
    np.testing.assert_array_equal(trajectory(revived, gradients), trajectory(optimizer, gradients))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_argument_changes_the_steps(name):
    gradients = random_gradients(num_steps=5)
    steps = trajectory(OPTIMIZERS[name](**NOT_DEFAULT[name]), gradients)
    for argument in NOT_DEFAULT[name]:
        others = {key: value for key, value in NOT_DEFAULT[name].items() if key != argument}
        assert not np.allclose(trajectory(OPTIMIZERS[name](**others), gradients), steps, **FLOAT32)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_revived_optimizer_follows_the_same_schedule(name):
    gradients = random_gradients(num_steps=5)
    schedule = schedules.WarmUp(schedules.RootDecay(0.3, steps_per_epoch=2), warmup_steps=2)
    optimizer = OPTIMIZERS[name](schedule)
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    np.testing.assert_array_equal(trajectory(revived, gradients), trajectory(optimizer, gradients))


NOT_NUMBERS = [float("nan"), float("inf"), -float("inf"), "0.5", None, True, [0.5]]


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0, 0.0, -0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bad_learning_rate_raises(name, value):
    with pytest.raises(ValueError, match=re.escape(f"Received: learning_rate={value!r}") + "$"):
        OPTIMIZERS[name](learning_rate=value)


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.1, 1.0, 1])
@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, beta) for name, c in choices.OPTIMIZERS.items() for beta in c.takes if "beta" in beta],
)
def test_bad_beta_raises(name, argument, value):
    message = f"`{argument}` must be a float in [0, 1). Received: {argument}={value!r}"
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        OPTIMIZERS[name](**{argument: value})


@pytest.mark.parametrize("value", [*(v for v in NOT_NUMBERS if v is not None), -0.1])
@pytest.mark.parametrize("limit", ["weight_decay", "clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bad_weight_decay_or_limit_raises(name, limit, value):
    with pytest.raises(ValueError, match=re.escape(f"Received: {limit}={value!r}") + "$"):
        OPTIMIZERS[name](**{limit: value})


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0.0, -1e-8])
@pytest.mark.parametrize("name", ["rmsprop", "adam", "adagrad", "adamw"])
def test_bad_epsilon_raises(name, value):
    with pytest.raises(ValueError, match=re.escape(f"Received: epsilon={value!r}") + "$"):
        OPTIMIZERS[name](epsilon=value)


@pytest.mark.parametrize("value", [None, 0, 1, "false", float("nan")])
@pytest.mark.parametrize("argument", ["bias_correction", "epsilon_inside_sqrt"])
def test_bad_flag_raises(argument, value):
    with pytest.raises(ValueError, match=re.escape(f"Received: {argument}={value!r}") + "$"):
        optimizers.Adam(**{argument: value})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unknown_argument_raises(name):
    with pytest.raises(ValueError, match="momentun"):
        OPTIMIZERS[name](momentun=0.9)


@pytest.mark.parametrize("learning_rate", [1, np.float32(0.5), np.float64(0.5)])
def test_other_real_numbers_are_learning_rates(learning_rate):
    optimizer = optimizers.GradientDescent(learning_rate)
    assert float(array(optimizer.learning_rate)) == float(learning_rate)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_matrix_of_few_columns_takes_the_steps_of_one_long_row(name):
    rng = np.random.default_rng(0)
    start, *gradients = rng.normal(size=(4, 8, 3)).astype("float32")
    steps = []
    for shape in ((8, 3), (24,)):
        variable = keras.Variable(start.reshape(shape))
        optimizer = OPTIMIZERS[name](RATE)
        for gradient in gradients:
            optimizer.apply([ops.array(gradient.reshape(shape))], [variable])
        steps.append(ops.convert_to_numpy(variable.value))
        assert steps[-1].shape == shape
    np.testing.assert_array_equal(steps[0].reshape(-1), steps[1])
