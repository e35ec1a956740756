"""A model that serves one training after another begins with all that a new one has, to the bit."""

import dataclasses
import functools
import random

import keras
import numpy as np
import pytest

import tfcourse
from recipes import mnist_softmax
from tfcourse import datasets, optimizers, run_directory, training
from tfcourse.system import due
from tfcourse.training.checkpoints.checkpoint import variables_of
from tfcourse.training.compilation import programs, reuse, steps

BASE = mnist_softmax.MnistSoftmax(
    hidden_units=(16,), epochs=3, batch_size=32, dropout=0.1, schedule="constant"
)


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(96)  # Whole batches: a smaller one is traced too.


class Counted:
    """A function, and how often it was called."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *arguments, **more):
        self.calls += 1
        return self.function(*arguments, **more)


@pytest.fixture(autouse=True)
def made(monkeypatch):
    """Yields a function that returns how many models were made, and how many steps were traced."""
    monkeypatch.setattr(steps, "compiles_with_xla", lambda model: False)
    build, run = Counted(tfcourse.models.build), Counted(steps.InMemorySteps._run_full_steps)
    monkeypatch.setattr(tfcourse.models, "build", build)

    def run_full_steps(self, *arguments):
        run(self, *arguments)

    monkeypatch.setattr(steps.InMemorySteps, "_run_full_steps", run_full_steps)
    for kept in (programs._kept, reuse._free):
        kept.clear()
    yield lambda: (build.calls, run.calls)
    for kept in (programs._kept, reuse._free):
        kept.clear()


def trial(data, seed, run=None, callbacks=(), **changes):
    with training.reused_models(), training.shared_programs():
        hyperparameters = dataclasses.replace(BASE, **changes)
        given = {"run": run, "callbacks": callbacks, "tensorboard": False, "verbose": 0}
        return result(*mnist_softmax.train(hyperparameters, data, seed, **given))


def alone(data, seed, **changes):
    hyperparameters = dataclasses.replace(BASE, **changes)
    return result(*mnist_softmax.train(hyperparameters, data, seed, verbose=0))


def result(model, history):
    return arrays(model), history.history


def arrays(model):
    return [np.array(variable.numpy()) for variable in variables_of(model)]


def assert_same(one, other):
    assert one[1] == other[1]
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)


def but_metrics(model):
    # They are reset where an epoch begins, and a new model does not have all of them yet.
    metrics = {id(variable) for variable in model.metrics_variables}
    return [np.array(v.numpy()) for v in variables_of(model) if id(v) not in metrics]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "momentum", "schedule": "one_cycle", "hidden_units": (16, 8)},
        {"model": "softmax_regression", "optimizer": "rmsprop"},
        {"model": "small_cnn", "augment": ("flip", "rotate")},
        {"precision": "mixed_bfloat16"},
        {"clip_norm": 0.1, "label_smoothing": 0.1, "schedule": "one_cycle", "beta_1": "cycled"},
    ],
)
def test_a_reused_model_begins_as_a_new_one_does(data, made, changes):
    first, second = (
        dataclasses.replace(BASE, **changes, learning_rate=rate) for rate in (0.01, 0.02)
    )
    trial(data, 1, **changes, learning_rate=0.01)
    new = mnist_softmax.build(second, data, 7)
    drawn = random.getstate()
    before = made()
    for hyperparameters, seed in ((first, 3), (second, 7)):
        with training.reused_models():
            reused = mnist_softmax.build(hyperparameters, data, seed)
    assert made() == before
    assert random.getstate() == drawn
    for a, b in zip(but_metrics(reused), but_metrics(new), strict=True):
        np.testing.assert_array_equal(a, b)
    assert reused.optimizer.get_config() == {
        **new.optimizer.get_config(),
        "name": reused.optimizer.name,
    }


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_trials_are_trained_as_alone_and_build_and_trace_nothing(data, made, optimizer):
    for seed, rate in enumerate((0.003, 0.02, 0.01)):
        trained = trial(data, seed, learning_rate=rate, optimizer=optimizer)
    assert made() == (1, 1)
    assert_same(trained, alone(data, 2, learning_rate=0.01, optimizer=optimizer))


def test_trials_of_several_shapes_take_turns(data, made):
    shapes = [{"optimizer": "adam"}, {"optimizer": "momentum"}, {"hidden_units": (8,)}]
    for seed in (1, 2):
        for changes in shapes:
            trained = trial(data, seed, **changes)
    assert made() == (3, 3)
    assert_same(trained, alone(data, 2, **shapes[-1]))
    for batch_size in (16, 32, 16):
        trained = trial(data, 3, batch_size=batch_size)
    assert made() == (4, 5)  # One of each was `alone`; 32 was there.
    assert_same(trained, alone(data, 3, batch_size=16))


def diverging(rate):
    return functools.partial(dense_network, 10), optimizers.GradientDescent(rate)


def dense_network(units, bias="zeros"):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(20, "relu"),
            keras.layers.Dense(units, bias_initializer=bias),
        ]
    )


def fitted(make, optimizer, data, seed=1, **arguments):
    arguments = {"epochs": 2, "batch_size": 32, "seed": seed, "verbose": 0, **arguments}
    with training.reused_models(), training.shared_programs():
        training.set_seed(seed)
        model = training.built_for(make, optimizer, data)
        return result(model, training.fit(model, data, **arguments))


def test_an_infeasible_trial_costs_the_next_one_nothing(data, made):
    expected = fitted(*diverging(0.1), data, seed=2)
    fitted(*diverging(0.2), data)
    for _ in range(2):
        with pytest.raises(training.NotFiniteError):
            fitted(*diverging(1e30), data)
    assert_same(fitted(*diverging(0.1), data, seed=2), expected)
    assert made() == (0, 1)


def test_what_a_callback_changed_serves_no_other_trial(data):
    class Change(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.optimizer.beta_1 = 0.1

    class Freeze(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.layers[1].trainable = False

    for callback in (Change(), Freeze()):
        trial(data, 1, callbacks=[callback])
        assert not reuse._free
        assert_same(trial(data, 2), alone(data, 2))
        reuse._free.clear()


def lstm(data):
    shape = data.input_shape
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Reshape((8, 8)),
            keras.layers.LSTM(4),  # Of its biases some begin at 1, by no initializer of its own.
            keras.layers.Dense(10),
        ]
    )


def network_of_random_weights():
    model = dense_network(10)
    model.layers[-1].kernel.assign(np.random.default_rng(0).normal(size=(20, 10)))
    return model


def network_of_ones_own_draw():
    return dense_network(10, bias=keras.initializers.Constant(random.random()))


@pytest.mark.parametrize("make", [network_of_random_weights, network_of_ones_own_draw])
def test_a_model_is_built_anew_where_its_values_are_not_known(data, make):
    for seed in (1, 2):
        fitted(make, optimizers.Adam(0.01), data, seed)
        assert not reuse._free
    fitted(functools.partial(lstm, data), optimizers.Adam(0.01), data)
    assert not reuse._free


def test_a_closure_is_called_anew(data):
    calls = []

    def make():
        calls.append(None)
        return dense_network(10)

    for _ in range(2):
        fitted(make, optimizers.Adam(0.01), data)
    assert len(calls) == 2


def test_whoever_holds_the_optimizer_holds_that_of_the_model(data):
    for rate in (0.1, 0.2):
        optimizer = optimizers.Momentum(rate)
        with training.reused_models():
            model = training.built_for(functools.partial(dense_network, 10), optimizer, data)
        optimizer.learning_rate = 0.5 * rate
        assert float(model.optimizer.learning_rate) == pytest.approx(0.5 * rate)
        assert optimizer.variables[0] is model.optimizer.variables[0]


class Stop(keras.callbacks.Callback):
    not_kept = ("epoch",)

    def __init__(self, epoch=None):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyError


def test_a_trial_that_was_stopped_goes_on_in_a_reused_model(data, tmp_path, monkeypatch):
    monkeypatch.setattr(due, "_COST_FACTOR", 0)  # After each epoch.

    def in_folder(name, seed, rate, stop=None):
        with run_directory.open_run(tmp_path / name, {}, recipe="") as run:
            return trial(data, seed, run, [Stop(stop)], learning_rate=rate)

    whole = in_folder("whole", 3, 0.01)
    with pytest.raises(KeyError):
        in_folder("stopped", 3, 0.01, stop=2)
    in_folder("other", 4, 0.05)
    assert_same(in_folder("stopped", 3, 0.01), whole)


def test_outside_nothing_is_kept(data):
    for seed in (1, 2):
        alone(data, seed)
    assert not reuse._free
