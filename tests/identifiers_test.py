import numpy as np
import pytest

from tfcourse import datasets
from tfcourse.datasets.tables import identifiers

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Id", np.arange(1, 151)),
        ("x", np.arange(20)),  # 10 pairs expected, none there.
        ("x", RANDOM.permutation(1000) + 5000),
        ("x", np.append(np.arange(100), np.nan)),
        ("x", RANDOM.choice(60_000, 4000, replace=False)),  # 133 expected.
        ("User ID", RANDOM.choice(10**9, 400, replace=False)),
        ("userid", np.arange(12) * 1000),
        ("uid", RANDOM.choice(10**6, 120, replace=False)),
        ("invoice_no", np.arange(12) ** 3),
        ("#", np.arange(12) ** 3),
        ("idcode", np.arange(12) ** 3),
        ("Obs", np.arange(1, 17)),
        ("tweet", 10**18 + RANDOM.choice(10**15, 40, replace=False)),
        ("rownames", 1980 + np.append(np.arange(40) / 100, [0.1, 0.2])),  # 1980.1 and 1980.10.
        ("Row.Names", np.arange(3)),
        ("Unnamed: 0", np.arange(150) / 4),
        ("customerId", np.append(np.arange(97) ** 3, [0, 1, 8])),  # A few repeat.
    ],
)
def test_identifier(name, values):
    assert "identifier" in identifiers.why(name, values.astype(float))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", np.arange(19)),  # Too few to tell by their numbers.
        ("price", RANDOM.choice(18_000, 150, replace=False)),  # 0.6 expected.
        ("population", np.sort(10 ** RANDOM.uniform(3, 7, 200)).round()),
        ("x", np.arange(1000) / 2),
        ("x", np.append(np.arange(100), 5)),
        ("year", np.arange(1950, 2020)),
        ("t", np.arange(70)),
        ("monthsSinceY2K", np.arange(70)),
        ("SeasonEnd", np.arange(1950, 2020)),
        ("rownames", np.arange(150) % 7),
        ("Unnamed: 3", np.arange(150) / 4),
        ("id", np.arange(150) / 7),
        ("store_id", np.arange(150) % 7),
        ("store_id", np.arange(150) // 2 * 7),  # Each has two rows.
        ("acid", np.arange(15) ** 3),
        ("n_obs", np.arange(15) ** 3),
        ("number of rooms", np.arange(15) ** 3),
        ("pixels[0]", np.arange(100)),
        ("id", np.full(50, np.nan)),
        ("timestamp", 10**18 + 10**12 * np.arange(40) ** 2),
    ],
)
def test_no_identifier(name, values):
    assert identifiers.why(name, values.astype(float)) == ""


KEYS = RANDOM.integers(10_000_000, 99_999_999, 50)


@pytest.mark.parametrize(
    ("name", "values", "is_one"),
    [
        ("1", KEYS, True),  # As in a file without a header.
        ("2", KEYS, False),
        ("1", np.sort(KEYS), False),  # Moments.
        ("1", KEYS // 1000 * 1000, False),  # Prices.
        ("1", KEYS // 10_000, False),
    ],
)
def test_first_column_of_long_numbers_without_a_name_is_a_key(name, values, is_one):
    assert bool(identifiers.why(name, values.astype(float))) == is_one


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return f"csv:{path}"


@pytest.fixture
def sorted_by_class(tmp_path):
    rows = [(i, noise, "abc"[i // 50]) for i, noise in enumerate(RANDOM.normal(size=150).round(2))]
    return write(tmp_path / "mine.csv", "Id,noise,y", rows)


def test_running_number_is_left_out_and_told_with_the_flag_that_takes_it(sorted_by_class, caplog):
    data = datasets.load(sorted_by_class, label="y")
    assert data.preprocessing.feature_names == ("noise",)
    assert "left out as identifiers: Id (`keep=Id` uses them)" in caplog.text
    data = datasets.load(sorted_by_class, label="y", keep=("Id",))
    assert data.preprocessing.feature_names == ("Id", "noise")
    with pytest.raises(datasets.DataError, match=r"'id', as `keep` says.*Did you mean 'Id'"):
        datasets.load(sorted_by_class, label="y", keep=("id",))


def test_running_number_alone_is_used_and_told(tmp_path, caplog):
    source = write(tmp_path / "mine.csv", "x,y", [(i, "ab"[i > 25]) for i in range(50)])
    assert datasets.load(source, label="y").preprocessing.feature_names == ("x",)
    assert "x: used, though nothing in it repeats" in caplog.text


def test_of_identifiers_alone_those_named_so_are_the_last_to_be_used(tmp_path, caplog):
    rows = [(i, 2 * i, "ab"[i > 25]) for i in range(50)]
    source = write(tmp_path / "mine.csv", "rownames,x,y", rows)
    assert datasets.load(source, label="y").preprocessing.feature_names == ("x",)
    assert "left out as identifiers: rownames" in caplog.text


@pytest.mark.parametrize("name", ["id", "patient", "userId", "childid", "Subject_ID", "family_id"])
def test_name_of_what_has_several_rows(name):
    assert identifiers.names_units(name)


@pytest.mark.parametrize("name", ["", "store_id", "family", "id type", "patients", "acid", "no"])
def test_other_name(name):
    assert not identifiers.names_units(name)


@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_rows_of_one_patient_in_several_splits_are_told(tmp_path, caplog, kind):
    def load(per_patient, header="patient,x,y", **options):
        caplog.clear()
        text = "p" * (kind == "texts")
        rows = [(f"{text}{i // per_patient}", i * i % 11, "ab"[i % 2]) for i in range(60)]
        parts = [("train", "val", "test")[i // per_patient % 3] for i in range(60)]
        rows = [(*row, part) for row, part in zip(rows, parts, strict=True)]
        source = write(tmp_path / "mine.csv", f"{header},split", rows)
        datasets.load(source, label="y", **options)
        return "rows of one" in caplog.text

    assert load(3, ignore=("split",))
    assert "leave it out: `ignore=patient`" in caplog.text
    assert not load(3)  # With splits of one's own.
    assert not load(3, ignore=("split", "patient"))
    assert not load(1, ignore=("split",))
    assert not load(10, ignore=("split",))  # Six may be classes.
    assert not load(3, header="town,x,y", ignore=("split",))


def test_texts_that_never_repeat_are_left_out_unless_they_are_kept(tmp_path, caplog):
    rows = [(f"n{i}", i % 7, "ab"[i % 2]) for i in range(60)]
    source = write(tmp_path / "mine.csv", "name,x,y", rows)
    data = datasets.load(source, label="y")
    assert data.preprocessing.feature_names == ("x",)
    assert "left out, too many different texts: name" in caplog.text
    kept = datasets.load(source, label="y", keep=["name"])
    assert len(kept.preprocessing.feature_names) == 1 + len(kept.train)
