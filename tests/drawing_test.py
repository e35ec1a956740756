import gzip
import os
import pathlib

import numpy as np
import pytest

from tfcourse import drawing

MNIST, DIGITS = (28, 28, 1), (8, 8, 1)


def stroke(rows, columns, canvas=(280, 280), value=255):
    ink = np.zeros(canvas, np.uint8)
    ink[slice(*rows), slice(*columns)] = value
    return ink


def image_of(ink, shape=MNIST):
    features = drawing.features_of(ink, shape)
    assert features.shape == (1, *shape)
    assert features.dtype == np.float32
    return features[0, :, :, 0]


def test_a_square_fills_the_box_of_20_pixels():
    expected = np.zeros((28, 28))
    expected[4:24, 4:24] = 1.0
    np.testing.assert_allclose(image_of(stroke((100, 140), (30, 70))), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [MNIST, DIGITS])
def test_place_size_and_strength_of_a_drawing_do_not_count(shape):
    small = stroke((10, 50), (20, 30), canvas=(100, 90), value=40)
    small[10:20, 20:50] = 40
    expected = image_of(small, shape)
    large = np.zeros((400, 300), np.uint8)
    large[7:167, 99:219] = np.kron(small[10:50, 20:50], np.ones((4, 4), np.uint8)) * 5
    np.testing.assert_allclose(image_of(large, shape), expected, atol=1e-6)


def test_the_centre_of_mass_comes_to_the_pixel_in_the_middle():
    ink = stroke((50, 250), (100, 120))
    ink[50:70, 100:200] = 255  # A seven, its mass away from the middle of its box.
    image = image_of(ink)
    pixels = np.arange(28)
    for axis in (0, 1):
        centre = (image.sum(axis=axis) @ pixels) / image.sum() + 0.5
        assert 14.0 <= centre < 15.0


def test_a_pixel_is_the_mean_of_its_part_of_the_drawing():
    rng = np.random.default_rng(0)
    ink = np.zeros((60, 60))
    ink[10:50, 10:50] = rng.uniform(0.1, 1.0, (40, 40))
    ink[10:50, 10:50] += ink[10:50, 10:50][::-1, ::-1]  # Its centre of mass is its middle.
    expected = ink[10:50, 10:50].reshape(20, 2, 20, 2).mean(axis=(1, 3)) / ink.max()
    np.testing.assert_allclose(image_of(ink)[4:24, 4:24], expected, rtol=1e-5)


def test_digits_are_stretched_as_nist_stretched_them():
    expected = np.zeros((8, 8))
    expected[:, 2:6] = 1.0
    expected[:, [1, 6]] = 0.5  # 5 of 8 columns.
    np.testing.assert_allclose(image_of(stroke((0, 80), (0, 60)), DIGITS), expected, atol=1e-6)
    bar = image_of(stroke((0, 200), (100, 120)), DIGITS)
    np.testing.assert_allclose(bar.sum(axis=1), 1.6, atol=1e-5)  # Twice its 0.8 pixels.


@pytest.mark.skipif("TFCOURSE_MNIST_DIR" not in os.environ, reason="TFCOURSE_MNIST_DIR is not set")
def test_images_of_mnist_drawn_large_somewhere_come_back():
    path = pathlib.Path(os.environ["TFCOURSE_MNIST_DIR"], "t10k-images-idx3-ubyte.gz")
    images = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    for image in images.reshape(-1, 28, 28)[:100]:
        drawn = np.pad(np.kron(image, np.ones((10, 10), np.uint8)), ((20, 50), (90, 10)))
        np.testing.assert_allclose(image_of(drawn), image / image.max(), atol=1e-6)


def test_ink_of_a_picture_is_what_differs_from_its_edges():
    rng = np.random.default_rng(0)
    ink = stroke((20, 60), (30, 35), canvas=(80, 70), value=100)
    grain = rng.integers(-5, 6, ink.shape)
    for picture, dark in ((200.0 - ink + grain, True), (30.0 + ink + grain, False)):
        found, is_dark = drawing.ink_of(picture)
        assert is_dark is dark
        np.testing.assert_array_equal(found > 0, ink > 0)


@pytest.mark.parametrize("ink", [np.zeros((9, 9)), np.zeros((0, 0)), np.ones((9, 9, 4))])
def test_nothing_drawn_is_refused(ink):
    with pytest.raises(ValueError, match="something drawn"):
        drawing.features_of(ink, MNIST)


@pytest.mark.parametrize("shape", [(28, 28, 3), (30,)])
def test_a_model_of_something_else_is_refused(shape):
    with pytest.raises(ValueError, match="Received: input_shape="):
        drawing.features_of(np.ones((9, 9)), shape)
