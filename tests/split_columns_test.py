import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets

SIZES = {"Train": 30, "valid": 9, "test": 15}
SPLITS = np.repeat([*SIZES], [*SIZES.values()])


@pytest.fixture
def frame():
    """A table in which the value of x tells the split: 0, 1, 2."""
    x = np.repeat([0.0, 1.0, 2.0], [*SIZES.values()])
    noise = np.random.default_rng(0).permutation(len(x)) / 7
    return pd.DataFrame({"x": x, "z": noise, "Split": SPLITS, "y": np.arange(len(x)) % 2})


def load(frame, **options):
    return datasets.from_dataframe(frame, label="y", task="classification", **options)


def test_rows_are_in_the_splits_that_their_column_names(frame, caplog):
    order = np.random.default_rng(1).permutation(len(frame))
    data = load(frame.assign(x=frame.x + frame.z / 100).iloc[order])
    assert [len(split) for split in data.splits.values()] == [30, 9, 15]
    values = [datasets.to_dataframe(data).query(f"split == {name!r}").x for name in data.splits]
    assert values[0].max() < values[1].min() < values[1].max() < values[2].min()
    assert [column.name for column in data.preprocessing.columns] == ["x", "z"]
    assert "the splits are those of the column 'Split'" in caplog.text
    assert datasets.to_dataframe(data).columns.tolist() == ["split", "x", "z", "y"]


def test_missing_split_is_taken_from_the_training_split(frame):
    data = load(frame[frame.Split != "valid"])
    assert [len(split) for split in data.splits.values()] == [24, 6, 15]


@pytest.mark.parametrize(
    ("cell", "split", "sizes"),
    [("test", "test", [24, 9, 6]), ("valid", "validation", [24, 6, 15])],
)
def test_split_without_labels_is_taken_from_the_training_split(frame, cell, split, sizes, caplog):
    data = load(frame.assign(y=frame.y.where(frame.Split != cell)))
    assert [len(split) for split in data.splits.values()] == sizes
    assert f"no row of the {split} split has a label" in caplog.text


def test_training_split_without_labels_is_refused(frame):
    with pytest.raises(datasets.DataError, match="expected training rows with a label"):
        load(frame.assign(y=frame.y.where(frame.Split != "Train")))


def test_class_without_a_training_row_is_told(frame, caplog):
    texts = np.array(["a", "b"])[frame.y]
    data = load(frame.assign(y=np.where(frame.Split == "test", "c", texts)))
    assert data.class_names == ("a", "b", "c")
    assert "classes without a training row, not learned: 'c'" in caplog.text


def test_training_split_of_one_class_is_refused(frame):
    with pytest.raises(datasets.DataError, match="of at least two classes; received only 'a'"):
        load(frame.assign(y=np.where(frame.Split == "Train", "a", "b")))


@pytest.mark.parametrize("options", [{"keep": ("Split",)}, {"ignore": ("Split",)}])
def test_column_that_a_flag_names_gives_no_splits(frame, options):
    data = load(frame, **options)
    assert [len(split) for split in data.splits.values()] == [34, 9, 11]
    names = {column.name for column in data.preprocessing.columns}
    assert ("Split" in names) == ("keep" in options)


def test_other_contents_of_a_column_called_split_are_features(frame):
    data = load(frame.assign(Split=np.arange(len(frame)) % 3))
    assert "Split" in {column.name for column in data.preprocessing.columns}


@pytest.mark.parametrize("cell", ["holdback", None])
def test_row_without_a_split_is_named(frame, cell):
    frame.loc[7, "Split"] = cell
    with pytest.raises(datasets.DataError, match="example 7, column 'Split': expected train") as e:
        load(frame)
    assert "`ignore=Split`" in str(e.value)


def test_description_and_new_examples(frame, tmp_path):
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    found = datasets.describe(f"csv:{path}", label="y")
    assert "30 train, 9 validation, 15 test examples of 1 feature" in found.findings[0]
    assert found.rows[2]["becomes"] == "left out: ignored"
    data = datasets.load(f"csv:{path}", label="y")
    frame.drop(columns=["Split", "y"]).to_csv(path, index=False)
    assert len(data.preprocessing.read(path).features) == len(frame)
