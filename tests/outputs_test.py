"""Outputs that are taken for what they are not are told before the first step."""

import keras
import numpy as np
import pytest

from tfcourse import datasets, run_directory, training

LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
PROBABILITIES = "sparse_categorical_crossentropy"
ENDS = {
    "dense": lambda: [keras.layers.Dense(10, activation="softmax")],
    "layer": lambda: [keras.layers.Dense(10), keras.layers.Softmax()],
    "activation": lambda: [keras.layers.Dense(10), keras.layers.Activation("softmax")],
    "nested": lambda: [keras.Sequential([keras.layers.Dense(10, activation="softmax")])],
}


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits").smaller(100)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])

    def call(self, features):
        return self.inner(features)


class NoStep(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        raise AssertionError("training began")


def fit(data, layers, loss, run=None, callbacks=()):
    training.set_seed(1)
    model = keras.Sequential([keras.Input(data.input_shape), keras.layers.Flatten(), *layers])
    model.compile("adam", loss, metrics=["accuracy"])
    training.fit(
        model, data, epochs=1, batch_size=50, seed=1, run=run, callbacks=callbacks, verbose=0
    )
    return model


@pytest.mark.parametrize("end", ENDS)
def test_a_softmax_under_a_loss_of_logits_is_refused(digits, end):
    with pytest.raises(ValueError, match=r"is a softmax.* applies another\. Leave"):
        fit(digits, ENDS[end](), LOGITS, callbacks=[NoStep()])


def test_logits_under_a_loss_of_probabilities_are_refused(digits):
    with pytest.raises(ValueError, match=r"returns logits.*from_logits=True"):
        fit(digits, [keras.layers.Dense(10)], PROBABILITIES, callbacks=[NoStep()])


def test_a_recipes_model_must_not_end_in_a_softmax(digits, tmp_path):
    with (
        run_directory.open_run(tmp_path, {}, recipe="test") as run,
        pytest.raises(ValueError, match="A recipe's model returns logits"),
    ):
        fit(digits, ENDS["dense"](), PROBABILITIES, run, [NoStep()])


def test_what_goes_together_trains(digits):
    fit(digits, ENDS["dense"](), PROBABILITIES)
    fit(digits, [keras.layers.Dense(10)], LOGITS)


def test_a_subclassed_model_trains_and_predicts(digits):
    model = Subclassed()
    training.compile_classifier(model, keras.optimizers.Adam(0.01))
    training.fit(model, digits, epochs=1, batch_size=50, seed=1, verbose=0)
    predicted = training.predict(model, digits.test.features)
    expected = model.predict(digits.test.features, verbose=0)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-5)
