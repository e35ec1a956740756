import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from tfcourse import from_scratch, models

SIZES = {"softmax regression": (6, 3), "one hidden layer": (6, 5, 3), "two": (6, 5, 4, 3)}
# float64: the two sum in another order, no more.
FLOAT64 = {"rtol": 1e-10, "atol": 1e-13}

every_network = pytest.mark.parametrize(
    ("sizes", "batch_norm"),
    [(sizes, batch_norm) for sizes in SIZES.values() for batch_norm in (False, True)],
)
every_activation = pytest.mark.parametrize("activation", from_scratch.ACTIVATIONS)


def network(sizes, batch_norm, seed=0):
    # Biases, gamma, beta and moving averages get values that cannot hide a mistake.
    rng = np.random.default_rng(seed)
    layers = from_scratch.initialize(sizes, seed=seed, batch_norm=batch_norm)
    for layer in layers:
        for name in layer.keys() - {"weights"}:
            layer[name] = rng.uniform(0.5, 1.5, layer[name].shape)
    return layers


def batch(sizes, examples=8):
    rng = np.random.default_rng(1)
    labels = np.eye(sizes[-1])[rng.integers(0, sizes[-1], examples)]
    return rng.normal(size=(examples, sizes[0])), labels


def loss_and_gradients(layers, inputs, labels, activation):
    logits, cache = from_scratch.forward(layers, inputs, activation=activation, training=True)
    loss, d_logits = from_scratch.cross_entropy(logits, labels)
    return loss, from_scratch.backward(layers, cache, d_logits, activation=activation)


def tensorflow_loss(variables, inputs, labels, activation):
    a = tf.constant(inputs)
    for layer in variables:
        a = tf.matmul(a, layer["weights"])
        if "gamma" in layer:
            mean, variance = tf.nn.moments(a, axes=[0])
            a = tf.nn.batch_normalization(
                a, mean, variance, layer["beta"], layer["gamma"], from_scratch.EPSILON
            )
        else:
            a += layer["biases"]
        if layer is not variables[-1]:
            a = getattr(tf.nn, activation)(a)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, a))


@every_activation
@every_network
def test_gradients_match_the_tape(sizes, batch_norm, activation):
    layers, (inputs, labels) = network(sizes, batch_norm), batch(sizes)
    loss, gradients = loss_and_gradients(layers, inputs, labels, activation)
    variables = [
        {name: tf.Variable(layer[name]) for name in gradient}
        for layer, gradient in zip(layers, gradients, strict=True)
    ]
    with tf.GradientTape() as tape:
        expected_loss = tensorflow_loss(variables, inputs, labels, activation)
    np.testing.assert_allclose(loss, expected_loss, **FLOAT64)
    for gradient, expected in zip(gradients, tape.gradient(expected_loss, variables), strict=True):
        assert gradient.keys() == expected.keys()
        for name in gradient:
            np.testing.assert_allclose(gradient[name], expected[name], **FLOAT64)


@every_activation
@every_network
def test_gradients_match_finite_differences(sizes, batch_norm, activation):
    layers, (inputs, labels) = network(sizes, batch_norm), batch(sizes)
    _, gradients = loss_and_gradients(layers, inputs, labels, activation)
    for layer, gradient in zip(layers, gradients, strict=True):
        for name in gradient:
            for index in np.ndindex(layer[name].shape):
                losses, value = [], layer[name][index]
                for h in (1e-6, -1e-6):
                    layer[name][index] = value + h
                    losses.append(loss_and_gradients(layers, inputs, labels, activation)[0])
                layer[name][index] = value
                slope = (losses[0] - losses[1]) / 2e-6
                # Central differences: rounding 1e-16 / 1e-6 outweighs the h^2 of the formula.
                assert gradient[name][index] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@every_network
def test_a_row_of_the_batch_does_not_mix_with_others_in_inference(sizes, batch_norm):
    layers, (inputs, _) = network(sizes, batch_norm), batch(sizes)
    together, _ = from_scratch.forward(layers, inputs)
    alone = [from_scratch.forward(layers, row[np.newaxis])[0][0] for row in inputs]
    np.testing.assert_allclose(alone, together, **FLOAT64)


def as_keras_model(layers, sizes):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        model = models.batch_norm_mlp((sizes[0],), sizes[-1], hidden_units=sizes[1:-1])
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.dtype == "float64"
    order = ["weights", "gamma", "beta", "moving_mean", "moving_variance", "biases"]
    model.set_weights([layer[name] for layer in layers for name in order if name in layer])
    return model


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_every_training_step_equals_the_keras_model(sizes):
    layers, (inputs, labels) = network(sizes, batch_norm=True), batch(sizes)
    model = as_keras_model(layers, sizes)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(from_logits=True))
    for _ in range(10):
        expected_loss = model.train_on_batch(inputs, labels)
        loss, layers = from_scratch.train_step(layers, inputs, labels, learning_rate=0.1)
        # The loss metric of Keras is float32, its rate too: 0.1 is off by 1.5e-8 of itself.
        assert loss == pytest.approx(float(expected_loss), rel=1e-6)
        logits, _ = from_scratch.forward(layers, inputs)
        np.testing.assert_allclose(logits, model(inputs, training=False), rtol=1e-6, atol=1e-7)


def test_training_step_leaves_its_arguments_alone():
    layers, (inputs, labels) = network((6, 5, 3), batch_norm=True), batch((6, 5, 3))
    before = [{name: array.copy() for name, array in layer.items()} for layer in layers]
    _, after = from_scratch.train_step(layers, inputs, labels, learning_rate=0.1)
    for old, new, kept in zip(before, after, layers, strict=True):
        assert old.keys() == new.keys() == kept.keys()
        for name in old:
            np.testing.assert_array_equal(old[name], kept[name])
            assert not np.array_equal(old[name], new[name])


@every_activation
def test_float32_stays_float32(activation):
    sizes = (6, 5, 3)
    inputs, labels = (np.float32(array) for array in batch(sizes))
    layers = from_scratch.initialize(sizes, seed=0, batch_norm=True, dtype="float32")
    loss, updated = from_scratch.train_step(
        layers, inputs, labels, learning_rate=0.1, activation=activation
    )
    assert loss.dtype == np.float32
    assert {array.dtype for layer in updated for array in layer.values()} == {np.dtype("float32")}


def test_cross_entropy_and_activations_do_not_overflow():
    logits, labels = np.array([[1000.0, 1000.0, -1000.0]]), np.eye(3)[[0]]
    loss, gradient = from_scratch.cross_entropy(logits, labels)
    assert loss == pytest.approx(np.log(2), rel=1e-15)
    np.testing.assert_array_equal(gradient, [[-0.5, 0.5, 0.0]])
    assert from_scratch.cross_entropy(logits, np.eye(3)[[2]])[0] == pytest.approx(2000 + np.log(2))
    sigmoid, _ = from_scratch.ACTIVATIONS["sigmoid"]
    z = np.array([-1e4, -2.0, 0.0, 3.0, 1e4])
    np.testing.assert_allclose(sigmoid(z), [0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-3), 1])


def test_initial_weights_are_seeded_and_uniform_in_the_limit():
    weights = from_scratch.initialize((300, 200, 10), seed=0)[0]["weights"]
    limit = np.sqrt(6 / 500)
    assert np.abs(weights).max() < limit
    assert weights.var() == pytest.approx(limit**2 / 3, rel=0.02)
    for seed, same in ((0, True), (1, False)):
        again = from_scratch.initialize((300, 200, 10), seed=seed)[0]["weights"]
        assert np.array_equal(again, weights) == same


def learned_accuracy(batch_norm):
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    rng = np.random.default_rng(0)
    layers = from_scratch.initialize((64, 32, 10), seed=0, batch_norm=batch_norm)
    for _ in range(20):
        for rows in np.array_split(rng.permutation(1400), 44):
            _, layers = from_scratch.train_step(
                layers, images[rows], np.eye(10)[labels[rows]], learning_rate=0.3
            )
    return np.mean(from_scratch.predict(layers, images[1400:]) == labels[1400:])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_network_learns_to_read_digits(batch_norm):
    accuracy = learned_accuracy(batch_norm)
    assert 0.9 < accuracy < 0.99
    assert learned_accuracy(batch_norm) == accuracy


def test_matrix_product_of_lists():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
    np.testing.assert_allclose(
        from_scratch.matrix_product(a.tolist(), b.tolist()), a @ b, **FLOAT64
    )


@pytest.mark.parametrize("sizes", [(), (3,), (3, 0, 2), (3, -1)])
def test_initialize_rejects_sizes(sizes):
    with pytest.raises(ValueError, match=r"Received: sizes=\("):
        from_scratch.initialize(sizes, seed=0)


def test_unknown_activation_is_refused():
    layers = from_scratch.initialize((3, 2), seed=0)
    with pytest.raises(ValueError, match="Received: activation='gelu'"):
        from_scratch.forward(layers, np.ones((1, 3)), activation="gelu")
