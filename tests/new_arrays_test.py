"""New arrays and images in another scale, or in other folders, than those of the training."""

import numpy as np
import pytest
from PIL import Image

from tfcourse import datasets

RANDOM = np.random.default_rng(0)
Y = np.arange(60) % 3
BYTES = RANDOM.integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
TABLE = RANDOM.normal(5, 2, (60, 4))


@pytest.fixture
def fitted(tmp_path):
    """Returns the preprocessing fitted on an array of features."""

    def fit(features):
        np.savez(tmp_path / "old.npz", x=features, y=Y)
        return datasets.load(f"npz:{tmp_path / 'old.npz'}").preprocessing

    return fit


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (BYTES, BYTES / 255, r"values in \[0, 255\], as those trained on.*Multiply them by 255"),
        (
            BYTES,
            BYTES.astype(np.uint16) * 257,
            r"in \[0, 255\], as in training; .* to 65535. Scale",
        ),
        (BYTES / 255, BYTES, r"values in \[0, 1\], as in training; received values up to 255"),
        (TABLE, TABLE[0], r"several examples, \[4\] each; received one. x\[numpy.newaxis\]"),
        (BYTES, BYTES[0], r"several examples, \[8, 8, 3\] each; received one"),
    ],
)
def test_arrays_of_another_scale_or_rank_are_refused(fitted, tmp_path, old, new, message):
    preprocessing = fitted(old)
    np.savez(tmp_path / "new.npz", x=new)
    with pytest.raises(datasets.DataError, match=message):
        preprocessing.read(tmp_path / "new.npz")


@pytest.mark.parametrize(
    ("old", "new"),
    [(BYTES, BYTES.astype(float)), (BYTES / 255, np.float32(BYTES / 255 * 1.5)), (TABLE, TABLE)],
)
def test_arrays_of_the_same_scale_are_taken(fitted, tmp_path, old, new, caplog):
    preprocessing = fitted(old)
    np.save(tmp_path / "new.npy", new)
    assert len(preprocessing.read(tmp_path / "new.npy").features) == 60
    assert not caplog.text


def test_numbers_far_from_the_training_are_told(fitted, tmp_path, caplog):
    preprocessing = fitted(TABLE)
    new = TABLE.copy()
    new[7, 2] = 5 + 2000
    np.save(tmp_path / "new.npy", new)
    preprocessing.read(tmp_path / "new.npy")
    assert "new.npy, example 7, position (2,): the number is" in caplog.text


@pytest.mark.parametrize(
    ("old", "is_told"), [(BYTES.astype(float), True), (BYTES.reshape(60, -1), True), (BYTES, False)]
)
def test_numbers_that_hardly_vary_are_told(fitted, tmp_path, caplog, old, is_told):
    preprocessing = fitted(old)
    np.save(tmp_path / "new.npy", old // (255 if is_told else 1) + 100 * is_told)
    preprocessing.read(tmp_path / "new.npy")
    assert ("the numbers hardly vary" in caplog.text) == is_told


@pytest.mark.parametrize("name", ["a.png", "a.csv"])
def test_files_that_are_no_arrays_are_named(fitted, tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(
        datasets.DataError, match=r"expected arrays \(.npz with x, or .npy\), as the"
    ):
        fitted(TABLE).read(tmp_path / name)


def images(folder, classes):
    for number in range(12):
        path = folder / classes[number % len(classes)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 6), 20 * number).save(path)
    return folder


def test_folders_of_new_images_may_differ_in_case_but_not_in_class(tmp_path, fresh_home, caplog):
    data = datasets.load(f"images:{images(tmp_path / 'old', ('cat', 'dog'))}")
    found = data.preprocessing.read(images(tmp_path / "new", ("DOG", "Cat")))
    np.testing.assert_array_equal(found.labels, [0] * 6 + [1] * 6)
    assert not caplog.text
    assert data.preprocessing.read(images(tmp_path / "more", ("dog", "bird"))).labels is None
    assert "in no folder of a class of the training, such as 'bird'" in caplog.text
    caplog.clear()
    assert data.preprocessing.read(images(tmp_path / "others", ("x", "y"))).labels is None
    assert not caplog.text
