import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfcourse import datasets
from tfcourse.datasets import array_cache, image_files


def save(path, value=0, size=(6, 4), mode="L", **options):
    """Saves an image of one colour, `size` being (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode == "L" else (value,) * len(mode)
    Image.new(mode, size[::-1], colour).save(path, **options)


@pytest.fixture
def folder(tmp_path, fresh_home):
    """Two classes of ten images: the grey value of an image is its number."""
    root = tmp_path / "pets"
    for number in range(20):
        save(root / ("cat", "dog")[number % 2] / f"{number:02d}.png", number)
    return root


def values(split):
    return np.rint(split.features[:, 0, 0, 0] * 255).astype(int)


def test_folders_are_classes(folder):
    data = datasets.load(f"images:{folder}")
    assert data.class_names == ("cat", "dog")
    assert data.input_shape == (6, 4, 1)
    assert [len(split) for split in data.splits.values()] == [13, 3, 4]
    for split in data.splits.values():
        np.testing.assert_array_equal(values(split) % 2, split.labels)
    seen = np.concatenate([values(split) for split in data.splits.values()])
    assert sorted(seen) == list(range(20))


def test_second_start_reads_the_cache_and_a_change_is_seen(folder, monkeypatch):
    first = datasets.load(f"images:{folder}")
    with monkeypatch.context() as patch:
        patch.setattr(image_files, "decode_all", None)
        again = datasets.load(f"images:{folder}")
    np.testing.assert_array_equal(again.train.features, first.train.features)
    assert again.preprocessing == first.preprocessing
    (folder / "cat" / "00.png").unlink()
    assert sum(map(len, datasets.load(f"images:{folder}").splits.values())) == 19


def test_folders_of_splits_are_kept(folder, tmp_path):
    (tmp_path / "whole").mkdir()
    folder.rename(tmp_path / "whole/train")
    for name, value in {"cat": 100, "dog": 101}.items():
        save(tmp_path / "whole/test" / name / "a.png", value)
    data = datasets.load(f"images:{tmp_path / 'whole'}")
    assert [len(split) for split in data.splits.values()] == [16, 4, 2]
    assert values(data.test).tolist() == [100, 101]


def test_images_of_other_sizes_are_refused_by_name_or_resized(folder):
    save(folder / "cat/zz.png", 200, size=(8, 4))
    with pytest.raises(
        datasets.DataError, match=r"zz.png: expected 6 x 4.*00.png has.* 8 x 4"
    ) as e:
        datasets.load(f"images:{folder}")
    assert "`image_size` to resize" in str(e.value)
    data = datasets.load(f"images:{folder}", image_size=(3, 5))
    assert data.input_shape == (3, 5, 1)
    assert data.preprocessing.resized
    assert datasets.load(f"images:{folder}", image_size=7).input_shape == (7, 7, 1)


def test_shrinking_takes_the_mean_of_what_a_pixel_covers(tmp_path):
    pixels = np.array([[0, 100], [50, 250]], np.uint8)
    resized = image_files.resized(pixels[..., np.newaxis], (1, 1, 1))
    assert resized.tolist() == [[[100]]]


def test_one_image_with_colours_makes_all_of_three_channels(folder):
    save(folder / "dog/zz.png", 200, mode="RGB")
    data = datasets.load(f"images:{folder}")
    assert data.input_shape == (6, 4, 3)
    grey = data.train.features
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_a_turned_camera_is_turned_back(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # A quarter to the right.
    save(folder / "cat/zz.jpg", 30, size=(4, 6), exif=exif)
    assert datasets.load(f"images:{folder}").input_shape == (6, 4, 1)


def test_new_images_are_read_as_those_of_the_training(folder, tmp_path):
    fitted = datasets.load(f"images:{folder}").preprocessing
    examples = fitted.read(folder / "cat/02.png")
    np.testing.assert_allclose(examples.features, np.full((1, 6, 4, 1), 2 / 255), rtol=1e-6)
    assert examples.labels is None
    whole = fitted.read(folder)
    assert len(whole.features) == 20
    np.testing.assert_array_equal(whole.labels, [0] * 10 + [1] * 10)
    save(tmp_path / "new/a.png", size=(9, 9))
    with pytest.raises(datasets.DataError, match=r"a.png: expected 6 x 4 .*as in training.* 9 x 9"):
        fitted.read(tmp_path / "new")
    with pytest.raises(datasets.DataError, match="no such folder"):
        fitted.read(tmp_path / "nowhere")


def huge_png(path):
    """A file of some bytes that claims to be 60,000 pixels wide and high."""

    def chunk(kind, body):
        body = kind + body
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(b"\0" * 100)),
        chunk(b"IEND", b""),
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_damaged_and_hostile_files_are_named(folder):
    path = folder / "dog/zz.png"
    whole = (folder / "dog/01.png").read_bytes()
    for spoil in (
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"text"),
        lambda: path.write_bytes(whole[:50]),
        lambda: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"),
        lambda: huge_png(path),
        lambda: Image.fromarray(np.zeros((6, 4), np.uint16)).save(path),
    ):
        spoil()
        with pytest.raises(datasets.DataError, match=r"dog/zz.png: expected") as caught:
            datasets.load(f"images:{folder}")
        assert "\n" not in str(caught.value)
    assert not list(array_cache.directory().glob("*.arrays"))


def test_folders_that_are_no_classes_are_named(folder, tmp_path):
    with pytest.raises(datasets.DataError, match="nowhere: expected a folder"):
        datasets.load(f"images:{tmp_path / 'nowhere'}")
    with pytest.raises(datasets.DataError, match="cat: expected at least two folders"):
        datasets.load(f"images:{folder / 'cat'}")
    (folder / "eel").mkdir()
    with pytest.raises(datasets.DataError, match="eel: expected images"):
        datasets.load(f"images:{folder}")
    save(folder / "eel/a.png")
    with pytest.raises(datasets.DataError, match=r"received 1 of 'eel' .*eel/a.png"):
        datasets.load(f"images:{folder}")


def test_hidden_files_and_other_files_are_passed_over(folder):
    (folder / "cat/.DS_Store").write_bytes(b"x")
    (folder / "cat/._00.png").write_bytes(b"x")
    (folder / "cat/notes.txt").write_text("x")
    (folder / ".hidden").mkdir()
    assert sum(map(len, datasets.load(f"images:{folder}").splits.values())) == 20
