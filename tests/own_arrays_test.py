import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from tfcourse import datasets
from tfcourse.system import machine

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(loc=[5, -3, 0], scale=[2, 0.1, 30], size=(60, 3))
Y = np.arange(60) % 3


@pytest.fixture
def load(tmp_path):
    """Saves arrays in a file and loads it."""
    path = tmp_path / "mine.npz"

    def save_and_load(**arrays):
        np.savez_compressed(path, **arrays)
        return datasets.load(f"npz:{path}")

    return save_and_load


def test_whole_arrays_are_split_and_standardized_by_the_training_split(load):
    data = load(x=X, y=Y)
    assert [len(split) for split in data.splits.values()] == [38, 10, 12]
    assert data.class_names == ("0", "1", "2")
    assert data.input_shape == (3,)
    np.testing.assert_allclose(data.train.features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.features.std(axis=0), 1, rtol=1e-5)
    everything = np.concatenate([split.features for split in data.splits.values()])
    fitted = data.preprocessing
    raw = everything * np.array(fitted.scale) + np.array(fitted.shift)
    np.testing.assert_allclose(np.sort(raw, axis=0), np.sort(X, axis=0), rtol=1e-4, atol=1e-4)


def test_given_splits_are_kept(load):
    data = load(x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:])
    assert [len(split) for split in data.splits.values()] == [32, 8, 20]
    np.testing.assert_array_equal(data.test.labels, Y[40:])
    np.testing.assert_array_equal(data.preprocessing.transform(X[40:]), data.test.features)


@pytest.mark.parametrize(
    ("features", "scale"),
    [
        (RANDOM.integers(0, 256, (60, 4, 4), np.uint8), 255),
        (RANDOM.integers(0, 256, (60, 16, 40), np.uint8), 255),
        (RANDOM.uniform(size=(60, 4, 4, 3)), 1),
        (RANDOM.uniform(size=(60, 4, 4)) > 0.5, 1),
    ],
)
def test_bytes_and_images_in_the_unit_interval_keep_their_zero(load, features, scale):
    data = load(x=features, y=Y)
    assert (data.preprocessing.shift, data.preprocessing.scale) == ((0,), (scale,))
    assert (
        data.input_shape
        == (features[..., np.newaxis] if features.ndim == 3 else features).shape[1:]
    )


def test_other_images_share_one_mean_and_deviation(load):
    data = load(x=RANDOM.normal(100, 20, size=(60, 4, 4)), y=Y)
    assert len(data.preprocessing.shift) == 1
    assert data.train.features.mean() == pytest.approx(0, abs=1e-5)
    assert data.train.features.std() == pytest.approx(1, rel=1e-5)


def test_feature_that_never_varies_becomes_zero(load):
    data = load(x=np.stack([np.full(60, 0.1), np.arange(60)], axis=1), y=Y)
    np.testing.assert_allclose(data.train.features[:, 0], 0, atol=1e-7)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["b", "a", "c"])[Y], ("a", "b", "c")),
        (np.array([b"b", b"a", b"c"])[Y], ("a", "b", "c")),
        (np.array([10.0, 2.0, -1.0])[Y], ("-1", "2", "10")),
        (np.array(["10", "9", "-1"])[Y], ("-1", "9", "10")),
        (np.array(["10.5", "9.5", "-1.5"])[Y], ("-1.5", "9.5", "10.5")),
        (Y == 0, ("0", "1")),
    ],
)
def test_labels_of_several_types_become_classes(load, labels, names):
    assert load(x=X, y=labels).class_names == names


def test_classes_may_have_names(load):
    assert load(x=X, y=Y, class_names=np.array(["u", "v", "w"])).class_names == ("u", "v", "w")


def spoiled(array, value):
    changed = array.astype(float)
    changed[7] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "expected arrays x and y, .*received a"),
        ({"x": X}, "expected arrays x and y"),
        ({"x_train": X}, "expected arrays x and y"),
        ({"x_train": X, "y_train": Y, "y_test": Y}, "expected arrays x and y"),
        ({"x_test": X, "y_test": Y}, "expected arrays x and y"),
        ({"x": X, "y": Y, "x_train": X, "y_train": Y}, "received x beside x_train"),
        ({"data": X, "features": X, "y": Y}, "received data and features for the same"),
        ({"x": X, "y": Y[:-1]}, "array y: expected one label for each of the 60"),
        ({"x": X, "y": np.eye(3)[Y] * 0.8 + 1 / 15}, "argmax"),
        ({"x": X, "y": np.ones((60, 3))}, "take one column"),
        ({"x": X.T, "y": Y}, r"each of the 3 .*moveaxis\(x, -1, 0\)"),
        ({"x": np.zeros((8, 9, 60), np.uint8), "y": Y}, r"each of the 8 .*moveaxis\(x, -1, 0\)"),
        ({"x": X, "y": Y[None]}, r"shape \(1, 60\). They are in one row: labels.ravel\(\)"),
        ({"x": np.zeros((60, 8, 8)), "y": Y}, "features that vary; received 0 in all 38"),
        ({"x": np.full((60, 8, 8), 200, np.uint8), "y": Y}, "features that vary; received 200 in"),
        ({"x": X[:, :, None, None, None], "y": Y}, "array x: expected"),
        ({"x": X[:, 0].astype("M8[s]"), "y": Y}, "array x: expected numbers"),
        ({"x": np.float64(3), "y": Y}, r"array x: expected .*shape \(\)"),
        ({"x": X, "y": np.int64(3)}, "array y: expected one label"),
        ({"x": X[:, 0], "y": Y}, "array x: expected .*features"),
        ({"x": X.astype(str), "y": Y}, "array x: expected numbers"),
        ({"x": X * 1j, "y": Y}, "array x: expected numbers"),
        ({"x": spoiled(X, np.nan), "y": Y}, r"array x: .*nan at example 7, position \(0,\)"),
        ({"x": spoiled(X, 1e200), "y": Y}, "Scale the features"),
        ({"x": X, "y": spoiled(Y, 0.5)}, "0.5 at example 7"),
        ({"x": X, "y": spoiled(Y, np.nan)}, r"nan at example 7, and 1 in all. .*numpy.isnan\(y\)"),
        (
            {"x": X, "y": np.array([f"c{n // 2}" for n in range(60)])},
            "received 2 of 'c0' .*example 0",
        ),
        ({"x": X, "y": Y * 0}, "two classes"),
        ({"x": X, "y": Y.astype(complex)}, "whole numbers or texts"),
        ({"x": X, "y": np.array([{}] * 60)}, "Python objects"),
        ({"x": X, "y": Y, "class_names": np.array(["u"])}, "array class_names"),
        ({"x": Y, "y": X}, r"which seem swapped. Swap them: numpy.savez\(..., x=y, y=x\)"),
        ({"x": X, "y": Y[:-1]}, "received 59 labels. One of both was cut or filtered"),
        (
            {"x_train": X, "y_train": Y[:9], "x_test": X[:9], "y_test": Y},
            "y_test has 60: the labels of two splits seem swapped",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            "labels of test: .*received '3' at example 2",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y},
            r"received \(3,\) in x_train, \(2,\) in x_test. Prepare all",
        ),
    ],
)
def test_what_can_not_be_taken_is_named(load, arrays, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
        load(**arrays)
    assert "mine.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    with pytest.raises(datasets.DataError, match="no such file"):
        datasets.load(f"npz:{path}")
    np.savez(path, x=X, y=Y)
    whole = path.read_bytes()
    for text in (b"", b"text", whole[: len(whole) // 2], whole[:300] + b"\0" * 40 + whole[340:]):
        path.write_bytes(text)
        with pytest.raises(datasets.DataError, match=r"mine.npz: expected an NPZ file"):
            datasets.load(f"npz:{path}")
    np.save(tmp_path / "mine.npy", X)
    (tmp_path / "mine.npy").rename(path)
    with pytest.raises(datasets.DataError, match="expected an NPZ file"):
        datasets.load(f"npz:{path}")


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"\x89HDF\r\n\x1a\n", "a file of HDF5. Read x and y by h5py"),
        (b"MATLAB 5.0 MAT-file", "data of MATLAB. Read x and y by scipy.io.loadmat"),
        (b"\x80\x04\x95", "a pickle, which may run code"),
        (b"\0\0\x08\x03\0\0", "a file of IDX. Those of MNIST are read as mnist"),
        (b"\x1f\x8b\x08", "a compressed file. Unpack it"),
        (b"x,y\n1,2\n", "another file. Write it anew; a table is read as csv:PATH"),
        ("model/data.pkl", r"a file of PyTorch. Load it, and save x.numpy\(\)"),
        ("[Content_Types].xml", "a document. A workbook is read as csv:PATH"),
        ("cat/1.png", "an archive with 'cat/1.png'. Write the arrays alone"),
    ],
)
def test_files_of_other_programs_are_told_apart(tmp_path, content, received):
    path = tmp_path / "mine.npz"
    if isinstance(content, str):
        np.savez(path, x=X, y=Y)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(content, "x")
    else:
        path.write_bytes(content)
    with pytest.raises(datasets.DataError, match=f"mine.npz: .*; received {received}"):
        datasets.load(f"npz:{path}")


def test_small_file_of_large_arrays_is_refused_by_its_header(tmp_path, monkeypatch):
    # A gigabyte of zeros is a file of a megabyte; here the header alone claims it.
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 1 << 20)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(datasets.DataError, match=r"half of the free memory.*TensorFlow"):
        datasets.load(f"npz:{path}")
    np.savez(path, x=X, y=Y)
    monkeypatch.setattr(machine, "available_bytes", lambda: X.nbytes * 2)
    with pytest.raises(datasets.DataError, match="half of the free memory"):
        datasets.load(f"npz:{path}")


def test_new_examples_are_read_with_and_without_labels(load, tmp_path):
    fitted = load(x=X, y=np.array(["b", "a", "c"])[Y]).preprocessing
    path = tmp_path / "new.npz"
    np.savez(path, x=X[:2])
    examples = fitted.read(path)
    assert examples.labels is None
    assert examples.places == (f"{path}, example 0", f"{path}, example 1")
    np.testing.assert_array_equal(examples.features, fitted.transform(X[:2]))
    np.savez(path, x=X[:2], y=np.array(["c", "a"]))
    np.testing.assert_array_equal(fitted.read(path).labels, [2, 0])
    np.savez(path, z=X[:2])
    np.testing.assert_array_equal(fitted.read(path).features, fitted.transform(X[:2]))
    np.savez(path, z=X, w=X)
    with pytest.raises(datasets.DataError, match="expected an array x"):
        fitted.read(path)


def test_arrays_from_python_are_scaled_when_asked():
    data = datasets.from_arrays((X, Y), scale=True)
    assert [len(split) for split in data.splits.values()] == [49, 5, 6]
    np.testing.assert_allclose(data.train.features.mean(axis=0), 0, atol=1e-6)
    again = data.preprocessing.transform(X)
    assert {row.tobytes() for row in data.test.features} <= {row.tobytes() for row in again}
    with pytest.raises(datasets.DataError, match=r"example 7, position \(0,\)"):
        datasets.from_arrays((spoiled(X, np.nan), Y), scale=True)
    with pytest.raises(datasets.DataError, match="expected features"):
        datasets.from_arrays((X, Y), scale=False)


def batched():
    for start in range(0, 60, 25):
        yield X[start : start + 25], Y[start : start + 25]


class Mapped:
    """Like PyTorch's datasets that have a length, and no other end."""

    def __len__(self):
        return 60

    def __getitem__(self, number):
        return X[number % 60], Y[number % 60]


class Tensor:
    """Like a tensor that can't become an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on it.")


@pytest.mark.parametrize(
    "source",
    [
        batched,
        lambda: zip(X, Y, strict=True),
        lambda: list(zip(X, Y, strict=True)),
        list(batched()),
        Mapped(),
    ],
)
def test_what_yields_examples_is_read_to_its_end(source):
    data = datasets.from_batches(source, scale=True)
    expected = datasets.from_arrays((X, Y), scale=True)
    np.testing.assert_array_equal(data.train.features, expected.train.features)
    np.testing.assert_array_equal(data.test.labels, expected.test.labels)
    assert data.name == "batches"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: iter([]), "split train: expected at least one example"),
        (lambda: [X], "expected pairs"),
        (lambda: [(X, Y), (X[:, :2], Y)], "one shape of example"),
        (
            lambda: [(X, Y[:9])],
            r"a label for each example; received features of shape \(60, 3\) and",
        ),
        (lambda: [(x, np.eye(3)[y]) for x, y in zip(X[:, :2], Y, strict=True)], "is one number"),
        (
            lambda: [(x, np.eye(3)[y]) for x, y in zip(X, Y, strict=True)],
            "labels of 3 numbers, one of which is 1, as of single examples",
        ),
        (lambda: [(X, np.eye(3)[Y]), (X, Y)], "one shape of label"),
        (lambda: [(Tensor(), Y)], r"expected numbers; received Can't call numpy\(\) on it. Conv"),
    ],
)
def test_what_yields_something_else_is_refused(source, message):
    with pytest.raises(datasets.DataError, match=message):
        datasets.from_batches(source, scale=True)


def test_what_never_ends_is_refused_before_memory_is_full(monkeypatch):
    def endless():
        while True:
            yield X, Y

    monkeypatch.setattr(machine, "available_bytes", lambda: 2_000_000)
    with pytest.raises(datasets.DataError, match="half of the free memory"):
        datasets.from_batches(endless, scale=True)


@pytest.mark.parametrize(
    "named",
    [
        "x_{} y_{}",
        "X_{} Y_{}",
        "x{} y{}",
        "{}X {}Y",
        "{}_images {}_labels",
        "data_{} targets_{}",
        "{}-features {}-target",
    ],
)
@pytest.mark.parametrize("validation", ["val", "valid", "validation", "dev"])
def test_splits_go_by_their_usual_names(load, named, validation):
    arrays = {}
    for split, rows in {
        "train": slice(40),
        validation: slice(40, 50),
        "test": slice(50, 60),
    }.items():
        x, y = named.format(split, split).split()
        arrays |= {x: X[rows], y: Y[rows]}
    data = load(**arrays)
    assert [len(split) for split in data.splits.values()] == [40, 10, 10]
    np.testing.assert_array_equal(data.validation.labels, Y[40:50])


@pytest.mark.parametrize(
    "names", [("X", "y"), ("data", "labels"), ("images", "targets"), ("arr_0", "arr_1")]
)
def test_whole_arrays_go_by_their_usual_names(load, caplog, names):
    arrays = dict(zip(names, (X, Y), strict=True))
    np.testing.assert_array_equal(load(**arrays).test.features, load(x=X, y=Y).test.features)
    assert not caplog.messages
    if names[0] != "arr_0":
        names = np.array(["u", "v", "w"])
        assert load(**arrays, ids=Y, target_names=names).class_names == ("u", "v", "w")
        assert "left out the arrays ids" in caplog.text


def test_test_set_without_labels_is_told_and_left_to_predict(load, caplog, tmp_path):
    data = load(x_train=X[:40], y_train=Y[:40], x_test=X[40:])
    assert [len(split) for split in data.splits.values()] == [26, 6, 8]
    assert "left out x_test, which has no labels" in caplog.text
    path = tmp_path / "new.npz"
    np.savez(path, x_test=X[40:])
    assert len(data.preprocessing.read(path).features) == 20


def test_channels_first_are_told_and_put_last(load, caplog, tmp_path):
    images = RANDOM.integers(0, 256, (60, 3, 16, 20), np.uint8)
    data = load(x=images, y=Y)
    assert data.input_shape == (16, 20, 3)
    assert "the channels, 3, come before height and width" in caplog.text
    np.testing.assert_array_equal(
        data.preprocessing.transform(images),
        data.preprocessing.transform(np.moveaxis(images, 1, -1)),
    )
    bands = RANDOM.integers(0, 9000, (60, 13, 8, 8), np.uint16)
    assert load(x=bands, y=Y).input_shape == (8, 8, 13)
    caplog.clear()
    assert load(x=bands[..., :6], y=Y).input_shape == (13, 8, 6)
    assert "taken as images of 13 x 8 pixels with 6 channels" in caplog.text
    from_python = datasets.from_arrays((images / 255, Y))
    assert from_python.input_shape == (16, 20, 3)
    both = load(x_train=images, y_train=Y, x_test=images, y_test=Y)
    assert both.test.features.shape == (60, 16, 20, 3)


def test_a_table_of_bytes_is_standardized(load):
    table = RANDOM.integers(0, 5, (60, 8), np.uint8)
    data = load(x=table, y=Y)
    np.testing.assert_allclose(data.train.features.std(axis=0), 1, rtol=1e-5)
    few_greys = load(x=RANDOM.integers(0, 17, (60, 8, 8), np.uint8), y=Y)
    assert few_greys.train.features.std() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    "series", [RANDOM.normal(size=(60, 20, 6)), RANDOM.normal(size=(60, 20, 12)).astype("f2")]
)
def test_a_series_is_no_grey_image(load, caplog, series):
    data = load(x=series, y=Y)
    _, steps, values = series.shape
    assert data.input_shape == (steps * values,)
    assert f"{steps} steps of {values} values are taken as {steps * values} features" in caplog.text
    np.testing.assert_allclose(data.train.features.mean(axis=0), 0, atol=1e-3)
    assert data.preprocessing.transform(series).shape == (60, steps * values)
    assert datasets.from_arrays((series, Y)).input_shape == (steps * values,)
    assert load(x=series[..., np.newaxis], y=Y).input_shape == (steps, values, 1)


@pytest.mark.parametrize(
    "images",
    [
        RANDOM.integers(0, 256, (60, 8, 40), np.uint8),
        RANDOM.uniform(size=(60, 20, 30)),
        RANDOM.integers(0, 256, (60, 20, 30)),
        RANDOM.normal(size=(60, 9, 9)),
    ],
)
def test_grey_images_have_no_axis_of_channels(load, caplog, images):
    assert load(x=images, y=Y).input_shape == (*images.shape[1:], 1)
    assert ("taken as gray images" in caplog.text) == (images.dtype != np.uint8)


@pytest.mark.parametrize("kind", [str, bytes, object, "bytes as objects"])
def test_labels_from_python_may_be_texts(kind):
    labels = np.array(["b", "a", "c"])[Y]
    labels = labels.astype(kind if kind in (str, object) else "S")
    labels = labels if kind in (str, bytes) else labels.astype(object)
    data = datasets.from_arrays((X[:40], labels[:40]), test=(X[40:], labels[40:]))
    assert data.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(data.test.labels, np.array([1, 0, 2])[Y[40:]])
    assert datasets.from_arrays((X, np.char.add("1", Y.astype(str)))).class_names[0] == "10"
    with pytest.raises(datasets.DataError, match=r"one of the classes a, b, c; received 'd'"):
        datasets.from_arrays((X[:40], labels[:40]), test=(X[:2], np.array(["d", "a"])))


@pytest.mark.parametrize("kind", [str, bytes])
def test_blanks_around_texts_are_not_seen(load, kind):
    labels = np.array(["a ", " b", "b"], kind)[Y]
    assert datasets.from_arrays((X, labels)).class_names == ("a", "b")
    assert load(x=X, y=labels).class_names == ("a", "b")


@pytest.mark.parametrize("names", [["u ", "v", "w"], [b"u", b"v", b"w"]])
def test_names_of_classes_are_texts_without_blanks(load, names):
    assert datasets.from_arrays((X, Y), class_names=names).class_names == ("u", "v", "w")
    assert load(x=X, y=Y, class_names=np.array(names)).class_names == ("u", "v", "w")
    data = datasets.from_arrays((X, np.array(["u", "v", "w"])[Y]), class_names=names)
    assert np.bincount(data.train.labels).min() > 0


@pytest.mark.parametrize("kind", ["f2", "f8", "u8", "i1", "g"])
def test_labels_of_every_type_of_number_are_taken(kind):
    labels = datasets.from_arrays((X, Y.astype(kind))).train.labels
    np.testing.assert_array_equal(labels, datasets.from_arrays((X, Y)).train.labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y.astype("m8[s]"), "expected whole numbers as labels; received type timedelta64"),
        (Y + 10**4 * (Y == 2), "received 10002. np.unique"),
        ([[1], [1, 2]] * 30, "split train: expected one label per example; received setting"),
        (np.array(["a", "b", np.nan])[Y], "example 2: expected a label in arrays, labels"),
        (np.array(["a"] * 60), "expected at least two classes; received 'a' alone"),
    ],
)
def test_labels_that_can_not_be_taken_are_named(labels, message):
    with pytest.raises(datasets.DataError, match=message):
        datasets.from_arrays((X, labels))


@pytest.mark.parametrize("labels", [Y[:, np.newaxis], Y[:, np.newaxis, np.newaxis].astype("f4")])
def test_labels_with_an_axis_too_many_are_squeezed(load, labels):
    expected = load(x=X, y=Y)
    np.testing.assert_array_equal(load(x=X, y=labels).train.labels, expected.train.labels)
    from_python = datasets.from_arrays((X, labels))
    np.testing.assert_array_equal(
        from_python.train.labels, datasets.from_arrays((X, Y)).train.labels
    )


@pytest.mark.parametrize("kind", [float, np.uint8, bool])
def test_one_hot_labels_are_decoded_and_that_is_told(load, caplog, kind):
    labels = np.eye(3, dtype=kind)[Y]
    data = load(x=X, y=labels)
    np.testing.assert_array_equal(data.train.labels, load(x=X, y=Y).train.labels)
    assert "array y: the one-hot labels are decoded" in caplog.text
    assert datasets.from_arrays((X, labels)).num_classes == 3


@pytest.mark.parametrize("kind", ["f2", "f4", "i8", "u1", "?", ">f8"])
def test_features_of_every_type_are_taken(load, kind):
    table = (X - X.min(axis=0)).astype(kind)
    data = load(x=table, y=Y)
    assert data.train.features.dtype == np.float32
    assert np.isfinite(data.train.features).all()
    again = datasets.from_arrays((table, Y))
    assert again.preprocessing is not None


def npy(text, data=b"", version=b"\x01\x00"):
    """A file of an array with any text as its header."""
    head = text.encode("latin1")
    size = len(head).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + head + data


def described(shape, kind="'<f8'"):
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n"


HEADERS = {
    "a negative side": npy(described((-1, 3))),
    "two negative sides": npy(described((-4, -4)), b"\0" * 128),
    "a huge side": npy(described((1 << 70, 1))),
    "nothing times a huge side": npy(described((0, 1 << 62))),
    "a true side": npy(described((True, 3)), b"\0" * 24),
    "no dimension": npy(described(()), b"\0" * 8),
    "an open bracket": npy("{'descr': '<f8', 'shape': (3,"),
    "many open brackets": npy("(" * 9000),
    "a call": npy("__import__('os').system('true')"),
    "text that is none": npy("\xff\xfe\x00"),
    "no header": b"\x93NUMPY\x01\x00",
    "a header longer than the file": npy(described((2, 3)))[:-20],
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100_000,
    "another version": npy(described((1, 3)), version=b"\x09\x00"),
    "no size": npy(described((1 << 40, 3), "'V0'")),
    "objects": npy(described((3,), "'|O'")),
    "objects inside": npy(described((3,), "[('a', '|O')]")),
    "an unknown type": npy(described((3,), "'<q99'")),
    "numbers that are not characters": npy(described((1,), "'<U2'"), b"\xff\xff\xff\x7f" * 2),
    "numbers that are none either way": npy(described((1,), "'>U1'"), b"\x7f\xff\xff\xff"),
    "fewer values than claimed": npy(described((3, 3)), b"\0" * 8),
}


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_odd_headers_are_refused_in_a_sentence(load, tmp_path, what, suffix):
    fitted = load(x=X, y=Y).preprocessing
    path = tmp_path / f"new.{suffix}"
    if suffix == "npy":
        path.write_bytes(HEADERS[what])
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", HEADERS[what])
    with pytest.raises(datasets.DataError, match=f"new.{suffix}") as caught:
        fitted.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_other_kind_of_file_is_told_by_its_first_bytes(load, tmp_path):
    fitted = load(x=X, y=Y).preprocessing
    np.savez(tmp_path / "a.npz", x=X)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(datasets.DataError, match=r"received an NPZ file. Call it .npz"):
        fitted.read(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", X)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(datasets.DataError, match=r"received an NPY file, one array"):
        fitted.read(tmp_path / "b.npz")


def test_class_of_too_few_examples_is_left_out_and_told(load, caplog):
    data = load(x=X, y=spoiled(Y, 9))
    assert data.class_names == ("0", "1", "2")
    assert sum(map(len, data.splits.values())) == 59
    assert "left out the classes with under 3 examples for training: 9 (1)." in caplog.text
    data = load(x_train=X, y_train=spoiled(Y, 9), x_test=X[:9], y_test=spoiled(Y[:9], 9))
    assert len(data.test) == 8
    named = {"class_names": np.array(list("abcdefghij"))}
    with pytest.raises(datasets.DataError, match=r"received 1 of '9' .*example 7"):
        load(x=X, y=spoiled(Y, 9), **named)


def test_other_compression_is_refused(load, tmp_path):
    fitted = load(x=X, y=Y).preprocessing
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy(described((1, 3)), b"\0" * 24))
    with pytest.raises(datasets.DataError, match="compressed in another way"):
        fitted.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((np.ma.masked_greater(X, X.mean()), Y), r"split train: .*a masked one at example \d+"),
        ((X, np.ma.masked_equal(Y, 1)), "split train, labels: .*a masked one at example"),
        ((scipy.sparse.csr_matrix(X), Y), r"x.toarray\(\) makes an array"),
        (
            (pd.DataFrame({"a": Y, "b": [*"uv"] * (len(Y) // 2)}), Y),
            "`from_dataframe` takes columns",
        ),
        (
            (X, Y, np.ones(len(Y))),
            r"a pair \(features, labels\); received 3 items. Weights of exam",
        ),
        ({"x": X, "y": Y}, "received dict. Write"),
        (X, "received ndarray. Write"),
        (None, "received NoneType. Write"),
        ((np.ones((len(Y), 3)), Y), "features that vary; received 1 in all"),
        ((X * 1e-300, Y), "numbers that vary in double precision; received .*e-300 in feature 0"),
        ((Y[:, None] % 2 + 2**60, Y), "in double precision; received 1152921504606846976 to"),
    ],
)
def test_arrays_that_would_lose_what_they_say_are_refused(pair, message):
    with pytest.raises(datasets.DataError, match=message):
        datasets.from_arrays(pair)


def test_names_of_classes_are_a_list_without_repetitions():
    with pytest.raises(datasets.DataError, match=r"to be a list, .*received dict"):
        datasets.from_arrays((X, Y), class_names={0: "u", 1: "v", 2: "w"})
    with pytest.raises(
        datasets.DataError, match=r"without repetitions. Received: \('u', 'u', '.'\).$"
    ):
        datasets.from_arrays((X, Y), class_names=["u", "u", "w"])


def test_a_single_class_is_refused_for_what_it_is():
    with pytest.raises(datasets.DataError, match="at least two classes; received 0 alone"):
        datasets.from_arrays((np.arange(40.0).reshape(10, 4), np.zeros(10, int)))


def test_classes_without_examples_are_told(caplog):
    assert datasets.from_arrays((X, Y)).num_classes == 3
    assert not caplog.text
    assert datasets.from_arrays((X, Y * 10)).num_classes == 21
    assert "no training example has 1, 2, 3, 4, 5, 6, 7, 8, ..." in caplog.text


def test_task_may_be_decided_by_the_labels():
    assert datasets.from_arrays((X, Y[:, None]), task="auto").target is None
    assert datasets.from_arrays((X, Y + 0.5), task="auto").target
    assert datasets.from_arrays((X, np.eye(3)[Y]), task="auto").num_classes == 3
    with pytest.raises(ValueError, match="`task` must be one of auto, classification, regression"):
        datasets.from_arrays((X, Y), task="regresion")
