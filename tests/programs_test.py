import contextlib
import dataclasses
import gc

import keras
import numpy as np
import pytest

from recipes import mnist_softmax
from tfcourse import datasets, optimizers, schedules, training
from tfcourse.training.compilation import programs, steps

BASE = mnist_softmax.MnistSoftmax(
    hidden_units=(16,), epochs=3, batch_size=32, dropout=0.1, early_stopping=0
)


@pytest.fixture(scope="module")
def data():
    # Three whole batches: a smaller last one takes a trace of its own.
    return datasets.load("digits").smaller(96)


@pytest.fixture(scope="module")
def with_smaller_last_batch():
    return datasets.load("digits").smaller(100)


@pytest.fixture(autouse=True)
def traces(monkeypatch):
    """Yields a list that grows by an item with each training step that is traced."""
    # Compiling would take most of the time; what is shared does not hang on it.
    monkeypatch.setattr(steps, "compiles_with_xla", lambda model: False)
    run, traced = steps.InMemorySteps._run_full_steps, []

    def counted(self, xla, order, first, last):
        traced.append(None)
        run(self, xla, order, first, last)

    monkeypatch.setattr(steps.InMemorySteps, "_run_full_steps", counted)
    programs._kept.clear()
    yield traced
    programs._kept.clear()


def network(*layers):
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers])


def dense(units=10, **settings):
    # A seed of its own: equal models begin with equal weights.
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.GlorotUniform(seed=1), **settings
    )


def compiled(model, loss=None, optimizer=None, **settings):
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or optimizers.Adam(0.01), loss, **settings)
    return model


def fit(model, data, *, shared=True, **arguments):
    arguments = {"epochs": 2, "batch_size": 32, "seed": 1, "monitor": "val_loss", **arguments}
    with training.shared_programs() if shared else contextlib.nullcontext():
        return training.fit(model, data, verbose=0, **arguments)


def result(model, history):
    arrays = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]
    return arrays, history.history


def assert_same(one, other, **tolerance):
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(a, b, **tolerance)
    assert one[1].keys() == other[1].keys()
    for name in one[1]:
        np.testing.assert_allclose(one[1][name], other[1][name], **tolerance)


def recipe(data, seed, shared=True, **changes):
    hyperparameters = dataclasses.replace(BASE, **changes)
    with training.shared_programs() if shared else contextlib.nullcontext():
        return result(*mnist_softmax.train(hyperparameters, data, seed, verbose=0))


@pytest.mark.parametrize("schedule", ["constant", "one_cycle", "inverse_time"])
def test_trials_of_a_sweep_share_a_program_and_train_as_alone(
    with_smaller_last_batch, traces, schedule
):
    data = with_smaller_last_batch
    for seed, rate in enumerate((0.003, 0.02, 0.01)):
        shared = recipe(data, seed, learning_rate=rate, schedule=schedule)
    assert len(traces) == 1
    alone = recipe(data, 2, shared=False, learning_rate=0.01, schedule=schedule)
    assert_same(shared, alone, rtol=0, atol=0)


class OneOfMine(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that is read anew in each step."""

    def __init__(self):
        self.rate = keras.Variable(0.01)

    def __call__(self, step):
        return self.rate.value


def test_a_schedule_of_the_users_own_is_asked_in_each_step(data):
    schedule = OneOfMine()
    still = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: schedule.rate.assign(0.0))
    model = compiled(network(dense()), optimizer=optimizers.GradientDescent(schedule))
    fit(model, data, epochs=1)
    after_one = model.get_weights()
    schedule.rate.assign(0.01)
    again = compiled(network(dense()), optimizer=optimizers.GradientDescent(schedule))
    fit(again, data, epochs=3, callbacks=[still], monitor="loss", shared=False)
    for one, other in zip(after_one, again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_was_trained_before_changes_no_bit(data, traces):
    a = {"learning_rate": 0.003, "schedule": "one_cycle", "seed": 1}
    b = {"learning_rate": 0.02, "schedule": "exponential", "seed": 7}
    results = {}
    for order in ("ab", "ba"):
        programs._kept.clear()
        for name in order:
            results[order, name] = recipe(data, **(a if name == "a" else b))
    assert len(traces) == 2
    for name in "ab":
        assert_same(results["ab", name], results["ba", name], rtol=0, atol=0)


CONSTANTS = [
    {},
    {"dropout": 0.0},
    {"hidden_units": (17,)},
    {"batch_size": 16},
    {"beta_1": 0.4},
    {"clip_norm": 0.1},
    {"label_smoothing": 0.1},
]


def test_another_constant_is_another_program(data, traces, monkeypatch):
    monkeypatch.setattr(programs, "_MAX_KEPT", len(CONSTANTS))
    for number, changes in enumerate(CONSTANTS, start=1):
        recipe(data, 1, epochs=1, **changes)
        assert len(traces) == number, changes
    assert len(programs._kept) == len(CONSTANTS)


def test_few_programs_are_kept(data, monkeypatch):
    monkeypatch.setattr(programs, "_MAX_KEPT", 2)
    for units in (8, 9, 10):
        recipe(data, 1, hidden_units=(units,), epochs=1)
    assert len(programs._kept) == 2
    monkeypatch.setattr(programs, "_MAX_BYTES", 1)
    recipe(data, 1, hidden_units=(8,), epochs=1)
    assert [each.num_bytes > 1 for each in programs._kept] == [True]


def test_nothing_is_shared_outside(data):
    recipe(data, 1, shared=False)
    assert not programs._kept


# What two trainings differ in, hidden from a model's configuration: a function from 0 or 1 to one.


def closure_loss(i):
    def loss(labels, outputs):
        return (i + 1.0) * keras.losses.sparse_categorical_crossentropy(
            labels, outputs, from_logits=True
        )

    return compiled(network(dense()), loss)


def loss_of_keras_with_a_setting_not_in_its_config(i):
    return compiled(network(dense(1)), keras.losses.Huber(delta=(0.5, 5.0)[i]))


def excluded_from_weight_decay(i):
    optimizer = optimizers.GradientDescent(0.1, weight_decay=0.5)
    if i:
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
    return compiled(network(dense()), optimizer=optimizer)


def closure_activation(i):
    return compiled(network(dense(activation=lambda x: (i + 1) * x)))


def activation_in_the_place_of_a_name(i):
    name = ("relu", "tanh")[i]
    return compiled(network(dense(10, activation=name), keras.layers.Activation(name, name=name)))


def closure_regularizer(i):
    return compiled(network(dense(kernel_regularizer=lambda w: i * keras.ops.sum(w * w))))


def closure_activity_regularizer(i):
    return compiled(network(dense(activity_regularizer=lambda y: i * keras.ops.mean(y * y))))


def layer_of_ones_own(i):
    class Scaled(keras.layers.Layer):
        factor = i + 1.0

        def call(self, inputs):
            return self.factor * inputs

    return compiled(network(dense(), Scaled()))


def layer_changed_after_it_was_made(i):
    training.set_seed(1)
    dropout = keras.layers.Dropout(0.1)
    model = compiled(network(dense(16), dropout, dense()))
    dropout.rate = (0.1, 0.9)[i]
    return model


def frozen_variable(i):
    layer = dense()
    model = compiled(network(layer))
    layer.bias.trainable = not i
    return compiled(model)


def adapted_layer(i):
    scaling = keras.layers.Normalization(axis=None)
    scaling.adapt(np.array([0.0, i + 1.0]))
    return compiled(network(scaling, dense()))


def closure_metric(i):
    def metric(labels, outputs):
        return keras.ops.mean(outputs) * 0.0 + i

    return compiled(network(dense()), metrics=[metric])


def callable_rate(i):
    return compiled(network(dense()), optimizer=optimizers.GradientDescent(lambda: 0.1 + i))


def schedule_of_ones_own(i):
    class Constant(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return keras.ops.cast(0.1 + i, "float32")

        def get_config(self):
            return {}

    return compiled(network(dense()), optimizer=optimizers.GradientDescent(Constant()))


def optimizer_changed_after_it_was_made(i):
    optimizer = optimizers.Momentum(0.1)
    model = compiled(network(dense()), optimizer=optimizer)
    optimizer.beta = (0.9, 0.1)[i]
    return model


def mixed_precision(i):
    return compiled(network(dense(10, dtype=("float32", "mixed_bfloat16")[i])))


def regularizer_put_on_a_variable(i):
    model = network(dense())
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(float(i))
    return compiled(model)


def method_put_on_a_model(i):
    model = compiled(network(dense()))
    if i:
        stock = model.compute_loss
        model.compute_loss = lambda *args, **kwargs: 2.0 * stock(*args, **kwargs)
    return model


METRIC = keras.metrics.SparseCategoricalAccuracy()


def metric_of_another_model(i):
    return compiled(network(dense()), metrics=[METRIC])


HOSTILE = [
    *(closure_loss, loss_of_keras_with_a_setting_not_in_its_config, excluded_from_weight_decay),
    *(closure_activation, activation_in_the_place_of_a_name, closure_regularizer),
    *(closure_activity_regularizer, layer_of_ones_own, layer_changed_after_it_was_made),
    *(frozen_variable, adapted_layer, closure_metric, callable_rate, schedule_of_ones_own),
    *(optimizer_changed_after_it_was_made, mixed_precision, regularizer_put_on_a_variable),
    *(method_put_on_a_model, metric_of_another_model),
]


@pytest.mark.parametrize("build", HOSTILE)
def test_a_training_shares_no_program_with_one_that_differs(data, build):
    fit(build(0), data)
    model, alone = build(1), build(1)
    shared = result(model, fit(model, data))
    assert_same(shared, result(alone, fit(alone, data, shared=False)), rtol=0, atol=0)


def test_a_layer_in_two_models_is_trained_by_both(data):
    results = []
    for shared in (True, False):
        layer = dense(16)
        for _ in range(2):
            history = fit(compiled(network(layer, dense())), data, shared=shared)
        results.append(result(history.model, history))
    assert_same(*results, rtol=0, atol=0)


def labelled(data, labels):
    train = datasets.Split(data.train.features, labels).frozen()
    return dataclasses.replace(data, train=train)


def test_other_labels_of_the_same_features_are_learned(data):
    fit(closure_free(), data)
    for turn in (1, 2):
        turned = labelled(data, (data.train.labels + turn) % 10)
        model, alone = closure_free(), closure_free()
        shared = result(model, fit(model, turned))
        assert_same(shared, result(alone, fit(alone, turned, shared=False)), rtol=0, atol=0)


def closure_free():
    return compiled(network(dense()))


def test_data_that_is_gone_lends_its_place_to_no_other(data):
    found = []
    for _ in range(2):
        for fold in range(3):
            rows = np.arange(96) % 3 != fold
            split = datasets.Split(data.train.features[rows], data.train.labels[rows]).frozen()
            model = closure_free()
            fit(model, dataclasses.replace(data, train=split), epochs=1)
            found.append(model.get_weights()[0])
            del split
            gc.collect()
    for weights, first in zip(found, found[:3] * 2, strict=True):
        np.testing.assert_array_equal(weights, first)


@pytest.mark.parametrize("behind_a_view", [False, True])
def test_an_array_changed_by_its_owner_is_read_anew(data, behind_a_view):
    features = np.array(data.train.features)
    split = datasets.Split(features, data.train.labels)
    if not behind_a_view:
        object.__setattr__(split, "features", features)
    changing = dataclasses.replace(data, train=split, validation=split)
    losses = []
    for factor in (1.0, 0.0):
        features *= factor
        losses.append(fit(closure_free(), changing).history["val_loss"][-1])
    alone = fit(closure_free(), changing, shared=False).history["val_loss"][-1]
    assert losses[1] == alone != losses[0]


def test_a_model_trained_again_goes_on_along_its_schedule(data, traces):
    results = []
    for shared in (True, False):
        schedule = schedules.ExponentialDecay(0.1, steps_per_epoch=3)
        model = compiled(network(dense()), optimizer=optimizers.GradientDescent(schedule))
        histories = [fit(model, data, epochs=1, shared=shared) for _ in range(3)]
        rates = [history.history["learning_rate"][-1] for history in histories]
        assert rates == pytest.approx([0.1 * 0.95 ** (i + 1) for i in range(3)])
        results.append(result(model, histories[-1]))
    assert_same(*results, rtol=1e-5, atol=1e-7)
    assert len(traces) == 1 + 3


def test_a_model_keeps_its_schedule_and_can_be_saved_and_loaded(data, tmp_path):
    for _ in range(2):
        schedule = schedules.ExponentialDecay(0.1, steps_per_epoch=3)
        model = compiled(network(dense()), optimizer=optimizers.GradientDescent(schedule))
        fit(model, data)
        assert training.keras_internals.schedule_of(model.optimizer) is schedule
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    assert float(loaded.optimizer.learning_rate) == float(model.optimizer.learning_rate)


def test_a_callback_that_holds_the_model_sees_it_trained(data, traces):
    seen = {}
    for name, shared in (("alone", False), ("first", True), ("second", True)):
        model = closure_free()
        look = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, name=name, model=model: seen.setdefault(
                name, []
            ).append((model.get_weights()[0], float(training.predict(model, PIXELS).sum())))
        )
        fit(model, data, shared=shared, callbacks=[look])
        assert look.model is model
    assert len(traces) == 2
    for name in ("first", "second"):
        for mine, expected in zip(seen[name], seen["alone"], strict=True):
            np.testing.assert_array_equal(mine[0], expected[0])
            assert mine[1] == expected[1]
    assert (seen["first"][0][0] != seen["first"][1][0]).any()


PIXELS = np.ones((2, 8, 8, 1), np.float32)


def test_what_a_callback_changes_of_the_model_counts(data, traces):
    found = []
    for shared in (True, True, False):
        model = closure_free()
        zero = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model: model.layers[-1].kernel.assign(
                0.0 * model.layers[-1].kernel
            )
        )
        found.append(result(model, fit(model, data, callbacks=[zero], shared=shared)))
    assert len(traces) == 2
    assert_same(found[0], found[2], rtol=0, atol=0)
    assert_same(found[1], found[2], rtol=0, atol=0)


def test_the_model_of_an_earlier_training_stays_as_it_was(data, traces):
    first, second = closure_free(), compiled(network(dense()), optimizer=optimizers.Adam(0.1))
    before = result(first, fit(first, data))
    states = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: states.append(first.get_weights()[0])
    )
    fit(second, data, callbacks=[watch])
    assert len(traces) == 1
    assert_same(before, result(first, first.history), rtol=0, atol=0)
    for kernel in states:
        np.testing.assert_array_equal(kernel, before[0][0])
    assert (second.get_weights()[0] != before[0][0]).any()


def test_what_a_callback_sets_before_the_first_step_stays_with_its_own_training(data):
    class Set(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.beta_1 = 0.1

    results = []
    for callbacks, shared in (([Set()], True), ([], True), ([Set()], False), ([], False)):
        model = closure_free()
        results.append(result(model, fit(model, data, callbacks=callbacks, shared=shared)))
    assert_same(results[0], results[2], rtol=0, atol=0)
    assert_same(results[1], results[3], rtol=0, atol=0)


def test_a_training_inside_of_another_one_has_a_program_of_its_own(data):
    inner = closure_free()

    class Nested(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 0 and inner.history is None:
                fit(inner, data, seed=5)

    inner.history = None
    outer, alone = closure_free(), closure_free()
    fit(closure_free(), data)  # A program is there.
    nested = result(outer, fit(outer, data, callbacks=[Nested()], steps_per_block=1))
    assert_same(nested, result(alone, fit(alone, data, shared=False)), rtol=0, atol=0)
    alone = closure_free()
    expected = result(alone, fit(alone, data, shared=False, seed=5))
    assert_same(result(inner, inner.history), expected, rtol=0, atol=0)


def test_a_training_that_fails_leaves_no_program(data):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError

    with pytest.raises(KeyError):
        fit(closure_free(), data, callbacks=[Fail()])
    assert not programs._kept


def rated(rate, noise_shape=None):
    def make():
        training.set_seed(3)
        dropout = keras.layers.Dropout(rate, noise_shape)
        return network(keras.layers.Dense(32, "relu"), dropout, keras.layers.Dense(10))

    return compiled(make())


@pytest.mark.parametrize("xla", [False, True])
def test_rates_of_dropout_share_a_program_and_train_as_alone_to_the_bit(
    data, traces, monkeypatch, xla
):
    monkeypatch.setattr(steps, "compiles_with_xla", lambda model: xla)
    for rate in (0.1, 0.37, 0.2):
        model = rated(rate)
        shared = result(model, fit(model, data))
    assert len(traces) == 1
    alone = rated(0.2)
    assert_same(shared, result(alone, fit(alone, data, shared=False)), rtol=0, atol=0)


def test_dropout_of_whole_features_and_none_at_all_are_other_programs(data, traces):
    for number, given in enumerate([(0.1,), (0.0,), (0.1, (None, 1)), (0.2, (None, 1))], start=1):
        fit(rated(*given), data)
        assert len(traces) == number


NUMBERS = [
    (optimizers.Momentum, {"beta": (0.5, 0.9, 0.99)}),
    (optimizers.Nesterov, {"beta": (0.99, 0.9, 0.95)}),
    (optimizers.RMSProp, {"beta": (0.9, 0.99, 0.999), "epsilon": (1e-7, 1e-3, 1e-2)}),
    (optimizers.RMSProp, {"beta": (0.0, 0.3, 0.1)}),
    (optimizers.Adam, {"beta_1": (0.9, 0.99, 0.7), "beta_2": (0.999, 0.99, 0.9)}),
    (optimizers.Adam, {"beta_1": (0.3, 0.0, 0.0), "epsilon": (1e-8, 1e-3, 1e-2)}),
    (optimizers.AdamW, {"beta_1": (0.9, 0.99, 0.7), "epsilon": (1e-8, 1e-3, 1e-2)}),
    (optimizers.AdaGrad, {"epsilon": (1e-8, 1e-3, 1e-2)}),
    (optimizers.Lion, {"beta_1": (0.9, 0.99, 0.7), "beta_2": (0.999, 0.99, 0.9)}),
]


@pytest.mark.parametrize(
    ("kind", "numbers", "xla"),
    [*((*each, True) for each in NUMBERS), (*NUMBERS[0], False), (*NUMBERS[4], False)],
)
def test_numbers_of_optimizers_share_a_program_and_train_as_alone_to_the_bit(
    data, traces, monkeypatch, kind, numbers, xla
):
    def made(place):
        given = {name: values[place] for name, values in numbers.items()}
        return compiled(network(dense(32), dense()), optimizer=kind(0.01, **given))

    monkeypatch.setattr(steps, "compiles_with_xla", lambda model: xla)
    for place in range(3):
        model = made(place)
        shared = result(model, fit(model, data))
    assert len(traces) == 1
    config = model.optimizer.get_config()
    assert {name: config[name] for name in numbers} == {n: v[2] for n, v in numbers.items()}
    alone = made(2)
    assert_same(shared, result(alone, fit(alone, data, shared=False)), rtol=0, atol=0)
