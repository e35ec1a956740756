import datetime

import numpy as np
import pytest

from tfcourse import datasets
from tfcourse.datasets import preprocessing
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn


def load(**columns):
    """Returns the data set of columns of 60 cells each, which are repeated, and a label."""
    import pandas as pd

    options = {name: columns.pop(name) for name in ("missing", "categorical") if name in columns}
    cells = {name: [values[i % len(values)] for i in range(60)] for name, values in columns.items()}
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})
    return datasets.from_dataframe(frame.assign(y=[*"ab"] * 30), label="y", **options)


def report(name, **columns):
    reports = {column.name: column for column in load(**columns).report.columns}
    return reports[name]


@pytest.mark.parametrize(
    ("cells", "kind", "features"),
    [
        (["1", "2", "3.5"], "number", 1),
        ([1, 2.5, None], "number", 2),
        (["1", "-", "2"], "number", 2),
        (["1.234,5", "2"], "number", 1),
        ([*map(str, range(57)), "oops"], "number", 2),
        (["0", "1", "2", "3+"], "category", 4),
        (["red", "blue"], "category", 2),
        (["red", "", "blue"], "category", 3),
        ([True, False], "category", 2),
        ([f"name {i}" for i in range(60)], "text", 0),
        (["2019-01-01", "2019-01-05"], "date", 1),
        (["2019-01-01", "2019-01-20"], "date", 3),
        (["2019-01-01 12:00", "2019-01-05 13:00"], "date", 2),
        ([datetime.datetime(2019, 1, 1), datetime.datetime(2019, 1, 5)], "date", 1),
        (["12:00", "13:30"], "time", 1),
        (["1"], "number", 0),
        (["1", ""], "category", 2),  # As some write yes and no.
        (["True", "TRUE", "false"], "category", 2),
        (["Y", "no", "N", "yes"], "category", 2),
        (["007", "7", "x"], "category", 3),
        (["0000-00-00", "2019-01-01", "2019-01-05"], "date", 2),
        (["same"], "category", 0),
        (["\u200b", "\0", "1.5", "2.5"], "number", 2),
        ([".A", "1", "2", ".z"], "number", 2),
        (["1234567890123456789", "1234567890123456790"], "category", 2),
        ([1234567890123456789, 1234567890123456790], "category", 2),
        ([10**18 + i * 10**9 for i in range(60)], "number", 0),
        (["25:30", "7:15"], "number", 1),
        ([*map(str, range(12)), "12+"], "number", 1),
        ([*map(str, range(12)), *["<0.3"] * 20], "number", 1),  # Of a laboratory.
        ([*map(str, range(10)), *[f"<{n}" for n in range(4)] * 4], "category", 13),
        ([*[f"{n}/10" for n in range(11)], "absent"], "number", 2),
        (["yes", "no", "1", "0"], "category", 2),
        (["", None, "NA"], "empty", 0),
    ],
)
def test_kind_of_a_column_and_its_features(cells, kind, features):
    found = report("x", x=cells, other=["1", "2"])
    assert (found.kind, found.features) == (kind, features)
    assert (found.fate == "left out") == (features == 0) == bool(found.why)


def test_report_counts_cells():
    found = report("x", x=[*map(str, range(28)), "oops", ""])
    assert (found.rows, found.missing, found.distinct) == (60, 4, 28)
    assert (found.odd, found.odd_count) == (("oops",), 2)


def test_cells_of_rows_without_a_label_are_not_counted(tmp_path):
    path = tmp_path / "mine.csv"
    rows = "".join(f"{i % 7},{'bcd'[i % 3]},{'yn'[i % 2]}\n" for i in range(60))
    path.write_text(f"x,z,y\n{rows},,\n3,new,\n")
    columns = datasets.load(f"csv:{path}", label="y").report.columns
    assert [(column.missing, column.unseen) for column in columns[:2]] == [(0, 0), (0, 0)]


def test_month_has_no_day_of_the_week():
    data = load(x=["2019-01", "2019-02", "2019-05"])
    names = [column.name for column in data.preprocessing.columns]
    assert names == ["x: day", "x: month"]


def test_report_has_every_column_in_order_the_label_too():
    data = load(x=["1", "2"], same=["c"])
    assert [(c.name, c.fate) for c in data.report.columns] == [
        ("x", "features"),
        ("same", "left out"),
        ("y", "label"),
    ]
    assert data.report.label.counts == {"a": 30, "b": 30}


def test_that_a_number_was_missing_is_a_feature():
    data = load(x=["1", "2", "", "4"])
    assert data.preprocessing.feature_names == ("x", "x is missing")
    features = data.preprocessing.transform({"x": ["2", "", "4"]})
    np.testing.assert_array_equal(features[:, 1], [0, 1, 0])
    median = data.preprocessing.transform({"x": [str(data.preprocessing.columns[0].imputed)]})
    assert features[1, 0] == median[0, 0]


def test_missing_text_is_a_category_of_its_own():
    data = load(x=["red", "", "blue", "NA"])
    assert data.preprocessing.feature_names == ("x=(missing)", "x=blue", "x=red")
    features = data.preprocessing.transform({"x": ["?", "red"]})
    np.testing.assert_array_equal(features, [[1, 0, 0], [0, 0, 1]])


def test_text_that_is_missing_only_later_counts_as_the_most_frequent():
    data = load(x=["red", "red", "blue"])
    np.testing.assert_array_equal(data.preprocessing.transform({"x": [None]}), [[0, 1]])


def test_number_may_stand_for_a_missing_value_in_any_column():
    import pandas as pd

    frame = pd.DataFrame({"x": [1, 2, -9] * 20, "t": ["1", "-9.0", "3"] * 20, "y": [*"ab"] * 30})
    data = datasets.from_dataframe(frame, label="y", missing_values=["-9"])
    assert [column.missing for column in data.report.columns] == [20, 20, 0]


@pytest.mark.parametrize(("num_slips", "kind"), [(5, "number"), (6, "text")])
def test_up_to_a_twentieth_of_the_cells_may_be_slips(num_slips, kind):
    import pandas as pd

    cells = [*map(str, range(100 - num_slips)), *"abcdef"[:num_slips]]
    frame = pd.DataFrame({"x": cells * 2, "other": np.arange(200) / 7, "y": [*"ab"] * 100})
    reports = datasets.from_dataframe(frame, label="y").report.columns
    assert {column.name: column.kind for column in reports}["x"] == kind


def test_slips_are_missing_in_new_examples_only_where_they_were_in_training():
    with_slips = load(x=[*map(str, range(57)), "oops"]).preprocessing
    assert with_slips.transform({"x": ["what"]})[0, 1] == 1
    without = load(x=[*map(str, range(57))]).preprocessing
    with pytest.raises(datasets.DataError, match="expected a finite number; received 'what'"):
        without.transform({"x": ["what"]})


def test_limits_among_numbers_are_taken_for_numbers_and_told():
    cells = [*map(str, range(20)), "<0.5", ">100"]
    assert (report("x", x=cells).limits, report("x", x=cells).odd) == (4, ())
    fitted = load(x=cells).preprocessing
    same = fitted.transform({"x": ["0.5", "<0.5", "200", ">200"]})
    np.testing.assert_array_equal(same[[0, 2]], same[[1, 3]])
    with pytest.raises(datasets.DataError, match=r"expected a finite number; received '<0\.5'"):
        load(x=[*map(str, range(20))]).preprocessing.transform({"x": ["<0.5"]})


@pytest.mark.parametrize("cells", [["<18", "18-65", ">65"], ["<=50", ">50"], ["<1", "1", "2"]])
def test_limits_among_few_values_are_categories(cells):
    assert report("x", x=cells).kind == "category"


def test_units_are_told(caplog):
    load(x=[f"{i} kg" for i in range(1, 7)], w=[f"{i} kg" if i % 2 else f"{i} g" for i in range(9)])
    assert "numbers without their units: x (kg)" in caplog.text
    assert "'w': numbers in several units (g, kg): taken for texts" in caplog.text
    load(x=[f"{i},5" if i % 2 else f"{i}.25" for i in range(9)])
    assert "'x': numbers with decimal point and decimal comma: taken for texts. Use" in caplog.text
    load(x=[f"{i * i}%" if i % 2 else f"{i * i}" for i in range(20)])
    assert "'x': numbers in several units (none, %): all are read alike" in caplog.text


def test_new_numbers_may_be_written_in_another_style():
    fitted = load(x=["1000.5", "2000", "3000"]).preprocessing
    plain = fitted.transform({"x": ["1234.5"]})
    for text in ("1.234,5", "1,234.5", "$1,234.50", 1234.5):
        np.testing.assert_array_equal(fitted.transform({"x": [text]}), plain)


@pytest.mark.parametrize(("form", "distinct"), [("2019-01-0{}", 3), ("2019-01-01 0{}:30", 3)])
def test_different_dates_and_times_are_counted(form, distinct):
    columns = load(x=[form.format(1 + i % 3) for i in range(12)], k=[*"ab"] * 6).report.columns
    assert columns[0].distinct == distinct


@pytest.mark.parametrize(
    ("cells", "more"), [(["2019-07-01"], ""), (["2019-07-01"] * 2, "1 more row has")]
)
def test_month_that_the_training_lacks_is_told_as_one(caplog, cells, more):
    fitted = load(x=[f"2019-0{1 + i % 5}-0{1 + i % 9}" for i in range(60)]).preprocessing
    fitted.transform({"x": cells})
    assert "column 'x: month': '07' is not a category of the training split" in caplog.text
    assert more in caplog.text


def test_parts_of_dates_are_features_and_may_be_given_themselves():
    days = [f"2019-{1 + i % 12:02d}-{1 + i % 28:02d} {i % 24}:00" for i in range(60)]
    fitted = load(sold=days).preprocessing
    names = {name.partition("=")[0] for name in fitted.feature_names}
    assert names == {"sold: day", "sold: month", "sold: weekday", "sold: hour"}
    by_date = fitted.transform({"sold": ["2019-03-05 6:00"]})
    parts = {
        "sold: day": [(datetime.date(2019, 3, 5) - datetime.date(1970, 1, 1)).days],
        "sold: month": ["03"],
        "sold: weekday": ["Tue"],
        "sold: hour": [6],
    }
    np.testing.assert_array_equal(fitted.transform(parts), by_date)
    dates = np.array(["2019-03-05T06:00"], "datetime64[ns]")
    np.testing.assert_array_equal(fitted.transform({"sold": dates}), by_date)


def test_true_is_the_same_however_it_is_written():
    fitted = load(x=[True, False]).preprocessing
    features = fitted.transform({"x": ["TRUE", "false", "True"]})
    np.testing.assert_array_equal(features, [[0, 1], [1, 0], [0, 1]])


def test_spellings_of_one_category_are_told_and_known_again():
    data = load(x=["Yes", "Yes", "yes", "no"])
    assert {column.name: column.spelled for column in data.report.columns}["x"] == ("yes",)
    features = data.preprocessing.transform({"x": ["YES", "yes", "nope"]})
    np.testing.assert_array_equal(features, [[1, 0], [1, 0], [0, 0]])


def test_preprocessing_of_every_kind_comes_back_from_its_text():
    fitted = load(
        x=["1", "2", "", "4"],
        k=["red", "", "blue"],
        d=["1.2.2019", "3.7.2020 "],
        t=["1:00", "2:00"],
    ).preprocessing
    assert preprocessing.from_json(preprocessing.to_json(fitted)) == fitted


def test_preprocessing_of_an_older_run_is_read():
    text = """{"format": 1, "kind": "table", "label": "y", "class_names": ["a", "b"],
        "source": "csv:a.csv", "columns": [
        {"kind": "numeric", "name": "x", "mean": 1.0, "standard_deviation": 2.0, "imputed": 1.5},
        {"kind": "categorical", "name": "k", "categories": ["u", "v"], "imputed": null}]}"""
    fitted = preprocessing.from_json(text)
    assert fitted.columns == (
        NumericColumn("x", 1.0, 2.0, 1.5),
        CategoricalColumn("k", ("u", "v"), None),
    )
    np.testing.assert_array_equal(
        fitted.transform({"x": ["3", ""], "k": ["u", "v"]})[:, 0], [1, 0.25]
    )
