import contextlib
import json
import os
import pathlib
import re
import shutil
import time

import keras
import numpy as np
import peaks
import pytest
from absl import logging

from recipes import mnist_softmax
from tfcourse import datasets, inference, run_directory, training


@pytest.fixture
def spoilt_run(trained_run, tmp_path):
    """A copy to be spoilt."""
    return shutil.copytree(trained_run, tmp_path / "copy")


def test_a_run_becomes_a_classifier_that_gives_what_the_run_recorded(trained_run):
    classifier = inference.load_run(trained_run)
    data = datasets.load("digits")
    assert classifier.class_names == data.class_names
    assert classifier.input_shape == (8, 8, 1)
    probabilities = classifier.probabilities(data.test.features)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    accuracy = (probabilities.argmax(axis=1) == data.test.labels).mean()
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert accuracy == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    logits = classifier.model.predict(data.test.features[:5], verbose=0).astype(np.float64)
    reference = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities[:5], reference, rtol=1e-5)


def test_what_the_training_has_told_of_its_data_is_not_told_again(monkeypatch, trained_run, caplog):
    classifier = inference.load_run(trained_run)
    load = datasets.load

    def load_and_tell(*arguments, **options):
        logging.warning("told")
        return load(*arguments, **options)

    monkeypatch.setattr(datasets, "load", load_and_tell)
    inference.load_split(classifier, "test")
    assert "told" not in caplog.messages
    logging.warning("told")
    assert "told" in caplog.messages


@pytest.mark.parametrize("shape", [(2, 5), (0, 8, 8, 1), (8, 8, 1)])
def test_features_of_another_shape_are_refused(trained_run, shape):
    classifier = inference.load_run(trained_run)
    message = re.escape(f"shape {classifier.input_shape}. Received: shape {shape}")
    with pytest.raises(ValueError, match=message):
        classifier.probabilities(np.zeros(shape, np.float32))


def test_a_sweep_stands_for_its_best_trial(trained_run, tmp_path):
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(inference.NotARunError, match="no best trial yet"):
        inference.load_run(tmp_path)
    shutil.copytree(trained_run, tmp_path / "trials/00003/0")
    (tmp_path / run_directory.BEST).symlink_to("trials/00003/0")
    assert inference.load_run(tmp_path).class_names == tuple("0123456789")


def test_a_best_trial_is_not_looked_for_elsewhere(trained_run, tmp_path):
    (tmp_path / "journal.jsonl").touch()
    (tmp_path / run_directory.BEST).symlink_to(trained_run)
    with pytest.raises(inference.RunFileError, match="leads out of its sweep's folder"):
        inference.load_run(tmp_path)


def test_memory_that_is_out_is_no_damaged_run(trained_run, monkeypatch):
    def build(*_):
        raise MemoryError

    monkeypatch.setattr(mnist_softmax, "build", build)
    with pytest.raises(MemoryError):
        inference.load_run(trained_run)


def test_the_precision_of_a_run_is_the_models_alone(spoilt_run):
    flag("precision", "mixed_bfloat16")(spoilt_run)  # Its weights are float32 all the same.
    classifier = inference.load_run(spoilt_run)
    assert classifier.model.layers[-1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_what_pickles_and_configurations_hold_is_never_opened(spoilt_run):
    (spoilt_run / "model.keras").write_bytes(b"not a model")
    shutil.rmtree(spoilt_run / "checkpoints")
    inference.load_run(spoilt_run)


def header(text):
    def spoil(folder):
        path = folder / "flags.txt"
        path.write_text(f"{text}\n" + path.read_text().partition("\n")[2])

    return spoil


def flag(name, value):
    def spoil(folder):
        with open(folder / "flags.txt", "a") as file:
            file.write(f"--{name}={value}\n")

    return spoil


def preprocessing(**changes):
    def spoil(folder):
        path = folder / "preprocessing.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return spoil


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def pipe(folder):
    (folder / "flags.txt").unlink()
    os.mkfifo(folder / "flags.txt")


def sparse(name, size):
    def spoil(folder):
        with open(folder / name, "ab") as file:
            file.truncate(size)  # The disk holds none of it.

    return spoil


def both(first, second):
    return lambda folder: (first(folder), second(folder))


ODD_RECIPE = "# python -m recipes.{} --flagfile=flags.txt runs this again."
RUN, FILE, WEIGHTS = inference.NotARunError, inference.RunFileError, training.CheckpointError
FAULTS = {
    "no flags": (lambda folder: (folder / "flags.txt").unlink(), RUN, r"no flags\.txt"),
    "no preprocessing": (
        lambda folder: (folder / "preprocessing.json").unlink(), RUN, "no preprocessing",
    ),
    "no recipe": (header("--epochs=1"), FILE, "which recipe"),
    "a recipe by path": (header(ODD_RECIPE.format("../../evil")), FILE, "which recipe"),
    "a recipe that is not there": (header(ODD_RECIPE.format("os")), RUN, "not there"),
    "a recipe in a module": (header(ODD_RECIPE.format("a.b")), RUN, "`recipe=recipes.a.b`"),
    "a recipe of no classifier": (header(ODD_RECIPE.format("compare")), RUN, "no `build`"),
    "flags: a pipe": (pipe, FILE, "regular file"),
    "flags: binary": (written("flags.txt", b"\xff\xfe\x00"), FILE, "is not UTF-8"),
    "flags: long": (sparse("flags.txt", 1 << 40), FILE, "bytes"),
    "flags: a value": (flag("learning_rate", "-1"), FILE, "learning_rate"),
    "flags: a model": (flag("model", "__import__"), FILE, "model"),
    "flags: wide": (flag("hidden_units", "1000000,1000000"), FILE, "more than"),
    "flags: many layers": (flag("hidden_units", "9," * 10_000 + "9"), FILE, "up to 100 whole"),
    "flags: endless": (flag("epochs", 10**18), None, ""),
    "weights: said to be huge": (both(flag("hidden_units", "9" * 10),
                                      sparse("weights.arrays", 1 << 42)), FILE, "more than"),
    "preprocessing: deep": (written("preprocessing.json", b"[" * 100_000), FILE, "damaged"),
    "preprocessing: long": (sparse("preprocessing.json", 1 << 40), FILE, "bytes"),
    "preprocessing: a huge shape": (
        preprocessing(input_shape=[1 << 20, 1 << 20, 4]), FILE, "more than",
    ),
    "preprocessing: other classes": (preprocessing(class_names=["a", "b"]), WEIGHTS, "another"),
    "preprocessing: a class": (preprocessing(class_names=["a", {}]), FILE, "damaged"),
    "metrics: deep": (written("metrics.json", b"[" * 100_000), FILE, "damaged"),
    "metrics: a list": (written("metrics.json", b"[]"), FILE, "no JSON object"),
    "weights: none": (lambda folder: (folder / "weights.arrays").unlink(), WEIGHTS, "not finished"),
    "weights: cut": (
        lambda folder: os.truncate(folder / "weights.arrays", 1000), WEIGHTS, "checksum",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hostile_run_is_refused_cheaply(spoilt_run, fault):
    spoil, kind, message = FAULTS[fault]
    spoil(spoilt_run)
    refused = pytest.raises(kind, match=message) if kind else contextlib.nullcontext()
    started = time.process_time()
    with peaks.grown() as memory, refused as caught:
        inference.load_run(spoilt_run)
    if caught:
        assert str(spoilt_run) in str(caught.value)
        assert len(str(caught.value)) < 600
    assert memory.megabytes < 200
    assert time.process_time() - started < 5.0


def test_no_module_outside_of_recipes_is_imported_by_a_runs_word(spoilt_run, monkeypatch):
    (spoilt_run / "planted.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(str(spoilt_run))
    for text, message in (("recipes.planted", "not there"), ("planted", "`recipe=planted`")):
        header(ODD_RECIPE.replace("recipes.{}", text))(spoilt_run)
        with pytest.raises(inference.NotARunError, match=message):
            inference.load_run(spoilt_run)
    with pytest.raises(SystemExit, match="ran"):
        inference.load_run(spoilt_run, recipe="planted")


def test_the_user_may_name_the_recipe(spoilt_run):
    header(ODD_RECIPE.format("elsewhere"))(spoilt_run)
    inference.load_run(spoilt_run, recipe="recipes.mnist_softmax")
    for name in ("..", "a b", "recipes.missing", "missing.module"):
        with pytest.raises(inference.NotARunError, match="not there"):
            inference.load_run(spoilt_run, recipe=name)


def test_a_run_holds_its_card_and_no_temporary_files(trained_run):
    assert "## Results" in (trained_run / "model_card.md").read_text()
    assert not list(pathlib.Path(trained_run).rglob(".*"))
