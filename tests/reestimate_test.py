import keras
import numpy as np
import pytest
import tensorflow as tf

import tfcourse.layers
from tfcourse import training

FEATURES = np.random.default_rng(0).normal(3.0, 2.0, (50, 4)).astype("float32")


def build(kind=keras.layers.BatchNormalization, dropout=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), kind(name="first")])
    if dropout:
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.ReLU())
    model.add(keras.layers.Dense(2))
    model.add(kind(name="second", momentum=0.5))
    return model


def statistics(layer):
    return layer.moving_mean.numpy(), layer.moving_variance.numpy()


@pytest.mark.parametrize(
    "kind", [keras.layers.BatchNormalization, tfcourse.layers.BatchNormalization]
)
def test_averages_are_those_of_the_batches_in_training_mode(kind):
    model = build(kind)
    training.reestimate_batch_norm(model, FEATURES, batch_size=20)
    first, second = model.get_layer("first"), model.get_layer("second")
    kernel, bias = (w.astype("float64") for w in model.layers[0].get_weights())
    head, head_bias = (w.astype("float64") for w in model.layers[3].get_weights())
    expected = {first: np.zeros((2, 3)), second: np.zeros((2, 2))}
    for batch in (FEATURES[:20], FEATURES[20:40], FEATURES[40:]):
        x = batch.astype("float64") @ kernel + bias
        expected[first] += len(batch) / 50 * np.array([x.mean(axis=0), x.var(axis=0)])
        x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
        x = np.maximum(x, 0) @ head + head_bias
        expected[second] += len(batch) / 50 * np.array([x.mean(axis=0), x.var(axis=0)])
    for layer, (mean, variance) in expected.items():
        found_mean, found_variance = statistics(layer)
        np.testing.assert_allclose(found_mean, mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found_variance, variance, rtol=1e-4)


def test_nothing_else_changes():
    model = build()
    weights = [v.numpy() for v in model.trainable_variables]
    training.reestimate_batch_norm(model, FEATURES)
    for before, variable in zip(weights, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(before, variable.numpy())
    assert [layer.momentum for layer in (model.layers[1], model.layers[4])] == [0.99, 0.5]


def test_with_all_examples_at_once_inference_equals_training_mode():
    model = build()
    training.reestimate_batch_norm(model, FEATURES, "full")
    inference = model(FEATURES, training=False).numpy()
    np.testing.assert_allclose(inference, model(FEATURES, training=True), rtol=1e-4, atol=1e-5)


def test_frozen_layers_keep_their_averages():
    model = build()
    model.get_layer("first").trainable = False
    training.reestimate_batch_norm(model, FEATURES)
    np.testing.assert_array_equal(statistics(model.get_layer("first")), [[0] * 3, [1] * 3])
    assert statistics(model.get_layer("second"))[0].any()


def test_layers_are_put_back_where_a_batch_fails():
    model = build()
    with pytest.raises(ValueError, match="incompatible"):
        training.reestimate_batch_norm(model, FEATURES[:, :3])
    assert model.get_layer("second").momentum == 0.5


def test_bad_arguments_are_refused():
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="plain")
    with pytest.raises(ValueError, match="model=plain"):
        training.reestimate_batch_norm(plain, FEATURES)
    with pytest.raises(ValueError, match="batch_size=0"):
        training.reestimate_batch_norm(build(), FEATURES, 0)
    with pytest.raises(ValueError, match="num_examples=0"):
        training.reestimate_batch_norm(build(), FEATURES[:0])


def test_peak_memory_sees_a_tensor_that_is_freed_again():
    wanted = 64 * 2**20
    found = training.peak_bytes(lambda: tf.ones(wanted, "uint8").numpy())
    assert found is None or wanted <= found < 1.5 * wanted
    assert not training.peak_bytes(lambda: None)


def test_features_that_are_not_finite_are_told_and_change_nothing():
    model = build()
    layer = model.get_layer("first")
    before = statistics(layer)
    features = FEATURES.copy()
    features[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"`features` must be finite.*1 values"):
        training.reestimate_batch_norm(model, features, batch_size=20)
    for now, then in zip(statistics(layer), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert layer.momentum == 0.99


def test_diverged_weights_are_told_and_change_nothing():
    model = build()
    layer = model.get_layer("second")
    kernel = next(each for each in model.layers if isinstance(each, keras.layers.Dense)).kernel
    kernel.assign(tf.fill(kernel.shape, 1e38))
    before = statistics(layer)
    with np.errstate(invalid="ignore"), pytest.raises(training.NotFiniteError, match="diverged"):
        training.reestimate_batch_norm(model, FEATURES, batch_size=20)
    for now, then in zip(statistics(layer), before, strict=True):
        np.testing.assert_array_equal(now, then)
