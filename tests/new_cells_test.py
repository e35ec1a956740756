"""New examples that are written in another way than those of the training."""

import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets
from tfcourse.datasets import preprocessing

N = np.arange(120)
FRAME = pd.DataFrame(
    {
        "amount": 1000 + N * 37 % 101 + 0.25,
        "town": [("Rome", "Köln", "Malmö")[n % 3] for n in N],
        "sold": (pd.Timestamp("2019-01-03") + pd.to_timedelta(N, unit="D")).strftime("%Y-%m-%d"),
        "ok": [("yes", "no")[n % 2] for n in N],
        "took": [f"{n % 5}h {n % 60:02}m" for n in N],
        "weight": [f"{50 + n % 30}.5 kg" for n in N],
        "opens": [f"{n % 24}:{n * 7 % 60:02}" for n in N],
        "rate": [f"{n % 50}.5%" for n in N],
        "y": [("a", "b")[n // 2 % 2] for n in N],
    }
)
NEW = FRAME[:40]


@pytest.fixture(scope="module")
def fitted():
    made = datasets.from_dataframe(FRAME, label="y").preprocessing
    return preprocessing.from_json(preprocessing.to_json(made))


def hours(text):
    return int(text.split("h")[0])


def minutes(text):
    return int(text.split()[1][:-1])


def rewritten(name, write):
    return NEW.assign(**{name: [write(cell) for cell in NEW[name]]})


def in_format(form):
    return rewritten("sold", lambda cell: pd.Timestamp(cell).strftime(form))


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (NEW, ""),
        (rewritten("took", lambda cell: f"{hours(cell)}:{minutes(cell):02}:00"), ""),
        (rewritten("took", lambda cell: f"{hours(cell) * 60 + minutes(cell)} min"), ""),
        (rewritten("weight", lambda cell: cell.split()[0]), "'weight': numbers without a unit"),
        (
            rewritten("weight", lambda cell: float(cell.split()[0])),
            "'weight': numbers without a unit; in training they were written with kg",
        ),
        (rewritten("weight", str.upper), ""),
        (rewritten("ok", lambda cell: cell == "yes"), ""),
        (rewritten("ok", lambda cell: "NY"[cell == "yes"]), ""),
        (rewritten("ok", lambda cell: int(cell == "yes")), ""),
        (rewritten("rate", lambda cell: cell.replace("%", " %")), ""),
        (rewritten("rate", lambda cell: cell[:-1]), "'rate': numbers without %; in training"),
        (in_format("%d.%m.%Y"), "'sold': read as dates, such as '03.01.2019'; in training"),
        (in_format("%m/%d/%Y"), "'sold': read as dates, such as '01/03/2019'"),
        (in_format("%d/%m/%Y"), "'sold': read as dates, such as '03/01/2019'"),
        (in_format("%d %B %Y"), "'sold': read as dates, such as '03 January 2019'"),
        (in_format("%Y%m%dT000000"), ""),
        (
            rewritten("opens", lambda cell: f"{cell}:00"),
            "'opens': read as times, such as '0:00:00'",
        ),
    ],
)
def test_what_is_written_otherwise_is_read_alike(fitted, new, told, caplog):
    expected = fitted.transform(NEW)
    caplog.clear()
    np.testing.assert_allclose(fitted.transform(new), expected, atol=1e-6)
    assert told in caplog.text
    assert bool(told) == bool(caplog.text)
    caplog.clear()
    np.testing.assert_allclose(fitted.transform(new, tell=False), expected, atol=1e-6)
    assert not caplog.text


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (rewritten("weight", lambda cell: "900 g"), "'weight': expected numbers in kg, as in tr"),
        (rewritten("amount", "{} kg".format), "expected numbers without a unit, .*'1000.25 kg'"),
        (rewritten("took", hours), "a number written as in training, such as 1h 30m; received '0'"),
        (rewritten("took", lambda cell: f"1:0{hours(cell)}.5"), "in hours, .*; received '1:00.5'"),
        # May also be the first of March.
        (
            in_format("%d/%m/%Y")[:9],
            "a date or time as in training, such as 2019-01-31; .*3/01/201",
        ),
        (rewritten("sold", lambda cell: "Jan 2019"), "a date or time as in training"),
        (rewritten("opens", lambda cell: "2019-01-03"), "such as 13:30; received '2019-01-03'"),
        (NEW.rename(columns={"amount": "amout"}), "Rename 'amout' to 'amount'"),
        (NEW.rename(columns=str.upper), "'OK' to 'ok', 'TOOK' to 'took' and so on"),
        (NEW.drop(columns="amount"), "a column 'amount', as in training.*Add it"),
        (NEW.set_axis(NEW.iloc[0].astype(str), axis=1), "put the names in a line above it"),
    ],
)
def test_what_can_not_be_read_alike_is_refused(fitted, new, message):
    with pytest.raises(datasets.DataError, match=message):
        fitted.transform(new)


def test_numbers_of_another_scale_and_columns_without_values_are_told(fitted, caplog):
    fitted.transform(NEW.assign(amount=1e30, town=["", None] * 20, sold="NA"))
    assert (
        "example 0, column 'amount': 1e+30 is far from the numbers of the training" in caplog.text
    )
    assert "and so are 39 more" in caplog.text
    assert "frame: no row has a value of town, sold; filled in" in caplog.text
    caplog.clear()
    fitted.transform(NEW[:1].assign(town=""))
    assert not caplog.text


def test_percents_where_there_were_none_are_told(caplog):
    fractions = pd.DataFrame({"x": N % 7 / 7, "y": FRAME["y"]})
    fitted = datasets.from_dataframe(fractions, label="y").preprocessing
    fitted.transform({"x": ["25%", "50 %"]})
    assert (
        "numbers with %; in training they were written without it. Half is read as 50"
        in caplog.text
    )


@pytest.mark.parametrize("unit", ["g", "kg"])
def test_labels_of_another_unit_are_refused(unit):
    frame = pd.DataFrame({"x": N % 7, "y": [f"{n}.5 kg" for n in N]})
    fitted = datasets.from_dataframe(frame, label="y").preprocessing
    new = {"x": [1, 2], "y": [f"1.5 {unit}", f"2 {unit}"]}
    if unit == "kg":
        np.testing.assert_allclose(fitted.target.in_units(fitted.labels(new)), [1.5, 2], rtol=1e-6)
        return
    with pytest.raises(datasets.DataError, match="'y': expected numbers in kg, as in training"):
        fitted.labels(new)


def test_quantities_that_are_missing_are_left_out_with_their_rows(tmp_path):
    fitted = datasets.from_dataframe(FRAME, label="amount").preprocessing
    new = FRAME[:6].assign(amount=[1001.5, None, 1003.5, None, None, 1006.5])
    new.to_csv(tmp_path / "new.csv", index=False)
    examples = fitted.read(tmp_path / "new.csv", identifier="sold")
    found = fitted.target.in_units(examples.labels)
    np.testing.assert_allclose(found, [1001.5, 1003.5, 1006.5], rtol=1e-6)
    np.testing.assert_array_equal(examples.features, fitted.transform(FRAME[:6])[[0, 2, 5]])
    assert [place[-1] for place in examples.places] == ["2", "4", "7"]
    assert examples.identifiers == tuple(FRAME["sold"][[0, 2, 5]])
    assert len(fitted.read(tmp_path / "new.csv", labels=False).features) == 6


def test_a_slip_does_not_turn_days_into_months(caplog):
    days = [f"{1 + n % 28}/{1 + n % 9}/2019" for n in N]
    fitted = datasets.from_dataframe(FRAME.assign(sold=[*days[:-1], "oops"]), "y").preprocessing
    new = NEW.assign(sold=[*[f"{1 + n % 9}/{1 + n // 9}/2019" for n in range(39)], "oops"])
    features = fitted.transform(new)
    np.testing.assert_array_equal(features[:2], fitted.transform(new[:2]))
    assert "were written like" not in caplog.text


def test_decimal_commas_of_new_rows_decide_there_too(tmp_path):
    frame = pd.DataFrame({"x": [f"{n + 1},125" for n in N], "z": [f"{n % 7},5" for n in N]})
    frame.assign(y=[*"aabb"] * 30).to_csv(tmp_path / "a.csv", index=False, sep=";")
    fitted = datasets.load(f"csv:{tmp_path}/a.csv", label="y").preprocessing
    read = fitted.read(tmp_path / "a.csv").features
    np.testing.assert_array_equal(fitted.transform(frame), read)
