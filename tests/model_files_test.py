import json
import pathlib

import keras
import numpy as np
import processes
import pytest

from tfcourse import models, optimizers, run_directory, schedules, training
from tfcourse.training.checkpoints import checkpoint, saved_arrays

SHAPE = (4, 4, 1)


def compiled(seed=1, hidden_units=(8,)):
    training.set_seed(seed)
    model = models.batch_norm_mlp(SHAPE, 3, hidden_units)
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    return model


@pytest.fixture
def saved(tmp_path):
    with run_directory.open_run(tmp_path, {}, recipe="test") as run:
        training.save_model(compiled(), run)
    return tmp_path


ALONE = """
import keras, numpy
model = keras.saving.load_model("model.keras")
assert not model.compiled
numpy.save("alone.npy", model.predict(numpy.load("examples.npy"), verbose=0))
"""


def test_keras_alone_opens_the_model_and_predicts_the_same(saved):
    examples = np.random.default_rng(1).random((5, *SHAPE), np.float32)
    np.save(saved / "examples.npy", examples)
    done = processes.command("-c", processes.WITHOUT_US + ALONE, cwd=saved)
    assert done.returncode == 0, done.stderr
    expected = compiled().predict(examples, verbose=0)
    np.testing.assert_array_equal(np.load(saved / "alone.npy"), expected)


def test_the_summary_fits_80_columns(saved):
    lines = (saved / "model.txt").read_text().splitlines()
    assert any("Total params" in line for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("rate", ["a rate of 0", "one cycle"])
@pytest.mark.parametrize("kind", optimizers.OPTIMIZERS)
def test_the_optimizer_comes_back(tmp_path, kind, rate):
    model = compiled()
    schedule = schedules.OneCycle(0.1, 10) if rate == "one cycle" else 0.1
    training.compile_classifier(model, optimizers.OPTIMIZERS[kind](schedule))
    if rate == "a rate of 0":
        model.optimizer.learning_rate = 0.0
    with run_directory.open_run(tmp_path, {}, recipe="test") as run:
        training.save_model(model, run)
    assert model.compiled
    assert model.optimizer.built
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.compile_from_config(json.loads((tmp_path / "compiled.json").read_text()))
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()


def test_a_model_of_keras_alone_comes_back_compiled(tmp_path):
    model = compiled()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    with run_directory.open_run(tmp_path, {}, recipe="test") as run:
        training.save_model(model, run)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert not (tmp_path / "compiled.json").exists()


def weights(model):
    return [variable.numpy() for variable in model.variables]


def test_saved_weights_come_back(saved):
    model = compiled(seed=2)
    training.load_weights(model, saved / "weights.arrays")
    for loaded, original in zip(weights(model), weights(compiled()), strict=True):
        np.testing.assert_array_equal(loaded, original)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def header_bomb(path):
    # A checksum that fits proves only that somebody has computed it.
    described = {"arrays": [["0 hidden/kernel", "float32", [1 << 40]]], "state": {}}
    arrays_file(path, json.dumps(described).encode())


def an_object(path):
    arrays_file(path, b'{"arrays": [["x", "object", [1]]], "state": {}}' + b"12345678")


def arrays_file(path, body):
    import hashlib
    import struct

    body = struct.pack("<Q", len(body)) + body
    path.write_bytes(b"tfcourse arrays\n" + hashlib.sha256(body).digest() + body)


def nan_arrays(path):
    arrays = checkpoint.arrays_of(compiled().variables)
    next(iter(arrays.values()))[0] = np.nan
    path.write_bytes(b"".join(saved_arrays.pack(arrays, {})))


def other_model(path):
    arrays = checkpoint.arrays_of(compiled(hidden_units=(9,)).variables)
    path.write_bytes(b"".join(saved_arrays.pack(arrays, {})))


ARRAYS_FAULTS = {
    "empty": (lambda path: path.write_bytes(b""), "0 bytes"),
    "missing": (pathlib.Path.unlink, "no such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "regular file"),
    "cut": (cut, "checksum"),
    "flipped": (flip, "checksum"),
    "text": (lambda path: path.write_bytes(b"x" * 500), "start like"),
    "large": (lambda path: path.write_bytes(bytes(64 << 20)), "bytes"),
    "a header that lies": (header_bomb, "can't be loaded"),
    "objects": (an_object, "can't be loaded"),
    "not a number": (nan_arrays, "not finite"),
    "another model": (other_model, "another model"),
}


@pytest.mark.parametrize("fault", ARRAYS_FAULTS)
def test_a_bad_file_of_arrays_is_refused_and_changes_nothing(saved, fault):
    spoil, message = ARRAYS_FAULTS[fault]
    path = saved / "weights.arrays"
    spoil(path)
    model = compiled(seed=2)
    before = weights(model)
    with pytest.raises(training.CheckpointError, match=message) as caught:
        training.load_weights(model, path)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 4
    for value, original in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(value, original)


def test_a_file_of_keras_is_left_to_keras(saved):
    with pytest.raises(training.CheckpointError, match=r"keras\.Model\.load_weights"):
        training.load_weights(compiled(), saved / "model.keras")


def test_bfloat16_survives_a_file(tmp_path):
    variable = keras.Variable(np.float32([1.5, -2.0]), dtype="bfloat16", name="x")
    path = tmp_path / "x.arrays"
    path.write_bytes(b"".join(saved_arrays.pack(checkpoint.arrays_of([variable]), {})))
    arrays, _ = saved_arrays.read(path, 4)
    variable.assign([0.0, 0.0])
    checkpoint.check_fits(path, arrays, [variable])
    checkpoint.assign([variable], arrays)
    np.testing.assert_array_equal(np.float32(variable.numpy()), [1.5, -2.0])
