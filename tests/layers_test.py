import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcourse import layers

COLOURS = ("red", "blue", "green")

# float64 against a NumPy float64 reference: only the order of summation differs.
TOLERANCE = {"rtol": 1e-12, "atol": 1e-14}


def softmax_reference(logits):
    # Extended exponents instead of a subtracted maximum: another way to the same numbers.
    exponentials = np.exp(np.asarray(logits, np.longdouble))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), np.float64)


def test_softmax_of_the_slide():
    np.testing.assert_array_equal(
        np.round(layers.softmax([5.0, 2.0, -1.0, 3.0]), 3), np.float32([0.842, 0.042, 0.002, 0.114])
    )
    np.testing.assert_array_equal(layers.hardmax([5.0, 2.0, -1.0, 3.0]), [1, 0, 0, 0])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("shape", [(4,), (7, 3), (2, 5, 10), (3, 1)])
def test_softmax_matches_reference(shape, jit_compile):
    logits = np.random.default_rng(0).normal(0, 20, shape)
    probabilities = tf.function(layers.softmax, jit_compile=jit_compile)(logits)
    np.testing.assert_allclose(probabilities, softmax_reference(logits), **TOLERANCE)
    np.testing.assert_allclose(np.sum(probabilities, axis=-1), np.ones(shape[:-1]), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_softmax_does_not_overflow(dtype):
    probabilities = layers.softmax(tf.constant([[1000, 1000, -1000]], dtype))
    np.testing.assert_array_equal(keras.ops.cast(probabilities, "float64"), [[0.5, 0.5, 0.0]])
    assert probabilities.dtype == dtype


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_softmax_of_many_equal_logits_does_not_overflow(dtype):
    probabilities = layers.softmax(keras.ops.zeros((1, 100_000), dtype))
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(np.sum(np.asarray(probabilities, "float64")), 1, rtol=1e-2)


def test_hardmax_of_a_row_with_nan_is_nan():
    rows = layers.hardmax([[1.0, float("nan"), 3.0], [1.0, 2.0, 0.0]])
    np.testing.assert_array_equal(rows, [[np.nan] * 3, [0, 1, 0]])


def test_softmax_gives_an_impossible_class_nothing():
    np.testing.assert_array_equal(layers.softmax([-np.inf, 0.0, 0.0]), [0.0, 0.5, 0.5])


@pytest.mark.parametrize("logits", [[5.0, 2.0, -1.0, 3.0], [2.0, 2.0, -1.0], [1e3, 0.0]])
def test_gradient_of_softmax_is_the_formula(logits):
    logits = tf.constant(logits, "float64")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        probabilities = layers.softmax(logits)
    a = softmax_reference(logits)
    np.testing.assert_allclose(
        tape.jacobian(probabilities, logits), np.diag(a) - np.outer(a, a), **TOLERANCE
    )


def test_integer_logits_are_cast():
    assert layers.softmax([5, 2]).dtype == "float32"
    assert layers.hardmax([5, 2]).dtype == "float32"
    # As uint8, 5 - 7 would be 254.
    np.testing.assert_array_equal(layers.softmax(np.uint8([5, 7])), layers.softmax([5.0, 7.0]))
    np.testing.assert_array_equal(layers.hardmax(np.array([[5, 7], [7, 5]])), [[0, 1], [1, 0]])
    assert layers.logistic(3).dtype == "float32"


def test_hardmax_gives_a_tie_to_the_first():
    np.testing.assert_array_equal(
        layers.hardmax([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]]), np.eye(3)[[1, 0]]
    )


def test_hardmax_is_the_limit_of_softmax():
    logits = np.array([5.0, 2.0, -1.0, 3.0])
    np.testing.assert_allclose(layers.softmax(50 * logits), layers.hardmax(logits), atol=1e-40)


def test_softmax_of_two_classes_is_logistic():
    pairs = np.random.default_rng(1).normal(0, 10, (100, 2))
    np.testing.assert_allclose(
        layers.logistic(pairs[:, 0] - pairs[:, 1]), layers.softmax(pairs)[:, 0], **TOLERANCE
    )


def test_logistic_matches_reference():
    logits = np.linspace(-300.0, 300.0, 101)
    np.testing.assert_allclose(layers.logistic(logits), 1 / (1 + np.exp(-logits)), **TOLERANCE)
    np.testing.assert_array_equal(layers.logistic([-1e4, 0.0, 1e4]), [0.0, 0.5, 1.0])


def test_one_hot_of_the_slide():
    labels = ["red", "blue", "green", "blue"]
    rows = layers.one_hot(labels, COLOURS)
    np.testing.assert_array_equal(rows, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]])
    assert rows.dtype == "float32"
    assert layers.from_one_hot(rows, COLOURS) == labels


def test_one_hot_of_integer_labels():
    labels = np.array([3, 0, 9])
    rows = layers.one_hot(labels, range(10))
    np.testing.assert_array_equal(rows, np.eye(10)[[3, 0, 9]])
    assert layers.from_one_hot(rows, range(10)) == [3, 0, 9]


def test_no_labels_are_no_rows():
    assert layers.one_hot([], COLOURS).shape == (0, 3)
    assert layers.from_one_hot(np.zeros((0, 3)), COLOURS) == []


def test_hardmax_makes_probabilities_decodable():
    probabilities = layers.softmax([[0.0, 3.0, 1.0], [2.0, 1.0, 0.0]])
    assert layers.from_one_hot(layers.hardmax(probabilities), COLOURS) == ["blue", "red"]
    with pytest.raises(ValueError, match=r"rows\[0\]=\[0\.04"):
        layers.from_one_hot(probabilities, COLOURS)


def test_one_hot_rejects_an_unknown_label():
    with pytest.raises(ValueError, match="label='yellow'"):
        layers.one_hot(["red", "yellow"], COLOURS)


@pytest.mark.parametrize("encode", [layers.one_hot, layers.from_one_hot])
def test_names_must_be_distinct(encode):
    with pytest.raises(ValueError, match=r"class_names=\('red', 'red'\)"):
        encode([], ("red", "red"))


@pytest.mark.parametrize(
    ("rows", "received"),
    [
        ([[1, 0, 0], [0, 0, 0]], r"rows\[1\]=\[0, 0, 0\]"),
        ([[1, 1, 0]], r"rows\[0\]=\[1, 1, 0\]"),
        ([[1, 0, 2]], r"rows\[0\]=\[1, 0, 2\]"),
        ([[np.nan, 1.0, 0.0]], r"rows\[0\]=\[nan"),
        ([[1, 0]], r"shape=\(1, 2\)"),
        ([1, 0, 0], r"shape=\(3,\)"),
    ],
)
def test_from_one_hot_rejects_other_rows(rows, received):
    with pytest.raises(ValueError, match=received):
        layers.from_one_hot(np.array(rows), COLOURS)


# Batch normalization

NOT_DEFAULT = {"momentum": 0.8, "epsilon": 0.01}
SHAPES = [(6, 4), (3, 5, 5, 2), (4, 7, 3)]


def batches(shape, steps=5):
    return np.random.default_rng(0).normal(2.0, 3.0, (steps, *shape))


def moments_reference(x):
    flat = x.reshape(-1, x.shape[-1])
    mean = flat.sum(axis=0) / len(flat)
    return mean, (flat**2).sum(axis=0) / len(flat) - mean**2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("arguments", [{}, NOT_DEFAULT])
def test_every_training_step_matches_the_paper(shape, arguments):
    layer = layers.BatchNormalization(**arguments, dtype="float64")
    momentum, epsilon = arguments.get("momentum", 0.99), arguments.get("epsilon", 1e-3)
    moving_mean, moving_variance = 0.0, 1.0
    for x in batches(shape):
        mean, variance = moments_reference(x)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
        expected = (x - mean) * (variance + epsilon) ** -0.5
        np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(layer.moving_mean, moving_mean, **TOLERANCE)
        np.testing.assert_allclose(layer.moving_variance, moving_variance, **TOLERANCE)
        alone = (x - moving_mean) * (moving_variance + epsilon) ** -0.5
        np.testing.assert_allclose(layer(x, training=False), alone, rtol=1e-12, atol=1e-13)


def trained_step(layer, x, jit_compile):
    # Returns outputs, gradients for inputs, gamma and beta, and the weights after the step.
    @tf.function(jit_compile=jit_compile)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=True)
            # Weighted, for the plain sum of normalized values has the gradient 0.
            weights = tf.reshape(tf.range(tf.size(x), dtype=x.dtype), tf.shape(x))
            loss = tf.reduce_sum(weights * tf.tanh(outputs))
        return outputs, tape.gradient(loss, [x, *layer.trainable_variables])

    outputs, gradients = step(x)
    for variable, gradient in zip(layer.trainable_variables, gradients[1:], strict=True):
        variable.assign_sub(0.01 * gradient)
    return [outputs, *gradients, *layer.get_weights()]


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_and_gradients_equal_keras(shape, jit_compile):
    own = layers.BatchNormalization(**NOT_DEFAULT, dtype="float64")
    reference = keras.layers.BatchNormalization(**NOT_DEFAULT, dtype="float64")
    own.build(shape)
    reference.build(shape)
    for x in batches(shape):
        pairs = [trained_step(layer, tf.constant(x), jit_compile) for layer in (own, reference)]
        for actual, expected in zip(*pairs, strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(own(x), reference(x), rtol=1e-9)


# The float64 tests above tell epsilons and momenta apart; this one is about overflow and types.
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_every_precision_equals_keras(dtype):
    own = layers.BatchNormalization(**NOT_DEFAULT, dtype=dtype)
    reference = keras.layers.BatchNormalization(**NOT_DEFAULT, dtype=dtype)
    for x in batches((6, 4)) * 300:  # Squares of up to 3000 would overflow in float16.
        for training in (True, False):
            actual, expected = own(x, training=training), reference(x, training=training)
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(
                tf.cast(actual, "float32"), tf.cast(expected, "float32"), rtol=1e-6, atol=1e-6
            )
    for actual, expected in zip(own.get_weights(), reference.get_weights(), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(np.float32(actual), np.float32(expected), rtol=1e-6)


def classifier(normalization):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(5), normalization, keras.layers.ReLU(), keras.layers.Dense(3)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_fit_equals_fit_with_keras_layer():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)).astype("float32"), rng.integers(0, 3, 64)
    own = classifier(layers.BatchNormalization(**NOT_DEFAULT))
    reference = classifier(keras.layers.BatchNormalization(**NOT_DEFAULT))
    for model in (own, reference):
        model.fit(x, y, batch_size=16, epochs=5, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        own.predict(x, verbose=0), reference.predict(x, verbose=0), atol=1e-6
    )


def test_a_sample_gets_the_same_answer_alone():
    layer = layers.BatchNormalization(dtype="float64")
    x = batches((6, 4))[0]
    layer(x, training=True)
    np.testing.assert_array_equal(layer(x)[:1], layer(x[:1]))
    assert not np.allclose(layer(x, training=True)[:1], layer(x[:1], training=True))


def test_masked_steps_do_not_count_as_in_keras():
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    x[~mask] = 1e6
    ours, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    results = [layer(x, training=True, mask=mask).numpy()[mask] for layer in (ours, theirs)]
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-4)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    sequence = keras.Sequential([keras.layers.Masking(), layers.BatchNormalization()])
    assert sequence(np.zeros((1, 2, 2)))._keras_mask.numpy().tolist() == [[False, False]]


def test_frozen_layer_neither_learns_nor_averages():
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    layer.trainable = False
    x = np.float32(batches((6, 4))[0])
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(4))
    assert layer.trainable_variables == []


# Keras 3.15 hands its variables to NumPy 2 in the old way when it saves them.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_loaded_model_continues_alike(tmp_path):
    model = classifier(layers.BatchNormalization(**NOT_DEFAULT))
    x, y = np.float32(batches((16, 4))[0]), np.arange(16) % 3
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    revived = keras.saving.load_model(tmp_path / "model.keras")
    for _ in range(2):
        np.testing.assert_array_equal(revived(x, training=False), model(x, training=False))
        np.testing.assert_array_equal(revived(x, training=True), model(x, training=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("momentum", value) for value in (1.0, -0.1, float("nan"))),
        *(("epsilon", value) for value in (0.0, -1.0, float("nan"), float("inf"))),
    ],
)
def test_batch_normalization_rejects(name, value):
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        layers.BatchNormalization(**{name: value})
