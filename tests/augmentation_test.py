"""Random changes of training images: what they are, where they happen, and that nothing is lost."""

import keras
import numpy as np
import pytest
from PIL import Image

from recipes import classify, mnist_softmax
from tfcourse import (
    choices,
    datasets,
    hyperparameters,
    models,
    reports,
    run_directory,
    scales,
    training,
)
from tfcourse.training.checkpoints import checkpoint, saving
from tfcourse.tuning import space

ALL = choices.AUGMENTATIONS


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits").smaller(128)


@pytest.fixture(scope="module")
def shifted():
    """Digits in the middle to learn from, and elsewhere to test with."""
    found = datasets.load("digits")
    rng = np.random.default_rng(0)

    def placed(split, num_examples, spread):
        images = np.zeros((num_examples, 16, 16, 1), np.float32)
        for image, digit in zip(images, split.features, strict=False):
            top, left = 4 + rng.integers(-spread, spread + 1, 2)
            image[top : top + 8, left : left + 8] = digit
        return images, split.labels[:num_examples]

    return datasets.from_arrays(
        placed(found.train, 200, 0), placed(found.validation, 100, 3), placed(found.test, 200, 3)
    )


def base(**changes):
    values = {"model": "softmax_regression", "epochs": 2, "batch_size": 32, "schedule": "constant"}
    return mnist_softmax.MnistSoftmax(**{**values, **changes})


@pytest.mark.parametrize("kind", ALL)
def test_each_changes_images_in_training(digits, kind):
    images = digits.train.features[:32]
    (layer,) = models.augmentation([kind], strength=0.3, seed=1)
    np.testing.assert_array_equal(layer(images, training=False), images)
    first, second = (np.asarray(layer(images, training=True)) for _ in range(2))
    assert not np.array_equal(first, images)
    assert not np.array_equal(first, second)
    (again,) = models.augmentation([kind], strength=0.3, seed=1)
    np.testing.assert_array_equal(again(images, training=True), first)
    assert first.shape == images.shape
    assert 0 <= first.min() <= first.max() <= 1 + 1e-6


def test_more_strength_changes_more(digits):
    def change(strength):
        images = digits.train.features
        for layer in models.augmentation(("shift", "rotate", "zoom"), strength, seed=1):
            images = layer(images, training=True)
        return float(np.abs(np.asarray(images) - digits.train.features).mean())

    changes = [change(strength) for strength in (0.02, 0.1, 0.3)]
    assert changes == sorted(changes)


def test_a_model_keeps_its_initial_weights_and_its_predictions(digits):
    plain = mnist_softmax.build(base(), digits, seed=1)
    model = mnist_softmax.build(base(augment=ALL), digits, seed=1)
    for one, other in zip(plain.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    images = digits.train.features[:8]
    for _ in range(2):  # Keras's layers would take a call that does not say it for training.
        np.testing.assert_array_equal(model(images), plain(images))
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), plain.predict(images, verbose=0)
    )


def test_it_helps_where_images_are_moved(shifted):
    accuracies = {}
    for augment in ((), ("shift",)):
        hyperparameters = classify.Classify(
            epochs=30, batch_size=32, augment=augment, augment_strength=0.2
        )
        model, _ = classify.train(hyperparameters, shifted, seed=1, verbose=0)
        accuracies[augment] = training.evaluate(model, shifted.test)["accuracy"]
    assert accuracies["shift",] > accuracies[()] + 0.2


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_every_precision_trains(digits, precision):
    model, history = mnist_softmax.train(
        base(augment=ALL, precision=precision), digits, 1, verbose=0
    )
    keras.config.set_dtype_policy("float32")
    assert np.isfinite(history.history["loss"]).all()
    assert [layer.compute_dtype for layer in model.layers[1:5]] == ["float32"] * 4


class Stop(keras.callbacks.Callback):
    """Cuts the run off in the second epoch, where it is asked to."""

    def __init__(self, stops):
        super().__init__()
        self._stops = stops

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._stops and (self._epoch, batch) == (1, 1):
            raise KeyboardInterrupt


def test_a_run_that_was_cut_off_ends_bit_for_bit_the_same(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "_SAVE_SECONDS", -1.0)  # A checkpoint after every block.

    def train(folder, stops=False):
        hyperparameters = base(epochs=3, augment=ALL)
        with run_directory.open_run(folder, {}, recipe="test") as run:
            model, history = mnist_softmax.train(
                *(hyperparameters, digits, 1, run),
                **{"verbose": 0, "tensorboard": False, "steps_per_block": 1},
                callbacks=[Stop(stops)],
            )
        return [v.numpy() for v in checkpoint.variables_of(model)], history.history

    whole, history = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", stops=True)
    again, history_again = train(tmp_path / "stopped")
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert history == history_again


def test_trials_share_no_program_where_they_change_images_otherwise(digits, monkeypatch):
    def trained(**changes):
        model, _ = mnist_softmax.train(base(**changes), digits, 1, verbose=0)
        return [v.numpy() for v in model.trainable_variables]

    for changes in ({"augment_strength": 0.3}, {"augment": ("flip",)}, {"augment": ()}):
        changes = {"augment": ("shift",), **changes}
        alone = trained(**changes)
        with training.shared_programs():
            trained(augment=("shift",))
            shared = trained(**changes)
        for one, other in zip(alone, shared, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_saved_model_opens_in_keras_and_changes_nothing(digits, tmp_path):
    model, _ = mnist_softmax.train(base(augment=ALL, epochs=1), digits, 1, verbose=0)
    model.save(tmp_path / "model.keras")
    images = digits.train.features[:8]
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    for _ in range(2):
        np.testing.assert_array_equal(loaded(images), model(images))
    assert not np.array_equal(loaded(images, training=True), loaded(images, training=True))


def test_tables_have_no_images_to_change():
    table = datasets.from_arrays((np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3))
    with pytest.raises(ValueError, match="`augment` is for images, and arrays is a table"):
        classify.settled(classify.Classify(augment=("flip",)), table)
    with pytest.raises(ValueError, match="`augment` is for images"):
        mnist_softmax.build(base(augment=("flip",)), table, seed=1)


def test_the_flag_is_written_with_commas_in_one_order():
    declared = hyperparameters.declarations(classify.Classify)["augment"]
    assert declared.parse("none") == ()
    assert declared.parse("zoom, flip") == ("flip", "zoom")
    assert declared.format(()) == "none"
    assert declared.format(("flip", "zoom")) == "flip,zoom"
    for text in ("", "flip,flip", "mirror", "none,flip"):
        with pytest.raises(ValueError, match="must be none, or several of flip, shift"):
            declared.parse(text)


def test_a_sweep_searches_kinds_and_strength():
    found = space.space_of(
        classify.Classify(),
        {"augment": "none/flip/shift,zoom", "augment_strength": "0.05:0.3"},
        fixed=[
            name
            for name in space.tunable(classify.Classify)
            if name not in ("augment", "augment_strength")
        ],
    )
    kinds, strength = found.axes
    assert kinds.scale.search == ((), ("flip",), ("shift", "zoom"))
    assert [scales.format_value(value) for value in kinds.scale.search[:2]] == ["none", "flip"]
    assert strength.active_when == ("augment", (("shift", "zoom"),))
    assert space.Space.from_json(found.to_json()) == found
    with pytest.raises(ValueError, match=r"augment_strength matters only with augment$"):
        space.space_of(classify.Classify(), {"augment_strength": "0.05:0.3"})


def test_the_picture_shows_images_as_the_model_sees_them(digits, tmp_path):
    layers = models.augmentation(ALL, seed=0)
    reports.draw_augmented(layers, digits.train, tmp_path / "augmented.png")
    with Image.open(tmp_path / "augmented.png") as picture:
        assert picture.width > picture.height > 300
        middle = np.asarray(picture.convert("L"))[30:120, 30:120]
    assert middle.mean() < 128  # Digits are bright on a dark ground, as in the data.
    one = datasets.from_arrays((np.ones((20, 8, 8, 3)), np.arange(20) % 2))
    reports.draw_augmented(layers, one.train.smaller(1), tmp_path / "one.png")
