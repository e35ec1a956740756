import dataclasses
import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import trained_runs

from recipes import export
from tfcourse import datasets, inference
from tfcourse.datasets.values import numbers
from tfcourse.inference import exporting, formats, serving
from tfcourse.system import files


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(exporting, "_LATENCY_SECONDS", 0.0)


def skip_unless_installed(name):
    try:
        inference.check_installed(name)
    except inference.MissingPackageError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", export.FORMATS)
def test_an_exported_model_takes_raw_images_and_gives_the_same(trained_run, tmp_path, capsys, name):
    skip_unless_installed(name)
    path = tmp_path / "digits.model"
    export.main(export.Export(run_dir=str(trained_run), format=name, output=str(path)))
    result = json.loads((tmp_path / "digits.model.json").read_text())
    assert result["largest_difference"] < 1e-5
    assert result["compared_examples"] == 256
    assert result["inputs"] == {"images": {"dtype": "uint8", "shape": [None, 8, 8, 1]}}
    assert result["bytes"] == formats.size_of(path) > 4000
    assert set(result["median_milliseconds"]) == {"1", "128"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits.model", "digits.model.json"]
    lines = capsys.readouterr().out.splitlines()
    header = "format size 1 example 128 examples largest difference run by"
    assert " ".join(lines[0].split()) == header
    assert lines[1].startswith(name)


@pytest.mark.parametrize("name", export.FORMATS)
def test_an_exported_model_prepares_a_table(table_run, tmp_path, name, caplog):
    skip_unless_installed(name)
    classifier = inference.load_run(table_run)
    features = trained_runs.table_dataset().test.features.copy()
    features[0, 1:4] = 0  # A category of its own.
    result = inference.export(classifier, name, tmp_path / "model", features)
    assert "not a category" not in caplog.text  # That the check makes up a text is not told.
    assert result["largest_difference"] < 1e-5
    assert result["columns"] == {"numeric": ["length (mm)", "year"], "categories": ["island"]}
    assert result["categories"] == {"island": ["Biscoe", "Dream", "Torgersen"]}
    run, _ = formats.FORMATS[name].load(tmp_path / "model")
    texts = formats.FORMATS[name].texts
    categories = [["Biscoe"], ["elsewhere"]] if texts else [[0], [-1]]
    found = run(
        numeric=np.float32([[np.nan, 2007], [49.5, 2009]]),
        categories=np.array(categories, object if texts else np.int32),
    )
    columns = {"length (mm)": [44.0, 49.5], "island": ["Biscoe", "elsewhere"], "year": [2007, 2009]}
    expected = classifier.probabilities(classifier.preprocessing.transform(columns))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def unscaled(tmp_path_factory):
    """Raw features, and a classifier of them."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    raw = (100 * labels[:, None] + rng.normal(0, 30, (120, 4))).astype(np.float32)
    folder = tmp_path_factory.mktemp("unscaled") / "run"
    trained_runs.train(folder, datasets.from_arrays((raw, labels), scale=True))
    return raw, inference.load_run(folder)


@pytest.mark.parametrize("name", export.FORMATS)
def test_an_exported_model_takes_unscaled_arrays(unscaled, tmp_path, name):
    skip_unless_installed(name)
    raw, classifier = unscaled
    result = inference.export(
        classifier, name, tmp_path / "model", classifier.preprocessing.transform(raw[:50])
    )
    assert result["inputs"] == {"features": {"dtype": "float32", "shape": [None, 4]}}
    run, _ = formats.FORMATS[name].load(tmp_path / "model")
    expected = classifier.probabilities(classifier.preprocessing.transform(raw))
    np.testing.assert_allclose(run(features=raw), expected, atol=1e-5)


@pytest.fixture(scope="module")
def bfloat16_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bfloat16") / "run"
    trained_runs.train(folder, precision="mixed_bfloat16")
    return folder


@pytest.mark.parametrize("name", export.FORMATS)
def test_what_was_trained_in_bfloat16_is_exported(bfloat16_run, tmp_path, name):
    skip_unless_installed(name)
    classifier = inference.load_run(bfloat16_run)
    features = datasets.load("digits").test.features
    result = inference.export(classifier, name, tmp_path / "model", features)
    assert result["largest_difference"] < 1e-5


@keras.saving.register_keras_serializable(package="export_test")
class Scaled(keras.layers.Layer):
    """An own layer that computes in its policy's dtype and says nothing of it in its config."""

    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], initializer="ones")

    def call(self, inputs):
        return keras.ops.relu(inputs * self.scale) + keras.ops.cast(0.5, self.compute_dtype)

    def get_config(self):
        return {"name": self.name}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [keras.layers.Flatten(), Scaled(), keras.layers.Dense(10)]

    def call(self, features):
        for part in self.parts:
            features = part(features)
        return features


def residual(inputs):
    wide = keras.layers.Dense(16)(keras.layers.Flatten()(inputs))
    return keras.layers.Dense(10)(wide + keras.layers.Dense(16, activation="relu")(wide))


def nested(inputs):
    inner = keras.Sequential([keras.Input(inputs.shape[1:]), keras.layers.Conv2D(4, 3)])
    return keras.layers.Dense(10)(keras.layers.Flatten()(inner(inputs)))


def over_time(inputs):
    rows = keras.layers.Reshape((8, 8))(inputs)
    rows = keras.layers.TimeDistributed(keras.layers.Dense(4))(rows)
    return keras.layers.Dense(10)(keras.layers.LSTM(4)(rows))


def own_layer(inputs):
    return keras.layers.Dense(10)(Scaled()(keras.layers.Flatten()(inputs)))


def subclassed(inputs):
    model = Subclassed()
    model(np.zeros((1, *inputs.shape[1:]), np.float32))
    return model


@pytest.mark.parametrize("network", [residual, nested, over_time, own_layer, subclassed])
def test_every_kind_of_model_in_bfloat16_is_exported_in_float32(trained_run, tmp_path, network):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((8, 8, 1))
        model = network(inputs)
    finally:
        keras.config.set_dtype_policy("float32")
    if not isinstance(model, keras.Model):
        model = keras.Model(inputs, model)
    classifier = dataclasses.replace(inference.load_run(trained_run), model=model)
    features = datasets.load("digits").test.features[:50]
    before = classifier.probabilities(features)
    result = inference.export(classifier, "saved_model", tmp_path / "model", features)
    assert result["largest_difference"] < 1e-5
    loaded = tf.saved_model.load(tmp_path / "model")
    graph = loaded.signatures["serving_default"].graph.as_graph_def()
    assert "DT_BFLOAT16" not in str(graph)
    assert model.layers[-1].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(classifier.probabilities(features), before)


def test_a_missing_text_is_imputed(table_run):
    classifier = inference.load_run(table_run)
    served = serving.serving(classifier, texts=True)
    numeric = tf.constant([[45.0, 2008.0]] * 2)
    found = served.function(numeric, tf.constant([[""], ["Dream"]]))["probabilities"].numpy()
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("texts", [True, False])
def test_missing_values_and_dates_are_prepared_as_for_training(texts):
    days = pd.date_range("2019-01-01", periods=60, freq="9D")
    frame = pd.DataFrame(
        {
            "x": [1.0, np.nan, 3.0] * 20,
            "k": ["u", None, "v"] * 20,
            "sold": days.strftime("%d.%m.%Y %H:%M"),
            "y": [*"ab"] * 30,
        }
    )
    data = datasets.from_dataframe(frame, label="y")
    kind = serving.KINDS[type(data.preprocessing)](data.preprocessing, texts)
    inputs, features = kind.raw(data.train.features)
    prepared = kind.prepare(**{name: tf.constant(values) for name, values in inputs.items()})
    np.testing.assert_allclose(prepared, features, atol=1e-4)
    np.testing.assert_allclose(features, data.train.features, atol=1e-4)
    assert {1.0, 0.0} == set(features[:, data.preprocessing.feature_names.index("x is missing")])


def test_numbers_in_parts_and_with_units_are_prepared_as_for_training():
    minutes = np.arange(60) * 37 % 400 + 61
    frame = pd.DataFrame(
        {
            "lasts": [f"{n // 60}h {n % 60}m" for n in minutes],
            "lap": [f"{n // 60}:{n % 60:02}.5" for n in minutes],
            "tall": [f"{n // 60}'{n % 12}\"" for n in minutes],
            "size": [f"{n // 60} {n % 7 + 1}/8" for n in minutes],
            "weighs": [f"{n},5 kg" for n in minutes],
            "y": [*"ab"] * 30,
        }
    )
    data = datasets.from_dataframe(frame, label="y")
    assert numbers.PLAIN not in {column.written for column in data.preprocessing.columns}
    kind = serving.KINDS[type(data.preprocessing)](data.preprocessing, True)
    inputs, features = kind.raw(data.train.features)
    np.testing.assert_allclose(features, data.train.features, atol=1e-4)
    np.testing.assert_allclose(kind.prepare(numeric=inputs["numeric"]), features, atol=1e-4)


def test_a_model_that_came_out_otherwise_is_removed(trained_run, tmp_path, monkeypatch):
    classifier = inference.load_run(trained_run)
    features = np.random.default_rng(0).uniform(0, 1, (20, 8, 8, 1)).astype(np.float32)
    true_serving = serving.serving

    def wrong(classifier, *, texts):
        served = true_serving(classifier, texts=texts)
        signature = list(served.inputs.values())

        @tf.function(input_signature=signature)
        def shifted(images):
            return served.function(images // 2 * 2)

        return serving.Serving(shifted, served.inputs, {}, {})

    monkeypatch.setattr(exporting, "serving", wrong)
    with pytest.raises(inference.ExportMismatchError, match="differ by up to") as caught:
        inference.export(classifier, "saved_model", tmp_path / "model", features, tolerance=1e-4)
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("added", [3e-4, np.nan])
def test_the_default_tolerance_is_no_larger(trained_run, tmp_path, monkeypatch, added):
    classifier = inference.load_run(trained_run)
    features = datasets.load("digits").test.features[:20]
    chosen = formats.FORMATS["saved_model"]
    true_load = chosen.load

    def load(path, output):
        run, runtime = true_load(path, output)
        return lambda **inputs: run(**inputs) + added, runtime

    monkeypatch.setattr(chosen, "load", load)
    with pytest.raises(inference.ExportMismatchError, match="differ by up to"):
        inference.export(classifier, "saved_model", tmp_path / "model", features)
    assert list(tmp_path.iterdir()) == []


def test_other_shapes_differ_without_end():
    assert exporting._difference(np.zeros((2, 1)), np.zeros((2, 3))) == np.inf


def test_a_missing_package_ends_with_5_and_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    command = "pip install onnx tf2onnx onnxruntime"
    with pytest.raises(inference.MissingPackageError, match=command) as caught:
        inference.check_installed("onnx")
    assert caught.value.exit_code == 5
    inference.check_installed("saved_model")


def test_the_recipes_formats_are_those_there_are():
    assert set(export.FORMATS) == set(formats.FORMATS)


@pytest.mark.parametrize("name", ["model", "model.json"])
def test_a_link_to_nothing_is_something(tmp_path, name):
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(ValueError, match="already exists"):
        export.Export(run_dir="r", output=str(tmp_path / "model"))


def test_a_name_to_which_no_suffix_can_be_added_is_refused(tmp_path):
    with pytest.raises(files.PathError, match="too long"):
        export.Export(run_dir="r", output=str(tmp_path / ("n" * 252)))


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.tflite.json").touch()
    for output, message in (("there", "already"), ("a.tflite", "already"), ("no/a", "not a fold")):
        with pytest.raises(ValueError, match=message):
            export.Export(run_dir="run", output=str(tmp_path / output), format="litert")


@pytest.mark.parametrize(("name", "format"), [("a.onnx", "saved_model"), ("a.tflite", "onnx")])
def test_no_file_is_named_as_another_format(tmp_path, name, format):
    with pytest.raises(ValueError, match=f"but `format` is {format}"):
        export.Export(run_dir="run", output=str(tmp_path / name), format=format)
