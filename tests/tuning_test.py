import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest

from recipes import mnist_softmax
from tfcourse import datasets, tuning

# keras-tuner reads the current thread's name the old way, and arrays without NumPy 2's argument.
pytestmark = [
    pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning:keras_tuner"),
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
]


def drawn(base, count=400, names=None):
    space = tuning.search_space(base, names)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective="val_accuracy", max_trials=count, seed=3, hyperparameters=space
    )
    trials = []
    for trial in range(count):
        values = oracle.populate_space(str(trial))["values"]
        hp = space.copy()
        hp.values = values
        trials.append(tuning.values_in(hp, base))
    return trials


def test_values_keep_their_types_and_stay_in_their_ranges():
    trials = drawn(mnist_softmax.MnistSoftmax())
    for trial in trials:
        assert type(trial.epochs) is int
        assert 2 <= trial.epochs <= 20
        assert trial.hidden_units in ((128,), (256, 128), (512, 256))
        assert trial.batch_size in (32, 64, 128, 256, 512)
        assert 1e-4 <= trial.learning_rate <= 1.0
    assert {trial.batch_size for trial in trials} == {32, 64, 128, 256, 512}


def test_scales_put_the_median_where_they_say():
    trials = drawn(mnist_softmax.MnistSoftmax(optimizer="momentum"))
    rates = [trial.learning_rate for trial in trials]
    betas = [trial.beta for trial in trials if trial.optimizer == "momentum"]
    assert np.median(rates) == pytest.approx(1e-2, rel=0.5)
    assert 1 - np.median(betas) == pytest.approx(1e-2, rel=0.5)
    assert 0.9 <= min(betas) <= max(betas) <= 0.999


def test_inactive_hyperparameters_keep_their_value():
    for trial in drawn(mnist_softmax.MnistSoftmax(), count=50):
        assert trial.optimizer == "momentum" or trial.beta == 0.9


def test_only_the_named_are_tuned_and_others_refused():
    base = mnist_softmax.MnistSoftmax(epochs=3)
    trials = drawn(base, count=20, names=["learning_rate"])
    assert len({trial.learning_rate for trial in trials}) == 20
    assert {dataclasses.replace(t, learning_rate=base.learning_rate) for t in trials} == {base}
    with pytest.raises(ValueError, match="Received: 'seed'"):
        tuning.search_space(base, ["seed"])
    with pytest.raises(ValueError, match="beta matters only with optimizer momentum or"):
        tuning.search_space(base, ["learning_rate", "beta"])
    assert {t.optimizer for t in drawn(base, count=20, names=["optimizer", "beta"])} == {
        "momentum",
        "adam",
    }


def test_plain_random_search_drives_the_recipe(tmp_path):
    data = datasets.load("digits").smaller(128)
    hypermodel = mnist_softmax.hypermodel(
        data,
        mnist_softmax.MnistSoftmax(model="softmax_regression"),
        tuned=["learning_rate", "batch_size", "epochs", "optimizer", "beta"],
    )
    tuner = keras_tuner.RandomSearch(
        hypermodel,
        objective="val_accuracy",
        max_trials=3,
        seed=1,
        directory=tmp_path,
        hyperparameters=hypermodel.search_space(),
        allow_new_entries=False,
    )
    tuner.search(verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path / "tensorboard")])
    assert list((tmp_path / "tensorboard").glob("0/**/events.out.tfevents.*"))
    trials = tuner.oracle.get_best_trials(3)
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3
    assert len({trial.hyperparameters.get("batch_size") for trial in trials}) > 1
    best = hypermodel.values_in(tuner.get_best_hyperparameters()[0])
    model, history = mnist_softmax.train(best, data, seed=1, verbose=0)
    assert max(history.history["val_accuracy"]) == pytest.approx(trials[0].score)
    assert tuner.get_best_models()[0].count_params() == model.count_params()
