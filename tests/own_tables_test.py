import csv
import os
import re
import sys

import numpy as np
import processes
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tfcourse import datasets
from tfcourse.datasets import splits
from tfcourse.system import machine

PENGUINS = "configs/data/penguins.csv"
NUMERIC = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year")
CATEGORICAL = ("island", "sex")


@pytest.fixture
def load(tmp_path):
    """Writes text or bytes to a file and loads it as a table."""
    path = tmp_path / "mine.csv"

    def write_and_load(text, label="y", **options):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return datasets.load(f"csv:{path}", label=label, **options)

    return write_and_load


def rows(count=12, number="{}", text="uv"):
    return "".join(
        f"{number.format(i)},{text[i % len(text)]},{'ab'[i % 2]}\n" for i in range(count)
    )


TINY = "x,k,y\n" + rows()


@pytest.fixture(scope="module")
def penguins():
    return datasets.load(f"csv:{PENGUINS}", label="species", missing="impute")


def raw_penguins():
    """Columns of the file as objects, NaN where the file says NA: read without the project."""
    with open(PENGUINS, newline="") as file:
        table = list(csv.DictReader(file))
    numbers = [[float(row[n].replace("NA", "nan")) for n in NUMERIC] for row in table]
    texts = [[np.nan if row[n] == "NA" else row[n] for n in CATEGORICAL] for row in table]
    return (np.array(numbers), np.array(texts, object), np.array([row["species"] for row in table]))


def test_split_is_fixed_stratified_and_complete(penguins):
    sizes = {name: len(split) for name, split in penguins.splits.items()}
    assert sizes == {"train": 220, "validation": 55, "test": 69}
    assert penguins.class_names == ("Adelie", "Chinstrap", "Gentoo")
    for split in penguins.splits.values():
        shares = np.bincount(split.labels) / len(split)
        np.testing.assert_allclose(shares, np.array([152, 68, 124]) / 344, atol=0.01)


def test_features_are_those_of_scikit_learn_fitted_on_the_training_split(penguins):
    numbers, texts, species = raw_penguins()
    labels = np.searchsorted(["Adelie", "Chinstrap", "Gentoo"], species)
    kept, test = splits.stratified_split(labels, 69)
    train, validation = splits.stratified_split(labels[kept], 55)
    rows_of = {"train": kept[train], "validation": kept[validation], "test": test}
    both = np.concatenate([numbers.astype(object), texts], axis=1)
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encoded = make_pipeline(SimpleImputer(strategy="constant", fill_value=""), one_hot)
    absent = MissingIndicator(features="all")
    reference = ColumnTransformer(
        [("n", scaled, [0, 1, 2, 3, 4]), ("m", absent, [0, 1, 2, 3]), ("c", encoded, [5, 6])]
    )
    reference.fit(both[rows_of["train"]])
    # Ours keeps the file's order of columns: island comes first, what is missing at its column.
    order = [9, 10, 11, 0, 5, 1, 6, 2, 7, 3, 8, 12, 13, 14, 4]
    for name, split in penguins.splits.items():
        expected = reference.transform(both[rows_of[name]])[:, order]
        np.testing.assert_allclose(split.features, expected.astype(float), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(split.labels, labels[rows_of[name]])


def test_statistics_never_see_the_other_splits(load):
    lines = [f"{i % 7},{'ab'[i % 2]}" for i in range(100)]
    plain = load("\n".join(["x,y", *lines]))
    seen = []
    for number in range(12):
        changed = lines.copy()
        changed[number] = f"1000,{lines[number][-1]}"
        other = load("\n".join(["x,y", *changed]))
        (column,) = other.preprocessing.columns
        largest = column.mean + column.standard_deviation * other.train.features.max()
        seen.append(largest > 999)
        assert (other.preprocessing.columns == plain.preprocessing.columns) != seen[-1]
    assert any(seen)
    assert not all(seen)


def test_predictions_file_becomes_the_same_features(penguins):
    examples = penguins.preprocessing.read(PENGUINS)
    assert examples.features.shape == (344, 15)
    np.testing.assert_array_equal(np.bincount(examples.labels), [152, 68, 124])
    everything = np.concatenate([split.features for split in penguins.splits.values()])
    assert {row.tobytes() for row in examples.features} == {row.tobytes() for row in everything}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line with the names"),
        ("\n\n", "first line with the names"),
        ("x,k,y\n", "rows below the header; received none"),
        (TINY + "1,u,a,b\n", "line 14: expected 3 cells.* received 4"),
        (TINY + '1,"u,a\n', "line 14: expected a quoted cell to end"),
        ("\ufeffx,k,y\n".encode("utf-16"), "rows below the header"),
        (TINY.encode() + bytes(range(1, 32)) * 9, "expected a table as text, Excel or Parquet"),
        (TINY + "1e300,u,a\n" * 9, "column 'x': expected numbers whose squares"),
        ("x,k,y\n" + rows().replace(",b\n", ",a\n"), "two classes .*received 'a' alone"),
        ("x,y\n" + "0,a\n0,b\n" * 6, "besides 'y' whose value varies.*'x' does not vary"),
        ("x,y\n" + "1,\n" * 9, "expected labels; received none"),
    ],
)
def test_what_can_not_be_taken_is_named(load, text, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
        load(text)
    assert "mine.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("oops,u,a", "line 14, column 'x': expected a number; received 'oops'.*x 1"),
        ("inf,u,a", "line 14, column 'x': .* 'inf'"),
        ("1e999,u,a", "line 14, column 'x'"),
        ("1_0,u,a", "line 14, column 'x': .* '1_0'"),
        (" NA,u,a", "line 14, column 'x': expected a value.*`missing=impute`.*x 1"),
        ("1,,a", "line 14, column 'k': expected a value"),
    ],
)
def test_what_is_missing_is_refused_where_that_is_asked_for_and_else_filled_in(load, row, message):
    with pytest.raises(datasets.DataError, match=message):
        load(TINY + row, missing="refuse")
    data = load(TINY + row)
    assert [column.missing for column in data.report.columns].count(1) == 1
    assert all(np.isfinite(split.features).all() for split in data.splits.values())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x,x,y\n" + rows(), "a second column 'x' is called 'x.1'"),
        ("x,,y\n" + rows(), "column 2 has no name and is called 'Unnamed: 1'"),
        (
            "x,,,,,y\n" + "".join(f"{i},{i},{i},{i},{i % 5},{'ab'[i % 2]}\n" for i in range(30)),
            "column 2 has no name and is called 'Unnamed: 1', and 3 more likewise",
        ),
        (TINY + "1,u\n", r"1 row has fewer than 3 cells \(line 14 .* 1 row is left out, without"),
        (TINY.encode() + b"1,\xe9,a\n", "read as Windows-1252"),
        (TINY.encode("utf-16"), "read as UTF-16"),
        (TINY + "1,u,c\n", r"1 row is left out, of classes with under 3: c \(1\)"),
        (
            "x,k,y\n" + rows(40, text="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"),
            "left out, too many different texts: k",
        ),
    ],
)
def test_what_people_expect_is_done_and_told(load, caplog, text, told):
    data = load(text)
    assert data.class_names == ("a", "b")
    assert re.search(told, caplog.text, re.DOTALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "Y"}, "column 'Y', as `label` says.*There are x, k, y"),
        ({"label": "yy"}, "Did you mean 'y'"),
        ({"ignore": ("z",)}, "column 'z', as `ignore` says"),
        ({"categorical": ("z",)}, "column 'z', as `categorical` says"),
        ({"ignore": ("y",)}, "without the label"),
    ],
)
def test_column_that_a_flag_names_must_be_there(load, options, message):
    with pytest.raises(datasets.DataError, match=message):
        load(TINY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": None}, "expected `label`"),
        ({"image_size": (2, 2)}, "does not go with `image_size`"),
        ({"missing": "drop"}, "`missing` must be one of refuse, impute"),
        ({"ignore": {"k"}}, "`ignore` must be names"),
    ],
)
def test_option_that_does_not_fit_is_refused(load, options, message):
    with pytest.raises(ValueError, match=message):
        load(TINY, **options)


def test_no_such_file_or_no_file(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(datasets.DataError, match="expected a table"):
            datasets.load(f"csv:{path}", label="y")
    with pytest.raises(ValueError, match="csv:PATH"):
        datasets.load("csv:", label="y")


def test_text_as_other_programs_write_it_is_the_same_table(load):
    plain = load(TINY).train.features
    for text in (
        "\ufeff" + TINY,
        TINY.replace("\n", "\r\n"),
        TINY.replace(",", ";"),
        TINY.replace(",", "\t"),
        TINY.replace(",u,", '," u ",'),
        TINY.replace("\n", "\n\n"),
    ):
        np.testing.assert_array_equal(load(text).train.features, plain)


def test_quoted_cells_hold_delimiters_and_lines(load):
    text = TINY.replace(",u,", ',"u, ""or""\nv",')
    assert load(text).preprocessing.columns[1].categories == ('u, "or"\nv', "v")
    # The line is that of the file, where a person looks for it.
    with pytest.raises(datasets.DataError, match="line 20: expected 3 cells"):
        load(text + "1,u,a,b\n")


def test_numbers_can_be_taken_for_texts_and_columns_left_out(load):
    table = "zip,k,y\n" + "".join(f"{i % 3},{'uv'[i % 2]},{'ab'[i % 2]}\n" for i in range(30))
    data = load(table, categorical=("zip",), ignore=("k",))
    assert data.preprocessing.feature_names == ("zip=0", "zip=1", "zip=2")


def test_column_that_never_varies_is_left_out_and_told(load, caplog):
    # The deviation of equal numbers need not come out as 0.
    data = load("c,x,y\n" + "".join(f"0.1,{i},{'ab'[i % 2]}\n" for i in range(30)))
    assert data.preprocessing.feature_names == ("x",)
    assert "left out, always the same: c" in caplog.text


def test_whole_numbers_as_classes_are_in_their_order(load):
    data = load("x,y\n" + "".join(f"{i},{(2, 10, 9)[i % 3]}\n" for i in range(30)))
    assert data.class_names == ("2", "9", "10")


def test_table_that_does_not_fit_is_refused_before_it_is_read(load, monkeypatch):
    monkeypatch.setattr(machine, "available_bytes", lambda: 5000)
    with pytest.raises(datasets.DataError, match=r"half of the free memory.*TensorFlow"):
        load(TINY * 10)


def test_the_file_is_known_by_its_content(load):
    first = load(TINY)
    assert first.preprocessing.source == first.origin
    assert load(TINY.replace("11,", "12,")).origin != first.origin


# A process of its own: in others, memory that was freed before is taken first, or is not.
PEAK_OF_CATEGORIES = """
import sys
import numpy as np, pandas as pd
import peaks
from tfcourse import datasets
words = np.array([f"acategory{number}" for number in range(12)], object)
cells = words[np.random.default_rng(0).integers(0, 12, (100_000, 8))]
labels = np.array(["yes", "no"], object)[np.arange(len(cells)) % 2]
frame = pd.DataFrame(cells, columns=list("abcdefgh")).assign(y=labels)
frame.to_csv("many.csv", index=False)
frame[:100].to_csv("few.csv", index=False)
datasets.load("csv:few.csv", label="y")  # Imports what it needs.
del frame, cells, labels
with peaks.grown() as memory:
    data = datasets.load("csv:many.csv", label="y")
features = sum(split.features.nbytes for split in data.splits.values())
print(memory.megabytes * 2**20 / features)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and resets the peak")
def test_categories_take_hardly_more_memory_than_their_features(tmp_path):
    path = os.pathsep.join(map(str, (processes.ROOT, processes.ROOT / "tests")))
    done = processes.python("-c", PEAK_OF_CATEGORIES, cwd=tmp_path, path=path, check=True)
    assert float(done.stdout) < 1.25
