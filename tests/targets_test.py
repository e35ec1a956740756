import json

import numpy as np
import pytest

from tfcourse import datasets
from tfcourse.datasets import splits
from tfcourse.datasets.dataset import SPLITS
from tfcourse.datasets.tables import targets

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = 1e6 + 5.0 * X[:, 0] + RNG.normal(size=200)
NOWHERE = np.array([], float)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (np.repeat([0.0, 1.0], 50), "classification"),
        (np.repeat(np.arange(3.0, 10), 30), "classification"),  # Grades of wine.
        (np.repeat(np.arange(3.0, 13), 30), "classification"),
        (np.repeat(np.arange(3.0, 14), 30), "regression"),
        (np.repeat([-1.0, 100.0], 1), "classification"),
        (np.repeat(np.arange(1.0, 101), 3), "classification"),  # A hundred numbered classes.
        (np.repeat(np.arange(2.0, 102), 3), "regression"),
        (np.append(np.repeat(np.arange(1.0, 28), 30), 29), "regression"),  # Rings of abalones.
        (np.arange(200.0) % 10, "classification"),  # Digits.
        (np.arange(200.0) % 5, "classification"),  # Stars.
        (np.repeat(np.arange(11.0), [2, 3, 5, 8, 9, 20, 30, 50, 60, 40, 20]), "regression"),
        (np.repeat(np.arange(1.0, 21), np.arange(5, 45, 2)), "regression"),  # Ages of children.
        (np.repeat(np.arange(7.0), [60, 40, 20, 9, 4, 2, 1]), "regression"),  # A count.
        (np.repeat([0.0, 1, 2, 9], [60, 40, 20, 1]), "classification"),  # With a slip.
        (np.arange(12.0), "regression"),
        (np.arange(60.0) / 4, "regression"),
        (np.repeat([1.0, 1.5, 2.0], 40), "regression"),
        (np.append(np.repeat([1.0, 2.0, 3.0], 40), 1.5), "classification"),  # A slip.
        (np.append(np.repeat([0.0, 5.0], 200), np.arange(1, 12) + 0.5), "regression"),  # Amounts.
        (np.append(np.repeat([1.0, 2, 3, 4, 5], 40), [3.5, 1.5, 1.5]), "classification"),  # Too.
        (np.append(np.repeat(np.arange(12.0), 40), 3.5), "classification"),
        (np.full(10, np.inf), "classification"),
        (np.append(np.arange(9) / 4, [np.inf, np.nan]), "regression"),
        (np.append(np.arange(4) / 4, np.full(4, np.inf)), "classification"),
        (np.full(3, np.nan), "classification"),
        (NOWHERE, "classification"),
    ],
)
def test_classes_and_quantities_are_told_apart(values, task):
    rng = np.random.default_rng(0)
    assert targets.task_of(values) == task
    assert targets.task_of(rng.permutation(values)) == task


def test_a_quantity_is_standardized_and_back_without_losing_digits():
    target = targets.fit_target("here", "y", Y)
    labels = target.standardize(Y)
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels, (Y - Y.mean()) / Y.std(), atol=1e-6)
    np.testing.assert_allclose(target.in_units(labels), Y, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.full(5, 3.0), "received 3 in all 5"), (np.array([1e300, -1e300]), "Scale them")],
)
def test_what_can_not_be_standardized_is_refused(values, message):
    with pytest.raises(datasets.DataError, match=message):
        targets.fit_target("here", "y", values)


def test_splits_have_the_same_share_of_every_tenth():
    values = np.sort(RNG.exponential(size=1000))
    pairs = splits.complete("set", {"train": (np.arange(1000), values)}, 0.2)
    assert {name: len(rows) for name, (rows, _) in pairs.items()} == {
        **{"train": 640, "test": 200, "validation": 160},
    }
    for rows, _ in pairs.values():
        tenths = np.bincount(rows // 100, minlength=10) / len(rows)
        np.testing.assert_allclose(tenths, 0.1, atol=0.011)
    everything = np.sort(np.concatenate([rows for rows, _ in pairs.values()]))
    np.testing.assert_array_equal(everything, np.arange(1000))


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "mine.csv"

    def write_and_load(lines, **options):
        path.write_text("\n".join(lines) + "\n")
        return datasets.load(f"csv:{path}", **{"label": "y", **options})

    return write_and_load


def table(labels):
    return ["x,y", *(f"{i % 7},{label}" for i, label in enumerate(labels))]


def test_a_column_of_quantities_becomes_labels_by_the_training_split_alone(load):
    data = load(table(f"{y:.6f}" for y in Y))
    assert (data.num_outputs, data.num_classes, data.class_names) == (1, 0, ())
    assert data.preprocessing.target == data.target
    for split in data.splits.values():
        assert split.labels.dtype == np.float32
    values = np.concatenate([data.target.in_units(s.labels) for s in data.splits.values()])
    np.testing.assert_allclose(np.sort(values), np.sort(Y), rtol=0, atol=1e-5)
    train = data.train.labels.astype(float)
    assert [train.mean(), train.std()] == pytest.approx([0, 1], abs=1e-6)


def test_rows_without_a_quantity_are_left_out_and_told(load, caplog):
    data = load(table([*(f"{y:.2f}" for y in Y[:30]), "", "NA"]))
    assert sum(len(split) for split in data.splits.values()) == 30
    assert "2 rows are left out, without a label in 'y'" in caplog.text


def test_numbers_of_any_style_are_labels(load):
    data = load(["x;y", *(f"{i};1.{i:03},5" for i in range(40))])
    values = np.concatenate([data.target.in_units(s.labels) for s in data.splits.values()])
    np.testing.assert_allclose(np.sort(values), 1000.5 + np.arange(40), rtol=0, atol=1e-4)
    assert data.target.written == "1.234,5"


def test_whole_numbers_that_are_taken_for_a_quantity_are_told(load, caplog):
    assert load(table(range(40))).target
    assert "'y': 40 different whole numbers are treated as a quantity" in caplog.text
    assert "task=classification" in caplog.text


def test_whole_numbers_that_are_taken_for_classes_are_told(load, caplog):
    data = load(table(np.arange(40) % 5))
    assert data.num_classes == 5
    assert "'y': 5 different whole numbers are treated as classes; `task=regression`" in caplog.text
    caplog.clear()
    assert load(table(np.arange(40) % 2)).num_classes == 2
    assert "treated as" not in caplog.text


def test_arrays_number_their_classes_however_often_each_is_there():
    values = np.repeat(np.arange(43.0), np.arange(3, 46) ** 2)
    assert targets.task_of(values, by_custom=True) == "classification"
    assert targets.task_of(values) == "regression"


def test_what_is_asked_for_is_not_told(load, caplog):
    assert load(table(range(40)), task="regression").target
    assert load(table(np.arange(40) % 4), task="regression").target
    assert load(table(np.arange(40) % 4), task="classification").num_classes == 4
    assert "treated as" not in caplog.text


def test_a_quantity_that_is_asked_for_as_classes_is_refused(load):
    with pytest.raises(datasets.DataError, match="a quantity is not a class"):
        load(table(range(40)), task="classification")


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["0.5", "oops", *np.arange(20) / 8], {}, "line 3, column 'y': .*'oops'.*`task=class"),
        (["a", "b"] * 9, {"task": "regression"}, "line 2, column 'y': .*'a'"),
        ([1.5] * 9, {"task": "regression"}, "received 1.5 in all"),
        (["1e300", "-1e300"] * 9, {"task": "regression"}, "Scale them"),
    ],
)
def test_what_is_no_quantity_is_named(load, labels, options, message):
    with pytest.raises(datasets.DataError, match=message):
        load(table(labels), **options)


def test_new_examples_have_labels_only_where_they_are_asked_for(load, tmp_path):
    fitted = load(table(f"{y:.6f}" for y in Y)).preprocessing
    new = tmp_path / "new.csv"
    new.write_text("name,y,x\n007,1000001.5,1\nb,1000002,2\n")
    examples = fitted.read(new, identifier="name")
    np.testing.assert_allclose(fitted.target.in_units(examples.labels), [1000001.5, 1000002])
    assert examples.identifiers == ("007", "b")
    assert fitted.read(new, labels=False).labels is None
    new.write_text("name,y,x\n007,oops,1\nb,,2\n")
    np.testing.assert_array_equal(
        fitted.read(new, labels=False).features, fitted.transform({"x": [1, 2]})
    )
    with pytest.raises(datasets.DataError, match=r"line 2, column 'y': .*'oops'"):
        fitted.read(new)
    new.write_text("name,y,x\n007,,1\nb,,2\n")
    assert fitted.read(new).labels is None
    with pytest.raises(datasets.DataError, match=r"'nam', as `id` says.*Did you mean 'name'"):
        fitted.read(new, identifier="nam")


def test_arrays_with_a_quantity(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y[:, np.newaxis])
    data = datasets.load(f"npz:{tmp_path / 'a.npz'}")
    assert [len(split) for split in data.splits.values()] == [128, 32, 40]
    assert data.target.name == "y"
    assert data.train.labels.astype(float).std() == pytest.approx(1, abs=1e-6)
    examples = data.preprocessing.read(tmp_path / "a.npz")
    np.testing.assert_allclose(data.target.in_units(examples.labels), Y, rtol=0, atol=1e-5)
    with pytest.raises(datasets.DataError, match="whole numbers"):
        datasets.load(f"npz:{tmp_path / 'a.npz'}", task="classification")


def test_arrays_from_python_need_to_be_told():
    data = datasets.from_arrays((X, Y), task="regression")
    assert (data.num_outputs, data.class_names) == (1, ())
    assert data.preprocessing.target == data.target
    assert {name: len(split) for name, split in data.splits.items()} == dict(
        zip(SPLITS, (162, 18, 20), strict=True)
    )
    with pytest.raises(datasets.DataError, match="`task=regression`"):
        datasets.from_arrays((X, Y))
    with pytest.raises(datasets.DataError, match="nan at example 3"):
        datasets.from_arrays((X, np.where(np.arange(200) == 3, np.nan, Y)), task="regression")
    with pytest.raises(datasets.DataError, match="expected numbers"):
        datasets.from_arrays((X, Y.astype(str)), task="regression")


def test_images_take_no_task():
    with pytest.raises(ValueError, match="digits does not go with `task`"):
        datasets.load("digits", task="regression")


def test_a_target_is_kept_with_the_preprocessing(load):
    fitted = load(table(f"{y:.6f}" for y in Y)).preprocessing
    text = datasets.preprocessing.to_json(fitted)
    assert datasets.preprocessing.from_json(text) == fitted
    for change in (
        {"target": None},
        {"target": {}},
        {"target": {"name": "y", "mean": 0, "standard_deviation": 0, "written": "1234.5"}},
        {"target": {"name": "y", "mean": "0", "standard_deviation": 1, "written": "1234.5"}},
        {"target": {"name": "y", "mean": 0, "standard_deviation": 1, "written": "x"}},
        {"target": {"name": "y", "mean": 0, "standard_deviation": float("inf"), "written": ""}},
        {"class_names": ["a", "b"]},
    ):
        with pytest.raises(ValueError, match=r"target|deviation|mean|written|class_names"):
            datasets.preprocessing.from_json(json.dumps({**json.loads(text), **change}))


def test_classes_are_kept_as_before(load):
    text = datasets.preprocessing.to_json(load(table(["a", "b"] * 20)).preprocessing)
    assert "target" not in json.loads(text)
    with pytest.raises(ValueError, match="class_names"):
        datasets.preprocessing.from_json(json.dumps({**json.loads(text), "class_names": []}))


def test_a_frame_has_the_quantity_in_its_own_units(load):
    frame = datasets.to_dataframe(load(table(f"{y:.6f}" for y in Y)))
    np.testing.assert_allclose(np.sort(frame["y"]), np.sort(Y), rtol=0, atol=1e-5)
