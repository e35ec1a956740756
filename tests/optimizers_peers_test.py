"""The same steps as Keras's and PyTorch's optimizers, wherever the forms coincide."""

import keras
import numpy as np
import pytest
import references

from tfcourse import optimizers, schedules

FLOAT32 = {"rtol": 1e-5, "atol": 3e-6}
FLOAT64 = {"rtol": 1e-10, "atol": 1e-12}
RATE = 0.125  # Exact in float32, in which Keras keeps the learning rate.
GRADIENTS = np.random.default_rng(0).normal(size=(100, 4))
TINY_GRADIENTS = GRADIENTS * 1e-7  # Of the size of epsilon.


def trajectory(optimizer, gradients, dtype="float64"):
    """Parameters after each step from 0, [steps, parameters]."""
    w = keras.Variable(np.zeros(gradients.shape[1]), dtype=dtype)
    steps = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype)], [w])
        steps.append(w.numpy())
    return np.stack(steps)


@pytest.mark.parametrize("gradients", [GRADIENTS, TINY_GRADIENTS], ids=["normal", "tiny"])
@pytest.mark.parametrize(
    ("ours", "kerass"),
    [
        (lambda: optimizers.GradientDescent(RATE), lambda: keras.optimizers.SGD(RATE)),
        (
            lambda: optimizers.Momentum(RATE, beta=0.75),
            lambda: keras.optimizers.SGD(RATE * (1 - 0.75), momentum=0.75),
        ),
        (
            lambda: optimizers.RMSProp(RATE, beta=0.75, epsilon=1e-30),
            lambda: keras.optimizers.RMSprop(RATE, rho=0.75, epsilon=1e-60),
        ),
        (
            lambda: optimizers.Adam(RATE, beta_1=0.75, beta_2=0.875, epsilon=1e-30),
            lambda: keras.optimizers.Adam(RATE, beta_1=0.75, beta_2=0.875, epsilon=1e-30),
        ),
        (
            lambda: optimizers.Nesterov(RATE, beta=0.75),
            lambda: keras.optimizers.SGD(RATE * (1 - 0.75), momentum=0.75, nesterov=True),
        ),
        (
            lambda: optimizers.AdaGrad(RATE, epsilon=1e-30),
            lambda: keras.optimizers.Adagrad(RATE, initial_accumulator_value=0.0, epsilon=1e-60),
        ),
        (
            lambda: optimizers.AdamW(RATE, 0.75, 0.875, epsilon=1e-30, weight_decay=0.5),
            lambda: keras.optimizers.AdamW(RATE, 0.5, 0.75, 0.875, epsilon=1e-30),
        ),
        (
            lambda: optimizers.Lion(RATE, 0.75, 0.875),
            lambda: keras.optimizers.Lion(RATE, 0.75, 0.875),
        ),
        (lambda: optimizers.Lion(RATE), lambda: keras.optimizers.Lion(RATE)),
    ],
    ids=[
        *("gradient_descent", "momentum", "rmsprop", "adam"),
        *("nesterov", "adagrad", "adamw", "lion", "lion_with_defaults"),
    ],
)
def test_steps_equal_kerass(ours, kerass, gradients):
    np.testing.assert_allclose(
        trajectory(ours(), gradients), trajectory(kerass(), gradients), **FLOAT64
    )


def test_momentum_differs_from_kerass_where_the_rate_changes():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([50], [RATE, RATE / 4])
    sgd_schedule = keras.optimizers.schedules.PiecewiseConstantDecay([50], [RATE / 4, RATE / 16])
    ours = trajectory(optimizers.Momentum(schedule, beta=0.75), GRADIENTS)
    kerass = trajectory(keras.optimizers.SGD(sgd_schedule, momentum=0.75), GRADIENTS)
    np.testing.assert_allclose(ours[:51], kerass[:51], **FLOAT64)
    assert not np.allclose(ours[51], kerass[51], rtol=1e-3)


def test_kerass_rmsprop_has_epsilon_inside_the_root():
    rmsprop = keras.optimizers.RMSprop(RATE, rho=0.75, epsilon=1e-14)
    expected = references.parameters(
        references.keras_rmsprop(TINY_GRADIENTS, RATE, beta=0.75, epsilon=1e-14)
    )
    np.testing.assert_allclose(trajectory(rmsprop, TINY_GRADIENTS), expected, **FLOAT64)
    ours = optimizers.RMSProp(RATE, beta=0.75, epsilon=1e-7)
    assert not np.allclose(trajectory(ours, TINY_GRADIENTS), expected, rtol=1e-2)


def test_kerass_adam_has_the_papers_epsilon_hat():
    adam = keras.optimizers.Adam(RATE, beta_1=0.75, beta_2=0.875, epsilon=1e-7)
    expected = references.parameters(
        references.keras_adam(TINY_GRADIENTS, RATE, beta_1=0.75, beta_2=0.875, epsilon=1e-7)
    )
    np.testing.assert_allclose(trajectory(adam, TINY_GRADIENTS), expected, **FLOAT64)
    ours = optimizers.Adam(RATE, beta_1=0.75, beta_2=0.875, epsilon=1e-7)
    assert not np.allclose(trajectory(ours, TINY_GRADIENTS), expected, rtol=1e-2)


def test_kerass_epsilon_acts_as_one_32_times_larger_in_adams_first_step():
    kerass = trajectory(keras.optimizers.Adam(RATE, epsilon=1e-8), TINY_GRADIENTS[:1])
    ours = trajectory(optimizers.Adam(RATE, epsilon=1e-8 / 0.001**0.5), TINY_GRADIENTS[:1])
    np.testing.assert_allclose(ours, kerass, rtol=1e-5)  # Keras rounds 0.999 to float32.
    assert 31 < 1 / 0.001**0.5 < 32


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def torch_trajectory(torch, make_optimizer, gradients):
    w = torch.zeros(gradients.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([w])
    steps = []
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        steps.append(w.detach().numpy().copy())
    return np.stack(steps)


@pytest.mark.parametrize("gradients", [GRADIENTS, TINY_GRADIENTS], ids=["normal", "tiny"])
@pytest.mark.parametrize(
    ("ours", "torchs", "hyperparameters"),
    [
        (lambda: optimizers.GradientDescent(RATE), "SGD", {}),
        (
            lambda: optimizers.RMSProp(RATE, beta=0.7, epsilon=1e-7),
            "RMSprop",
            {"alpha": 0.7, "eps": 1e-7},
        ),
        (
            lambda: optimizers.Adam(RATE, beta_1=0.7, beta_2=0.8, epsilon=1e-7),
            "Adam",
            {"betas": (0.7, 0.8), "eps": 1e-7},
        ),
        (lambda: optimizers.Adam(RATE), "Adam", {}),
        (lambda: optimizers.AdaGrad(RATE), "Adagrad", {}),
        # Keras multiplies by the decay in float32.
        (lambda: optimizers.AdamW(RATE), "AdamW", {"weight_decay": float(np.float32(0.01))}),
        (lambda: optimizers.AdamW(RATE, weight_decay=0.5), "AdamW", {"weight_decay": 0.5}),
    ],
    ids=[
        *("gradient_descent", "rmsprop", "adam", "adam_with_defaults"),
        *("adagrad_with_defaults", "adamw_with_defaults", "adamw"),
    ],
)
def test_steps_equal_torchs(torch, ours, torchs, hyperparameters, gradients):
    expected = torch_trajectory(
        torch, lambda w: getattr(torch.optim, torchs)(w, lr=RATE, **hyperparameters), gradients
    )
    np.testing.assert_allclose(trajectory(ours(), gradients), expected, **FLOAT64)


def test_nesterov_equals_torchs_also_where_the_rate_changes(torch):
    beta = 0.7
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([50], [RATE, RATE / 4])
    ours = trajectory(optimizers.Nesterov(schedule, beta), GRADIENTS)
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=RATE * (1 - beta), momentum=beta, nesterov=True)
    for step, gradient in enumerate(GRADIENTS):
        # Keras keeps the first rate up to step 50 itself.
        optimizer.param_groups[0]["lr"] = (RATE if step <= 50 else RATE / 4) * (1 - beta)
        w.grad = torch.tensor(gradient)
        optimizer.step()
        np.testing.assert_allclose(ours[step], w.detach().numpy(), **FLOAT64)


def test_adam_of_one_cycle_with_cycled_momentum_equals_torchs(torch):
    rate, cycle = schedules.OneCycle(RATE, 100, 29), schedules.CycledMomentum(100, 29)
    ours = trajectory(optimizers.Adam(rate, beta_1=cycle), GRADIENTS)
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, 100, pct_start=0.3)
    expected = []
    for gradient in GRADIENTS:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        expected.append(w.detach().numpy().copy())
        if len(expected) < 100:
            scheduler.step()
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_momentum_equals_torchs_damped_one_but_for_its_first_gradient(torch):
    # PyTorch starts the average with the whole first gradient, not with (1 - beta) of it. What is
    # too much, beta * g_1, decays by beta a step.
    beta = 0.7
    torchs = torch_trajectory(
        torch, lambda w: torch.optim.SGD(w, lr=RATE, momentum=beta, dampening=beta), GRADIENTS
    )
    surplus = RATE * beta ** np.arange(1, 101)[:, None] * GRADIENTS[0]
    ours = trajectory(optimizers.Momentum(RATE, beta), GRADIENTS)
    np.testing.assert_allclose(ours - surplus.cumsum(axis=0), torchs, **FLOAT64)


def test_momentum_equals_torchs_damped_one_after_a_gradient_of_zero(torch):
    gradients = np.concatenate([np.zeros((1, 4)), GRADIENTS])
    torchs = torch_trajectory(
        torch, lambda w: torch.optim.SGD(w, lr=RATE, momentum=0.7, dampening=0.7), gradients
    )
    ours = trajectory(optimizers.Momentum(RATE, beta=0.7), gradients)
    np.testing.assert_allclose(ours, torchs, **FLOAT64)


@pytest.mark.parametrize(
    ("ours", "optaxs", "arguments"),
    [
        (
            lambda: optimizers.Adam(RATE, beta_1=0.7, beta_2=0.8, epsilon=1e-7),
            "adam",
            {"b1": 0.7, "b2": 0.8, "eps": 1e-7},
        ),
        (
            lambda: optimizers.AdamW(RATE, 0.7, 0.8, epsilon=1e-7, weight_decay=0.5),
            "adamw",
            {"b1": 0.7, "b2": 0.8, "eps": 1e-7, "weight_decay": 0.5},
        ),
        (
            lambda: optimizers.Lion(RATE, 0.7, 0.8, weight_decay=0.5),
            "lion",
            {"b1": 0.7, "b2": 0.8, "weight_decay": 0.5},
        ),
    ],
    ids=["adam", "adamw", "lion"],
)
def test_steps_equal_optaxs(ours, optaxs, arguments):
    optax = pytest.importorskip("optax", reason="Optax is not installed")
    jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")
    rule = getattr(optax, optaxs)(RATE, **arguments)
    gradients = TINY_GRADIENTS.astype("float32")
    w = jnp.zeros(gradients.shape[1])
    state, steps = rule.init(w), []
    for gradient in gradients:
        update, state = rule.update(jnp.asarray(gradient), state, w)
        w = w + update
        steps.append(np.asarray(w))
    np.testing.assert_allclose(trajectory(ours(), gradients, "float32"), steps, **FLOAT32)
