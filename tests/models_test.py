import re

import keras
import numpy as np
import pytest

from tfcourse import models

SHAPE = (8, 8, 1)


@pytest.mark.parametrize("name", models.MODELS)
def test_logits_have_a_column_a_class_and_are_no_probabilities(name):
    keras.utils.set_random_seed(1)
    images = np.random.default_rng(0).random((5, *SHAPE), dtype=np.float32)
    logits = models.MODELS[name](SHAPE, 3)(images).numpy()
    assert logits.shape == (5, 3)
    assert np.abs(logits.sum(axis=1) - 1.0).min() > 1e-3


def test_sizes_are_arguments():
    assert models.softmax_regression(SHAPE, 10).count_params() == 64 * 10 + 10
    mlp = models.batch_norm_mlp(SHAPE, 10, hidden_units=(5, 3))
    # No bias before batch normalization, which has four vectors of its own.
    assert mlp.count_params() == 64 * 5 + 4 * 5 + 5 * 3 + 4 * 3 + 3 * 10 + 10
    cnn = models.small_cnn(SHAPE, 10, filters=(2, 4))
    assert cnn.count_params() == 9 * 2 + 4 * 2 + 9 * 2 * 4 + 4 * 4 + 2 * 2 * 4 * 10 + 10


@pytest.mark.parametrize(("name", "count"), [("batch_norm_mlp", 2), ("small_cnn", 1)])
def test_dropout_is_there_only_where_asked(name, count):
    def dropouts(**arguments):
        model = models.MODELS[name](SHAPE, 10, **arguments)
        return [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]

    assert dropouts() == []
    assert dropouts(dropout=0.25) == [0.25] * count


@pytest.mark.parametrize("name", ["batch_norm_mlp", "small_cnn"])
def test_a_single_example_gets_the_same_answer_alone_as_in_a_batch(name):
    images = np.random.default_rng(0).random((4, *SHAPE), dtype=np.float32)
    model = models.MODELS[name](SHAPE, 10)
    np.testing.assert_allclose(model(images)[:1], model(images[:1]), rtol=1e-5, atol=1e-6)


def test_an_image_too_small_to_be_halved_is_refused():
    with pytest.raises(ValueError, match=r"Received: input_shape=\(3, 8, 1\)"):
        models.small_cnn((3, 8, 1), 10)
    with pytest.raises(ValueError, match=r"Received: input_shape=\(64,\)"):
        models.small_cnn((64,), 10)


def test_moving_averages_follow_within_a_few_hundred_steps():
    # With Keras's momentum of 0.99 they still hold 13 % of their start after 200 steps.
    images = 0.1 * np.random.default_rng(0).random((32, *SHAPE), dtype=np.float32)
    model = models.batch_norm_mlp(SHAPE, 3, hidden_units=(4,))
    for _ in range(200):
        trained = model(images, training=True)
    np.testing.assert_allclose(model(images, training=False), trained, rtol=1e-3, atol=1e-4)


def test_batch_normalization_comes_before_every_activation():
    mlp = models.batch_norm_mlp(SHAPE, 3, hidden_units=(4, 4), dropout=0.5)
    stage = ["Dense", "BatchNormalization", "ReLU", "Dropout"]
    kinds = [type(layer).__name__ for layer in mlp.layers]
    assert kinds == ["Flatten", *stage, *stage, "Dense"]
    cnn = models.small_cnn(SHAPE, 3, filters=(2, 4))
    kinds = [type(layer).__name__ for layer in cnn.layers]
    assert kinds[:3] == kinds[4:7] == ["Conv2D", "BatchNormalization", "ReLU"]
    momenta = [getattr(layer, "momentum", None) for layer in (*mlp.layers, *cnn.layers)]
    assert set(momenta) == {0.9, None}


def test_a_line_begins_at_0_and_a_network_does_not():
    assert not models.softmax_regression(SHAPE, 1).get_weights()[0].any()
    assert models.batch_norm_mlp(SHAPE, 1, hidden_units=(4,)).get_weights()[-2].all()


@pytest.mark.parametrize(
    ("name", "arguments", "received"),
    [
        ("mlp", {}, "name='mlp'"),
        ("softmax_regression", {"num_classes": 0}, "num_classes=0"),
        ("batch_norm_mlp", {"dropout": 1.0}, "dropout=1.0"),
        ("small_cnn", {"dropout": -0.1}, "dropout=-0.1"),
        ("small_cnn", {"augment": ["spin"]}, "kinds='spin'"),
        ("small_cnn", {"augment": ["shift"], "augment_strength": 0.0}, "strength=0.0"),
    ],
)
def test_what_makes_no_model_is_refused(name, arguments, received):
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}")):
        models.build(name, (8, 8, 1), **{"num_classes": 10, **arguments})
