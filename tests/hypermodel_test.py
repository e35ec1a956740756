"""keras-tuner's tuners drive recipes by `tuner.search`; a trial is the recipe's own training."""

import dataclasses
import importlib

import keras
import keras_tuner
import numpy as np
import pytest
from own_recipe_test import TEMPLATE

from recipes import classify, mnist_softmax
from tfcourse import datasets, optimizers, training, tuning

# keras-tuner reads the current thread's name the old way, and arrays without NumPy 2's argument;
# Bayesian optimization fits its process to two points.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner"),
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

TUNERS = {
    "random": (keras_tuner.RandomSearch, {"max_trials": 2}),
    "bayesian": (keras_tuner.BayesianOptimization, {"max_trials": 3, "num_initial_points": 2}),
    "grid": (keras_tuner.GridSearch, {"max_trials": 2}),
    "hyperband": (keras_tuner.Hyperband, {"max_epochs": 2, "factor": 2}),
}
# Quickly traced.
QUICK = {"model": "softmax_regression", "optimizer": "gradient_descent", "schedule": "constant"}
BASE = mnist_softmax.MnistSoftmax(**QUICK, epochs=3, batch_size=64)


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(128)


def tuner_of(hypermodel, folder, name="random", **arguments):
    kind, own = TUNERS[name]
    return kind(
        hypermodel,
        objective="val_accuracy",
        seed=1,
        directory=folder,
        hyperparameters=hypermodel.search_space(),
        allow_new_entries=False,
        **{**own, **arguments},
    )


class Epochs(keras.callbacks.Callback):
    """Counts the epochs of all trials, of which each has a copy."""

    counted: list[int]

    def on_epoch_end(self, epoch, logs=None):
        type(self).counted.append(epoch)


@pytest.mark.parametrize("name", TUNERS)
def test_every_tuner_searches_with_callbacks_and_epochs(data, tmp_path, name):
    hypermodel = mnist_softmax.hypermodel(data, BASE, tuned=["learning_rate", "batch_size"])
    tuner = tuner_of(hypermodel, tmp_path, name)
    Epochs.counted = []
    tuner.search(callbacks=[Epochs()], epochs=2, verbose=0)
    trials = list(tuner.oracle.trials.values())
    assert {trial.status for trial in trials} == {"COMPLETED"}
    trained = [trial.hyperparameters.values.get("tuner/epochs", 2) for trial in trials]
    assert Epochs.counted == [epoch for epochs in trained for epoch in range(epochs)]
    best = tuner.oracle.get_best_trials()[0]
    values = hypermodel.values_in(best.hyperparameters)
    values = values if name == "hyperband" else dataclasses.replace(values, epochs=2)
    model, history = mnist_softmax.train(values, data, seed=1, verbose=0)
    assert max(history.history["val_accuracy"]) == best.score
    for mine, alone in zip(tuner.get_best_models()[0].weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine, alone)


def test_what_search_is_given_counts_more_than_what_is_drawn(data, tmp_path):
    tuner = tuner_of(mnist_softmax.hypermodel(data, BASE), tmp_path, max_trials=1)
    Epochs.counted = []
    tuner.search(callbacks=[Epochs()], epochs=1, batch_size=50, monitor="val_loss", verbose=0)
    assert Epochs.counted == [0]


REFUSED = {
    "positional data": (([1], [2]), {}, "Received: list, list"),
    "validation data": ((), {"validation_data": ([1], [2])}, "Received: validation_data"),
    "a folder": ((), {"run_dir": "runs"}, "Received: run_dir"),
    "a later start": ((), {"epochs": 3, "initial_epoch": 1}, "Received: initial_epoch"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_recipe_settles_itself_ends_the_search_at_once(data, tmp_path, case):
    args, arguments, message = REFUSED[case]
    tuner = tuner_of(mnist_softmax.hypermodel(data, BASE), tmp_path)
    with pytest.raises(keras_tuner.errors.FatalValueError, match=message):
        tuner.search(*args, verbose=0, **arguments)


def test_a_tuners_own_optimizer_is_refused(data, tmp_path):
    hypermodel = mnist_softmax.hypermodel(data, BASE)
    tuner = tuner_of(hypermodel, tmp_path, optimizer=optimizers.GradientDescent(1e-3))
    with pytest.raises(keras_tuner.errors.FatalValueError, match="Set them in the recipe"):
        tuner.search(verbose=0)


def test_one_batch_size_takes_all_examples(data):
    space = mnist_softmax.hypermodel(data, BASE).search_space()
    (axis,) = [each for each in space.space if each.name == "batch_size"]
    assert [*axis.values] == [32, 64, 128]  # Of 128 examples, more are the same.


def test_the_model_handed_in_is_trained(data):
    hypermodel = mnist_softmax.hypermodel(data, BASE)
    space = hypermodel.search_space()
    model = hypermodel.build(space)
    history = hypermodel.fit(space, model)
    assert training.evaluate(model, data.validation)["accuracy"] == pytest.approx(
        max(history.history["val_accuracy"])
    )


def test_classify_keeps_its_class_weights_and_chooses_its_epochs(data):
    base = classify.Classify(model="softmax_regression", epochs=0, class_weight="balanced")
    hypermodel = classify.hypermodel(data, base, tuned=["learning_rate"])
    space = hypermodel.search_space()
    model = hypermodel.build(space)
    history = hypermodel.fit(space, model)
    alone, alone_history = classify.train(hypermodel.values_in(space), data, 1, verbose=0)
    assert len(history.epoch) == len(alone_history.epoch) >= classify.FEWEST_EPOCHS
    for mine, weights in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, weights)


def test_the_template_of_an_own_recipe_is_searched(data, tmp_path, monkeypatch):
    (tmp_path / "two_layers.py").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = importlib.import_module("two_layers")
    hypermodel = tuning.RecipeHyperModel(recipe.build, recipe.train, recipe.TwoLayers(), data)
    tuner = tuner_of(hypermodel, tmp_path)
    tuner.search(epochs=1, early_stopping=1, verbose=0)
    assert {trial.status for trial in tuner.oracle.trials.values()} == {"COMPLETED"}
