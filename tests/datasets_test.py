import gzip
import hashlib
import pathlib
import subprocess
import sys

import numpy as np
import processes
import pytest

from tfcourse import datasets
from tfcourse.datasets import array_cache, splits

RANDOM = np.random.default_rng(0)


def images(count=30, shape=(4, 5, 1)):
    return RANDOM.uniform(size=(count, *shape)).astype(np.float32)


def labels(count=30, num_classes=3):
    return np.arange(count) % num_classes


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def test_digits_are_the_published_ones_in_fixed_splits(fresh_home):
    dataset = datasets.load("digits")
    assert [len(split) for split in dataset.splits.values()] == [1257, 270, 270]
    assert dataset.input_shape == (8, 8, 1)
    assert dataset.class_names == tuple("0123456789")
    assert dataset.num_classes == 10
    for split in dataset.splits.values():
        assert split.features.dtype == np.float32
        assert split.labels.dtype == np.int32
        assert (split.features.min(), split.features.max()) == (0, 1)
        shares = np.bincount(split.labels) / len(split)
        np.testing.assert_allclose(shares, 0.1, atol=0.01)
    from sklearn.datasets import load_digits

    original = load_digits()
    joined = np.concatenate([split.features for split in dataset.splits.values()])
    as_rows = {image.tobytes() for image in (joined * 16).astype(np.uint8)}
    assert as_rows == {image.tobytes() for image in original.images.astype(np.uint8)}


def test_splits_never_change(fresh_home):
    # A change here makes every published number about another test set.
    kept, held_out = splits.stratified_split(np.arange(1000) % 7, 123)
    assert digest(kept, held_out).startswith("70d007cae70c40be")
    dataset = datasets.load("digits")
    assert digest(dataset.validation.labels, dataset.test.labels).startswith("0de0a5d7f42985ce")


def test_stratified_split_takes_every_row_once_and_each_class_by_its_share():
    uneven = np.repeat([0, 1, 2], [70, 20, 10])
    kept, held_out = splits.stratified_split(uneven, 10)
    assert sorted([*kept, *held_out]) == list(range(100))
    assert list(np.bincount(uneven[held_out])) == [7, 2, 1]
    assert not np.array_equal(held_out, np.arange(90, 100))


@pytest.mark.parametrize("num_held_out", [0, 10, -1])
def test_stratified_split_refuses_to_empty_a_side(num_held_out):
    with pytest.raises(ValueError, match=f"num_held_out={num_held_out}"):
        splits.stratified_split(np.zeros(10, int), num_held_out)


def test_arrays_are_read_only():
    mine = images()
    dataset = datasets.from_arrays((mine, labels()))
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.features[0] = 0
    with pytest.raises(AttributeError):
        dataset.train.features = mine
    before = dataset.train.features.copy()
    mine[:] = 0  # Stays the caller's own: writable, and not shared.
    np.testing.assert_array_equal(dataset.train.features, before)


def test_smaller_keeps_all_classes_of_a_sorted_set():
    dataset = datasets.from_arrays((images(90), np.sort(labels(90))))
    small = dataset.smaller(6)
    assert [len(split) for split in small.splits.values()] == [6, 6, 6]
    assert set(small.train.labels) == {0, 1, 2}
    assert dataset.smaller(1000).train is dataset.train
    with pytest.raises(ValueError, match="max_examples=0"):
        dataset.smaller(0)


def test_from_arrays_cuts_off_missing_splits_only():
    whole = datasets.from_arrays((images(), labels()))
    assert [len(split) for split in whole.splits.values()] == [24, 3, 3]
    given = datasets.from_arrays((images(), labels()), test=(images(9), labels(9)))
    assert [len(split) for split in given.splits.values()] == [27, 3, 9]


def test_from_arrays_adds_channels_and_takes_whole_floats_as_labels():
    dataset = datasets.from_arrays((images(shape=(4, 5)), labels().astype(float)))
    assert dataset.input_shape == (4, 5, 1)
    assert dataset.train.labels.dtype == np.int32
    assert dataset.class_names == ("0", "1", "2")


def with_value(value, index=(11, 2, 3, 0), dtype=np.float32):
    changed = images().astype(dtype)
    changed[index] = value
    return changed


def with_label(value, dtype=float):
    changed = labels().astype(dtype)
    changed[7] = value
    return changed


@pytest.mark.parametrize(
    ("features", "its_labels", "message"),
    [
        (with_value(np.nan), labels(), r"received nan at example 11, position \(2, 3, 0\)"),
        (with_value(np.inf), labels(), "received inf at example 11"),
        (with_value(-np.inf), labels(), "received -inf at example 11"),
        (with_value(1e300, dtype=float), labels(), "received inf at example 11"),
        (with_value(1.5), labels(), r"values from .* to 1\.5\. Divide by 255"),
        (with_value(-0.5), labels(), r"values from -0\.5 .* Scale them"),
        ((images() * 255).astype(np.uint8), labels(), "Divide by 255"),
        (images(), with_label(3.7), r"received 3\.7 at example 7"),
        (images(), with_label(np.nan), "received nan at example 7"),
        (images(), with_label(2.0**40), "received 1099511627776.0 at example 7"),
        (images(), with_label(-1, int), r"labels in \[0, 3\); received -1 at example 7"),
        (images(), labels().astype(complex), "received type complex"),
        (images(), np.ones((30, 3)), "one label per example; received labels of shape"),
        (images(), labels(29), "30 examples and 29 labels"),
        (images(0), labels(0), "at least one example"),
        (images(shape=()), labels(), r"received shape \(30,\)"),
        (images(shape=(0, 5, 1)), labels(), "at least one example"),
        (images().astype(str), labels(), "received type <U"),
        ([np.zeros((4, 4)), np.zeros((4, 5))], labels(2), "expected images of one shape"),
        (images(2), labels(2), "enough examples to cut a test split off|cut a validation split"),
    ],
)
def test_from_arrays_refuses(features, its_labels, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.from_arrays((features, its_labels), name="mine")
    assert str(caught.value).startswith("mine")
    assert "\n" not in str(caught.value)


def test_from_arrays_names_the_split_and_the_class_range():
    bad = (images(), with_label(3, int))
    with pytest.raises(
        datasets.DataError, match=r"split test: .*\[0, 3\); received 3 at example 7"
    ):
        datasets.from_arrays((images(), labels()), test=bad, class_names="abc")
    with pytest.raises(datasets.DataError, match="one shape of example in all splits"):
        datasets.from_arrays((images(), labels()), test=(images(shape=(4, 4)), labels()))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("minst", "Did you mean 'mnist'?"),
        ("CSV:mine.csv", "Did you mean csv:mine.csv?"),
        ("https://example.com/mine.csv", "is an address. Download what is there"),
        ("csv:s3://bucket/mine.csv", '"s3://bucket/mine.csv" is an address'),
        ("Npz:mine", "Did you mean npz:mine?"),
        ("excel:mine.xlsx", "Did you mean csv:mine.xlsx?"),
        ("mnist,digit", "Did you mean 'digits'?"),
        ("", 'Received: dataset=""'),
        ("mnist,", 'Received: dataset="mnist,"'),
        ("../mnist", 'Received: dataset="../mnist"'),
        ("digits,digits", "named only once"),
    ],
)
def test_misspelt_name_is_refused(names, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        datasets.check_name(names)


def test_own_set_may_be_called_almost_like_a_common_one(tmp_path):
    (tmp_path / "mnist2").mkdir()
    assert datasets.check_name("mnist2", data_dir=tmp_path) == ("mnist2",)


def test_every_name_of_the_catalogue_is_spelt_right():
    import tensorflow_datasets as tfds

    for name in tfds.list_builders(with_community_datasets=False):
        assert datasets.check_name(name) == (name,)


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_data_dir_must_be_a_directory(tmp_path, kind):
    (tmp_path / "file").write_text("")
    path = {"missing": tmp_path / "missing", "file": tmp_path / "file", "empty": ""}[kind]
    with pytest.raises(datasets.DataError, match="`data_dir`"):
        datasets.load("digits", data_dir=path)


def test_errors_carry_the_exit_code():
    assert datasets.DataError.exit_code == 3
    assert datasets.DataUnavailableError.exit_code == 3


def run(code, **environment):
    return processes.python("-c", code, **environment, check=True).stdout


HEAVY = "print([m for m in ('tensorflow', 'tensorflow_datasets', 'sklearn') if m in sys.modules])"


def test_second_start_imports_nothing_heavy(fresh_home):
    code = f"import sys; from tfcourse import datasets; datasets.load('digits'); {HEAVY}"
    assert "sklearn" in run(code)
    assert run(code) == "[]\n"


def cache_file(home):
    (path,) = (home / "cache").rglob("*.arrays")
    return path


def damages():
    def cut(content):
        return content[:-100]

    def flip_value(content):
        return content[:-50] + bytes([content[-50] ^ 1]) + content[-49:]

    def flip_header(content):
        return content.replace(b'"maximum": 16', b'"maximum": 61')

    def empty(content):
        return b""

    def text(content):
        return b"[1, 2]\n" + content

    return [cut, flip_value, flip_header, empty, text]


@pytest.mark.parametrize("damage", damages())
def test_damaged_cache_is_rebuilt(fresh_home, damage):
    good = datasets.load("digits")
    path = cache_file(fresh_home)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    again = datasets.load("digits")
    np.testing.assert_array_equal(again.train.features, good.train.features)
    np.testing.assert_array_equal(again.test.labels, good.test.labels)
    assert path.read_bytes() == content


SLOW_READ = """
import pathlib, sys, time
from tfcourse.datasets import array_cache, digits
def read():
    with pathlib.Path(sys.argv[1]).open("a") as log:
        log.write("read\\n")
    time.sleep(2)
    return digits.read()
array_cache.cached("slow", "1", read)
"""


def test_processes_that_miss_the_cache_at_once_read_once(fresh_home):
    log = fresh_home / "log"
    command = [sys.executable, "-c", SLOW_READ, str(log)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    messages = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], messages
    assert log.read_text() == "read\n"
    assert sum("Waiting for another process" in message for message in messages) == 2


def test_cache_writer_that_was_killed_leaves_nothing_for_long(fresh_home):
    datasets.load("digits")
    path = cache_file(fresh_home)
    leftover = path.parent / f".{path.name}.0123456789abcdef.tmp"
    leftover.write_bytes(b"half")
    path.unlink()
    datasets.load("digits")
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".arrays", ".lock"]


def test_new_format_or_version_does_not_read_the_old_cache(fresh_home, monkeypatch):
    datasets.load("digits")
    old = cache_file(fresh_home)
    assert array_cache._file_name("digits", "another version") != old.name
    monkeypatch.setattr(array_cache, "FORMAT_VERSION", -1)
    datasets.load("digits")
    assert len(list(old.parent.glob("*.arrays"))) == 2


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_no_place_for_a_cache_still_loads(fresh_home, monkeypatch, variable):
    in_the_way = fresh_home / "file"
    in_the_way.write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv(variable, str(in_the_way))
    assert len(datasets.load("digits").train) == 1257


def test_relative_cache_home_is_ignored(fresh_home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert array_cache.directory() == fresh_home / ".cache" / "tfcourse" / "datasets"


def test_mnist_from_original_files(prepared_mnist, mnist_dir):
    dataset = datasets.load("mnist", data_dir=mnist_dir)
    assert [len(split) for split in dataset.splits.values()] == [54_000, 6_000, 10_000]
    assert dataset.input_shape == (28, 28, 1)
    assert dataset.origin == "TensorFlow Datasets mnist/3.0.1"
    counts = np.bincount(dataset.train.labels)
    np.testing.assert_allclose(np.bincount(dataset.validation.labels), counts / 9, atol=1)

    assert digest(dataset.validation.labels).startswith("a52d3d64bbf43284")

    # The test examples in any order, read without any of the code above.
    with gzip.open(mnist_dir / "t10k-labels-idx1-ubyte.gz") as file:
        test_labels = np.frombuffer(file.read()[8:], np.uint8)
    with gzip.open(mnist_dir / "t10k-images-idx3-ubyte.gz") as file:
        test_images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28, 1)
    expected = zip(test_images.astype(np.float32) / 255, test_labels, strict=True)
    received = zip(dataset.test.features, dataset.test.labels, strict=True)
    assert {(image.tobytes(), int(label)) for image, label in received} == {
        (image.tobytes(), int(label)) for image, label in expected
    }


def test_second_start_with_mnist_imports_nothing_heavy(prepared_mnist, mnist_dir):
    load = f"datasets.load('mnist', {str(mnist_dir)!r})"
    assert run(f"import sys; from tfcourse import datasets; {load}; {HEAVY}") == "[]\n"


def test_package_has_no_module_that_imports_tensorflow_at_once():
    package = pathlib.Path(datasets.__file__).parent
    for path in package.glob("*.py"):
        assert "\nimport tensorflow" not in path.read_text(), path
