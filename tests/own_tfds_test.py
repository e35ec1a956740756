"""Tables and images of any size from TensorFlow Datasets."""

import pathlib
import re
import runpy
import types

import numpy as np
import pytest
import tiny_tfds
from tensorflow_datasets.core import registered

from tfcourse import datasets, inference


def test_table_is_read_with_its_own_label_and_splits(fresh_home):
    data = datasets.load("tiny_flowers", missing="impute")
    assert data.class_names == ("left", "middle", "right")
    assert [len(split) for split in data.splits.values()] == [32, 8, 10]
    assert data.preprocessing.feature_names == (
        *("height", "colour=blue", "colour=red", "place=field", "place=wood"),
        *("petals[0]", "petals[1]"),
    )
    columns = {column.name: column for column in data.preprocessing.columns}
    np.testing.assert_allclose(data.train.features[:, [0, 5, 6]].mean(axis=0), 0, atol=1e-6)
    for features, label in zip(data.test.features, data.test.labels, strict=True):
        petals, height = columns["petals[0]"], columns["height"]
        flower = tiny_tfds.flower(round(petals.mean + features[5] * petals.standard_deviation))
        expected = height.imputed if np.isnan(flower["height"]) else flower["height"]
        assert height.mean + features[0] * height.standard_deviation == pytest.approx(expected)
        assert label == flower["species"]
        assert features[2] == (flower["colour"] == "red")


def test_another_label_and_columns_left_out(fresh_home):
    data = datasets.load("tiny_flowers", label="colour", ignore=("height", "place", "petals[1]"))
    assert data.class_names == ("blue", "red")
    assert data.preprocessing.feature_names == (
        *("petals[0]", "species=left", "species=middle", "species=right"),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": "refuse"}, "example 4[0-9], column 'height': expected a value"),
        ({"label": "heigt"}, "Did you mean 'height'"),
        ({"ignore": ("weight",)}, "column 'weight', as `ignore` says"),
    ],
)
def test_what_can_not_be_taken_is_named(fresh_home, options, message):
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.load("tiny_flowers", **options)
    assert "tiny_flowers" in str(caught.value)


def test_option_that_the_set_has_no_use_for_is_refused(fresh_home):
    with pytest.raises(ValueError, match="tiny_shapes does not go with `label`"):
        datasets.load("tiny_shapes", label="label")
    with pytest.raises(ValueError, match="tiny_flowers does not go with `image_size`"):
        datasets.load("tiny_flowers", missing="impute", image_size=3)


def test_images_of_any_size_are_resized_when_asked(fresh_home):
    data = datasets.load("tiny_ragged", image_size=(3, 2))
    assert data.input_shape == (3, 2, 1)
    assert data.preprocessing.resized
    seen = np.concatenate([split.features[:, 0, 0, 0] for split in data.splits.values()])
    assert sorted(np.rint(seen * 255)) == list(range(tiny_tfds.NUM_EXAMPLES))


def test_the_page_shows_how_a_table_becomes_a_set(fresh_home, tmp_path, monkeypatch):
    page = pathlib.Path(__file__).parents[1] / "docs" / "your_data.md"
    (code,) = re.findall(r"```python\n(import csv\n.*?)```", page.read_text(), re.DOTALL)
    lines = [f"{i}.5,{'uv'[i % 2]},{'ab'[i % 3 == 0]}\n" for i in range(30)]
    (tmp_path / "mine.csv").write_text("mass,island,species\nNA,u,a\n" + "".join(lines))
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registered, "_DATASET_REGISTRY", {})
    mine = runpy.run_path("mine.py", run_name="mine")["Mine"]
    mine(data_dir="prepared").download_and_prepare()
    prepared = datasets.load(
        "mine", data_dir=tmp_path / "prepared", label="species", missing="impute"
    )
    table = datasets.load(f"csv:{tmp_path / 'mine.csv'}", label="species", missing="impute")
    assert prepared.class_names == table.class_names
    kinds = {column.name: type(column) for column in table.preprocessing.columns}
    assert {column.name: type(column) for column in prepared.preprocessing.columns} == kinds
    assert sum(map(len, prepared.splits.values())) == 31


def test_columns_of_a_set_without_code_are_in_one_order(fresh_home, tmp_path, monkeypatch):
    # Without code, TensorFlow Datasets gives them in another order in every process.
    tiny_tfds.TinyFlowers(data_dir=tmp_path).download_and_prepare()
    monkeypatch.setattr(registered, "_DATASET_REGISTRY", {})
    data = datasets.load("tiny_flowers", data_dir=tmp_path)
    columns = [column.name for column in data.report.columns]
    assert columns == ["colour", "height", "petals[0]", "petals[1]", "place", "species"]


def test_a_described_table_shows_its_columns_and_needs_no_label(fresh_home, caplog):
    own = datasets.describe("tiny_flowers").to_dataframe().set_index("column")
    assert own.becomes["species"] == "the label"
    assert own.missing["height"] == 1
    found = datasets.describe("tiny_unlabelled")
    assert [row["column"] for row in found.rows] == list(own.index)
    assert found.advice == {"label": "species"}
    with pytest.raises(datasets.DataError, match="Did you mean 'height'"):
        datasets.describe("tiny_flowers", label="heigt")
    assert len(datasets.describe("tiny_shapes").rows) == 3  # Of images, classes.
    assert "deprecated" not in caplog.text


def test_a_set_that_is_not_there_may_lie_elsewhere(fresh_home, tmp_path):
    with pytest.raises(ValueError, match="is prepared in a folder, pass that folder as `data_dir`"):
        datasets.load("my_own_flowers")
    with pytest.raises(ValueError, match=f"No data set of that name is prepared in {tmp_path}"):
        datasets.load("my_own_flowers", data_dir=tmp_path)


def test_a_run_remembers_the_folder_of_its_prepared_set(fresh_home, tmp_path, monkeypatch):
    tiny_tfds.TinyFlowers(data_dir=tmp_path / "there").download_and_prepare()
    monkeypatch.setattr(registered, "_DATASET_REGISTRY", {})
    data = datasets.load("tiny_flowers", data_dir=tmp_path / "there")
    flags = {"dataset": ["tiny_flowers"], "data_dir": [str(tmp_path / "there")]}
    record = types.SimpleNamespace(
        flags=flags, preprocessing=data.preprocessing, path=tmp_path / "run"
    )
    run = types.SimpleNamespace(record=record)
    np.testing.assert_array_equal(inference.load_split(run, "test").features, data.test.features)
    (tmp_path / "there").rename(tmp_path / "moved")
    with pytest.raises(datasets.DataError, match="pass that folder as `data_dir`"):
        inference.load_split(run, "test")
    assert len(inference.load_split(run, "test", tmp_path / "moved")) == 10
