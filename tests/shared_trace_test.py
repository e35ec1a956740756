import dataclasses

import numpy as np
import pytest

from tfcourse import datasets, models, optimizers, training


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits").smaller(150)


def build(seed, learning_rate, optimizer="adam"):
    training.set_seed(seed)
    model = models.batch_norm_mlp((8, 8, 1), 10, hidden_units=(16,), dropout=0.2)
    training.compile_classifier(model, optimizers.OPTIMIZERS[optimizer](learning_rate))
    return model


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_each_training_is_that_of_fit(digits, optimizer):
    trace = training.SharedTrace(build(9, 0.5, optimizer), digits, batch_size=32)
    for seed, rate in ((1, 0.01), (2, 0.03), (1, 0.01)):
        found = trace.train(build(seed, rate, optimizer), epochs=2, seed=seed)
        model = build(seed, rate, optimizer)
        history = training.fit(model, digits, epochs=2, batch_size=32, seed=seed, verbose=0)
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            np.testing.assert_array_equal(found[name], history.history[name])


def test_the_last_weights_are_kept_and_can_be_evaluated(digits):
    trace = training.SharedTrace(build(1, 0.01), digits, batch_size="full")
    history = trace.train(build(1, 0.01), epochs=2, seed=1)
    assert trace.evaluate(digits.validation)["accuracy"] == history["val_accuracy"][-1]


def test_a_loss_that_is_not_finite_goes_into_the_history(digits):
    features = np.full_like(digits.train.features, np.nan)
    train = datasets.Split(features, digits.train.labels)
    broken = dataclasses.replace(digits, train=train)
    trace = training.SharedTrace(build(1, 0.01), broken, batch_size=32)
    assert np.isnan(trace.train(build(1, 0.01), epochs=2, seed=1)["loss"]).all()
