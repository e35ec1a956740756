"""Faults that are planted in model or data, each to be found by the check that is meant for it."""

import dataclasses
import json
import random
import re
import types

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf

from tfcourse import datasets, models, optimizers, schedules, training
from tfcourse.datasets.examples import Split
from tfcourse.diagnosis import CHECKS

BATCH = 32


@pytest.fixture(autouse=True)
def seeded():
    """Layers that are made before their model draw their seed then."""
    training.set_seed(1)


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits").smaller(608)  # Whole batches: a smaller one is traced too.


def compiled(model, rate=0.01, optimizer=optimizers.Adam):
    training.compile_classifier(model, optimizer(rate))
    return model


def mlp(data, hidden=(32, 16), **arguments):
    training.set_seed(1)
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, hidden, **arguments)
    return compiled(model)


def plain(data, *layers, rate=0.01, loss=None, **last):
    """A model of these layers and one of logits; by default a healthy one."""
    training.set_seed(1)
    output = keras.layers.Dense(data.num_classes, name="logits", **last)
    model = keras.Sequential([keras.Input(data.input_shape), keras.layers.Flatten(), *layers])
    model.add(output)
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(rate), loss or logits, metrics=["accuracy"])
    return model


def dense(units=32, name="hidden", activation="relu", **arguments):
    return keras.layers.Dense(units, activation=activation, name=name, **arguments)


def with_split(data, name, features=None, labels=None):
    split = getattr(data, name)
    features = split.features if features is None else features
    made = Split(features, split.labels if labels is None else labels)
    return dataclasses.replace(data, **{name: made})


def labels_shuffled(data):
    order = np.random.default_rng(0).permutation(len(data.train))
    data = with_split(data, "train", labels=data.train.labels[order])
    return mlp(data), data


def some_mislabelled(data):
    labels = data.train.labels.copy()
    labels[::5] = (labels[::5] + 1 + np.arange(len(labels[::5])) % 9) % 10
    data = with_split(data, "train", labels=labels)
    return mlp(data), data


def zero_weights(data):
    return plain(data, dense(kernel_initializer="zeros"), kernel_initializer="zeros"), data


def same_weights(data):
    return plain(data, dense(kernel_initializer=keras.initializers.Constant(0.1))), data


def dead_relus(data):
    return plain(data, dense(bias_initializer=keras.initializers.Constant(-20.0))), data


def saturated_units(data):
    return plain(data, dense(activation="tanh", kernel_initializer=_normal(20.0))), data


def _normal(stddev):
    return keras.initializers.RandomNormal(stddev=stddev, seed=1)


def large_last_layer(data):
    return plain(data, dense(), kernel_initializer=_normal(10.0)), data


def vanishing_gradients(data):
    small = [
        dense(16, f"hidden_{i}", "sigmoid", kernel_initializer=_normal(0.01)) for i in range(6)
    ]
    return plain(data, *small), data


class Probabilities(keras.layers.Layer):
    """A softmax that Keras does not know for one, and so does not take back."""

    def call(self, inputs):
        powers = tf.exp(inputs)
        return powers / tf.reduce_sum(powers, axis=-1, keepdims=True)


def softmax_twice(data):
    model = plain(data, dense())
    model.add(Probabilities())
    return compiled(model), data


def logits_for_probabilities(data):
    return plain(data, dense(), loss="sparse_categorical_crossentropy"), data


def two_species(_=None):
    """A table of two classes, as plain arrays."""
    x = np.random.default_rng(1).normal(size=(400, 5)).astype("float32")
    y = (x[:, 0] + 0.3 * x[:, 1] > 0).astype("int32")
    halves = ((x[:300], y[:300]), (x[300:], y[300:]))
    made = (types.SimpleNamespace(features=xs, labels=ys) for xs, ys in halves)
    return types.SimpleNamespace(**dict(zip(("train", "validation"), made, strict=True)))


def small(shape, *layers, loss):
    training.set_seed(1)
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile(optimizers.Adam(0.01), loss)
    return model


class Sigmoid(keras.layers.Layer):
    """As `Probabilities`, for one output."""

    def call(self, inputs):
        return 1 / (1 + tf.exp(-inputs))


def logit_for_a_probability(_):
    return small((5,), dense(), keras.layers.Dense(1), loss="binary_crossentropy"), two_species()


def sigmoid_twice(_):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return small((5,), dense(), keras.layers.Dense(1), Sigmoid(), loss=loss), two_species()


def softmax_of_one_output(_):
    layers = dense(), keras.layers.Dense(1), Probabilities()
    return small((5,), *layers, loss="binary_crossentropy"), two_species()


def unscaled_pixels(data):
    for name in ("train", "validation", "test"):
        data = with_split(data, name, 255 * getattr(data, name).features)
    return plain(data, dense()), data


def inputs_cut_off(data):
    for name in ("train", "validation", "test"):
        data = with_split(data, name, 0 * getattr(data, name).features)
    return plain(data, dense()), data


def class_missing(data):
    rows = data.train.labels != 3
    return mlp(data), with_split(data, "train", data.train.features[rows], data.train.labels[rows])


def copies_in_validation(data):
    features = np.concatenate([data.validation.features[60:], data.train.features[:60]])
    labels = np.concatenate([data.validation.labels[60:], data.train.labels[:60]])
    return mlp(data), with_split(data, "validation", features, labels)


def rate_times_300(data):
    return plain(data, dense(), rate=3.0), data


def rate_far_too_small(data):
    return plain(data, dense(), rate=1e-9), data


def frozen(data):
    model = mlp(data)
    for layer in model.layers:
        layer.trainable = False
    return compiled(model), data


def one_frozen(data):
    model = mlp(data)
    model.get_layer("hidden_1").trainable = False
    return compiled(model), data


def wrong_sign_of_the_loss(data):
    def loss(labels, outputs):
        return -keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True)

    return plain(data, dense(), loss=loss), data


@tf.custom_gradient
def _turned(x):
    return tf.identity(x), lambda upstream: -upstream


class Turning(keras.layers.Layer):
    def call(self, inputs):
        return _turned(inputs)


class Stopping(keras.layers.Layer):
    def call(self, inputs):
        return tf.stop_gradient(inputs)


def wrong_sign_of_the_gradient(data):
    return plain(data, dense(), Turning()), data


def gradient_lost(data):
    return plain(data, dense(), Stopping()), data


class Ascent(optimizers.GradientDescent):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(-gradient, variable, learning_rate)


def wrong_sign_of_the_update(data):
    model = plain(data, dense())
    training.compile_classifier(model, Ascent(0.1))
    return model, data


def slow_batch_norm(data):
    normalized = keras.layers.BatchNormalization(momentum=0.9999)
    return plain(data, dense(activation=None), normalized, keras.layers.ReLU()), data


def no_activations(data):
    return plain(data, dense(activation=None), keras.layers.Dropout(0.2)), data


def trained_on_the_validation_split(data):
    return mlp(data), dataclasses.replace(data, validation=data.train)


FAULTS = {
    labels_shuffled: ("baseline", "broken"),
    some_mislabelled: ("label_noise", "broken"),
    zero_weights: ("units", "broken"),
    same_weights: ("units", "broken"),
    dead_relus: ("units", "broken"),
    saturated_units: ("units", "broken"),
    large_last_layer: ("initial_loss", "broken"),
    vanishing_gradients: ("flow", "broken"),
    softmax_twice: ("outputs", "broken"),
    logits_for_probabilities: ("outputs", "broken"),
    logit_for_a_probability: ("outputs", "broken"),
    sigmoid_twice: ("outputs", "broken"),
    softmax_of_one_output: ("outputs", "broken"),
    unscaled_pixels: ("input_scale", "broken"),
    inputs_cut_off: ("input_scale", "broken"),
    class_missing: ("classes", "broken"),
    copies_in_validation: ("duplicates", "broken"),
    rate_times_300: ("learning_rate", "broken"),
    rate_far_too_small: ("updates", "broken"),
    frozen: ("frozen_layers", "broken"),
    one_frozen: ("frozen_layers", "look"),
    wrong_sign_of_the_loss: ("initial_loss", "broken"),
    wrong_sign_of_the_gradient: ("gradients", "broken"),
    gradient_lost: ("gradients", "broken"),
    wrong_sign_of_the_update: ("one_batch", "broken"),
    slow_batch_norm: ("batch_norm", "look"),
    no_activations: ("units", "look"),
    trained_on_the_validation_split: ("duplicates", "broken"),
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found_by_the_check_for_it(digits, plant):
    name, verdict = FAULTS[plant]
    model, data = plant(digits)
    found = training.diagnose(model, data, batch_size=BATCH, seed=1, checks=[name])
    finding = found.findings[name]
    assert finding.verdict == verdict, finding.measured
    assert finding.hint
    assert finding.expected


def test_two_faults_are_felt_where_they_hurt_too(digits):
    model, data = softmax_twice(digits)
    found = training.diagnose(model, data, batch_size=BATCH, seed=1, checks=["one_batch"])
    # A softmax of probabilities can't do better, however sure it is.
    lowest = np.log(np.e + 9) - 1
    assert found.findings["one_batch"].value * np.log(10) > lowest - 1e-3


@pytest.fixture(scope="module")
def healthy(digits):
    training.set_seed(1)
    model = models.batch_norm_mlp(digits.input_shape, digits.num_classes, (32, 16), 0.2)
    schedule = schedules.OneCycle(0.01, total_steps=600)
    training.compile_classifier(model, optimizers.Adam(schedule, weight_decay=0.1))
    return model


@pytest.fixture(scope="module")
def diagnosis(healthy, digits):
    before, drawn = state_of(healthy), random_numbers()
    found = training.diagnose(healthy, digits, batch_size=BATCH, seed=1)
    assert random_numbers() == drawn
    for mine, theirs in zip(state_of(healthy), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    return found


def state_of(model):
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def random_numbers():
    return random.getstate(), np.random.get_state()[1].tolist()


def test_a_healthy_recipe_has_no_alarm_and_is_left_as_it_was(diagnosis):
    assert {name: f.verdict for name, f in diagnosis.findings.items()} == dict.fromkeys(
        CHECKS, "fine"
    )


def test_every_check_shows_a_number_what_was_expected_and_where_it_is_from(diagnosis):
    for name, finding in diagnosis.findings.items():
        assert np.isfinite(finding.value), name
        assert re.search(r"\d", finding.measured), name
        assert finding.expected, name
        assert finding.picture or finding.rows, name
        assert not finding.hint, name
        assert any("http" in part or "Source" in part for part in CHECKS[name].about), name


def test_the_page_shows_every_check_and_fetches_nothing(diagnosis, tmp_path):
    diagnosis.write(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == sum(
        f.picture is not None for f in diagnosis.findings.values()
    )
    for check in CHECKS.values():
        assert check.title.replace("'", "&#39;") in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_a_training_after_a_diagnosis_is_the_same_to_the_bit(digits):
    weights = []
    for diagnosed in (False, True):
        training.set_seed(1)
        model = models.batch_norm_mlp(digits.input_shape, digits.num_classes, (8,), 0.3)
        training.compile_classifier(model, optimizers.Adam(0.01))
        if diagnosed:
            checks = ["one_batch", "baseline", "flow"]
            training.diagnose(model, digits, batch_size=BATCH, seed=1, checks=checks)
        training.fit(model, digits, epochs=1, batch_size=BATCH, seed=1, verbose=0)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(*weights)


def regression_table():
    random_numbers = np.random.default_rng(1)
    x = random_numbers.normal(size=(400, 5)).astype("float32")
    y = 300 + 40 * x[:, 0] + 10 * x[:, 1] ** 2 + random_numbers.normal(size=400)
    return datasets.from_arrays((x, y), task="regression")


def test_steps_after_a_schedule_has_ended_are_no_alarm(digits):
    rate = schedules.build("one_cycle", 0.01, steps_per_epoch=9, epochs=1)
    model = compiled(models.batch_norm_mlp(digits.input_shape, digits.num_classes, (32,)), rate)
    found = training.diagnose(model, digits, batch_size=BATCH, seed=1, checks=["updates"])
    assert found.named("fine") == ["updates"]


def test_a_regression_has_no_alarm():
    data = regression_table()
    training.set_seed(1)
    model = models.batch_norm_mlp(data.input_shape, 1, (32, 16))
    training.compile_for(model, optimizers.Adam(0.01), data)
    found = training.diagnose(model, data, batch_size=BATCH, seed=1)
    assert found.named("broken") + found.named("look") == []
    assert found.named("skipped") == ["classes", "outputs"]
    assert found.findings["label_noise"].rows[0][:3] == ("row", "label", "model says")


def binary():
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return small((5,), dense(), keras.layers.Dense(1), loss=loss), two_species()


def all_zero():
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    last = keras.layers.Dense(1, kernel_initializer="zeros")
    return small((5,), last, loss=loss), two_species()


def words():
    data = two_species()
    for split in (data.train, data.validation):
        split.features = np.clip(8 * split.features + 25, 0, 49).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    layers = keras.layers.Embedding(50, 8), keras.layers.Flatten(), keras.layers.Dense(2)
    return small((5,), *layers, loss=loss), data


def quantity(loss):
    data = two_species()
    for split in (data.train, data.validation):
        split.labels = split.features[:, 0] + 0.5 * split.features[:, 1]
    return small((5,), dense(), keras.layers.Dense(1), loss=loss), data


def poisson():
    _, data = quantity("poisson")
    for split in (data.train, data.validation):
        split.labels = np.exp(split.labels + 1)
    return small((5,), dense(), keras.layers.Dense(1, "exponential"), loss="poisson"), data


def swish():
    layers = dense(activation="swish"), dense(8, "second", "gelu"), keras.layers.Dense(1)
    return small((5,), *layers, loss="binary_crossentropy"), two_species()


@pytest.mark.parametrize(
    ("make", "checks"),
    [
        (swish, {"units": "skipped"}),
        (binary, {"outputs": "fine", "initial_loss": "fine"}),
        (all_zero, {"outputs": "skipped", "updates": "skipped"}),
        (words, {"input_scale": "skipped", "gradients": "fine", "baseline": "fine"}),
        (lambda: quantity(keras.losses.Huber()), {"initial_loss": "fine", "outputs": "skipped"}),
        (poisson, {"baseline": "skipped"}),
    ],
    ids=["swish", "binary", "all_zero", "words", "huber", "poisson"],
)
def test_healthy_models_of_other_kinds_have_no_alarm(make, checks):
    model, data = make()
    found = training.diagnose(model, data, batch_size=BATCH, seed=1, checks=checks)
    assert {name: each.verdict for name, each in found.findings.items()} == checks, str(found)


def test_gradients_that_are_all_0_are_no_error(digits):
    below = keras.initializers.Constant(-20.0)
    model = plain(digits, dense(), activation="relu", bias_initializer=below)
    checks = ["gradients", "updates"]
    found = training.diagnose(model, digits, batch_size=BATCH, seed=1, checks=checks)
    assert [found.findings[name].value for name in checks] == [0.0, 0.0]
    assert "Nothing reaches" in found.findings["updates"].hint


def test_a_batch_of_one_and_a_quantity_in_thousands_are_named_as_the_cause(digits):
    hints = {}
    normalized = dense(activation=None), keras.layers.BatchNormalization(), keras.layers.ReLU()
    model, data = quantity("mse")
    data.train.labels = 1e5 * data.train.labels
    for name, subject, size in (
        ("batch_norm", (plain(digits, *normalized), digits), 1),
        ("one_batch", (model, data), BATCH),
    ):
        found = training.diagnose(*subject, batch_size=size, seed=1, checks=[name])
        hints[name] = found.findings[name].hint
    assert "larger batches" in hints["batch_norm"]
    assert "Standardize the labels" in hints["one_batch"]


def label_beyond_the_outputs():
    model, data = binary()
    data.train.labels[7] = 2
    return model, data


def one_hot_for_a_sparse_loss():
    model, data = words()
    for split in (data.train, data.validation):
        split.labels = np.eye(2, dtype="float32")[split.labels]
    return model, data


def numbers_for_a_categorical_loss():
    return small((5,), keras.layers.Dense(2), loss="categorical_crossentropy"), two_species()


def one_nan():
    model, data = binary()
    data.train.features[7, 3] = np.nan
    return model, data


def two_outputs():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])
    model.compile(optimizers.Adam(0.01), ["mse", "mse"])
    return model, two_species()


def equal_quantities():
    model, data = quantity("mse")
    data.train.labels[:] = 3
    return model, data


def labels_of_several_numbers():
    data = two_species()
    for split in (data.train, data.validation):
        split.labels = (split.features[:, :3] > 0).astype("float32")
    return small((5,), keras.layers.Dense(3, "sigmoid"), loss="binary_crossentropy"), data


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (label_beyond_the_outputs, datasets.DataError, "expected 0 or 1.*received 2"),
        (one_hot_for_a_sparse_loss, datasets.DataError, "argmax"),
        (numbers_for_a_categorical_loss, datasets.DataError, "expected one-hot rows of 2"),
        (one_nan, datasets.DataError, "received nan at example 7"),
        (equal_quantities, ValueError, "labels are all 3"),
        (two_outputs, ValueError, "Received: 2 outputs"),
        (labels_of_several_numbers, ValueError, r"labels of shape \(300, 3\)"),
    ],
)
def test_what_can_not_be_diagnosed_is_refused_with_the_reason(make, error, message):
    model, data = make()
    with pytest.raises(error, match=message):
        training.diagnose(model, data, batch_size=BATCH, seed=1, checks=["classes"])


def test_a_hint_followed_literally_helps(digits):
    model, data = rate_times_300(digits)
    found = training.diagnose(model, data, batch_size=BATCH, seed=1, checks=["learning_rate"])
    rate = float(re.search(r"`learning_rate=(.*?)`", found.findings["learning_rate"].hint)[1])
    losses = []
    for each in (model, plain(data, dense(), rate=rate)):
        history = training.fit(each, data, epochs=3, batch_size=BATCH, seed=1, verbose=0)
        losses.append(history.history["val_loss"][-1])
    assert losses[1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"checks": ["lost"]}, "checks='lost'"), ({"batch_size": 0}, "batch_size=0")],
)
def test_arguments_out_of_range_are_refused(healthy, digits, arguments, message):
    with pytest.raises(ValueError, match=message):
        training.diagnose(healthy, digits, **{"batch_size": BATCH, "seed": 1, **arguments})


def diagnose_recipe(run_dir, *flags):
    given = ("--dataset=digits", "--diagnose", f"--run_dir={run_dir}")
    return processes.command("recipes.mnist_softmax", *given, *flags)


def test_the_flag_tells_what_is_broken_and_writes_the_page(tmp_path):
    small = ("--model=softmax_regression", "--schedule=constant")
    done = diagnose_recipe(tmp_path, *small, "--learning_rate=100")
    assert done.returncode == 1, done.stderr
    assert "learning_rate" in done.stderr
    assert re.search(r"Train with --learning_rate=0\.\d+\.", done.stdout)
    assert "--learning_rate=0" in (tmp_path / "diagnosis.html").read_text()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["diagnosis"]["learning_rate"] == "broken"


@pytest.mark.parametrize(
    "flag", ["--sweep=random", "--find_learning_rate", "--describe", "--nudge=0:1:beta=0"]
)
def test_it_goes_with_no_sweep_and_no_other_search(tmp_path, flag):
    done = diagnose_recipe(tmp_path / "run", flag)
    assert done.returncode == 2
    assert "--diagnose" in done.stderr
