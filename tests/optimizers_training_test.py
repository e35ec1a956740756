"""What the optimizers inherit from Keras, and how they behave inside TensorFlow's machinery."""

import keras
import numpy as np
import pytest
import references
import tensorflow as tf

from tfcourse import choices, optimizers, schedules
from tfcourse.optimizers import OPTIMIZERS

FLOAT64 = {"rtol": 1e-10, "atol": 1e-12}
FLOAT32 = {"rtol": 1e-5, "atol": 3e-6}
RATE = 0.125
START = 2.0
GRADIENTS = np.random.default_rng(0).normal(size=(12, 3))

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def trajectory(optimizer, gradients=GRADIENTS, wrap=lambda function: function):
    """Parameters after each step from START, float64 [steps, parameters]."""
    w = keras.Variable(np.full(gradients.shape[1], START), dtype="float64")
    step = wrap(lambda gradient: optimizer.apply([gradient], [w]))
    steps = []
    for gradient in gradients:
        step(tf.constant(gradient))
        steps.append(w.numpy())
    return np.stack(steps)


def reference_trajectory(name, gradients=GRADIENTS, learning_rate=RATE, weight_decay=None):
    return references.trajectory(name, gradients, learning_rate, START, weight_decay)


@every_optimizer
def test_weight_decay_shrinks_before_the_step(name):
    steps = trajectory(OPTIMIZERS[name](RATE, weight_decay=0.5))
    np.testing.assert_allclose(steps, reference_trajectory(name, weight_decay=0.5), **FLOAT64)


@every_optimizer
def test_weight_decay_can_be_excluded(name):
    optimizer = OPTIMIZERS[name](RATE, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["variable"])
    expected = reference_trajectory(name, weight_decay=0.0)
    np.testing.assert_allclose(trajectory(optimizer), expected, **FLOAT64)


@every_optimizer
def test_clipnorm_shortens_the_gradient(name):
    norms = np.linalg.norm(GRADIENTS, axis=1, keepdims=True)
    clipped = GRADIENTS / np.maximum(norms, 1.0)
    assert (norms > 1).any()
    assert (norms < 1).any()
    steps = trajectory(OPTIMIZERS[name](RATE, clipnorm=1.0))
    np.testing.assert_allclose(steps, reference_trajectory(name, clipped), **FLOAT64)


@every_optimizer
def test_clipvalue_limits_every_component(name):
    steps = trajectory(OPTIMIZERS[name](RATE, clipvalue=0.5))
    expected = reference_trajectory(name, np.clip(GRADIENTS, -0.5, 0.5))
    np.testing.assert_allclose(steps, expected, **FLOAT64)


@every_optimizer
def test_global_clipnorm_shortens_all_gradients_together(name):
    optimizer = OPTIMIZERS[name](RATE, global_clipnorm=1.0)
    variables = [keras.Variable(np.full(size, START), dtype="float64") for size in (1, 2)]
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient[:1]), tf.constant(gradient[1:])], variables)
    norms = np.linalg.norm(GRADIENTS, axis=1, keepdims=True)
    expected = reference_trajectory(name, GRADIENTS / np.maximum(norms, 1.0))[-1]
    result = np.concatenate([variable.numpy() for variable in variables])
    np.testing.assert_allclose(result, expected, **FLOAT64)


@every_optimizer
def test_moving_average_of_the_parameters_replaces_them_at_the_end(name):
    optimizer = OPTIMIZERS[name](RATE, use_ema=True, ema_momentum=0.75)
    w = keras.Variable(np.full(3, START), dtype="float64")
    for gradient in GRADIENTS:
        optimizer.apply([tf.constant(gradient)], [w])
    steps = reference_trajectory(name)
    np.testing.assert_allclose(w.numpy(), steps[-1], **FLOAT64)
    average = steps[0]
    for step in steps[1:]:
        average = 0.75 * average + 0.25 * step
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(w.numpy(), average, **FLOAT64)


@every_optimizer
@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "tf.function"])
def test_accumulated_gradients_act_as_their_mean(name, wrap):
    steps = trajectory(OPTIMIZERS[name](RATE, gradient_accumulation_steps=3), wrap=wrap)
    means = GRADIENTS.reshape(4, 3, 3).mean(axis=1)
    updates = reference_trajectory(name, means)
    expected = np.concatenate([np.full((2, 3), START), np.repeat(updates, 3, axis=0)[:-2]])
    np.testing.assert_allclose(steps, expected, **FLOAT64)


@every_optimizer
def test_loss_scale_is_divided_out(name):
    steps = trajectory(OPTIMIZERS[name](RATE, loss_scale_factor=1024.0), GRADIENTS * 1024)
    np.testing.assert_allclose(steps, reference_trajectory(name), **FLOAT64)


def small_model(dtype=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input([4]), keras.layers.Dense(5, "tanh", dtype=dtype), keras.layers.Dense(1)]
    )


def small_data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 4)).astype("float32"), rng.normal(size=(16, 1)).astype("float32")


# But the learning rate.
NOT_DEFAULT = {
    name: {key: value for key, value in arguments.items() if key != "learning_rate"}
    for name, arguments in references.NOT_DEFAULT.items()
}


# Keras reads TensorFlow's variables through an `__array__` that NumPy finds outdated.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@every_optimizer
@pytest.mark.parametrize("scheduled", [False, True])
def test_reloaded_model_takes_the_identical_next_step(name, scheduled, tmp_path):
    rate = schedules.InverseTimeDecay(0.1, steps_per_epoch=2) if scheduled else 0.1
    model, (x, y) = small_model(), small_data()
    optimizer = OPTIMIZERS[name](rate, **NOT_DEFAULT[name], use_ema=True)
    model.compile(optimizer, loss="mse", run_eagerly=True)
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert type(revived.optimizer) is OPTIMIZERS[name]
    assert int(revived.optimizer.iterations.numpy()) == 3
    for _ in range(3):
        model.train_on_batch(x, y)
        revived.train_on_batch(x, y)
    ours = [*model.weights, *model.optimizer.variables]
    revivals = [*revived.weights, *revived.optimizer.variables]
    for variable, revival in zip(ours, revivals, strict=True):
        np.testing.assert_array_equal(revival.numpy(), variable.numpy())


# Of Lion's step a slot decides the sign, which seldom changes so soon.
@pytest.mark.parametrize(
    "name", [name for name, c in choices.OPTIMIZERS.items() if c.slots and name != "lion"]
)
def test_slots_count_for_the_next_step(name, tmp_path):
    model, (x, y) = small_model(), small_data()
    model.compile(OPTIMIZERS[name](0.1), loss="mse", run_eagerly=True)
    model.train_on_batch(x, y)
    fresh = small_model()
    fresh.compile(OPTIMIZERS[name](0.1), loss="mse", run_eagerly=True)
    fresh.set_weights(model.get_weights())
    model.train_on_batch(x, y)
    fresh.train_on_batch(x, y)
    assert not np.allclose(fresh.get_weights()[0], model.get_weights()[0], **FLOAT32)


@every_optimizer
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_no_update_is_lost_in_mixed_precision(name, policy):
    # The loss is the mean of w, so its gradient is 1; 1 - 1e-4 is 1 in either half precision.
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", dtype=policy)
    model = keras.Sequential([keras.Input([1]), layer])
    optimizer = OPTIMIZERS[name](1e-4)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2**14)
    model.compile(optimizer, loss=lambda y, prediction: prediction)
    model.fit(np.ones((40, 1)), np.ones((40, 1)), batch_size=1, verbose=0)
    expected = references.trajectory(name, np.ones((40, 1)), 1e-4, start=1.0)[-1]
    np.testing.assert_allclose(layer.kernel.numpy()[0], expected, rtol=3e-6)
    assert expected < 1 - 1e-3


@every_optimizer
def test_step_that_overflows_float16_is_left_out(name):
    optimizer = keras.optimizers.LossScaleOptimizer(OPTIMIZERS[name](RATE), initial_scale=4.0)
    gradients = np.repeat(4 * GRADIENTS[:4], 2, axis=0)
    gradients[1::2] *= 0.5  # After an overflow the scale is 2.
    gradients[0, 0] = np.inf
    w = keras.Variable(np.full(3, START), dtype="float64")
    optimizer.build([w])
    optimizer.apply([tf.constant(gradients[0], "float32")], [w])
    np.testing.assert_array_equal(w.numpy(), START)
    optimizer.apply([tf.constant(gradients[1], "float64")], [w])
    np.testing.assert_allclose(w.numpy(), reference_trajectory(name)[0], rtol=1e-6)


SPARSE_ROWS = [[1, 1, 3], [0, 3, 3], [1, 2, 1]]
# Keras clips the looked-up rows before those of the same index add up, so each comes only once.
SINGLE_ROWS = [[0, 1, 3], [0, 2, 3], [1, 2, 3]]


@every_optimizer
@pytest.mark.parametrize(
    ("options", "wrap", "batches"),
    [
        ({}, lambda f: f, SPARSE_ROWS),
        ({}, tf.function, SPARSE_ROWS),
        ({}, lambda f: tf.function(f, jit_compile=True), SPARSE_ROWS),
        ({"weight_decay": 0.1}, lambda f: f, SPARSE_ROWS),
        ({"use_ema": True, "ema_overwrite_frequency": 2}, lambda f: f, SPARSE_ROWS),
        ({"gradient_accumulation_steps": 2}, lambda f: f, SPARSE_ROWS),
        ({"clipnorm": 1.0}, lambda f: f, SINGLE_ROWS),
        ({"global_clipnorm": 1.0}, lambda f: f, SINGLE_ROWS),
        ({"clipvalue": 0.5}, lambda f: f, SINGLE_ROWS),
    ],
    ids=["eager", "tf.function", "xla", "decay", "ema", "accumulation", "norm", "global", "value"],
)
def test_sparse_gradients_act_as_dense_ones(name, options, wrap, batches):
    table = np.random.default_rng(0).normal(size=(5, 2))
    sparse, dense = (keras.Variable(table, dtype="float64") for _ in range(2))
    with_sparse, with_dense = (OPTIMIZERS[name](RATE, **options) for _ in range(2))

    @wrap
    def step(rows):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(sparse.value, rows) ** 2)
        gradient = tape.gradient(loss, sparse.value)
        assert isinstance(gradient, tf.IndexedSlices)
        with_sparse.apply([gradient], [sparse])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.matmul(tf.one_hot(rows, 5, dtype=tf.float64), dense) ** 2)
        with_dense.apply([tape.gradient(loss, dense.value)], [dense])

    for rows in batches:
        step(tf.constant(rows))
    assert not np.allclose(dense.numpy()[1], table[1], **FLOAT64)
    np.testing.assert_allclose(sparse.numpy(), dense.numpy(), **FLOAT64)


@every_optimizer
def test_embedding_trains_as_the_same_dense_layer(name):
    rows = np.array(SPARSE_ROWS)
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(5, 2)
    dense = keras.layers.Dense(2, use_bias=False)
    models = [
        keras.Sequential([keras.Input([3], dtype="int32"), embedding]),
        keras.Sequential([keras.Input([3, 5]), dense]),
    ]
    dense.set_weights(embedding.get_weights())
    for model, x in zip(models, [rows, np.eye(5)[rows]], strict=True):
        model.compile(OPTIMIZERS[name](RATE), loss="mse", run_eagerly=True)
        for _ in range(3):
            model.train_on_batch(x, np.ones((3, 3, 2)))
    np.testing.assert_allclose(embedding.get_weights()[0], dense.get_weights()[0], **FLOAT32)


@every_optimizer
@pytest.mark.parametrize("jit_compile", [False, True])
def test_step_is_traced_once(name, jit_compile):
    optimizer = OPTIMIZERS[name](RATE)
    w = keras.Variable(np.full(3, START), dtype="float64")
    optimizer.build([w])
    traces = []

    @tf.function(jit_compile=jit_compile)
    def step(gradient):
        traces.append(gradient)
        optimizer.apply([gradient], [w])

    for gradient, expected in zip(GRADIENTS, reference_trajectory(name), strict=True):
        step(tf.constant(gradient))
        np.testing.assert_allclose(w.numpy(), expected, **FLOAT64)
    assert len(traces) == 1


@every_optimizer
def test_new_learning_rate_reaches_the_compiled_step(name):
    optimizer = OPTIMIZERS[name](RATE)
    w = keras.Variable(np.full(3, START), dtype="float64")
    step = tf.function(lambda gradient: optimizer.apply([gradient], [w]))
    for number, gradient in enumerate(GRADIENTS):
        optimizer.learning_rate = RATE / 2**number
        step(tf.constant(gradient))
    rates = RATE / 2.0 ** np.arange(len(GRADIENTS))
    expected = reference_trajectory(name, learning_rate=rates)[-1]
    np.testing.assert_allclose(w.numpy(), expected, **FLOAT64)


@every_optimizer
def test_epoch_compiled_as_one_loop_matches_the_reference(name):
    schedule = schedules.ExponentialDecay(RATE, steps_per_epoch=3, decay_rate=0.5)
    optimizer = OPTIMIZERS[name](schedule)
    w = keras.Variable(np.full(3, START), dtype="float64")
    optimizer.build([w])

    @tf.function(jit_compile=True)
    def epoch(gradients):
        def body(step):
            optimizer.apply([gradients[step]], [w])
            return step + 1

        tf.while_loop(lambda step: step < len(gradients), body, [0])

    epoch(tf.constant(GRADIENTS))
    rates = RATE * 0.5 ** (np.arange(len(GRADIENTS)) // 3)
    expected = reference_trajectory(name, learning_rate=rates)[-1]
    assert int(optimizer.iterations.numpy()) == len(GRADIENTS)
    np.testing.assert_allclose(w.numpy(), expected, **FLOAT64)


@every_optimizer
def test_fit_learns_and_repeats(name):
    x, y = small_data()
    losses = []
    for _ in range(2):
        model = small_model()
        model.compile(OPTIMIZERS[name](0.01), loss="mse")
        losses.append(model.fit(x, y, epochs=5, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


def test_unknown_variable_raises():
    optimizer = optimizers.Momentum()
    optimizer.build([keras.Variable(1.0)])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([tf.constant(1.0)], [keras.Variable(1.0)])
