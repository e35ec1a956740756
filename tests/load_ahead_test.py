import pathlib

import numpy as np
import pytest

from tfcourse import datasets


def files(home):
    return list((home / "cache" / "tfcourse" / "datasets").glob("*.arrays"))


def test_what_is_not_in_the_cache_is_left_to_load(fresh_home):
    assert datasets.load_ahead("digits")() is None
    assert files(fresh_home) == []


def test_what_is_in_the_cache_is_what_load_returns(fresh_home):
    expected = datasets.load("digits")
    wait = datasets.load_ahead("digits")
    for _ in range(2):
        found = wait()
        for name, split in expected.splits.items():
            for part in ("features", "labels"):
                one, other = getattr(split, part), getattr(found.splits[name], part)
                np.testing.assert_array_equal(one, other)
                assert not other.flags.writeable
        assert (found.name, found.origin) == (expected.name, expected.origin)
        assert found.preprocessing == expected.preprocessing


def test_original_files_are_checked_as_ever(prepared_mnist, mnist_dir, tmp_path):
    assert len(datasets.load_ahead("mnist", mnist_dir)().train) == 54_000
    for path in mnist_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert datasets.load_ahead("mnist", tmp_path)() is not None
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert datasets.load_ahead("mnist", tmp_path)() is None
    with pytest.raises(datasets.DataError, match="t10k-labels"):
        datasets.load("mnist", tmp_path)


@pytest.mark.parametrize("damage", [lambda text: text[:-100], lambda text: b"x" + text[1:]])
def test_a_damaged_cache_is_left_to_load_which_says_so(fresh_home, damage, caplog):
    datasets.load("digits")
    (path,) = files(fresh_home)
    path.write_bytes(damage(path.read_bytes()))
    assert datasets.load_ahead("digits")() is None
    assert caplog.text == ""
    assert len(datasets.load("digits").train) == 1257
    assert "damaged" in caplog.text


@pytest.mark.parametrize(
    ("names", "data_dir", "options"),
    [
        ("digits", None, {"label": "x"}),
        ("digits", "/no/such/folder", {}),
        ("mnist,digits", None, {}),  # The first may be there all the same.
        ("csv:table.csv", None, {}),
        ("dgits", None, {}),
        ("no_such_set", None, {}),
    ],
)
def test_whatever_is_wrong_is_left_to_load(fresh_home, names, data_dir, options):
    datasets.load("digits")
    assert datasets.load_ahead(names, data_dir and pathlib.Path(data_dir), **options)() is None
