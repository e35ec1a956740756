"""Images that stay bytes from the file to the step."""

import copy
import dataclasses
import pickle

import keras
import numpy as np
import PIL.Image
import pytest

from tfcourse import datasets, models, optimizers, training, training_data
from tfcourse.training import keras_internals
from tfcourse.training.checkpoints import identity
from tfcourse.training.compilation import steps

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (130, 8, 8, 1), dtype=np.uint8)
LABELS = (np.arange(130) % 3).astype(np.int32)


def kept():
    return datasets.Split.of_pixels(PIXELS.copy(), LABELS.copy()).frozen()


def made():
    return datasets.Split(PIXELS / np.float32(255), LABELS.copy()).frozen()


def has_made_features(split):
    return "features" in vars(split)


def test_features_are_made_once_when_they_are_asked_for():
    split = kept()
    assert not has_made_features(split)
    assert (len(split), split.input_shape, repr(split)) == (130, (8, 8, 1), repr(made()))
    assert not has_made_features(split)
    features = split.features
    assert split.features is features
    assert not features.flags.writeable
    np.testing.assert_array_equal(features, made().features)
    assert features.dtype == np.float32
    with pytest.raises(AttributeError, match="no attribute 'feature'"):
        split.feature  # noqa: B018


def test_other_features_are_no_longer_the_bytes():
    changed = dataclasses.replace(kept(), features=np.zeros((130, 2), np.float32))
    assert changed.pixels is None
    assert changed.input_shape == (2,)
    relabelled = dataclasses.replace(kept(), labels=LABELS)
    np.testing.assert_array_equal(relabelled.features, made().features)


@pytest.mark.parametrize("copied", [copy.copy, lambda split: pickle.loads(pickle.dumps(split))])
def test_copies_stay_bytes(copied):
    split = copied(kept())
    assert not has_made_features(split)
    np.testing.assert_array_equal(split.features, made().features)


def test_smaller_splits_stay_bytes():
    split = kept().smaller(50)
    assert not has_made_features(split)
    np.testing.assert_array_equal(split.features, made().smaller(50).features)
    np.testing.assert_array_equal(split.labels, made().smaller(50).labels)


@pytest.mark.parametrize("chunk", [256, identity._CHUNK])
def test_the_digest_is_that_of_the_features(monkeypatch, chunk):
    # It is recorded: runs from before go on.
    monkeypatch.setattr(identity, "_CHUNK", chunk)
    split = kept()
    assert training.split_digest(split) == training.split_digest(made())
    assert not has_made_features(split)


def trained(split, jit_compile):
    training.set_seed(1)
    model = models.softmax_regression((8, 8, 1), 3)
    training.compile_classifier(model, optimizers.GradientDescent(0.1))
    keras_internals.build_for(model, training_data.first_examples(split, 32))
    runner = steps.InMemorySteps(model, split, 32, 1, jit_compile=jit_compile)
    runner.start_epoch(0)
    runner.train(0, 5)
    return [v.numpy() for v in model.variables], training.evaluate(model, split)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_training_and_evaluation_are_the_same_to_the_last_bit(jit_compile):
    split = kept()
    weights, metrics = trained(split, jit_compile)
    expected, theirs = trained(made(), jit_compile)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert metrics == theirs
    assert not has_made_features(split)


def test_bytes_that_are_no_pixels_are_evaluated_as_they_are():
    split = datasets.Split(PIXELS, LABELS)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    model.compile(loss="mse", metrics=["mae"])
    split = datasets.Split(PIXELS, np.zeros((130, 64), np.float32))
    assert training.evaluate(model, split)["mae"] > 100


def folder(path):
    for row, image in enumerate(PIXELS[..., 0]):
        place = path / str(row % 2)
        place.mkdir(exist_ok=True)
        PIL.Image.fromarray(image).save(place / f"{row}.png")
    return f"images:{path}"


def arrays(path):
    np.savez(path / "arrays.npz", x=PIXELS, y=LABELS)
    return f"npz:{path / 'arrays.npz'}"


@pytest.mark.parametrize("source", [folder, arrays])
def test_a_training_on_images_of_ones_own_makes_no_features(source, tmp_path, fresh_home):
    data = datasets.load(source(tmp_path))
    model = models.batch_norm_mlp(data.input_shape, data.num_classes, (8,))
    training.compile_for(model, optimizers.Adam(0.01), data)
    folder = tmp_path / "run"
    history = training.fit(model, data, epochs=1, batch_size=32, seed=1, verbose=0, run_dir=folder)
    training.final_metrics(model, history, data)
    assert not any(map(has_made_features, (data.train, data.validation)))
    np.testing.assert_array_equal(
        data.preprocessing.transform(data.train.pixels), data.train.features
    )
