"""The schedules, on any Keras backend; optimizers_backends_test.py runs this file on the others."""

import re

import keras
import numpy as np
import pytest
import references
from keras import ops

from tfcourse import schedules
from tfcourse.schedules import SCHEDULES

TOLERANCE = {"rtol": 1e-5, "atol": 1e-37}  # Below that, float32 has fewer digits.
RATE = 0.1
STEPS_PER_EPOCH = 7
# Step 0, both sides of epochs' edges, where float32 rounds steps to even ones, and far out.
STEPS = [0, 1, 5, 6, 7, 8, 13, 14, 69, 70, 699, 700, 16_777_217, 16_777_222, 2_000_000_012]

CASES = [
    ("constant", (RATE,), {}),
    ("exponential", (RATE, STEPS_PER_EPOCH), {}),
    ("exponential", (RATE, STEPS_PER_EPOCH), {"decay_rate": 0.5}),
    ("exponential", (RATE, 10**6), {"decay_rate": 0.999}),
    ("root", (RATE, STEPS_PER_EPOCH), {}),
    ("inverse_time", (RATE, STEPS_PER_EPOCH), {}),
    ("inverse_time", (RATE, STEPS_PER_EPOCH), {"decay_rate": 0.25}),
    ("inverse_time", (RATE, STEPS_PER_EPOCH), {"decay_rate": 0.0}),
    ("exponential", (RATE, STEPS_PER_EPOCH), {"continuous": True}),
    ("root", (RATE, STEPS_PER_EPOCH), {"continuous": True}),
    ("inverse_time", (RATE, STEPS_PER_EPOCH), {"continuous": True}),
    ("one_cycle", (RATE, 100), {}),
    ("one_cycle", (RATE, 100), {"rise_steps": 14}),
    ("one_cycle", (RATE, 100), {"rise_steps": 99}),
    ("one_cycle", (RATE, 2), {"rise_steps": 0}),
    ("one_cycle", (RATE, 1), {}),
    ("cosine", (RATE, 100), {}),
    ("cosine", (RATE, 1), {}),
]
every_case = pytest.mark.parametrize(("name", "arguments", "options"), CASES)


def rates(schedule, steps):
    return [float(ops.convert_to_numpy(schedule(step))) for step in steps]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("exponential", {}, [0.1, 0.095, 0.09025, 0.07737809375, 0.05987369392]),
        ("inverse_time", {"decay_rate": 1.0}, [0.1, 0.05, 0.1 / 3, 0.1 / 6, 0.1 / 11]),
        ("root", {}, [0.1, 0.1 / 2**0.5, 0.1 / 3**0.5, 0.1 / 6**0.5, 0.1 / 11**0.5]),
    ],
)
@pytest.mark.parametrize("steps_per_epoch", [1, 7, 469])
def test_rates_at_the_courses_epochs(name, options, expected, steps_per_epoch):
    schedule = SCHEDULES[name](0.1, steps_per_epoch, **options)
    for epoch, rate in zip([0, 1, 2, 5, 10], expected, strict=True):
        first, last = epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch - 1
        np.testing.assert_allclose(rates(schedule, [first, last]), rate, rtol=1e-6)


def test_root_decay_has_the_courses_rates_at_epochs_counted_from_1():
    schedule = schedules.RootDecay(0.1, steps_per_epoch=3)
    steps = [3 * (epoch - 1) for epoch in (1, 2, 5, 10)]
    np.testing.assert_allclose(
        rates(schedule, steps), [0.1, 0.0707107, 0.0447214, 0.0316228], rtol=1e-6
    )


@every_case
def test_python_steps_match_the_reference(name, arguments, options):
    expected = [references.SCHEDULES[name](step, *arguments, **options) for step in STEPS]
    schedule = SCHEDULES[name](*arguments, **options)
    np.testing.assert_allclose(rates(schedule, STEPS), expected, **TOLERANCE)


@every_case
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_tensor_steps_give_the_same_rates(name, arguments, options, dtype):
    schedule = SCHEDULES[name](*arguments, **options)
    tensors = [ops.convert_to_tensor(np.array(step, dtype)) for step in STEPS]
    np.testing.assert_array_equal(rates(schedule, tensors), rates(schedule, STEPS))


@every_case
def test_curve_has_the_rate_of_every_step(name, arguments, options):
    schedule = SCHEDULES[name](*arguments, **options)
    curve = schedules.values(schedule, 120)
    expected = [references.SCHEDULES[name](step, *arguments, **options) for step in range(120)]
    assert isinstance(curve, np.ndarray)
    assert curve.dtype == np.float32
    np.testing.assert_allclose(curve, expected, **TOLERANCE)


@every_case
def test_first_rate_is_exact(name, arguments, options):
    first = references.SCHEDULES[name](0, *arguments, **options)
    assert rates(SCHEDULES[name](*arguments, **options), [0]) == pytest.approx([first], rel=1e-7)


@pytest.mark.parametrize("steps_per_epoch", [3, 7, 469, 1875, 16_777_217])
def test_edge_of_every_epoch_is_exact(steps_per_epoch):
    # The inverse of the rate counts the epochs; far out, a quotient in float32 is off by one.
    schedule = schedules.InverseTimeDecay(1.0, steps_per_epoch, decay_rate=1.0)
    last_epoch = (2**31 - 1) // steps_per_epoch - 1
    epochs = np.unique(np.linspace(1, min(last_epoch, 10_000), 50).astype(int))
    before = rates(schedule, [int(epoch) * steps_per_epoch - 1 for epoch in epochs])
    at = rates(schedule, [int(epoch) * steps_per_epoch for epoch in epochs])
    np.testing.assert_array_equal(np.rint(1 / np.array(before)), epochs)
    np.testing.assert_array_equal(np.rint(1 / np.array(at)), epochs + 1)


def test_quotient_in_float32_would_miss_an_edge():
    step, steps_per_epoch = 16_777_217 * 3 - 1, 16_777_217
    assert step // steps_per_epoch == 2
    assert np.float32(step) // np.float32(steps_per_epoch) == 3


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("exponential", (RATE, 7), ("exponential", (RATE, 8), {})),
        ("exponential", (RATE, 7), ("exponential", (RATE, 7), {"decay_rate": 0.9501})),
        ("exponential", (RATE, 7), ("exponential", (RATE, 7), {"continuous": True})),
        ("exponential", (RATE, 7), ("exponential", (RATE * 1.0001, 7), {})),
        ("root", (RATE, 7), ("root", (RATE, 8), {})),
        ("root", (RATE, 7), ("root", (RATE, 7), {"continuous": True})),
        ("inverse_time", (RATE, 7), ("inverse_time", (RATE, 7), {"decay_rate": 1.001})),
        ("inverse_time", (RATE, 7), ("inverse_time", (RATE, 7), {"continuous": True})),
        ("one_cycle", (RATE, 100), ("one_cycle", (RATE, 101), {"rise_steps": 30})),
        ("one_cycle", (RATE, 100), ("one_cycle", (RATE, 100), {"rise_steps": 29})),
        ("cosine", (RATE, 100), ("cosine", (RATE, 101), {})),
    ],
)
def test_tolerance_tells_arguments_apart(name, arguments, wrong):
    wrong_name, wrong_arguments, options = wrong
    right = [references.SCHEDULES[name](step, *arguments) for step in range(120)]
    off = [references.SCHEDULES[wrong_name](s, *wrong_arguments, **options) for s in range(120)]
    assert not np.allclose(off, right, **TOLERANCE)


@every_case
def test_revived_schedule_has_the_same_rates(name, arguments, options):
    schedule = SCHEDULES[name](*arguments, **options)
    config = keras.optimizers.schedules.serialize(schedule)
    revived = keras.optimizers.schedules.deserialize(config)
    assert type(revived) is SCHEDULES[name]
    np.testing.assert_array_equal(rates(revived, STEPS), rates(schedule, STEPS))


@pytest.mark.parametrize("name", ["exponential", "root", "inverse_time", "constant"])
def test_warm_up_rises_to_the_schedule_and_starts_it_late(name):
    arguments = (RATE,) if name == "constant" else (RATE, STEPS_PER_EPOCH)
    schedule = schedules.WarmUp(SCHEDULES[name](*arguments), warmup_steps=5)
    expected = [
        references.warm_up(step, lambda s: references.SCHEDULES[name](s, *arguments), 5)
        for step in STEPS
    ]
    np.testing.assert_allclose(rates(schedule, STEPS), expected, **TOLERANCE)
    curve = schedules.values(schedule, 6)
    np.testing.assert_allclose(curve, [0.02, 0.04, 0.06, 0.08, 0.1, 0.1], **TOLERANCE)


def test_revived_warm_up_has_the_same_rates():
    inner = schedules.ExponentialDecay(0.3, 4, decay_rate=0.7, continuous=True)
    schedule = schedules.WarmUp(inner, warmup_steps=3)
    config = keras.optimizers.schedules.serialize(schedule)
    revived = keras.optimizers.schedules.deserialize(config)
    np.testing.assert_array_equal(schedules.values(revived, 30), schedules.values(schedule, 30))


def test_warm_up_goes_in_front_of_kerass_schedules():
    kerass = keras.optimizers.schedules.CosineDecay(RATE, decay_steps=10)
    curve = schedules.values(schedules.WarmUp(kerass, warmup_steps=2), 12)
    np.testing.assert_allclose(curve[:2], [RATE / 2, RATE], **TOLERANCE)
    np.testing.assert_allclose(curve[2:], rates(kerass, range(10)), **TOLERANCE)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize(
    ("ours", "kerass"),
    [
        (schedules.ExponentialDecay, keras.optimizers.schedules.ExponentialDecay),
        (schedules.InverseTimeDecay, keras.optimizers.schedules.InverseTimeDecay),
    ],
)
def test_rates_equal_kerass(ours, kerass, continuous):
    expected = rates(kerass(RATE, 7, 0.75, staircase=not continuous), range(40))
    curve = schedules.values(ours(RATE, 7, 0.75, continuous=continuous), 40)
    np.testing.assert_allclose(curve, expected, **TOLERANCE)


@pytest.mark.parametrize(("total_steps", "rise_steps"), [(100, 29), (100, 9), (40, 19), (10, 5)])
def test_one_cycle_equals_torchs(total_steps, rise_steps):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=total_steps, pct_start=(rise_steps + 1) / total_steps
    )
    expected = []
    for step in range(total_steps):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if step < total_steps - 1:
            scheduler.step()
    curve = schedules.values(schedules.OneCycle(RATE, total_steps, rise_steps), total_steps)
    np.testing.assert_allclose(curve, expected, **TOLERANCE)


@pytest.mark.parametrize("total_steps", [1, 7, 50])
def test_cosine_equals_kerass_and_torchs(total_steps):
    curve = schedules.values(schedules.CosineDecay(RATE, total_steps), total_steps + 3)
    kerass = keras.optimizers.schedules.CosineDecay(RATE, total_steps)
    np.testing.assert_allclose(curve, rates(kerass, range(total_steps + 3)), rtol=1e-5, atol=1e-8)
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total_steps)
    for step in range(total_steps):
        assert curve[step] == pytest.approx(scheduler.get_last_lr()[0], rel=1e-5)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(("total_steps", "rise_steps"), [(100, 29), (40, 19), (10, 5)])
def test_cycled_momentum_equals_torchs(total_steps, rise_steps):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.5)
    pct_start = (rise_steps + 1) / total_steps
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=total_steps, pct_start=pct_start
    )
    expected = []
    for step in range(total_steps):
        expected.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if step < total_steps - 1:
            scheduler.step()
    rate = schedules.OneCycle(RATE, total_steps, rise_steps)
    momentum = schedules.CycledMomentum.against(rate)
    np.testing.assert_allclose(schedules.values(momentum, total_steps), expected, rtol=1e-6)
    assert rates(momentum, [10**9]) == pytest.approx([0.95])


def test_one_cycle_ends_at_its_last_rate():
    schedule = schedules.OneCycle(RATE, total_steps=50)
    assert rates(schedule, [49, 50, 10**9]) == pytest.approx([RATE / 250_000] * 3, rel=1e-6)


def test_names_are_in_order():
    decays = ["exponential", "root", "inverse_time"]
    assert list(SCHEDULES) == ["constant", *decays, "one_cycle", "cosine"]


@pytest.mark.parametrize("warmup_epochs", [0, 2])
@pytest.mark.parametrize("name", ["constant", "exponential", "root", "inverse_time"])
def test_build_counts_in_epochs(name, warmup_epochs):
    schedule = schedules.build(
        name, RATE, steps_per_epoch=7, epochs=10, warmup_epochs=warmup_epochs
    )
    arguments = (RATE,) if name == "constant" else (RATE, 7)
    expected = SCHEDULES[name](*arguments)
    if warmup_epochs:
        expected = schedules.WarmUp(expected, warmup_steps=14)
    np.testing.assert_array_equal(schedules.values(schedule, 70), schedules.values(expected, 70))


@pytest.mark.parametrize("name", ["exponential", "inverse_time"])
def test_build_passes_decay_rate_and_continuous_on(name):
    schedule = schedules.build(
        name, RATE, steps_per_epoch=7, epochs=10, decay_rate=0.5, continuous=True
    )
    expected = SCHEDULES[name](RATE, 7, decay_rate=0.5, continuous=True)
    np.testing.assert_array_equal(schedules.values(schedule, 70), schedules.values(expected, 70))


@pytest.mark.parametrize(("warmup_epochs", "peak_step"), [(0, 21), (2, 14)])
def test_build_lets_one_cycle_rise_during_the_warm_up(warmup_epochs, peak_step):
    schedule = schedules.build(
        "one_cycle", RATE, steps_per_epoch=7, epochs=10, warmup_epochs=warmup_epochs
    )
    curve = schedules.values(schedule, 70)
    assert np.argmax(curve) == peak_step
    assert curve[peak_step] == pytest.approx(RATE)
    assert curve[-1] == pytest.approx(RATE / 250_000)


@pytest.mark.parametrize("warmup_epochs", [0, 2])
def test_build_lets_cosine_end_with_the_training(warmup_epochs):
    schedule = schedules.build(
        "cosine", RATE, steps_per_epoch=7, epochs=10, warmup_epochs=warmup_epochs
    )
    rise, curve = 7 * warmup_epochs, schedules.values(schedule, 75)
    expected = [references.cosine(step, RATE, 70 - rise) for step in range(75 - rise)]
    np.testing.assert_allclose(curve[rise:], expected, **TOLERANCE)
    np.testing.assert_allclose(
        curve[:rise], RATE * np.arange(1, rise + 1) / max(rise, 1), rtol=1e-6
    )
    assert curve[69] > 0.0
    assert (curve[70:] == 0.0).all()


def test_build_names_an_unknown_schedule():
    with pytest.raises(ValueError, match=r"one of constant, .*Received: name='sine'$"):
        schedules.build("sine", RATE, steps_per_epoch=7, epochs=1)


@pytest.mark.parametrize("name", ["constant", "root", "one_cycle", "cosine"])
def test_build_refuses_a_decay_rate_without_effect(name):
    with pytest.raises(ValueError, match=r"no decay rate. Received: decay_rate=0.9$"):
        schedules.build(name, RATE, steps_per_epoch=7, epochs=1, decay_rate=0.9)


NOT_NUMBERS = [float("nan"), float("inf"), -float("inf"), "0.5", None, True]
NOT_COUNTS = [0, -1, 7.0, 1.5, float("nan"), "7", None, True]


def refuses(argument, value, call):
    with pytest.raises(ValueError, match=re.escape(f"Received: {argument}={value!r}") + "$"):
        call()


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0.0, -0.1])
@pytest.mark.parametrize("name", ["exponential", "root", "inverse_time", "cosine"])
def test_bad_initial_rate_raises(name, value):
    refuses("initial_learning_rate", value, lambda: SCHEDULES[name](value, 7))


@pytest.mark.parametrize("value", NOT_COUNTS)
@pytest.mark.parametrize("name", ["exponential", "root", "inverse_time"])
def test_bad_steps_per_epoch_raises(name, value):
    refuses("steps_per_epoch", value, lambda: SCHEDULES[name](RATE, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("exponential", value) for value in [*NOT_NUMBERS, -0.1, 0.0, 1.01]],
        *[("inverse_time", value) for value in [*NOT_NUMBERS, -0.1]],
    ],
)
def test_bad_decay_rate_raises(name, value):
    refuses("decay_rate", value, lambda: SCHEDULES[name](RATE, 7, value))


@pytest.mark.parametrize("value", [0, 1, None, "false"])
@pytest.mark.parametrize("name", ["exponential", "root", "inverse_time"])
def test_bad_continuous_raises(name, value):
    refuses("continuous", value, lambda: SCHEDULES[name](RATE, 7, continuous=value))


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 0.0, -0.1])
def test_bad_constant_and_peak_raise(value):
    refuses("learning_rate", value, lambda: schedules.Constant(value))
    refuses("peak_learning_rate", value, lambda: schedules.OneCycle(value, 10))


@pytest.mark.parametrize("value", NOT_COUNTS)
def test_bad_counts_raise(value):
    refuses("total_steps", value, lambda: schedules.OneCycle(RATE, value))
    refuses("total_steps", value, lambda: schedules.CosineDecay(RATE, value))
    refuses("warmup_steps", value, lambda: schedules.WarmUp(schedules.Constant(RATE), value))


@pytest.mark.parametrize("value", [-1, 1.5, "7", True])
def test_bad_rise_and_warm_up_epochs_raise(value):
    refuses("rise_steps", value, lambda: schedules.OneCycle(RATE, 10, value))
    refuses(
        "warmup_epochs",
        value,
        lambda: schedules.build("root", RATE, steps_per_epoch=7, epochs=1, warmup_epochs=value),
    )


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_build_checks_what_a_schedule_does_not_use(name):
    arguments = {"steps_per_epoch": 7, "epochs": 3}
    refuses("epochs", 0, lambda: schedules.build(name, RATE, **{**arguments, "epochs": 0}))
    refuses("continuous", "no", lambda: schedules.build(name, RATE, **arguments, continuous="no"))


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -0.1, 1.0])
def test_bad_momentum_raises(value):
    refuses("high", value, lambda: schedules.CycledMomentum(10, high=value))
    refuses("low", value, lambda: schedules.CycledMomentum(10, low=value))


def test_rise_as_long_as_the_cycle_raises():
    with pytest.raises(ValueError, match="Received: rise_steps=10, total_steps=10"):
        schedules.OneCycle(RATE, 10, 10)


@pytest.mark.parametrize("value", [0.1, None, "root"])
def test_warm_up_without_a_schedule_raises(value):
    refuses("schedule", value, lambda: schedules.WarmUp(value, 3))
