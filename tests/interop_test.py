"""What a run leaves and exports, opened by the runtimes themselves where this package is not."""

import dataclasses
from unittest import mock

import numpy as np
import processes
import pytest
import trained_runs

from recipes import classify
from tfcourse import datasets, inference, run_directory, training
from tfcourse.inference import exporting, formats
from tfcourse.training.compilation import steps

RUNS = {
    "table": (trained_runs.table_dataset, {"hidden_units": (8,)}),
    # A CNN, since these are images.
    "images in bfloat16": (lambda: datasets.load("digits"), {"precision": "mixed_bfloat16"}),
}
CHECKS = """
import glob, os
import numpy as np

def check(path, found):
    expected = np.load(path.rpartition(".")[0] + ".expected.npy")
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, atol=1e-5)
    print(os.path.basename(path))

def inputs_of(path):
    with np.load(path.rpartition(".")[0] + ".inputs.npz", allow_pickle=True) as file:
        return {name: file[name] for name in file}
"""
BY_TENSORFLOW = """
import keras
import tensorflow as tf
for path in sorted(glob.glob("*.keras")):
    check(path, keras.saving.load_model(path)(inputs_of(path)["features"]))
for path in sorted(glob.glob("*.saved_model")):
    serve = tf.saved_model.load(path).signatures["serving_default"]
    (found,) = serve(**{n: tf.constant(v.tolist() if v.dtype == object else v)
                        for n, v in inputs_of(path).items()}).values()
    check(path, found)
"""
BY_SMALL_RUNTIMES = """
import sys
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
for path in sorted(glob.glob("*.onnx")):
    check(path, onnxruntime.InferenceSession(path).run(None, inputs_of(path))[0])
for path in sorted(glob.glob("*.litert")):
    serve = Interpreter(model_path=path).get_signature_runner("serving_default")
    check(path, *serve(**inputs_of(path)).values())
assert "tensorflow" not in sys.modules
"""


def train(folder, data, **values):
    """Trains recipes.classify for an epoch into `folder`, with the model that it chooses."""
    hyperparameters = classify.Classify(epochs=1, **values)
    flags = {name: [text] for name, text in hyperparameters.all_texts().items()}
    flags |= {"seed": ["1"], "dataset": [data.name]}
    with (
        run_directory.open_run(folder, flags, recipe="recipes.classify") as run,
        mock.patch.object(steps, "compiles_with_xla", return_value=False),
    ):
        model, _ = classify.train(hyperparameters, data, 1, run, tensorboard=False, verbose=0)
        training.save_model(model, run)
    training.set_precision("float32")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of files of every kind, from every run, with inputs and expected outputs beside."""
    for name in formats.FORMATS:
        try:
            inference.check_installed(name)
        except inference.MissingPackageError as error:
            pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("shelf")
    for name, (load, values) in RUNS.items():
        data, run = load(), folder / name
        train(run, data, **values)
        classifier = inference.load_run(run)
        # Exports compute in float32, and a classifier keeps the program that it had.
        exact = dataclasses.replace(classifier)
        features = data.test.features[:30]
        stem = folder / name
        (run / "model.keras").rename(f"{stem}.keras")
        np.savez(f"{stem}.inputs.npz", features=features)
        np.save(f"{stem}.expected.npy", np.asarray(classifier.model(features), np.float32))
        with mock.patch.object(exporting, "_LATENCY_SECONDS", 0.0):
            for kind, format in formats.FORMATS.items():
                stem = folder / f"{name} {kind}"
                inference.export(classifier, kind, stem.with_suffix(f".{kind}"), features)
                inputs, raw = exporting.raw_examples(classifier, features, texts=format.texts)
                np.savez(f"{stem}.inputs.npz", **inputs)
                with exporting._in_float32(classifier.model):
                    np.save(f"{stem}.expected.npy", exact.probabilities(raw))
    return folder


def opened(shelf, program, **started):
    program = processes.WITHOUT_US + CHECKS + program
    done = processes.command("-c", program, cwd=shelf, **started)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_keras_and_tensorflow_open_them_without_this_package(shelf):
    expected = [f"{name}.keras" for name in sorted(RUNS)]
    expected += [f"{name} saved_model.saved_model" for name in sorted(RUNS)]
    assert opened(shelf, BY_TENSORFLOW) == expected


def test_onnx_runtime_and_litert_open_them_without_tensorflow(shelf):
    kinds = ("onnx", "litert")
    expected = [f"{name} {kind}.{kind}" for kind in kinds for name in sorted(RUNS)]
    assert opened(shelf, BY_SMALL_RUNTIMES, tensorflow=False) == expected
