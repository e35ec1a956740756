"""The schedules inside TensorFlow's compiled functions."""

import numpy as np
import pytest
import references
import tensorflow as tf

from tfcourse import schedules

RATE = 0.1
FAR_OUT = 16_777_217 * 7  # The first step of an epoch; float32 rounds it and its neighbours.

SCHEDULES = {
    "constant": (schedules.Constant(RATE), lambda step: references.constant(step, RATE)),
    "exponential": (
        schedules.ExponentialDecay(RATE, 7),
        lambda step: references.exponential(step, RATE, 7),
    ),
    "root": (schedules.RootDecay(RATE, 7), lambda step: references.root(step, RATE, 7)),
    "inverse_time": (
        schedules.InverseTimeDecay(RATE, 7),
        lambda step: references.inverse_time(step, RATE, 7),
    ),
    "continuous": (
        schedules.InverseTimeDecay(RATE, 7, continuous=True),
        lambda step: references.inverse_time(step, RATE, 7, continuous=True),
    ),
    "one_cycle": (schedules.OneCycle(RATE, 30), lambda step: references.one_cycle(step, RATE, 30)),
    "cosine": (schedules.CosineDecay(RATE, 30), lambda step: references.cosine(step, RATE, 30)),
    "warm_up": (
        schedules.WarmUp(schedules.RootDecay(RATE, 7), 5),
        lambda step: references.warm_up(step, lambda s: references.root(s, RATE, 7), 5),
    ),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_loop_over_steps_matches_the_reference(name, jit_compile):
    schedule, reference = SCHEDULES[name]

    @tf.function(jit_compile=jit_compile)
    def curve(num_steps):
        rates = tf.TensorArray(tf.float32, num_steps)

        def body(step, rates):
            return step + 1, rates.write(tf.cast(step, tf.int32), schedule(step))

        return tf.while_loop(
            lambda step, _: step < num_steps, body, [tf.constant(0, tf.int64), rates]
        )[1].stack()

    expected = [reference(step) for step in range(40)]
    np.testing.assert_allclose(curve(40), expected, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_far_steps_match_the_reference_and_trace_once(name, jit_compile):
    schedule, reference = SCHEDULES[name]
    traces = []

    @tf.function(jit_compile=jit_compile)
    def rate(step):
        traces.append(step)
        return schedule(step)

    steps = [0, 6, 7, FAR_OUT - 1, FAR_OUT, FAR_OUT + 6, FAR_OUT + 7, 10**12]
    rates = [rate(tf.constant(step, tf.int64)).numpy() for step in steps]
    np.testing.assert_allclose(rates, [reference(step) for step in steps], rtol=1e-5, atol=1e-37)
    assert len(traces) == 1
