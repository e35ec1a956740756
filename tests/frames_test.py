import dataclasses
import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tfcourse import datasets

PENGUINS = "configs/data/penguins.csv"


def frame():
    return pd.DataFrame(
        {
            "x": np.arange(40.0),
            "n": pd.array([1, None] * 20, dtype="Int64"),
            "k": pd.Categorical(["u", "v"] * 20),
            "t": pd.array(["p", None, "q", "p"] * 10, dtype="string"),
            "b": [True, False] * 20,
            "d": pd.date_range("2019-01-01", periods=40, tz="Europe/Rome"),
            "s": pd.to_timedelta(np.arange(40), unit="h"),
            "y": ["a", "b", "b", "a"] * 10,
        }
    )


def test_frame_is_the_table_that_its_csv_file_is():
    read = datasets.load(f"csv:{PENGUINS}", label="species")
    data = datasets.from_dataframe(pd.read_csv(PENGUINS), label="species")
    assert data.preprocessing.feature_names == read.preprocessing.feature_names
    for name, split in data.splits.items():
        np.testing.assert_array_equal(split.features, read.splits[name].features)
        np.testing.assert_array_equal(split.labels, read.splits[name].labels)


def test_columns_of_every_type_are_taken():
    data = datasets.from_dataframe(frame(), label="y")
    kinds = {column.name: column.kind for column in data.report.columns}
    assert kinds == {
        **{"x": "number", "s": "number", "d": "date", "n": "category"},
        **{"k": "category", "t": "category", "b": "category", "y": "category"},
    }
    assert not data.train.features.flags.writeable
    features = data.preprocessing.transform(frame().drop(columns="y"))
    assert features.shape == (40, data.input_shape[0])


def test_columns_for_categories_are_categories_whatever_they_hold():
    x = pd.Categorical([1, 2, 3, 1] * 10)
    y = pd.Categorical(["a", "b"] * 20, categories=["a", "b", "unused"])
    data = datasets.from_dataframe(pd.DataFrame({"x": x, "y": y}), label="y")
    assert data.preprocessing.feature_names == ("x=1", "x=2", "x=3")
    assert data.report.label.rare == {}


def of_column(values, **reading):
    made = pd.DataFrame({"x": values, "z": np.arange(60) % 7, "y": ["a", "b", "b"] * 20})
    return datasets.from_dataframe(made, label="y", **reading)


@pytest.mark.parametrize("last", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("form", ["texts", "moments"])
def test_days_that_mean_none_are_missing_and_told(last, form, tmp_path):
    days = [*pd.date_range("2019-01-01", periods=59).strftime("%Y-%m-%d"), last]
    data = of_column(days if form == "texts" else np.array(days, "datetime64[s]"))
    (report,) = (column for column in data.report.columns if column.name == "x")
    assert (report.kind, report.missing, report.odd_count) == ("date", 1, 1)
    assert report.odd[0].startswith(last)
    assert abs(data.train.features[:, 0]).max() < 3


@pytest.mark.parametrize("dtype", [int, str])
def test_number_that_means_no_day_leaves_the_others_days(dtype):
    days = np.where(np.arange(60) % 20 == 3, 99991231, 20190101 + np.arange(60) % 28).astype(dtype)
    data = of_column(days)
    (report,) = (column for column in data.report.columns if column.name == "x")
    assert (report.kind, report.odd_count, report.odd[0]) == ("date", 3, "99991231")


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_dates_as_categories_are_dates_in_every_unit(unit):
    days = np.array(["2019-01-01", "2019-01-02", "2019-01-03"] * 20, f"datetime64[{unit}]")
    data = of_column(days, categorical=["x"])
    assert data.preprocessing.feature_names[0] == "x=2019-01-01 00:00:00"
    with pytest.raises(datasets.DataError, match=r"column 'z': expected a finite number.*2019"):
        data.preprocessing.transform(pd.DataFrame({"x": days, "z": days}))


@pytest.mark.parametrize("dtype", ["int64", "Int64", "UInt64", pd.ArrowDtype(pa.int64())])
def test_long_keys_stay_apart_in_every_type(dtype):
    data = of_column(pd.array(10**18 + np.arange(60) % 5, dtype=dtype))
    assert len(data.preprocessing.columns[0].categories) == 5


def test_durations_of_arrow_are_in_seconds():
    made = pd.array(pd.to_timedelta(np.arange(60) ** 2, unit="h"))
    of_arrow = made.astype(pd.ArrowDtype(pa.duration("ns")))
    expected, found = (of_column(each).preprocessing.columns[0] for each in (made, of_arrow))
    assert found == expected
    assert found.mean > 3600


def test_missing_lists_are_missing():
    data = of_column([[1, 2], None, [3, 4]] * 20)
    assert data.preprocessing.columns[0].categories == ("", "[1, 2]", "[3, 4]")


@dataclasses.dataclass
class _Stream:
    """A table of another library, which knows Arrow's interface only."""

    table: pa.Table

    def __arrow_c_stream__(self, schema=None):
        return self.table.__arrow_c_stream__(schema)


class _Lazy:
    def collect(self):
        """Never called."""


def test_tables_of_other_libraries_are_converted_and_names_may_be_numbers():
    table = pa.Table.from_pandas(frame()[["x", "y"]])
    assert datasets.from_dataframe(table, label="y").class_names == ("a", "b")
    assert datasets.from_dataframe(_Stream(table), label="y").class_names == ("a", "b")
    unnamed = frame()[["x", "y"]].set_axis([0, 1], axis=1)
    assert datasets.from_dataframe(unnamed, label=1).preprocessing.feature_names == ("0",)


@pytest.mark.parametrize(
    ("frequency", "kind", "parts"),
    [
        ("D", "date", {"day", "weekday", "month"}),
        ("W", "date", {"day", "weekday", "month"}),
        ("M", "date", {"day", "month"}),
        ("Q", "date", {"day", "month"}),
        ("Y", "number", set()),
    ],
)
def test_periods_are_dates_in_order(frequency, kind, parts):
    periods = pd.Series(pd.period_range("1950-01-01", periods=90, freq=frequency))
    data = datasets.from_dataframe(
        pd.DataFrame({"x": periods.where(periods.index % 9 > 0), "y": ["a", "b"] * 45}), label="y"
    )
    (x, _) = data.report.columns
    assert (x.kind, x.missing) == (kind, 10)
    names = [column.name for column in data.preprocessing.columns]
    assert {name.removeprefix("x: ") for name in names} - {"x"} == parts
    if kind == "date":
        days = data.preprocessing.transform(pd.DataFrame({"x": periods}))[:, 0]
        assert (np.diff(days) > 0).all()


def test_names_of_columns_may_be_numbers_or_a_text_as_for_the_flag():
    numbered = pd.DataFrame(np.c_[np.arange(40) % 7, np.arange(40) % 3, np.arange(40) % 2])
    for chosen in ([1], ["1"], "1", (np.int64(1),)):
        data = datasets.from_dataframe(numbered, label=2, categorical=chosen, missing_values=[2])
        assert data.preprocessing.feature_names[-3:] == ("1=(missing)", "1=0", "1=1")
    data = datasets.from_dataframe(frame(), label="y", ignore='"d",t')
    assert {c.name for c in data.report.columns if c.reason == "ignored"} == {"d", "t"}


@pytest.mark.parametrize("label", [frame()["y"], ["y"], frame()["y"].to_numpy()])
def test_labels_in_place_of_their_name_are_refused(label):
    with pytest.raises(datasets.DataError, match=r"received (Series|list|ndarray). frame.assign"):
        datasets.from_dataframe(frame(), label=label)
    with pytest.raises(ValueError, match="expected `label` to name the column to predict"):
        datasets.from_dataframe(frame(), label=None)


def test_durations_are_told_to_be_in_seconds(caplog):
    datasets.from_dataframe(frame(), label="y")
    assert "durations are in seconds: s" in caplog.text


def test_new_examples_come_as_any_table_or_as_one_example():
    fitted = datasets.from_dataframe(frame()[["x", "t", "y"]], label="y").preprocessing
    new = frame()[["x", "t"]][3:4]
    expected = fitted.transform(new)
    arrow = pa.Table.from_pandas(new)
    for given in (arrow, _Stream(arrow), {"x": 3.0, "t": "p"}, new.iloc[0].to_frame().T):
        np.testing.assert_array_equal(fitted.transform(given), expected)
    with pytest.raises(
        datasets.DataError, match=r"received Series. .to_frame\(\).T, if it is a row"
    ):
        fitted.transform(new.iloc[0])
    with pytest.raises(datasets.DataError, match="expected columns of equal length"):
        fitted.transform({"x": [1.0, 2.0], "t": "pq"})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (pd.Series([1.0, 2.0], index=[7, 8]), pd.Series(["p", "q"], index=[7, 8])),
        (np.array([1.0, 2.0]), np.array([b"p", b"q"])),
        ([1.0, 2.0], np.array(["p", "q"])),
        (pd.Series([1, 2], dtype="Int64"), pd.array(["p", "q"], "string")),
    ],
)
def test_columns_of_new_examples_may_be_of_any_type(number, text):
    made = pd.DataFrame({"x": np.arange(60.0), "k": ["p", "q"] * 30, "y": ["a", "b", "b"] * 20})
    fitted = datasets.from_dataframe(made, label="y").preprocessing
    expected = fitted.transform(pd.DataFrame({"x": [1.0, 2.0], "k": ["p", "q"]}))
    np.testing.assert_array_equal(fitted.transform({"x": number, "k": text}), expected)
    one = fitted.transform({"x": np.array(2.0), "k": b"q"})
    np.testing.assert_array_equal(one, expected[1:])
    without = fitted.transform({"x": [pd.NA, 2.0], "k": [pd.NA, "q"]})
    np.testing.assert_array_equal(without[1:], expected[1:])


def test_data_set_becomes_a_frame():
    data = datasets.from_dataframe(frame(), label="y", ignore=["d", "t"])
    back = datasets.to_dataframe(data)
    assert list(back.columns) == ["split", *data.preprocessing.feature_names, "y"]
    assert back["split"].value_counts().to_dict() == {"train": 26, "validation": 6, "test": 8}
    assert back.loc[back["split"] == "test", "y"].isin(["a", "b"]).all()
    np.testing.assert_array_equal(back.iloc[:26, 1:-1].to_numpy(np.float32), data.train.features)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (pd.DataFrame(), "rows and columns; received shape"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "received 'x' twice"),
        (_Lazy(), r"received _Lazy. .collect\(\) makes one"),
        (_Stream(pa.chunked_array([[1, 2]])), "received _Stream. pandas.DataFrame"),
        ({"x": [1], "y": ["a"]}, "a pandas DataFrame; received dict. pandas.DataFrame"),
        (pd.DataFrame([[1, 2]], columns=[["a", "b"], ["x", "y"]]), "received a MultiIndex. Join"),
        (pd.DataFrame({"x": [1], "y": ["a"]}).set_index("y"), r"index of that name.*reset_index"),
        (pd.DataFrame({"x": [1j], "y": ["a"]}), "real numbers; received complex"),
        (pd.DataFrame({"x": [1], "z": ["a"]}), "column 'y', as `label` says"),
    ],
)
def test_frame_that_is_no_table_is_refused(made, message):
    with pytest.raises(datasets.DataError, match=message):
        datasets.from_dataframe(made, label="y")


def test_options_may_be_arrays_and_indexes():
    made = frame()
    data = datasets.from_dataframe(made, label="y", ignore=made.columns[2:4], keep=np.array(["x"]))
    assert data.report.columns[2].reason == "ignored"
    size = datasets.Reading(image_size=np.int64(32)).image_size
    assert (size, type(size[0])) == ((32, 32), int)
    with pytest.raises(ValueError, match="`image_size` must be one or two"):
        datasets.Reading(image_size="32")


def test_unknown_option_is_refused():
    with pytest.raises(TypeError, match="missin"):
        datasets.from_dataframe(frame(), label="y", missin="impute")
    with pytest.raises(ValueError, match="does not go with `image_size`"):
        datasets.from_dataframe(frame(), label="y", image_size=3)


def test_parquet_file_is_the_table_that_its_frame_is(tmp_path):
    path = tmp_path / "mine.data"  # What is in it counts, not its name.
    frame().drop(columns="s").set_index("x").to_parquet(path)
    frame().drop(columns="s").to_parquet(path)
    read = datasets.load(f"table:{path}", label="y")
    data = datasets.from_dataframe(frame().drop(columns="s"), label="y")
    assert read.preprocessing.columns == data.preprocessing.columns
    np.testing.assert_array_equal(read.test.features, data.test.features)
    examples = read.preprocessing.read(path)
    assert len(examples.labels) == 40


def test_parquet_of_lists_is_told_and_of_anything_else_refused(tmp_path, caplog):
    path = tmp_path / "mine.parquet"
    inside = [{"a": i % 3 + 0.5, "b": {"c": "uv"[i % 2]}} for i in range(40)]
    frame().drop(columns="s").assign(lists=[[1, 2]] * 40, of=inside).to_parquet(path)
    data = datasets.load(f"table:{path}", label="y")
    assert "columns of lists left out: lists" in caplog.text
    assert data.preprocessing.feature_names[-3:] == ("of.a", "of.b.c=u", "of.b.c=v")
    path.write_bytes(path.read_bytes()[:-100])
    for call in (datasets.check, datasets.load):
        with pytest.raises(datasets.DataError, match=r"mine.parquet: expected a Parquet file"):
            call(f"table:{path}", label="y")


def test_parquet_of_images_or_of_lists_alone_is_refused(tmp_path):
    path = tmp_path / "mine.parquet"
    images = [None, *[b"\x89PNG\r\n%d" % i for i in range(39)]]
    labels = ["ab"[i % 2] for i in range(40)]
    inside = [{"bytes": image, "path": f"{i}.png"} for i, image in enumerate(images)]
    for column, told in ((images, "'image'"), (inside, "'image.bytes'")):
        parquet.write_table(pa.table({"image": column, "x": range(40), "y": labels}), path)
        with pytest.raises(datasets.DataError, match=f"column {told}: .*received images. Write"):
            datasets.load(f"table:{path}", label="y")
    parquet.write_table(pa.table({"x": [b"%d" % i for i in range(40)], "y": labels}), path)
    datasets.load(f"table:{path}", label="y", keep=["x"])
    parquet.write_table(pa.table({"x": [[1, 2]] * 40, "y": [[label] for label in labels]}), path)
    with pytest.raises(datasets.DataError, match=r"received lists alone: x, y\. Make a column"):
        datasets.describe(f"table:{path}")


@pytest.mark.parametrize("kind", ["texts", "dictionary"])
@pytest.mark.parametrize("place", ["feature", "label"])
def test_parquet_texts_that_are_not_utf8_are_refused(tmp_path, kind, place):
    offsets = np.arange(4, dtype=np.int32)
    texts = pa.StringArray.from_buffers(3, pa.py_buffer(offsets), pa.py_buffer(b"\xff\xfea"))
    numbers = pa.array([0, 1, 2] * 20, pa.int32())
    bad = pa.DictionaryArray.from_arrays(numbers, texts)
    bad = bad if kind == "dictionary" else texts.take(numbers)
    good = pa.array(["a", "b", "c"] * 20)
    columns = {"x": bad, "y": good} if place == "feature" else {"x": good, "y": bad}
    path = tmp_path / "mine.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(datasets.DataError, match=r"mine.parquet: expected a Parquet file"):
        datasets.load(f"table:{path}", label="y")


def test_parquet_bomb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    from tfcourse.system import machine

    path = tmp_path / "mine.parquet"
    pd.DataFrame({"x": np.zeros(1_000_000), "y": ["a"] * 1_000_000}).to_parquet(path)
    monkeypatch.setattr(machine, "available_bytes", lambda: 16 << 20)
    assert path.stat().st_size < 100_000
    with pytest.raises(datasets.DataError, match="half of the free memory"):
        datasets.load(f"table:{path}", label="y")


def test_a_frame_of_texts_is_read_as_a_file_is():
    text = "x,k,y\n" + "".join(f"{i},{'uv'[i % 2]},{'ab'[i % 2]}\n" for i in range(20))
    texts = pd.read_csv(io.StringIO(text), dtype=str)
    numbers = pd.read_csv(io.StringIO(text))
    one = datasets.from_dataframe(texts, label="y").preprocessing
    assert one.columns == datasets.from_dataframe(numbers, label="y").preprocessing.columns


@pytest.mark.parametrize(
    ("cell", "category"),
    [("1e5", "100000"), ("1.0", "1"), ("007", "7"), ("1,5", "1.5"), ("5 kg", "5"), ("yes", "yes")],
)
def test_the_only_text_of_a_column_is_one_category_in_every_format(tmp_path, cell, category):
    cells = pd.Series(["", cell, ""] * 10, dtype=object)
    texts = pd.DataFrame({"x": cells, "z": [f"{n},5" for n in range(30)], "y": [*"aabb", "b"] * 6})
    texts.to_csv(tmp_path / "a.csv", index=False, sep=";")
    texts.to_excel(tmp_path / "a.xlsx", index=False)
    texts.to_parquet(tmp_path / "a.parquet")
    files = [f"table:{tmp_path}/a.{kind}" for kind in ("csv", "xlsx", "parquet")]
    made = [datasets.load(file, label="y") for file in files]
    fitted = [data.preprocessing for data in (*made, datasets.from_dataframe(texts, "y"))]
    for each in fitted:
        assert each.feature_names == ("x=(missing)", f"x={category}", "z")
        np.testing.assert_array_equal(each.read(tmp_path / "a.csv").features[:, 1], cells == cell)


def test_number_beyond_double_precision_is_told_as_it_is_written_in_every_format(tmp_path):
    cells = [f"{n % 7}.5" for n in range(30)]
    texts = pd.DataFrame({"x": ["1e400", *cells[1:]], "y": [*"aabb", "b"] * 6}, dtype=object)
    texts.to_csv(tmp_path / "a.csv", index=False)
    texts.to_excel(tmp_path / "a.xlsx", index=False)
    texts.to_parquet(tmp_path / "a.parquet")
    files = [f"table:{tmp_path}/a.{kind}" for kind in ("csv", "xlsx", "parquet")]
    for data in (
        *(datasets.load(f, label="y") for f in files),
        datasets.from_dataframe(texts, "y"),
    ):
        assert data.report.columns[0].odd == ("1e400",)
    plain = datasets.from_dataframe(texts.assign(x=cells), "y").preprocessing
    for kind in ("csv", "xlsx", "parquet"):
        with pytest.raises(datasets.DataError, match=r"'x': expected a finite .* '1e400'"):
            plain.read(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_of_an_infinite_label_are_left_out_as_the_error_says(sign):
    frame = pd.DataFrame({"x": np.arange(60.0) % 7, "y": np.arange(60) / 7})
    frame.loc[5, "y"] = sign * np.inf
    with pytest.raises(datasets.DataError, match=r"with `missing_values=-?inf`") as caught:
        datasets.from_dataframe(frame, label="y")
    advised = re.search("missing_values=(-?inf)", str(caught.value))[1]
    data = datasets.from_dataframe(frame, label="y", missing_values=advised)
    assert data.report.label.missing == 1


@pytest.mark.parametrize("label", ["x", "y"])
@pytest.mark.parametrize("elsewhere", ["{},5", "1.{}00.000"])
@pytest.mark.parametrize(
    ("form", "number"),
    [
        ("{}.{}00", lambda n: 1000 * n + 100 * (n % 10)),
        ("{},{}00", lambda n: n + n % 10 / 10),
        ("{}.{}00e-01", lambda n: (n + n % 10 / 10) / 10),
    ],
)
def test_marks_of_other_numbers_decide_in_every_format(tmp_path, form, number, elsewhere, label):
    n = np.arange(1, 41)
    cells = {
        "x": [form.format(i, i % 10) for i in n],
        "w": [elsewhere.format(i % 7 + 1) for i in n],
    }
    texts = pd.DataFrame({**cells, "y": [*"aabb"] * 10}, dtype=object)
    texts.to_csv(tmp_path / "a.csv", index=False, sep=";")
    texts.to_excel(tmp_path / "a.xlsx", index=False)
    files = [f"table:{tmp_path}/a.{kind}" for kind in ("csv", "xlsx")]
    made = [datasets.load(file, label=label).preprocessing for file in files]
    texts[:1].to_csv(tmp_path / "one.csv", index=False, sep=";")
    for fitted in (*made, datasets.from_dataframe(texts, label).preprocessing):
        one = fitted.read(tmp_path / "one.csv")
        if label == "x":
            found = fitted.target.in_units(one.labels)
        else:
            found = one.features[:, 0] * fitted.columns[0].standard_deviation
            found += fitted.columns[0].mean
        np.testing.assert_allclose(found, [number(1)], rtol=1e-4)


@pytest.mark.parametrize(("amount", "form"), [("{},5", "%d/%m/%Y"), ("{}.5", "%m/%d/%Y")])
def test_days_come_first_where_there_are_decimal_commas(tmp_path, amount, form):
    n = np.arange(40)
    days = [f"0{1 + i % 9}/03/2004" for i in n]
    frame = pd.DataFrame({"x": [amount.format(i) for i in n], "d": days, "y": [*"aabb"] * 10})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    for data in (
        datasets.load(f"csv:{tmp_path}/a.csv", label="y"),
        datasets.from_dataframe(frame, label="y"),
    ):
        assert [column.written for column in data.report.columns][1] == form
