"""Several devices: two of one machine, made out of its processor, and two processes on loopback."""

import csv
import json
import socket
import time

import numpy as np
import processes
import pytest

from recipes import mnist_softmax
from tfcourse import datasets
from tfcourse.system import devices

# Dozens of steps in float32, in which additions take another order.
TOLERANCE = {"rtol": 1e-3, "atol": 1e-4}
COLUMNS = ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate")

# Devices are made before TensorFlow looks for them, which takes a process of its own.
TWO_DEVICES = """
import json, sys
import keras
import tensorflow as tf
from recipes import mnist_softmax
from tfcourse import datasets, run_directory, training
from tfcourse.system import devices
from tfcourse.training.checkpoints import saving
from tfcourse.training.compilation import steps

processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
steps.compiles_with_xla = lambda model: False  # It would take most of the time.
saving._SAVE_SECONDS = -1.0  # A checkpoint after every block.
data = datasets.load("digits").smaller(104)
WEIGHTS = {0: 4.0, 1: 0.25, 2: 0.0}
# The last of an epoch's batches has 5 examples, and no batch can be halved.
hp = mnist_softmax.MnistSoftmax(
    hidden_units=(32,), epochs=3, batch_size=33, learning_rate=0.01,
    clip_norm=0.5, label_smoothing=0.1, beta_1="cycled",
)


class Stop(keras.callbacks.Callback):
    has_stopped = False

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 6 and not Stop.has_stopped:
            Stop.has_stopped = True
            raise KeyboardInterrupt


def trained(strategy, name, callbacks=()):
    folder = f"{sys.argv[1]}/{name}"
    with training.on_devices(strategy), run_directory.open_run(folder, {}, recipe="t") as run:
        options = {"verbose": 0, "callbacks": callbacks, "steps_per_block": 1}
        options["class_weight"] = WEIGHTS
        model, history = mnist_softmax.train(hp, data, seed=1, run=run, **options)
    return model, history.history


strategy = devices.strategy("mirrored")
one, plain = trained(None, "plain")
two, mirrored = trained(strategy, "mirrored")
try:
    trained(strategy, "stopped", [Stop()])
except KeyboardInterrupt:
    three, resumed = trained(strategy, "stopped", [Stop()])
same = all((a.numpy() == b.numpy()).all() for a, b in zip(two.variables, three.variables))
print(json.dumps({
    "plain": plain, "mirrored": mirrored, "resumed": resumed, "same": bool(same),
    "devices": strategy.num_replicas_in_sync,
    "synchronized": two.get_layer("batch_norm_1").synchronized,
}))
"""


def test_two_devices_train_as_one_does(tmp_path):
    done = processes.command("-c", TWO_DEVICES, tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["devices"] == 2
    for name in COLUMNS:
        np.testing.assert_allclose(found["mirrored"][name], found["plain"][name], **TOLERANCE)
    assert found["resumed"] == found["mirrored"]
    assert found["same"]
    # What is saved is a model for any number of devices.
    assert not found["synchronized"]


# What one device computes and two, of one model after the other; or what they refuse.
SCENARIOS = """
import contextlib, functools, json
import keras
import numpy as np
import tensorflow as tf
from tfcourse import datasets, layers, optimizers, training
from tfcourse.training.compilation import steps

processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
steps.compiles_with_xla = lambda model: False  # It would take most of the time.
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
data = datasets.load("digits").smaller(150)
SGD = keras.optimizers.SGD
found = {}


def built(optimizer, kind, loss, metrics, scope):
    with strategy.scope() if scope else contextlib.nullcontext():
        training.set_seed(1)
        inputs = [keras.Input([8, 8, 1]), keras.layers.Flatten()]
        model = keras.Sequential([*inputs, *kind(), keras.layers.Dense(10)])
        loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, metrics=["accuracy"], weighted_metrics=metrics)
    return model


def compare(
    name, optimizer=lambda: SGD(0.5), kind=list, *,
    loss=None, metrics=None, weights=None, dtype="float32", scope=False, refused=False,
):
    results = []
    keras.config.set_dtype_policy(dtype)
    for each in (None, strategy)[refused:]:
        model = built(optimizer, kind, loss, metrics, scope)
        try:
            with training.on_devices(each):
                history = training.fit(
                    model, data, epochs=2, batch_size=33, seed=1, verbose=0, class_weight=weights
                )
        except ValueError as error:
            results.append(str(error))
        else:
            arrays = [w.numpy().ravel().tolist() for w in model.variables]
            results.append([{k: v for k, v in history.history.items()}, arrays])
    found[name] = results


def without_biases():
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=5.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def adapted():
    layer = keras.layers.Normalization(name="adapted")
    layer.adapt(data.train.features.reshape(len(data.train), -1))
    return layer


WEIGHTS = {0: 4.0, 1: 0.25, 2: 0.0}
RANKED = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, reduction="mean_with_sample_weight"
)
SUMMED = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
compare("rate", lambda: optimizers.Adam(0.05))
for clip in ("clipnorm", "global_clipnorm", "clipvalue"):
    compare(clip, lambda: SGD(0.5, **{clip: 0.05}))
compare("decay", without_biases)
compare("half", lambda: SGD(0.1), dtype="mixed_float16")
compare("weighted", weights=WEIGHTS, metrics=["accuracy"])
LIMIT = keras.constraints.MaxNorm(0.5)
REGULAR = {"kernel_regularizer": "l2", "kernel_constraint": LIMIT}
compare("regularized", kind=lambda: [keras.layers.Dense(8, **REGULAR)])
keras.config.set_dtype_policy("float32")
refuse = functools.partial(compare, refused=True)
refuse("accumulated", lambda: SGD(0.1, gradient_accumulation_steps=2))
refuse("teaching", kind=lambda: [layers.BatchNormalization(name="taught")])
refuse("adapted", kind=lambda: [adapted()])
UNIT = keras.layers.SpectralNormalization
refuse("spectral", kind=lambda: [UNIT(keras.layers.Dense(8), name="unit")])
compare("frozen", kind=lambda: [keras.layers.Dense(8), keras.layers.Dense(8, trainable=False)])
compare("given", kind=lambda: [keras.layers.Normalization(mean=0.3, variance=2.0)])
refuse("activity", kind=lambda: [keras.layers.Dense(8, activity_regularizer="l2")])
refuse("summed", loss=SUMMED)
refuse("ranked", loss=RANKED, weights=WEIGHTS)
compare("scope", scope=True)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def scenarios():
    done = processes.command("-c", SCENARIOS, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name",
    [
        *("rate", "clipnorm", "global_clipnorm", "clipvalue", "decay", "half", "weighted"),
        *("regularized", "frozen", "given"),
    ],
)
def test_two_devices_compute_what_one_does(scenarios, name):
    (history, arrays), (other_history, other_arrays) = scenarios[name]
    loose = {"rtol": 2e-2, "atol": 2e-3}
    for column, values in history.items():
        tolerance = loose if name == "half" else TOLERANCE
        np.testing.assert_allclose(other_history[column], values, **tolerance)
    for one, other in zip(arrays, other_arrays, strict=True):
        np.testing.assert_allclose(other, one, **(loose if name == "half" else TOLERANCE))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("accumulated", "optimizer.gradient_accumulation_steps"),
        ("teaching", "taught, whose moments are of a part"),
        ("adapted", "adapted, which keeps numbers that are not trained"),
        ("spectral", "unit, which keeps numbers that are not trained"),
        ("activity", "activity_regularizer"),
        ("summed", "'sum'"),
        ("ranked", "'mean_with_sample_weight'"),
    ],
)
def test_what_parts_of_a_batch_do_not_add_up_to_is_refused(scenarios, name, reason):
    (refused,) = scenarios[name]
    assert "Several devices can't train" in refused
    assert reason in refused


def test_a_model_built_in_a_scope_is_refused_with_the_way_that_goes(scenarios):
    for refused in scenarios["scope"]:
        assert "built outside of a strategy's scope" in refused
        assert "on_devices(strategy)" in refused


EPOCHS = 15
FLAGS = (
    *("--dataset=digits", "--hidden_units=32", f"--epochs={EPOCHS}", "--batch_size=101"),
    *("--learning_rate=0.003", "--strategy=multi_worker"),
)


def start_two(folder, **given):
    """Starts two workers, as two machines would; returns their processes."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    addresses = [f"127.0.0.1:{port}" for port in ports]
    started = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        flags = (*FLAGS, f"--run_dir={folder}")
        variables = {"TF_CONFIG": json.dumps(config)}
        started.append(processes.Program("recipes.mnist_softmax", *flags, **given, **variables))
    return started


def outputs_of(started):
    """Returns a list of (exit code, standard output, standard error)."""
    try:
        texts = [program.communicate(timeout=120) for program in started]
    finally:
        for program in started:
            program.kill()
    return [(p.returncode, *text) for p, text in zip(started, texts, strict=True)]


def checkpoints(folder):
    return list(folder.glob("checkpoints/*.ckpt"))


def test_two_processes_train_as_one_does_and_outlive_the_death_of_one(tmp_path):
    folder = tmp_path / "run"
    # Each imports TensorFlow itself, after it has said how little that is to log.
    started = start_two(folder, tensorflow=False)
    deadline = time.monotonic() + 120
    while len(checkpoints(folder)) < 2:
        assert time.monotonic() < deadline
        assert started[0].poll() is None, outputs_of(started)
        time.sleep(0.02)
    started[1].kill()
    code, _, error = outputs_of(started)[0]
    assert code == 5, error
    assert "start all of them again" in error
    assert len(error.splitlines()) <= 3
    assert not (folder / "metrics.json").exists()

    (code, output, error), (other_code, *_) = outputs_of(start_two(folder))
    assert (code, other_code) == (0, 0), error
    assert "Resuming at" in output
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    hyperparameters = mnist_softmax.MnistSoftmax(
        hidden_units=(32,), epochs=EPOCHS, batch_size=101, learning_rate=0.003
    )
    data = datasets.load("digits")
    _, history = mnist_softmax.train(hyperparameters, data, seed=1, verbose=0)
    for name in COLUMNS:
        values = [float(row[name]) for row in rows]
        np.testing.assert_allclose(values, history.history[name], **TOLERANCE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": "ab"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_tf_config_that_names_no_worker_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="TF_CONFIG must be"):
        devices.worker()


def test_tf_config_says_which_worker_this_is(monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.worker() == devices.Worker(1, 2)
