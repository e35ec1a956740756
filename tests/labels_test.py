import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import labels
from tfcourse.datasets.tables.table import Table


def classify(cells, **options):
    return labels.classify("a.csv, column 'y'", "y", cells, **options)


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["Yes", "yes", "yes", " no", "NO", "no"] * 3, ("no", "yes")),
        (["0", "0.0", "1", "1.0", "1"] * 3, ("0", "1")),
        (["2.0", "10.0", "1.0"] * 3, ("1.0", "2.0", "10.0")),
        ([2.0, 10.0, 9.0] * 3, ("2", "9", "10")),
        ([True, False] * 3, ("False", "True")),
        (["hId", "hid", "had", "hAd"] * 3, ("hAd", "hId", "had", "hid")),  # Vowels.
        (["a", "A", "b"] * 3, ("A", "a", "b")),  # Letters are what is to be told apart.
        (["AA", "Aa", "aa", "aA"] * 3, ("AA", "Aa", "aA", "aa")),  # Genotypes.
        (["AABB", "aabb", "AaBb"] * 3, ("AABB", "AaBb", "aabb")),
        (["y", "Y", "n", "N", "n"] * 3, ("n", "y")),
        (["Y", "Yes", "N", "No", "yes"] * 3, ("N", "Y")),
        (["caf\u00e9", "cafe\u0301", "bar"] * 3, ("bar", "caf\u00e9")),
        (["New York", "new  york", "Rome"] * 3, ("New York", "Rome")),
        (["a", "a\u200b", "\ufeffb"] * 3, ("a", "b")),
        (["TRUE", "1", "0", "false", "0"] * 3, ("0", "TRUE")),
        (["1", "0", "f", "n"] * 3, ("0", "1", "f", "n")),
        ([str(10**18 + 1), str(10**18)] * 3, (str(10**18), str(10**18 + 1))),
    ],
)
def test_classes_and_their_order(cells, names):
    found = classify(cells)
    assert found.class_names == names
    assert len(found.numbers) == len(cells)
    assert found.numbers.min() == 0


def test_spellings_of_one_class_are_told_and_the_most_frequent_is_its_name():
    found = classify(["Yes", "yes", "yes", "no", "no", "no", "0", "0.0", "0"])
    assert found.report.merged == {"yes": ("Yes",), "0": ("0.0",)}
    assert found.report.counts == {"0": 3, "no": 3, "yes": 3}
    np.testing.assert_array_equal(found.numbers, [2, 2, 2, 1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("mark", [".", "..", ":"])
def test_marks_of_statistics_for_nothing_are_no_class(mark):
    found = classify(["union", "nonunion", mark] * 4)
    assert found.class_names == ("nonunion", "union")
    assert found.report.missing == 4
    assert labels.numbers_of([mark, "union"], found.class_names, ()).tolist() == [-1, 1]


def test_rows_without_a_label_or_of_a_rare_class_are_left_out_and_counted():
    found = classify(["a", "", "b", "c", None, "a", "a", "b", "b", "tbd"], missing=("tbd",))
    assert found.class_names == ("a", "b")
    np.testing.assert_array_equal(found.numbers, [0, -1, 1, -1, -1, 0, 0, 1, 1, -1])
    assert (found.report.missing, found.report.rare, found.report.left_out) == (3, {"c": 1}, 4)


@pytest.mark.parametrize(
    ("cells", "is_sorted"),
    [
        ([*"ab"] * 10, False),
        ([*"b"] * 10 + [*"a"] * 10, True),
        ([*"b"] * 5 + [*"a"] * 5, False),
        ([f"{n}.5" for n in range(20)], True),
        ([f"{n % 7}.5" for n in range(20)], False),
    ],
)
def test_rows_that_are_sorted_by_the_label_are_told(cells, is_sorted):
    table = Table("a.csv", {"y": cells})
    assert labels.find("y", "y", table, Reading(label="y")).report.is_sorted is is_sorted


AMOUNTS = [f"{n}.25" for n in (3, 8, 5, 1, 9, 2)]


@pytest.mark.parametrize(
    ("cells", "doubtful", "ends_in_total"),
    [
        (AMOUNTS, (), False),
        ([*AMOUNTS, "29.5"], (), True),
        ([*AMOUNTS, "29.6"], (), False),
        ([*AMOUNTS, "", "29.50"], (), True),
        (["29.5", *AMOUNTS], (), False),
        ([*AMOUNTS, "-999", "-999"], ((-999.0, 2),), False),
        (["1.5", "0"], (), False),
        (["1.5", "1.5"], (), False),
        (["1.5", "-1.5", "0"], (), False),
        ([], (), False),
    ],
)
def test_totals_and_codes_among_quantities_are_told(cells, doubtful, ends_in_total):
    reading = Reading(label="y", task="regression")
    report = labels.find("y", "y", Table("a.csv", {"y": cells}), reading).report
    assert report.doubtful == doubtful
    assert report.ends_in_total is ends_in_total


@pytest.mark.parametrize("mark", ["{}*", "{}[1]", "<{}", ">= {}", "{} a", "{} bc", "{}+"])
def test_limits_and_marks_in_a_quantity_are_told_as_in_a_feature(mark, caplog):
    written = [f"{n * n % 31}.25" for n in range(60)]
    cells = [mark.format(cell) if n % 20 == 7 else cell for n, cell in enumerate(written)]
    frame = pd.DataFrame({"x": cells, "y": cells})
    data = datasets.from_dataframe(frame, label="y")
    assert "'x': 3 cells are limits or have marks, such as" in caplog.text
    assert "'y': 3 cells are limits or have marks, such as" in caplog.text
    values = data.target.in_units(data.preprocessing.labels({"y": cells}))
    np.testing.assert_allclose(values, [float(cell) for cell in written], rtol=1e-5)
    reading = Reading(label="y", task="regression")
    most = [mark.format(cell) if n % 20 > 7 else cell for n, cell in enumerate(written)]
    with pytest.raises(DataError, match="expected a number, since the label"):
        labels.find("y", "y", Table("a.csv", {"y": most}), reading)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{} kg", "numbers without their units: x (kg), y (kg)"),
        ("{} h 30 m", "numbers without their units: x (hours), y (hours)"),
        (("{}.5%", "0.{}"), "'y': numbers in several units (none, %): all are read alike"),
        (("${}.5", "\u20ac{}.5"), "'y': numbers in several units ($, \u20ac): all are read alike"),
    ],
)
def test_units_of_a_quantity_are_told_as_those_of_a_feature(written, told, caplog):
    forms = (written, written) if isinstance(written, str) else written
    cells = [forms[n % 2].format(n + 1) for n in range(60)]
    datasets.from_dataframe(pd.DataFrame({"x": cells, "y": cells}), label="y", task="regression")
    assert told in caplog.text


@pytest.mark.parametrize("task", ["auto", "regression"])
@pytest.mark.parametrize(
    ("cells", "meant"),
    [
        (
            [f"{n}.5 {'kg' if n % 2 else 'g'}" for n in range(60)],
            r"several units \((kg, g|g, kg)\): ",
        ),
        ([f"2024-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(60)], "These are dates or times"),
        ([f"{n % 24}:{n:02}" for n in range(60)], "These are dates or times"),
    ],
)
def test_what_a_quantity_was_meant_to_be_is_named(cells, meant, task):
    table, reading = Table("a.csv", {"y": cells}), Reading(label="y", task=task)
    with pytest.raises(DataError, match=meant):
        labels.find("a.csv, column 'y'", "y", table, reading)


@pytest.mark.parametrize("form", ["{}'{}\"", "{}:{}5.5", "{}h {}m", "{}{} kg"])
def test_missing_labels_do_not_hide_how_the_others_are_written(form):
    cells = [form.format(5 + n % 2, n % 4) for n in range(40)]
    missing = ["", "NA", "?", "n.a.", "-", "unknown"]
    frame = pd.DataFrame({"x": range(46), "y": cells + missing})
    data = datasets.from_dataframe(frame, label="y", task="regression", keep=["x"])
    assert data.report.label.missing == 6
    assert np.isfinite(data.preprocessing.labels({"y": cells})).all()


def test_texts_of_most_rows_are_not_advised_to_be_missing():
    table = Table("a.csv", {"y": ["yes", "no"] * 9 + ["1"]})
    with pytest.raises(DataError, match="empty the cell, or take") as error:
        labels.find("y", "y", table, Reading(label="y", task="regression"))
    assert "missing_values" not in str(error.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([""] * 9, "expected labels; received none"),
        (["a"] * 9, "two classes of 3 examples; received 'a' alone"),
        (list("abcdefgh"), "which repeat; received another value in every row"),
        ([str(number) for number in range(10_001)], "at most 10000 classes"),
    ],
)
def test_what_are_no_classes_is_refused(cells, message):
    with pytest.raises(DataError, match=message):
        classify(cells)


def test_labels_of_new_examples_are_found_however_they_are_spelled():
    found = labels.numbers_of(["No", " yes", "YES", "", "maybe"], ("no", "yes"), ())
    np.testing.assert_array_equal(found, [0, 1, 1, -1, -2])
    np.testing.assert_array_equal(labels.numbers_of([1.0, "2"], ("1", "2.0"), ()), [0, 1])
    # Only case tells these apart, so that no third spelling is either.
    np.testing.assert_array_equal(labels.numbers_of(["HID", "hid"], ("hid", "hId"), ()), [0, 0])


def test_a_quantity_without_any_number_is_refused():
    frame = pd.DataFrame({"x": range(9), "y": ["*", "***", "**"] * 3})
    with pytest.raises(DataError, match="'y': expected numbers; received none"):
        datasets.from_dataframe(frame, label="y", task="regression")
