import re
import struct
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image

from tfcourse import datasets
from tfcourse.datasets import array_cache
from tfcourse.datasets.images import image_files


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
    assert "one of 2 sizes" in str(e.value)
    assert "`image_size=6,4`" in str(e.value)
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
    with pytest.raises(datasets.DataError, match="no such file or folder"):
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
        lambda: Image.fromarray(np.zeros((6, 4), np.float32)).save(path, "TIFF"),
        lambda: (path.unlink(), path.symlink_to("nowhere")),
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
    (folder / "eel/a.heic").write_bytes(b"x")
    with pytest.raises(datasets.DataError, match=r"eel: expected images.*received 1 .heic"):
        datasets.load(f"images:{folder}")
    save(folder / "eel/a.png")
    assert datasets.load(f"images:{folder}").class_names == ("cat", "dog")  # Eel is too rare.


def test_hidden_files_and_other_files_are_passed_over(folder, caplog):
    (folder / "cat/.DS_Store").write_bytes(b"x")
    (folder / "cat/._00.png").write_bytes(b"x")
    (folder / "cat/Thumbs.db").write_bytes(b"x")
    save(folder / "cat/.ipynb_checkpoints/0.png")
    save(folder / "__MACOSX/cat/0.png")
    (folder / ".hidden").mkdir()
    save(folder / "cat/bright.png", 255)
    assert sum(map(len, datasets.load(f"images:{folder}").splits.values())) == 21
    assert not caplog.messages
    (folder / "cat/notes.txt").write_text("x")
    (folder / "dog/a.heic").write_text("x")
    (folder / "eel").mkdir()
    save(folder / "loose.png")
    assert sum(map(len, datasets.load(f"images:{folder}").splits.values())) == 21
    for told in ("not read: 1 .txt, 1 .heic", "empty folders: .*eel", "beside the folders"):
        assert any(re.search(told, message) for message in caplog.messages)


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("Training", "Validation", "Testing"),
        ("train", "val", "test"),
        ("TRAIN", "valid", "Test"),
        ("train_set", "dev", "test_images"),
        ("seg_train/seg_train", "eval", "seg_test/seg_test"),
        ("pets_train", "pets_val", "pets_test"),
    ],
)
def test_splits_have_any_usual_name(folder, tmp_path, caplog, train, validation, test):
    root = tmp_path / "archive/whole"
    (root / train).parent.mkdir(parents=True)
    folder.rename(root / train)
    for split, value in {validation: 100, test: 102}.items():
        save(root / split / "Cat/a.png", value)
        save(root / split / "dog/a.png", value + 1)
    data = datasets.load(f"images:{tmp_path / 'archive'}")  # Where `whole` is alone.
    assert data.class_names == ("cat", "dog")
    assert [len(split) for split in data.splits.values()] == [20, 2, 2]
    assert values(data.validation).tolist() == [100, 101]
    assert values(data.test).tolist() == [102, 103]
    told = f"{validation} is the validation split"
    assert any(told in message for message in caplog.messages)


def test_splits_may_lie_below_the_classes(folder, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "whole" / name).mkdir(parents=True)
        (folder / name).rename(tmp_path / "whole" / name / "train")
        save(tmp_path / "whole" / name / "test/a.png", 100)
    data = datasets.load(f"images:{tmp_path / 'whole'}")
    assert data.class_names == ("cat", "dog")
    assert [len(split) for split in data.splits.values()] == [16, 4, 2]


def test_a_class_may_be_called_train(folder):
    for number in range(3):
        save(folder / f"train/{number}.png", 100)
    assert datasets.load(f"images:{folder}").class_names == ("cat", "dog", "train")
    save(folder / "train/steam/1.png")
    with pytest.raises(datasets.DataError, match=r"splits or classes; received train.*cat, dog"):
        datasets.load(f"images:{folder}")


def test_two_folders_for_a_split_and_none_for_training_are_named(tmp_path):
    for names, message in (
        (("train", "val", "valid"), "received val and valid for validation"),
        (("val", "test"), "expected a folder for training; received test, val"),
    ):
        root = tmp_path / names[-1]
        for name in names:
            save(root / name / "cat/1.png")
            save(root / name / "dog/1.png")
        with pytest.raises(datasets.DataError, match=message):
            datasets.load(f"images:{root}")


def test_a_split_without_classes_is_told_and_left_to_predict(folder, tmp_path, caplog):
    (tmp_path / "whole").mkdir()
    folder.rename(tmp_path / "whole/train")
    save(tmp_path / "whole/test/a.png", 9)
    data = datasets.load(f"images:{tmp_path / 'whole'}")
    assert [len(split) for split in data.splits.values()] == [13, 3, 4]
    assert any("test: expected a folder for each class" in m for m in caplog.messages)
    examples = data.preprocessing.read(tmp_path / "whole/test")
    assert examples.labels is None
    assert len(examples.features) == 1


def test_links_are_followed_once_and_those_that_lead_out_are_told(folder, tmp_path, caplog):
    elsewhere = tmp_path / "elsewhere"
    for number in range(3):
        save(elsewhere / f"eels/{number}.png", 100)
    (folder / "eel").symlink_to(elsewhere / "eels")
    (folder / "cat/again").symlink_to(folder / "cat")
    (folder / "dog/up").symlink_to(tmp_path)
    data = datasets.load(f"images:{folder}")
    assert data.class_names == ("cat", "dog", "eel")
    assert sum(map(len, data.splits.values())) == 23
    assert any(
        re.search("links that lead out of the folder: 1, such .*eels; they are followed", m)
        for m in caplog.messages
    )
    assert "left out links to folders that are read already: 2, such as" in caplog.text


def icon(path, mode):
    """A black square on transparent ground, 4 x 6 pixels."""
    image = Image.new("RGBA", (4, 6), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (1, 1, 3, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == "P":
        image = image.quantize(4)
    image.convert(mode).save(path)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_transparent_images_are_composited_on_white_and_that_is_told(tmp_path, fresh_home, mode):
    suffix = "tiff" if mode == "PA" else "png"
    if mode == "PA":
        mode = "RGBA"
    for number in range(10):
        icon(tmp_path / f"icons/{'ab'[number % 2]}/{number}.{suffix}", mode)
    data = datasets.load(f"images:{tmp_path / 'icons'}")
    expected = np.ones((6, 4))
    expected[1:3, 1:3] = 0
    np.testing.assert_array_equal(data.train.features[0][..., 0], expected)
    assert "10 images; 10 composited on white" in data.origin
    examples = data.preprocessing.read(tmp_path / f"icons/a/0.{suffix}")
    np.testing.assert_array_equal(examples.features[0][..., 0], expected)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_that_is_told(folder, suffix):
    pixels = np.full((6, 4), 257 * 100, np.uint16)
    Image.fromarray(pixels).save(folder / f"cat/zz.{suffix}")
    data = datasets.load(f"images:{folder}")
    assert sorted(np.concatenate([values(split) for split in data.splits.values()]))[-1] == 100
    assert "21 images; 1 scaled from 16 bits" in data.origin


@pytest.mark.parametrize("suffix", ["tif", "TIFF", "webp", "bmp", "gif", "jfif", "pgm"])
def test_images_of_other_suffixes_are_read(folder, suffix):
    kind = {"jfif": "JPEG", "pgm": "PPM", "tif": "TIFF"}.get(suffix, suffix.upper())
    save(folder / f"cat/zz.{suffix}", 100, format=kind)
    data = datasets.load(f"images:{folder}")
    assert sum(map(len, data.splits.values())) == 21


def test_of_a_file_with_several_pictures_the_first_is_taken(folder):
    pictures = [Image.new("L", (4, 6), value) for value in (100, 200)]
    for suffix in ("gif", "tif"):
        pictures[0].save(folder / f"cat/zz.{suffix}", save_all=True, append_images=pictures[1:])
    data = datasets.load(f"images:{folder}")
    assert "2 the first of several pictures" in data.origin
    assert max(values(split).max() for split in data.splits.values()) == 100


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_a_turned_camera_is_turned_back_whatever_the_format(folder, suffix):
    exif = Image.Exif()
    exif[0x0112] = 8  # A quarter to the left.
    path = folder / f"cat/zz.{suffix}"
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:2, :2] = 255  # One corner.
    Image.fromarray(pixels).save(path, exif=exif)
    data = datasets.load(f"images:{folder}")
    assert data.input_shape == (6, 4, 3)
    (seen,) = (
        each for split in data.splits.values() for each in split.features if each.max() > 0.5
    )
    np.testing.assert_array_equal(seen > 0.5, np.rot90(pixels) > 127)


def test_colours_for_print_become_colours_for_screens(folder):
    save(folder / "cat/zz.jpg", 0, mode="CMYK")
    data = datasets.load(f"images:{folder}")
    assert data.input_shape == (6, 4, 3)
    assert max(values(split).max() for split in data.splits.values()) == 255


def test_all_broken_images_are_named_at_once_or_left_out(folder, caplog, monkeypatch):
    whole = (folder / "dog/01.png").read_bytes()
    (folder / "cat/a.png").write_bytes(b"text")
    (folder / "dog/b.png").write_bytes(whole[: len(whole) - 24])
    (folder / "dog/c.png").write_bytes(b"")
    with pytest.raises(datasets.DataError, match="received 3 of 23 that can't") as caught:
        datasets.load(f"images:{folder}")
    for named in ("a.png (cannot identify", "b.png (", "c.png (an empty", "`on_error=skip`"):
        assert named in str(caught.value)
    data = datasets.load(f"images:{folder}", on_error="skip")
    assert sum(map(len, data.splits.values())) == 20
    for split in data.splits.values():
        np.testing.assert_array_equal(values(split) % 2, split.labels)
    assert "20 images; 3 broken and left out" in data.origin
    assert any("Left out 3 broken images: cat/a.png" in message for message in caplog.messages)
    broken = [*folder.rglob("*.png")]
    for file in broken:
        file.write_bytes(b"")
    with pytest.raises(datasets.DataError, match="received 23 of 23 that can't") as caught:
        datasets.load(f"images:{folder}", on_error="skip")
    assert all(f"{file.parent.name}/{file.name}" in str(caught.value) for file in broken)
    monkeypatch.setattr(image_files, "_MOST_NAMES", 20)
    with pytest.raises(datasets.DataError, match=r"dog/\d+.png and 3 more\. Replace"):
        datasets.load(f"images:{folder}", on_error="skip")


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"\0\0\0 ftypavif\0", "an AVIF image"),
        (b"\0\0\0 ftypheic\0", "an HEIC image"),
        (b"\0\0\0 ftypisom\0", "a video"),
        (b"\0" * 128 + b"DICM", "a DICOM file: save its pixels, which pydicom reads"),
        (b"\0" * 600, "zeros alone"),
        (b"II*\0\x08\0\0\0\0\0", "a TIFF of other numbers or channels, to be saved by numpy"),
        (b"<!DOCTYPE html>", "a web page, as of a failed download"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS; git lfs pull"),
    ],
)
def test_what_is_only_called_an_image_is_told(folder, content, received):
    (folder / "cat/zz.png").write_bytes(content)
    with pytest.raises(datasets.DataError, match=f"zz.png: .*image; received {received}.*Replace"):
        datasets.load(f"images:{folder}")


def tiff(path, numbers, photometric, sample_format=1):
    """Writes a TIFF file with the given pixels, [height, width, channels]."""
    height, width, channels = numbers.shape
    bits = 8 * numbers.itemsize
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 16, 277: channels}
    tags |= {278: height, 279: numbers.nbytes, 339: sample_format}
    numbered = {tag: (4, 1, struct.pack("<I", value)) for tag, value in tags.items()}
    if channels == 4:  # The bits of all are at byte 8; the fourth is not transparency.
        numbered |= {258: (3, 4, struct.pack("<I", 8)), 338: (4, 1, bytes(4))}
    entries = b"".join(
        struct.pack("<HHI4s", tag, *given) for tag, given in sorted(numbered.items())
    )
    start = struct.pack("<2sHI4H", b"II", 42, 16 + numbers.nbytes, *[bits] * 4)
    path.write_bytes(
        start + numbers.tobytes() + struct.pack("<H", len(numbered)) + entries + bytes(4)
    )


def test_numbers_of_tiff_files_keep_their_meaning(folder):
    path = folder / "cat/zz.tif"
    tiff(path, np.full((6, 4, 1), 257 * 200, np.uint16), photometric=1)
    assert image_files.decode_all([path], (6, 4, 1), resize=False).pixels.max() == 200
    tiff(path, np.full((6, 4, 1), 257 * 200, np.uint16), photometric=0)  # White is zero.
    assert image_files.decode_all([path], (6, 4, 1), resize=False).pixels.max() == 55
    tiff(path, np.full((6, 4, 1), -1, np.int8), photometric=1, sample_format=2)
    with pytest.raises(datasets.DataError, match=r"received numbers with a sign, which npz:PATH"):
        datasets.load(f"images:{folder}")
    tiff(path, np.full((6, 4, 4), 200, np.uint8), photometric=2)
    assert "1 without their other channels" in datasets.load(f"images:{folder}").origin


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_turned_gray_tiff_files_are_turned_back(tmp_path, orientation, depth):
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 4)
    exif, path = Image.Exif(), tmp_path / "a.tif"
    exif[0x0112] = orientation
    scale = 257 if depth is np.uint16 else 1
    Image.fromarray(pixels.astype(depth) * depth(scale)).save(path, exif=exif)
    around = pixels[::-1, ::-1]
    expected = {
        **{1: pixels, 2: pixels[:, ::-1], 3: around, 4: pixels[::-1], 5: pixels.T},
        **{6: np.rot90(pixels, -1), 7: around.T, 8: np.rot90(pixels)},
    }[orientation]
    found = image_files.decode_all([path], (*expected.shape, 1), resize=False).pixels
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_run_lengths_of_four_bits_are_read_or_refused(tmp_path):
    path = tmp_path / "a.bmp"
    palette = b"".join(bytes([17 * n] * 3 + [0]) for n in range(16))
    pixels = b"\0\3\x1f\xa0\2\x5c\0\1"  # Three pixels as they are, two in turn, the end.
    sizes = (14 + 40 + 64 + len(pixels), 0, 14 + 40 + 64, 40, 5, 1, 1, 4, 2, len(pixels))
    header = struct.pack("<2sIIIIiiHHII", b"BM", *sizes) + bytes(16)
    path.write_bytes(header + palette + pixels)
    if int(PIL.__version__.partition(".")[0]) < 13:
        with pytest.raises(datasets.DataError, match="run lengths of 4 bits, which Pillow misread"):
            image_files.decode_all([path], (1, 5, 1), resize=False)
        return
    found = image_files.decode_all([path], (1, 5, 1), resize=False).pixels
    np.testing.assert_array_equal(found.ravel(), 17 * np.array([1, 15, 10, 5, 12]))


def test_folders_that_are_in_every_class_are_told(tmp_path, fresh_home, caplog):
    for number in range(12):
        kind = ("cat", "dog")[number % 2]
        save(tmp_path / f"folds/{'one' if number < 6 else 'two'}/{kind}/{number}.png", 20 * number)
    data = datasets.load(f"images:{tmp_path / 'folds'}")
    assert data.class_names == ("one", "two")
    assert "the classes are one, two, and each has the folders cat, dog. If those" in caplog.text
    save(tmp_path / "folds/one/eel/0.png", 250)
    caplog.clear()
    datasets.load(f"images:{tmp_path / 'folds'}")
    assert not caplog.text


def test_photographs_of_many_sizes_get_a_usual_one_proposed(folder):
    for number in range(30):
        save(folder / f"cat/p{number}.png", 1, size=(90 + number, 120))
    with pytest.raises(datasets.DataError, match=r"one of 31 sizes.*`image_size=64`"):
        datasets.load(f"images:{folder}")


def test_images_in_two_splits_or_classes_and_masks_are_told(tmp_path, fresh_home, caplog):
    for number in range(12):
        for kind in ("cat", "dog"):
            save(tmp_path / "pets" / kind / f"{number}.png", number % 3)
    save(tmp_path / "pets" / "cat" / "3_mask.png", 200)
    datasets.load(f"images:{tmp_path / 'pets'}")
    assert "test images are training images too" in caplog.text
    assert "training images in more than one class: 3." in caplog.text
    assert "1 images are called like masks of others, such as 3_mask.png" in caplog.text


def test_packed_folder_is_refused(tmp_path, fresh_home):
    (tmp_path / "pets.zip").write_bytes(b"PK")
    with pytest.raises(datasets.DataError, match=r"received a file. .*archive, unpack it"):
        datasets.load(f"images:{tmp_path / 'pets.zip'}")


def test_images_that_use_few_grays_are_told(tmp_path, fresh_home, caplog):
    for number in range(12):
        deep = np.full((6, 4), 300 * number + number % 2, np.uint16)
        path = tmp_path / "scans" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(deep).save(path)
    datasets.load(f"images:{tmp_path / 'scans'}")
    assert "the brightest pixel is 13 of 255, almost black" in caplog.text
    caplog.clear()
    datasets.load(f"images:{tmp_path / 'scans'}")  # From the cache.
    assert "almost black" in caplog.text
    save(tmp_path / "scans/a/bright.png", 64)
    caplog.clear()
    datasets.load(f"images:{tmp_path / 'scans'}")
    assert "almost black" not in caplog.text


def test_names_that_may_be_one_are_told(tmp_path, fresh_home, caplog):
    for number in range(12):
        save(tmp_path / "pets" / ("Cat", "cat", "dog")[number % 3] / f"{number}.png", 20 * number)
    save(tmp_path / "pets/dog/2.bmp", 250)
    save(tmp_path / "pets/dog/2.gif", 252)
    data = datasets.load(f"images:{tmp_path / 'pets'}")
    assert data.class_names == ("Cat", "cat", "dog")
    assert "the classes 'Cat' and 'cat' differ only in case" in caplog.text
    assert "2 images have the name of another, but for the suffix, such as 2. If" in caplog.text


def test_a_class_may_be_called_like_a_missing_value_or_have_blanks_around(tmp_path, fresh_home):
    for number in range(12):
        save(tmp_path / "pets" / (" NA", "nan ")[number % 2] / f"{number}.png", 20 * number)
    data = datasets.load(f"images:{tmp_path / 'pets'}")
    assert data.class_names == ("NA", "nan")
    assert len(data.preprocessing.read(tmp_path / "pets").labels) == 12


def test_class_of_too_few_images_is_left_out_and_told(folder, caplog):
    save(folder / "owl/0.png", 200)
    data = datasets.load(f"images:{folder}")
    assert data.class_names == ("cat", "dog")
    assert sum(map(len, data.splits.values())) == 20
    assert "left out the classes with under 3 images for training: owl (1)" in caplog.text
    for path in sorted(folder.glob("cat/*"))[2:]:
        path.unlink()
    with pytest.raises(datasets.DataError, match="at least 3 examples of each class"):
        datasets.load(f"images:{folder}")


def test_description_counts_sizes_and_broken_images_apart(folder):
    def findings(**options):
        return " ".join(datasets.describe(f"images:{folder}", **options).findings)

    save(folder / "cat/yy.png", 200, mode="RGB")
    (folder / "dog/zz.png").write_bytes(b"no image")
    assert "several sizes" not in findings()
    assert "`on_error=skip` leaves them out" in findings()
    assert "`on_error=skip`" not in findings(on_error="skip")
    save(folder / "cat/zz.png", 200, size=(8, 4))
    assert "of several sizes: give `image_size`, such as `image_size=6,4`" in findings()


def test_description_lists_numbers_in_order(tmp_path, fresh_home):
    for name in ("0", "10", "9"):
        save(tmp_path / "many" / name / "a.png", 1)
    rows = datasets.describe(f"images:{tmp_path / 'many'}").rows
    assert [row["class"] for row in rows] == ["0", "9", "10"]


def test_files_of_another_source_are_told_which_it_is(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((9, 2)), y=np.arange(9))
    (tmp_path / "a.csv").write_text("u,v,y\n" + "1,2,a\n2,1,b\n" * 9)
    for given, meant in (
        (f"csv:{tmp_path / 'a.npz'}", "npz:"),
        (f"npz:{tmp_path / 'a.csv'}", "csv:PATH"),
        (f"csv:{tmp_path}", "images:FOLDER"),
        (f"images:{tmp_path / 'a.csv'}", "csv:PATH"),
    ):
        options = {"label": "y"} if given.startswith("csv") else {}
        with pytest.raises(datasets.DataError, match=meant):
            datasets.load(given, **options)
