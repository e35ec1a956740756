import dataclasses
import json

import numpy as np
import pandas as pd
import peaks
import pytest

from tfcourse import datasets
from tfcourse.datasets import preprocessing
from tfcourse.datasets.arrays.array_preprocessing import ArrayPreprocessing, ImagePreprocessing
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn
from tfcourse.datasets.tables.table_preprocessing import TablePreprocessing

TABLE = TablePreprocessing(
    label="species",
    class_names=("Adelie", "Gentoo"),
    columns=(
        NumericColumn("mass", mean=4000.0, standard_deviation=500.0, imputed=3900.0),
        CategoricalColumn("island", ("Biscoe", "Dream"), imputed=None),
        NumericColumn("year", mean=2008.0, standard_deviation=0.8),
    ),
    source="csv:penguins.csv",
)
ARRAYS = ArrayPreprocessing((2,), (1.0, 2.0), (0.5, 4.0), ("0", "1"), "npz:a.npz")
IMAGES = ImagePreprocessing((8, 8, 3), True, 255, ("cat", "dog"), "images:pets")
FITTED = {"table": TABLE, "arrays": ARRAYS, "images": IMAGES}


@pytest.mark.parametrize("kind", FITTED)
def test_what_is_written_is_read_back(kind):
    text = preprocessing.to_json(FITTED[kind])
    assert json.loads(text)["kind"] == kind
    assert preprocessing.from_json(text) == FITTED[kind]


def changed(kind, path, value):
    described = json.loads(preprocessing.to_json(FITTED[kind]))
    *parents, last = path
    place = described
    for name in parents:
        place = place[name]
    place[last] = value
    return json.dumps(described)


@pytest.mark.parametrize(
    ("kind", "path", "value", "named"),
    [
        ("table", ["format"], 2, "format"),
        ("table", ["format"], True, "format"),
        ("table", ["kind"], ["table"], "preprocessing.kind"),
        ("table", ["kind"], "pickle", "preprocessing.kind"),
        ("table", ["label"], 3, "label"),
        ("table", ["label"], "mass", "columns"),
        ("table", ["more"], 3, "preprocessing"),
        ("table", ["class_names"], ["one"], "class_names"),
        ("table", ["class_names"], ["same", "same"], "class_names"),
        ("table", ["class_names"], "ab", "class_names"),
        ("table", ["class_names", 1], ["b"], r"class_names\[1\]"),
        ("table", ["columns"], [], "columns"),
        ("table", ["columns"], {}, "columns"),
        ("table", ["columns", 0], 3, r"columns\[0\]"),
        ("table", ["columns", 0, "kind"], "other", r"columns\[0\].kind"),
        ("table", ["columns", 0, "name"], "year", "columns"),
        ("table", ["columns", 0, "mean"], "3", "mean"),
        ("table", ["columns", 0, "mean"], True, "mean"),
        ("table", ["columns", 0, "standard_deviation"], 0, "standard_deviation"),
        ("table", ["columns", 0, "imputed"], "3", "imputed"),
        ("table", ["columns", 0, "written"], None, "written"),
        ("table", ["columns", 0, "part"], [3], "part"),
        ("table", ["encoding"], None, "encoding"),
        ("table", ["columns", 1, "categories"], [], "categories"),
        ("table", ["columns", 1, "imputed"], "Torgersen", "imputed"),
        ("table", ["columns", 1, "name"], "x" * 10_001, "name"),
        ("arrays", ["input_shape"], [2, 2], "input_shape"),
        ("arrays", ["input_shape"], [2.0], r"input_shape\[0\]"),
        ("arrays", ["input_shape"], [1 << 40], r"input_shape\[0\]"),
        ("arrays", ["shift"], [0.0], "scale"),
        ("arrays", ["scale"], [1.0, -1.0], r"scale\[1\]"),
        ("images", ["input_shape"], [8, 8, 7], "input_shape"),
        ("images", ["resized"], 1, "resized"),
        ("images", ["maximum"], 0, "maximum"),
    ],
)
def test_hostile_text_is_refused_by_field(kind, path, value, named):
    with pytest.raises(ValueError, match=f"`{named}`"):
        preprocessing.from_json(changed(kind, path, value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        "[" * 100_000,
        '{"format": 1, "format": 1}',
        preprocessing.to_json(TABLE).replace("4000.0", "NaN"),
        preprocessing.to_json(TABLE).replace("4000.0", "-Infinity"),
        preprocessing.to_json(TABLE).replace("4000.0", "1" + "0" * 400),
        preprocessing.to_json(TABLE).replace("4000.0", "1" + "0" * 5000),
    ],
)
def test_what_is_no_such_json_is_refused(text):
    with pytest.raises(ValueError, match="must be"):
        preprocessing.from_json(text)


def test_table_is_standardized_and_one_hot():
    table = {"year": [2008, 2009], "island": ["Dream", " Biscoe "], "mass": ["4500", None]}
    expected = [[1, 0, 1, 0], [-0.2, 1, 0, 1.25]]
    features = TABLE.transform(table)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-6)
    assert TABLE.feature_names == ("mass", "island=Biscoe", "island=Dream", "year")
    assert TABLE.input_shape == (4,)


def test_category_that_training_lacks_is_all_zeros_and_told(caplog):
    features = TABLE.transform({"year": [2008], "island": ["Torgersen"], "mass": [4000]})
    np.testing.assert_array_equal(features, [[0, 0, 0, 0]])
    assert "example 0, column 'island': 'Torgersen'" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"year": None}, "expected a column 'year'"),
        ({"year": ["2008", ""]}, "example 1, column 'year': expected a value"),
        ({"year": ["2008", "soon"]}, "example 1, column 'year': expected a finite.*'soon'"),
        ({"year": [2008, float("inf")]}, "example 1, column 'year': expected a finite"),
        ({"year": [2008, [1, 2]]}, "example 1, column 'year': expected a finite"),
        ({"year": ["2008", "1e300"]}, "example 1, column 'year': expected a number near 2008"),
        ({"island": ["Dream", "NA"]}, "example 1, column 'island': expected a value"),
        ({"island": ["Dream"]}, "equal length"),
    ],
)
def test_cell_that_does_not_fit_is_named(change, message):
    table = {"year": [2008, 2009], "island": ["Dream", "Dream"], "mass": [4000, 4100], **change}
    table = {name: column for name, column in table.items() if column is not None}
    with pytest.raises(datasets.DataError, match=message):
        TABLE.transform(table)


def test_new_csv_file_is_read_with_and_without_labels(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("mass,extra,island,year\n4500,x,Dream,2008\n\n4000,y,Biscoe,2008\n")
    examples = TABLE.read(path)
    assert examples.labels is None
    assert examples.places == (f"{path}, line 2", f"{path}, line 4")
    np.testing.assert_allclose(examples.features, [[1, 0, 1, 0], [0, 1, 0, 0]])
    path.write_text("species,mass,island,year\nGentoo,4500,Dream,2008\n")
    np.testing.assert_array_equal(TABLE.read(path).labels, [1])
    path.write_text("species,mass,island,year\nChinstrap,4500,Dream,2008\n")
    with pytest.raises(datasets.DataError, match=r"line 2.*'species'.*Gentoo.*'Chinstrap'"):
        TABLE.read(path)


def test_arrays_are_shifted_and_scaled():
    features = ARRAYS.transform(np.array([[1, 2], [2, 6]]))
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, [[0, 0], [2, 1]])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2,\)"),
        (np.array([["a", "b"]]), "expected numbers"),
        (np.array([[0, 0], [0, np.nan]]), r"nan at example 1, position \(1,\)"),
        (np.array([[0, 1e300]]), "scaled features"),
        (np.zeros((0, 2)), "not empty"),
    ],
)
def test_arrays_that_do_not_fit_are_named(features, message):
    with pytest.raises(datasets.DataError, match=message):
        ARRAYS.transform(features)


def test_images_are_scaled_and_checked():
    white = np.full((1, 8, 8, 3), 255, np.uint8)
    np.testing.assert_array_equal(IMAGES.transform(white), np.ones((1, 8, 8, 3)))
    with pytest.raises(datasets.DataError, match=r"shape \(8, 8, 3\)"):
        IMAGES.transform(white[..., :1])
    for bad in (-1.0, 256.0, np.nan):
        with pytest.raises(datasets.DataError, match=r"values in \[0, 255\]"):
            IMAGES.transform(np.full((1, 8, 8, 3), bad))


@pytest.mark.parametrize(
    "fitted",
    [IMAGES, ArrayPreprocessing((8, 8, 3), (0.0,), (255.0,), ("0", "1"), "npz:a.npz")],
)
def test_images_that_are_scaled_already_are_refused_in_memory_too(fitted):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3))
    with pytest.raises(datasets.DataError, match=r"received values up to .* Multiply them by 255"):
        fitted.transform(images / 255)
    np.testing.assert_allclose(fitted.transform(images.astype(float)), images / 255, rtol=1e-6)
    dark = fitted.transform(np.ones((5, 8, 8, 3), np.uint8))  # Bytes are not scaled.
    np.testing.assert_allclose(dark, 1 / 255, rtol=1e-6)


def test_every_field_is_checked_when_it_is_made():
    # What comes from Python is held to the same as what comes from a file.
    with pytest.raises(ValueError, match="`standard_deviation` must be a number > 0"):
        dataclasses.replace(TABLE.columns[0], standard_deviation=-1.0)


def test_features_of_categories_take_hardly_more_memory_than_they_are():
    names = tuple(f"{number:03}" for number in range(200))
    fitted = TablePreprocessing("y", ("a", "b"), (CategoricalColumn("x", names),), "s")
    cells = pd.Categorical.from_codes(np.arange(100_000) % 200, categories=names)
    fitted.transform({"x": cells[:10]})
    with peaks.grown() as memory:
        features = fitted.transform({"x": cells})
    assert (features.sum(axis=1) == 1).all()
    assert memory.megabytes < 1.3 * features.nbytes / 2**20
