import io
import json
import pathlib
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tfcourse import models, optimizers, run_directory, training
from tfcourse.training import checkpoint

ROOT = pathlib.Path(__file__).parents[1]
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


def weights(model):
    return [variable.numpy() for variable in model.variables]


def rewritten(path, *, drop=(), compression=zipfile.ZIP_STORED, **changed):
    """Writes the `.keras` file anew with some of its members changed or left out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {name.replace("_", "."): data for name, data in changed.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            if name not in drop:
                archive.writestr(name, data)


def weights_file(edit):
    """Returns the bytes of a weights member that `edit` has changed."""

    def changed(path):
        with zipfile.ZipFile(path) as archive:
            buffer = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(buffer, "r+") as file:
            edit(file)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["model.weights.h5"] = buffer.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return changed


@pytest.mark.parametrize("name", ["weights.arrays", "model.keras"])
def test_saved_weights_come_back(saved, name):
    model = compiled(seed=2)
    training.load_weights(model, saved / name)
    for loaded, original in zip(weights(model), weights(compiled()), strict=True):
        np.testing.assert_array_equal(loaded, original)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def lambda_layer(path):
    config = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda"}]}}
    rewritten(path, config_json=json.dumps(config).encode())


def deep_json(path):
    rewritten(path, config_json=b"[" * 100_000)


def shape_bomb(path):
    # 8 GB by declaration, none of it in the file.
    weights_file(lambda file: file.create_dataset("layers/bomb", (1 << 31,), "f4"))(path)


def external(path):
    def edit(file):
        file["layers"]["other"] = h5py.ExternalLink("/etc/passwd", "/")

    weights_file(edit)(path)


def outside_data(path):
    weights_file(lambda file: file.create_dataset("layers/x", (4,), "f4", external="/etc/passwd"))(
        path
    )


def not_a_number(path):
    def edit(file):
        file.visititems(
            lambda name, item: (
                item.__setitem__(0, np.nan)
                if isinstance(item, h5py.Dataset) and item.ndim
                else None
            )
        )

    weights_file(edit)(path)


KERAS_FAULTS = {
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "cut": (cut, "damaged"),
    "flipped": (flip, "can't be loaded"),
    "missing": (pathlib.Path.unlink, "No such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "regular file"),
    "an hdf5 file": (lambda path: h5py.File(path, "w").close(), "HDF5"),
    "a lambda": (lambda_layer, "Lambda"),
    "deep json": (deep_json, "damaged"),
    "no weights": (lambda path: rewritten(path, drop=["model.weights.h5"]), "it holds"),
    "compressed": (
        lambda path: rewritten(
            path, compression=zipfile.ZIP_DEFLATED, config_json=b" " * (1 << 28)
        ),
        "compressed",
    ),
    "large": (lambda path: rewritten(path, config_json=b" " * (8 << 20)), "bytes"),
    "shape bomb": (shape_bomb, "declares"),
    "an external link": (external, "link elsewhere"),
    "data of another file": (outside_data, "never does"),
    "not a number": (not_a_number, "not finite"),
}


@pytest.mark.parametrize("fault", KERAS_FAULTS)
def test_a_bad_keras_file_is_refused_and_changes_nothing(saved, fault):
    spoil, message = KERAS_FAULTS[fault]
    path = saved / "model.keras"
    spoil(path)
    model = compiled(seed=2)
    before = weights(model)
    with pytest.raises(training.CheckpointError, match=message) as caught:
        training.load_weights(model, path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert caught.value.exit_code == 4
    for value, original in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(value, original)


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
    path.write_bytes(b"".join(checkpoint.pack(arrays, {})))


def other_model(path):
    arrays = checkpoint.arrays_of(compiled(hidden_units=(9,)).variables)
    path.write_bytes(b"".join(checkpoint.pack(arrays, {})))


ARRAYS_FAULTS = {
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "cut": (cut, "checksum"),
    "flipped": (flip, "checksum"),
    "text": (lambda path: path.write_bytes(b"x" * 500), "begin"),
    "large": (lambda path: path.write_bytes(bytes(8 << 20)), "bytes"),
    "a header that lies": (header_bomb, "can't be loaded"),
    "objects": (an_object, "can't be loaded"),
    "not a number": (nan_arrays, "not finite"),
    "another model": (other_model, "another model"),
}


@pytest.mark.parametrize("fault", ARRAYS_FAULTS)
def test_a_bad_file_of_arrays_is_refused(saved, fault):
    spoil, message = ARRAYS_FAULTS[fault]
    path = saved / "weights.arrays"
    spoil(path)
    with pytest.raises(training.CheckpointError, match=message):
        training.load_weights(compiled(seed=2), path)


def test_weights_of_another_architecture_are_refused(saved):
    with pytest.raises(training.CheckpointError, match="another model"):
        training.load_weights(compiled(hidden_units=(7,)), saved / "model.keras")


def test_an_older_keras_reads_only_what_a_run_of_ours_wrote(saved, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.13.2")
    training.load_weights(compiled(), saved / "model.keras")
    rewritten(saved / "model.keras")
    with pytest.raises(training.CheckpointError, match=r"3\.15\.1"):
        training.load_weights(compiled(), saved / "model.keras")


def test_bfloat16_survives_a_file(tmp_path):
    variable = keras.Variable(np.float32([1.5, -2.0]), dtype="bfloat16", name="x")
    path = tmp_path / "x.arrays"
    path.write_bytes(b"".join(checkpoint.pack(checkpoint.arrays_of([variable]), {})))
    arrays, _ = checkpoint.read(path, 4)
    variable.assign([0.0, 0.0])
    checkpoint.check_fits(path, arrays, [variable])
    checkpoint.assign([variable], arrays)
    np.testing.assert_array_equal(np.float32(variable.numpy()), [1.5, -2.0])


MEASURE = """
import resource, sys, time
from tests import model_files_test as t
from tfcourse import training
import pathlib
path = pathlib.Path(sys.argv[1])
model = t.compiled()
training.load_weights(model, path.parent / "weights.arrays")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, started = peak(), time.process_time()
try:
    training.load_weights(model, path)
except training.CheckpointError:
    print(peak() - before, time.process_time() - started)
"""


@pytest.mark.parametrize("fault", ["shape bomb", "compressed"])
def test_a_hostile_file_costs_little(saved, fault):
    path = saved / "model.keras"
    KERAS_FAULTS[fault][0](path)
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    megabytes, seconds = (float(text) for text in result.stdout.split())
    assert megabytes < 200
    assert seconds < 1.0
