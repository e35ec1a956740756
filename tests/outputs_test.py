"""Outputs that are taken for what they are not are told before the first step."""

import dataclasses
import importlib

import keras
import numpy as np
import pytest

from tfcourse import datasets, inference, run_directory, training
from tfcourse.training import outputs

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


BINARY = keras.losses.BinaryCrossentropy


@pytest.mark.parametrize(
    ("loss", "width"),
    [
        *((PROBABILITIES, 10), (keras.losses.sparse_categorical_crossentropy, 10)),
        *(("binary_crossentropy", 1), (keras.losses.binary_crossentropy, 1), (BINARY(), 1)),
    ],
)
def test_logits_under_a_loss_of_probabilities_are_refused(digits, loss, width):
    with pytest.raises(ValueError, match=r"returns logits.*from_logits=True"):
        fit(digits, [keras.layers.Dense(width)], loss, callbacks=[NoStep()])


def test_a_sigmoid_under_a_loss_of_logits_is_refused(digits):
    sigmoid = keras.layers.Dense(1, activation="sigmoid")
    with pytest.raises(ValueError, match=r"is a sigmoid.*another\. Leave"):
        fit(digits, [sigmoid], BINARY(from_logits=True), callbacks=[NoStep()])


@pytest.mark.parametrize("loss", ["binary_crossentropy", BINARY()])
def test_classes_beyond_1_under_binary_crossentropy_are_refused(digits, loss):
    sigmoid = keras.layers.Dense(1, activation="sigmoid")
    with pytest.raises(datasets.DataError, match="train labels: expected 0 or 1, for binary"):
        fit(digits, [sigmoid], loss, callbacks=[NoStep()])


def test_two_classes_train_under_binary_crossentropy(digits):
    ones = [dataclasses.replace(s, labels=s.labels % 2) for s in (digits.train, digits.validation)]
    data = dataclasses.replace(digits, train=ones[0], validation=ones[1])
    fit(data, [keras.layers.Dense(1, activation="sigmoid")], "binary_crossentropy")


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


RECIPE = """
import dataclasses
import keras
from tfcourse import training
from tfcourse.hyperparameters import Hyperparameters, choice


class Network(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])

    def call(self, features):
        return self.inner(features)


@dataclasses.dataclass(frozen=True)
class Own(Hyperparameters):
    end: str = choice("logits", ("logits", "softmax"), "What the model returns.")


def build(hyperparameters, data, seed):
    training.set_seed(seed)
    if hyperparameters.end == "logits":
        model = Network()
    else:
        layers = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
        model = keras.Sequential([keras.Input(data.input_shape), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(hyperparameters.end == "logits")
    model.compile("adam", loss, metrics=["accuracy"])
    return model
"""


def test_a_run_of_a_subclassed_model_is_loaded_and_one_with_a_softmax_told(
    digits, tmp_path, monkeypatch
):
    (tmp_path / "network_of_my_own.py").write_text(RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = importlib.import_module("network_of_my_own")
    folder, flags = tmp_path / "run", {"end": ["logits"], "seed": ["1"], "dataset": ["digits"]}
    model = recipe.build(recipe.Own(), digits, 1)
    with run_directory.open_run(folder, flags, recipe=recipe.__name__) as run:
        history = training.fit(
            model, digits, epochs=1, batch_size=50, seed=1, run=run, tensorboard=False, verbose=0
        )
        training.save_model(model, run)
        run.write_metrics(training.final_metrics(model, history, digits))
    classifier = inference.load_run(folder, recipe=recipe.__name__)
    probabilities = keras.ops.softmax(training.predict(model, digits.test.features))
    np.testing.assert_allclose(
        classifier.probabilities(digits.test.features), probabilities, atol=1e-5
    )
    (folder / "flags.txt").write_text(
        (folder / "flags.txt").read_text().replace("--end=logits", "--end=softmax")
    )
    with pytest.raises(inference.RunFileError, match="is a softmax"):
        inference.load_run(folder, recipe=recipe.__name__)


class OnlyConfigured(keras.losses.Loss):
    """A loss whose configuration alone says what it takes, as those of Keras 3.16 do."""

    def get_config(self):
        return {**super().get_config(), "from_logits": True}


def test_a_loss_says_whether_it_takes_logits():
    assert outputs.takes_logits(OnlyConfigured()) is True
    assert outputs.takes_logits(LOGITS) is True
    assert outputs.takes_logits(keras.losses.SparseCategoricalCrossentropy()) is False
    assert outputs.takes_logits(keras.losses.MeanSquaredError()) is None
    assert outputs.takes_logits(PROBABILITIES) is None
