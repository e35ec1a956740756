import itertools
import json
import math
import types

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.trained_runs import epochs_of
from tfcourse import batching, datasets, models, optimizers, run_directory, schedules, training
from tfcourse.command_line import expectations
from tfcourse.training import keras_internals
from tfcourse.training.checkpoints import checkpoint, saving
from tfcourse.training.compilation import programs, steps, traced


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits").smaller(200)


def compiled(data, dropout=0.3, optimizer=None, seed=1, hidden_units=(16,)):
    training.set_seed(seed)
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, hidden_units, dropout)
    training.compile_classifier(model, optimizer or optimizers.Adam(0.01))
    return model


def fit(model, data, **arguments):
    arguments = {"epochs": 2, "batch_size": 32, "seed": 1, "verbose": 0, **arguments}
    return training.fit(model, data, **arguments)


def weights_of(model):
    return [variable.numpy() for variable in model.variables]


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_learns_and_keeps_the_best_epoch(data):
    model = compiled(data)
    history = fit(model, data, epochs=15).history
    assert max(history["val_accuracy"]) > 0.8
    best = training.evaluate(model, data.validation)["accuracy"]
    assert best == pytest.approx(max(history["val_accuracy"]), abs=1e-7)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(data):
    runs = []
    for seed in (1, 1, 2):
        model = compiled(data, seed=seed)
        fit(model, data, seed=seed)
        runs.append(weights_of(model))
    assert_same(runs[0], runs[1])
    assert any((a != b).any() for a, b in zip(runs[0], runs[2], strict=True))


@pytest.mark.usefixtures("shared_programs")
def test_seed_0_is_a_seed(data):
    first, second = compiled(data, seed=0), compiled(data, seed=0)
    fit(first, data, seed=0)
    fit(second, data, seed=0)
    assert_same(weights_of(first), weights_of(second))


@pytest.mark.usefixtures("shared_programs")
def test_where_blocks_are_cut_changes_nothing(data):
    reference = compiled(data)
    fit(reference, data)
    for steps_per_block in (1, 3, 100):
        model = compiled(data)
        fit(model, data, steps_per_block=steps_per_block)
        assert_same(weights_of(model), weights_of(reference))


@pytest.mark.parametrize("batch_size", [pytest.param(32, marks=pytest.mark.xla), 64, "full"])
def test_both_paths_take_the_same_steps_as_a_tape(data, batch_size):
    # Without dropout, of which XLA draws other masks, all three differ by rounding alone.
    results = []
    for in_memory_steps in (True, False):
        model = compiled(data, dropout=0.0, optimizer=optimizers.GradientDescent(0.1))
        fit(model, data, batch_size=batch_size, epochs=1, in_memory_steps=in_memory_steps)
        results.append(weights_of(model))
    model = compiled(data, dropout=0.0, optimizer=optimizers.GradientDescent(0.1))
    for features, labels in batching.training_batches(data.train, batch_size, seed=1, epoch=0):
        model.train_on_batch(features, labels)
    for fast, slow, tape in zip(*results, weights_of(model), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(fast, tape, rtol=1e-4, atol=1e-5)


def test_every_example_is_seen_once_an_epoch(data):
    class Counting(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(10)
            self.seen = self.add_weight(shape=(200,), initializer="zeros", trainable=False)

        def call(self, inputs):
            rows = keras.ops.cast(inputs[:, 0, 0, 0], "int32")
            self.seen.assign_add(keras.ops.sum(keras.ops.one_hot(rows, 200), axis=0))
            return self.dense(keras.ops.reshape(inputs, (-1, 64)))

    features = np.zeros((200, 8, 8, 1), np.float32)
    features[:, 0, 0, 0] = np.arange(200)
    split = datasets.Split(features, data.train.labels)
    model = Counting()
    training.compile_classifier(model, optimizers.GradientDescent(1e-9))
    keras_internals.build_for(model, (features[:48], split.labels[:48]))
    runner = steps.InMemorySteps(model, split, 48, 1, jit_compile=True)
    runner.start_epoch(0)
    runner.train(0, 3)
    assert model.seen.numpy().sum() == 144
    runner.train(3, 5)
    np.testing.assert_array_equal(model.seen.numpy(), np.ones(200))


@pytest.mark.parametrize(("batch_size", "programs_of_a_run"), [(64, 2), (50, 1)])
def test_the_smaller_last_step_is_made_ready_while_xla_compiles(
    data, batch_size, programs_of_a_run, monkeypatch
):
    traced = []
    run = steps.InMemorySteps._run_step
    monkeypatch.setattr(
        steps.InMemorySteps,
        "_run_step",
        lambda self, xla, examples: traced.append(xla) or run(self, xla, examples),
    )
    model = compiled(data)
    keras_internals.build_for(model, (data.train.features[:50], data.train.labels[:50]))
    runner = steps.InMemorySteps(model, data.train, batch_size, 1, jit_compile=True)
    for epoch in range(2):
        runner.start_epoch(epoch)
        for step in range(-(-len(data.train) // batch_size)):
            runner.train(step, step + 1)
            # All of it in the first block, so that no later one takes longer than others.
            assert len(traced) == programs_of_a_run


def test_how_much_is_put_in_order_at_a_time_changes_no_bit(data, monkeypatch):
    def weights_after(part_bytes, cuts):
        monkeypatch.setattr(steps, "_PART_BYTES", part_bytes)
        model = compiled(data, dropout=0.0)
        keras_internals.build_for(model, (data.train.features[:32], data.train.labels[:32]))
        runner = steps.InMemorySteps(model, data.train, 32, 1, jit_compile=False)
        for epoch in range(2):
            runner.start_epoch(epoch)
            for first, last in itertools.pairwise(cuts):
                runner.train(first, last)
        return runner._part_steps, [variable.numpy() for variable in model.variables]

    steps_per_epoch = batching.steps_per_epoch(len(data.train), 32)
    whole, expected = weights_after(1 << 26, (0, steps_per_epoch))
    parts, found = weights_after(3 * 32 * 64 * 4 + 9999, (0, 1, 5, steps_per_epoch))
    assert whole == len(data.train) // 32
    assert 1 < parts < whole
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_metrics_of_an_epoch_are_those_of_keras(data):
    model, reference = compiled(data, dropout=0.0), compiled(data, dropout=0.0)
    history = fit(model, data, epochs=2).history
    batches = epochs_of(data.train, 32, seed=1, num_epochs=2)
    expected = reference.fit(
        batches,
        epochs=2,
        steps_per_epoch=batching.steps_per_epoch(len(data.train), 32),
        validation_data=(data.validation.features, data.validation.labels),
        shuffle=False,
        verbose=0,
    ).history
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(history[name], expected[name], rtol=2e-4, atol=2e-4)


def test_evaluation_counts_every_example(data):
    model = compiled(data)
    expected = model.evaluate(
        data.test.features, data.test.labels, return_dict=True, verbose=0, batch_size=7
    )
    result = training.evaluate(model, data.test)
    assert result["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)
    assert result["loss"] == pytest.approx(expected["loss"], rel=1e-5)


@pytest.mark.parametrize("num_examples", [1, 1000, 2001])
def test_predictions_are_kept_in_order_to_the_last_one(data, num_examples):
    model = compiled(data)
    rows = np.arange(num_examples) % len(data.test.features)
    features = data.test.features[rows]
    predictions = training.predict(model, features)
    assert predictions.shape == (num_examples, 10)
    expected = model.predict(features, verbose=0)
    np.testing.assert_allclose(predictions, expected, rtol=1e-5, atol=1e-5)


def test_predictions_in_lower_precision_come_as_float32(data):
    training.set_precision("mixed_bfloat16")
    try:
        predictions = training.predict(compiled(data), data.test.features)
    finally:
        training.set_precision("float32")
    assert predictions.dtype == np.float32


def test_callbacks_are_called_as_by_keras(data):
    calls = []

    class Noting(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append("train_begin")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"epoch_begin {epoch}")

        def on_train_batch_end(self, batch, logs=None):
            assert set(logs) == {"loss", "accuracy"}
            calls.append(f"batch_end {batch}")

        def on_epoch_end(self, epoch, logs=None):
            assert {"loss", "val_loss", "val_accuracy"} <= set(logs)
            calls.append(f"epoch_end {epoch}")

        def on_train_end(self, logs=None):
            calls.append("train_end")

    fit(compiled(data), data, epochs=1, steps_per_block=3, callbacks=[Noting()])
    assert calls == [
        "train_begin",
        "epoch_begin 0",
        "batch_end 2",
        "batch_end 5",
        "batch_end 6",
        "epoch_end 0",
        "train_end",
    ]


def test_early_stopping_ends_training(data):
    # Without moving averages, which move at any rate, no epoch is better than the first.
    training.set_seed(1)
    model = models.plain_mlp(data.input_shape, data.num_classes, (16,))
    training.compile_classifier(model, optimizers.GradientDescent(1e-12))
    assert len(fit(model, data, epochs=50, early_stopping=2).history["loss"]) == 3


def test_a_train_step_of_ones_own_goes_through_tf_data_and_says_so(data, capsys, monkeypatch):
    class Own(keras.Sequential):
        def train_step(self, batch):
            return super().train_step(batch)

    training.set_seed(1)
    model = Own([keras.Input(data.input_shape), keras.layers.Flatten(), keras.layers.Dense(10)])
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    kinds = []
    monkeypatch.setattr(
        programs, "StreamingSteps", lambda *a, **k: kinds.append(a) or steps.StreamingSteps(*a, **k)
    )
    fit(model, data, epochs=1)
    assert len(kinds) == 1
    assert "its own train_step" in capsys.readouterr().out


class Rewriting(keras.Layer):
    """Notes whether AutoGraph would rewrite what is called while the layer is traced."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def call(self, inputs):
        self.found.add(tf.__internal__.autograph.control_status_ctx().status.name)
        return inputs


@pytest.mark.parametrize("in_memory_steps", [True, False])
def test_autograph_rewrites_nothing_which_would_take_as_long_as_the_trace(data, in_memory_steps):
    noting = Rewriting()
    model = keras.Sequential(
        [keras.Input(data.input_shape), keras.layers.Flatten(), noting, keras.layers.Dense(10)]
    )
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    noting.found.clear()
    fit(model, data, epochs=1, in_memory_steps=in_memory_steps)
    training.predict(model, data.test.features)
    assert noting.found
    assert "ENABLED" not in noting.found


def test_a_train_step_of_ones_own_may_branch_on_tensors(data):
    class Own(keras.Sequential):
        def train_step(self, batch):
            features, labels = batch
            if tf.reduce_all(labels >= 0):
                features = 0.0 * features
            return super().train_step((features, labels))

    model = Own([keras.Input(data.input_shape), keras.layers.Flatten(), keras.layers.Dense(10)])
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    before = model.layers[-1].kernel.numpy()
    fit(model, data, epochs=1)
    np.testing.assert_array_equal(model.layers[-1].kernel, before)


@pytest.mark.xla
@pytest.mark.parametrize(("name", "compiles"), [("batch_norm_mlp", True), ("small_cnn", False)])
def test_only_models_without_convolutions_are_compiled_by_xla_on_the_cpu(name, compiles):
    assert steps.compiles_with_xla(models.MODELS[name]((8, 8, 1), 10)) == compiles


def test_a_loss_that_is_not_finite_stops_at_once(data):
    model = compiled(data, optimizer=optimizers.GradientDescent(1e30))
    with pytest.raises(training.NotFiniteError, match=r"epoch 1, by step 2 of 7; .*learning_rate`"):
        fit(model, data, epochs=3, steps_per_block=1)


def test_schedules_see_every_step(data):
    schedule = schedules.build("exponential", 0.1, steps_per_epoch=7, epochs=3, decay_rate=0.5)
    model = compiled(data, optimizer=optimizers.GradientDescent(schedule))
    fit(model, data, epochs=3)
    assert int(model.optimizer.iterations.numpy()) == 21
    assert model.history.history["learning_rate"] == pytest.approx([0.05, 0.025, 0.0125])


def run_in(path):
    return run_directory.open_run(path, {"epochs": ["4"]}, recipe="test")


class Stop(keras.callbacks.Callback):
    def __init__(self, epoch, step):
        super().__init__()
        self.at = (epoch, step)
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


NEVER = (-1, -1)


def without_times(csv):
    return [line.split(",")[:1] + line.split(",")[2:] for line in csv.splitlines()]


def run_until(data, folder, at):
    """Trains until a kill `at` (epoch, step), or to the end; returns all that is to be the same."""
    schedule = schedules.build("one_cycle", 0.01, steps_per_epoch=7, epochs=4)
    model = compiled(data, optimizer=optimizers.Adam(schedule))
    options = {"epochs": 4, "callbacks": [Stop(*at)], "steps_per_block": 1, "early_stopping": 3}
    with run_in(folder) as run, training.shared_programs():
        fit(model, data, run=run, **options)
    rows = without_times((folder / "history.csv").read_text())
    return [v.numpy() for v in checkpoint.variables_of(model)], rows, model.history.history


@pytest.fixture(scope="module")
def whole_run(data, tmp_path_factory):
    return run_until(data, tmp_path_factory.mktemp("whole") / "run", NEVER)


@pytest.mark.parametrize("at", [(0, 3), (1, 6), (2, 0)])
def test_a_run_that_stopped_ends_as_one_that_did_not(data, whole_run, tmp_path, monkeypatch, at):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.
    with pytest.raises(KeyboardInterrupt):
        run_until(data, tmp_path, at)
    arrays, *records = run_until(data, tmp_path, NEVER)
    assert_same(arrays, whole_run[0])
    assert records == [*whole_run[1:]]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(data, tmp_path, capsys):
    model = compiled(data)
    with run_in(tmp_path) as run:
        checkpoints = checkpoint.Checkpoints(run, model)
        arrays = checkpoint.arrays_of(checkpoint.variables_of(model))
        for epoch in (1, 2):
            checkpoints.save(arrays, {"epoch": epoch, "step": 1})
        newest = checkpoints.files()[-1]
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(content)
        assert checkpoints.newest()[1] == {"epoch": 1, "step": 1}
        assert "damaged" in capsys.readouterr().out
        for file in checkpoints.files():
            file.write_bytes(b"")
        with pytest.raises(training.CheckpointError, match="checkpoints"):
            checkpoints.newest()


def test_an_array_of_another_type_is_that_of_another_model(tmp_path):
    variable = keras.Variable(np.zeros(3), dtype="float32", name="w")
    (name,) = checkpoint.names_of([variable])
    with pytest.raises(training.CheckpointError, match=r"holds float16\[3\], not float32\[3\]"):
        checkpoint.check_fits(tmp_path, {name: np.zeros(3, np.float16)}, [variable])


def test_final_metrics_and_the_saved_model_agree(data, tmp_path):
    model = compiled(data)
    with run_in(tmp_path) as run:
        history = fit(model, data, run=run)
        metrics = training.final_metrics(model, history, data)
        training.save_model(model, run)
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    reloaded.compile_from_config(json.loads((tmp_path / "compiled.json").read_text()))
    assert training.evaluate(reloaded, data.test)["accuracy"] == metrics["test_accuracy"]
    assert metrics["train_examples"] == 200
    assert math.isfinite(metrics["test_loss"])
    numbers = {name for name, value in metrics.items() if isinstance(value, (int, float))}
    assert numbers <= {*expectations.FINAL}
    json.dumps(metrics)
    assert not list(tmp_path.glob(".*"))


def some(labels):
    split = types.SimpleNamespace(features=np.zeros((6, 4), np.float32), labels=np.array(labels))
    return types.SimpleNamespace(train=split, validation=split)


def small(metrics=("accuracy",), optimizer="sgd"):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


GOOD = [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"epochs": 2.5}, "`epochs` must be a whole number >= 1.*2.5"),
        ({"seed": 1.5}, "`seed` must be a whole number >= 0.*1.5"),
        ({"steps_per_block": -1}, "`steps_per_block`.*-1"),
        ({"steps_per_block": 0}, "`steps_per_block`.*0"),
        ({"early_stopping": -1}, "`early_stopping`.*-1"),
        ({"class_weight": {"cat": 2.0}}, "`class_weight` must name classes by their numbers.*cat"),
        ({"class_weight": "balanced"}, "`training.balanced_class_weights"),
        ({"monitor": "val_acc"}, "`monitor` must be one of accuracy, .*val_loss.*val_acc"),
        ({"monitor_mode": "maximum"}, "`monitor_mode` must be one of auto, max, min.*'maximum'"),
        ({"in_memory_steps": "no"}, "`in_memory_steps` must be True or False.*'no'"),
        ({"tensorboard": None}, "`tensorboard` must be True or False.*None"),
    ],
)
def test_an_argument_that_cannot_be_right_is_named(arguments, told):
    with pytest.raises(ValueError, match=told):
        fit(small(), some(GOOD), **arguments)


def test_a_model_that_is_not_compiled_is_told():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    for function in (fit, training.find_learning_rate):
        with pytest.raises(ValueError, match="`model` must be compiled"):
            function(model, some(GOOD), batch_size=2, seed=1)


X = np.zeros((6, 4), np.float32)


@pytest.mark.parametrize(
    ("features", "labels", "told"),
    [
        (X[:0], GOOD[:0], "at least one of each; received 0 and 0"),
        (X, GOOD[:5], "as many labels as features.*received 6 and 5"),
        (X.tolist(), GOOD, "arrays of numbers; received float"),
        (X, ["cat"] * 6, "arrays of numbers; received ndarray of <U3.*`from_dataframe`"),
        (pd.DataFrame(X), GOOD, "arrays of numbers; received DataFrame"),
    ],
)
def test_a_split_without_a_label_for_each_example_is_refused(features, labels, told):
    split = types.SimpleNamespace(features=features, labels=np.array(labels))
    for name in ("train", "validation"):
        data = some(GOOD)
        setattr(data, name, split)
        with pytest.raises(datasets.DataError, match=f"data.{name}: .*{told}"):
            fit(small(), data)
    with pytest.raises(datasets.DataError, match=told):
        training.evaluate(small(), split)
    with pytest.raises(datasets.DataError, match=told):
        training.find_learning_rate(
            small(), types.SimpleNamespace(train=split), batch_size=2, seed=1
        )


@pytest.mark.parametrize("data", [(X, GOOD), None, types.SimpleNamespace(train=some(GOOD).train)])
def test_data_without_splits_is_refused(data):
    with pytest.raises(datasets.DataError, match=r"expected a split.*from_arrays\(\(x, y\)\)"):
        fit(small(), data)
    if not hasattr(data, "train"):
        with pytest.raises(datasets.DataError, match="expected a split"):
            training.evaluate(small(), data)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, "1"])
def test_a_standard_deviation_that_cannot_be_is_refused(value):
    with pytest.raises(ValueError, match="`standard_deviation` must be a finite float > 0"):
        training.compile_regression(small(), "sgd", value)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_told_before_the_first_step(label):
    with pytest.raises(datasets.DataError, match=rf"labels: .*\[0, 3\).*received {label} at.* 5"):
        fit(small(), some([*GOOD[:5], label]))


def test_features_that_are_not_finite_are_told_as_what_they_are():
    data = some(GOOD)
    data.train.features[4, 2] = np.nan
    with pytest.raises(datasets.DataError, match=r"received nan at example 4, position \(2,\)"):
        fit(small(), data)


def test_validation_features_that_are_not_finite_are_told_where_relu_hides_them():
    data = some(GOOD)
    data.validation = types.SimpleNamespace(features=X + np.nan, labels=np.array(GOOD))
    with pytest.raises(datasets.DataError, match=r"validation features: .*received nan at"):
        fit(small(), data)


def test_one_class_only_is_told(capsys):
    fit(small(), some([1] * 6), epochs=1)
    assert "have the label 1: nothing can be learned" in capsys.readouterr().out


@pytest.mark.parametrize("callbacks", [None, keras.callbacks.TerminateOnNaN()])
def test_callbacks_may_be_none_or_one(callbacks):
    assert fit(small(), some(GOOD), epochs=1, callbacks=callbacks).epoch == [0]


def spread(labels, outputs):
    return keras.ops.mean(keras.ops.abs(outputs))


def test_a_metric_of_unknown_direction_asks_for_one():
    with pytest.raises(ValueError, match=r"`monitor_mode` must be 'max' or .*val_spread"):
        fit(small([spread]), some(GOOD), monitor="val_spread")


class Falling(keras.callbacks.Callback):
    """Scales the weights down after every epoch, and keeps them."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def on_epoch_begin(self, epoch, logs=None):
        self.kept.append(self.model.get_weights())
        self.model.set_weights([weight / 2 for weight in self.model.get_weights()])


@pytest.mark.parametrize(("mode", "best"), [("max", 1), ("min", 3), ("auto", 3)])
def test_the_best_epoch_goes_by_the_direction_of_the_metric(mode, best):
    surprise = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="surprise")
    error = surprise if mode == "auto" else spread
    model = small([error], keras.optimizers.SGD(1e-9))
    data = some(GOOD)
    data.train.features[:] = np.random.default_rng(0).normal(size=(6, 4)) * 50
    options = {"monitor": f"val_{'surprise' if mode == 'auto' else 'spread'}", "monitor_mode": mode}
    history = fit(model, data, epochs=3, callbacks=[Falling()], **options)
    assert history.best_epoch == best


def test_ties_go_to_the_later_epoch():
    history = fit(small(optimizer=keras.optimizers.SGD(1e-9)), some(GOOD), epochs=3)
    assert history.best_epoch == 3  # All of them are equal.


@pytest.mark.parametrize(("labels", "best"), [(GOOD, 1), ([1, 2, 0, 1, 2, 0], 3)])
def test_ties_go_to_the_lower_loss(labels, best):
    model = small(optimizer=keras.optimizers.SGD(1e-9))
    model.set_weights([np.eye(4, 3), np.zeros(3)])
    data = some(labels)
    data.train.features[:] = np.eye(4)[GOOD]
    # Smaller weights predict the same classes, less surely: worse if these are right.
    history = fit(model, data, epochs=3, callbacks=[Falling()])
    assert len(set(history.history["val_accuracy"])) == 1
    assert history.best_epoch == best


def test_a_callback_that_restores_weights_has_the_last_word():
    model = small()
    stop = keras.callbacks.EarlyStopping(
        "val_loss", mode="max", patience=9, restore_best_weights=True
    )
    data = some(GOOD)
    data.train.features[:] = np.eye(6, 4)
    history = fit(model, data, epochs=3, callbacks=[stop])
    assert history.best_epoch == stop.best_epoch + 1 == 1
    assert_same(model.get_weights(), stop.best_weights)


def test_averages_of_the_best_epoch_are_left_where_the_optimizer_keeps_them():
    model = small(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    data = some(GOOD)
    data.train.features[:] = np.eye(6, 4)
    fit(model, data, epochs=2, monitor="val_loss")
    averages = model.optimizer._model_variables_moving_average
    assert_same(model.get_weights(), [average.numpy() for average in averages])


def test_a_callback_that_restores_weights_wins_over_averages_too():
    model = small(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    data = some(GOOD)
    data.train.features[:] = np.eye(6, 4)
    history = fit(model, data, monitor="val_loss", callbacks=[stop])
    assert history.best_epoch == stop.best_epoch + 1
    assert_same(model.get_weights(), stop.best_weights)


@pytest.mark.parametrize("kept", [{}, {"best_weights": np.ones(2)}])
def test_a_callback_of_ones_own_may_have_the_names_of_early_stopping(kept):
    callback = keras.callbacks.Callback()
    vars(callback).update(restore_best_weights=True, **kept)
    history = fit(small(optimizer=keras.optimizers.SGD(1e-9)), some(GOOD), callbacks=[callback])
    assert history.best_epoch == 2


def test_steps_put_on_a_model_itself_return_their_own_logs():
    model = small()
    train, test = model.train_step, model.test_step
    model.train_step = lambda batch: {"mine": 0.0 * train(batch)["loss"] + 7.0}
    model.test_step = lambda batch: {"theirs": 0.0 * test(batch)["loss"] + 5.0}
    history = fit(model, some(GOOD), monitor="val_theirs", monitor_mode="max").history
    assert history["mine"] == [7.0, 7.0]
    assert history["val_theirs"] == [5.0, 5.0]


def test_labels_of_one_output_may_come_by_name():
    data = some([*GOOD[:5], 3])
    data.train.labels = {"digit": data.train.labels}
    plain = small()
    model = keras.Model(plain.inputs, {"digit": plain.outputs[0]})
    model.compile("sgd", plain.loss)
    with pytest.raises(datasets.DataError, match="received 3 at example 5"):
        fit(model, data)


def convolve(images):
    return tf.nn.conv2d(images, tf.ones((2, 2, 1, 1)), 1, "SAME")


def print_images(images):
    with tf.control_dependencies([tf.print(1, output_stream="file:///dev/null")]):
        return tf.identity(images)


@pytest.mark.parametrize(
    ("operation", "tries"),
    [(tf.identity, [True]), (convolve, [True, False]), (print_images, [True, False])],
)
def test_what_xla_cannot_or_should_not_compile_is_left_to_tensorflow(operation, tries, capsys):
    seen = []

    def function(xla, images):
        seen.append(xla)
        return operation(images)

    for _ in range(2):  # Said once, however many models of a name there are.
        program = traced.Traced(function, True, "a model")
        for _ in range(2):
            np.testing.assert_array_equal(program(tf.ones((1, 2, 2, 1)))[0, 1, 1], [1.0])
    assert seen == tries * 2
    out = capsys.readouterr().out
    assert out.count("a model: training without XLA") == (operation is print_images)
    assert "__inference" not in out  # XLA's name of the program, which tells nobody anything.


def test_each_reason_is_told_once_per_name(capsys):
    for why in ("one reason", "another", "one reason"):
        traced.say_once("a model told of", why)
    assert capsys.readouterr().out.splitlines() == [
        "a model told of: one reason",
        "a model told of: another",
    ]


@pytest.mark.xla
def test_the_compile_arguments_and_layers_say_whether_xla_compiles(monkeypatch, capsys):
    model = small()
    model.run_eagerly = True
    assert not steps.compiles_with_xla(model)
    for automatic in (True, False):  # What Keras makes of "auto" here.
        monkeypatch.setattr(
            keras.Model, "_resolve_auto_jit_compile", lambda model, value=automatic: value
        )
        model = small()
        model.jit_compile = False
        assert steps.compiles_with_xla(model) != automatic
    turning = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.RandomRotation(0.1)])
    turning.compile("sgd", "mse")
    assert not steps.compiles_with_xla(turning)
    assert "without XLA, which can't compile random_rotation" in capsys.readouterr().out


class OneHot(keras.losses.CategoricalCrossentropy):
    def call(self, y_true, y_pred):
        return super().call(keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 10), y_pred)


class PlusAndMinus(keras.losses.BinaryCrossentropy):
    def call(self, y_true, y_pred):
        return super().call((y_true + 1) / 2, y_pred)


class Rowwise(keras.Sequential):
    def compute_loss(self, x=None, y=None, *others, **options):
        return super().compute_loss(x, keras.ops.one_hot(y, 10), *others, **options)


@pytest.mark.parametrize(
    ("kind", "units", "loss", "labels"),
    [
        (keras.Sequential, 10, OneHot(from_logits=True), lambda labels: labels),
        (keras.Sequential, 1, PlusAndMinus(from_logits=True), lambda labels: labels % 2 * 2.0 - 1),
        (
            Rowwise,
            10,
            keras.losses.CategoricalCrossentropy(from_logits=True),
            lambda labels: labels,
        ),
    ],
)
def test_a_loss_of_ones_own_may_take_labels_in_another_form(data, kind, units, loss, labels):
    splits = {
        name: types.SimpleNamespace(features=split.features, labels=labels(split.labels))
        for name, split in data.splits.items()
    }
    layers = [keras.layers.Flatten(), keras.layers.Dense(units)]
    model = kind([keras.Input(data.input_shape), *layers])
    model.compile(optimizers.Adam(0.01), loss)
    losses = fit(model, types.SimpleNamespace(**splits), epochs=3).history["loss"]
    assert losses[2] < losses[0]
