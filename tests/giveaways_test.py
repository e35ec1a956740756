import numpy as np
import pytest

from tfcourse import datasets

RANDOM = np.random.default_rng(0)
N = 300
LABELS = RANDOM.integers(0, 3, N)
NOISE = RANDOM.normal(size=N).round(3)


def write(path, header, columns):
    rows = zip(*columns, strict=True)
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return f"csv:{path}"


def found(tmp_path, column, labels=LABELS, **options):
    source = write(tmp_path / "mine.csv", "x,noise,y", (column, NOISE, labels))
    return datasets.load(source, label="y", **options).report.giveaways


def flipped(share):
    return np.where(RANDOM.random(N) < share, (LABELS + 1) % 3, LABELS)


@pytest.mark.parametrize(
    ("column", "share"),
    [
        (np.array(["no", "yes", "maybe"])[LABELS], 1),  # A recoding.
        (LABELS * 10 + 5, 1),
        (LABELS + RANDOM.uniform(0, 0.5, N).round(4), 1),
        (np.array(["u", "v", "w"])[flipped(0.01)], 0.97),
        (np.where(LABELS == 0, "", "z" + (LABELS % 3).astype(str).astype(object)), 1),
    ],
)
def test_column_that_tells_the_class_is_named(tmp_path, column, share, caplog):
    (giveaway,) = found(tmp_path, column)
    assert giveaway.column == "x"
    assert share <= giveaway.share <= 1
    assert "`ignore=x`" in caplog.text


def test_where_values_are_missing_may_tell_it(tmp_path, caplog):
    column = np.where(LABELS % 2, NOISE[::-1].astype(object), "")
    (giveaway,) = found(tmp_path, column, np.where(LABELS % 2, "sunk", "afloat"))
    assert giveaway.by_missing
    assert "where 'x' is missing alone tells the class" in caplog.text


@pytest.mark.parametrize(
    "column",
    [
        RANDOM.normal(size=N).round(3),
        np.array(["u", "v", "w"])[flipped(0.1)],
        LABELS + RANDOM.normal(0, 0.3, N).round(4),  # A good measurement is no copy.
        np.array([f"t{i}" for i in RANDOM.integers(0, 80, N)]),
    ],
)
def test_good_column_is_not(tmp_path, column):
    assert found(tmp_path, column) == ()


def test_few_rows_tell_nothing(tmp_path):
    rows = np.arange(20)
    source = write(tmp_path / "mine.csv", "x,noise,y", (rows % 2, NOISE[:20], rows % 2))
    assert datasets.load(source, label="y").report.giveaways == ()


def test_copy_of_a_quantity_is_named(tmp_path, caplog):
    quantity = RANDOM.normal(50, 9, N).round(3)
    (giveaway,) = found(tmp_path, (quantity * 2.54).round(3), quantity)
    assert giveaway.share > 0.999
    assert "'x' follows 'y' (correlation 1.0000)" in caplog.text


def test_test_rows_that_training_has_seen_are_counted(tmp_path, caplog):
    half = (NOISE[:150], LABELS[:150])
    columns = [np.tile(column, 2) for column in half]
    source = write(tmp_path / "mine.csv", "x,y", columns)
    report = datasets.load(source, label="y").report
    assert 30 <= report.repeated <= report.test_rows == 60
    assert f"{report.repeated} of 60 test rows repeat a training row" in caplog.text


def test_few_equal_rows_are_no_wonder(tmp_path):
    columns = [np.tile(column[:12], 2) for column in (NOISE, np.arange(N) % 2)]
    report = datasets.load(write(tmp_path / "m.csv", "x,y", columns), label="y").report
    assert report.repeated == 0


def test_equal_rows_of_a_table_of_few_values_are_no_wonder(tmp_path):
    columns = (RANDOM.integers(0, 3, N), RANDOM.integers(0, 3, N), LABELS)
    report = datasets.load(write(tmp_path / "m.csv", "x,z,y", columns), label="y").report
    assert report.repeated == 0


def test_code_with_several_values_for_each_class_is_named(tmp_path):
    codes = RANDOM.permutation(30).reshape(3, 10)[LABELS, RANDOM.integers(0, 10, N)]
    for column in (np.char.add("c", codes.astype(str)), codes):
        (giveaway,) = found(tmp_path, column)
        assert (giveaway.column, giveaway.share) == ("x", 1)


@pytest.mark.parametrize("each", [2, 4])
def test_copies_of_rows_make_no_code(tmp_path, each):
    column = np.char.add("c", (np.arange(N) // each).astype(str))
    assert found(tmp_path, column, labels=np.arange(N) // each % 3) == ()


def test_code_that_stands_for_a_quantity_is_named(tmp_path):
    codes = RANDOM.permutation(20)[RANDOM.integers(0, 20, N)]
    prices = RANDOM.normal(50, 9, 20).round(3)[codes]
    (giveaway,) = found(tmp_path, np.char.add("c", codes.astype(str)), prices)
    assert giveaway.share > 0.999
    assert found(tmp_path, np.char.add("c", codes.astype(str)), NOISE[::-1] + prices) == ()


def test_parts_of_a_sum_are_named(tmp_path, caplog):
    parts = RANDOM.integers(0, 1000, (2, N))
    columns = (parts[0], parts[1], RANDOM.integers(0, 9, N), parts[0] + 2 * parts[1])
    report = datasets.load(write(tmp_path / "m.csv", "u,v,x,y", columns), label="y").report
    assert report.parts == ("u", "v")
    assert "'y' is a sum of 'u', 'v', weighted" in caplog.text
    assert "`ignore=u,v`" in caplog.text
    noisy = (*columns[:3], columns[3] + RANDOM.integers(0, 3, N))
    source = write(tmp_path / "n.csv", "u,v,x,y", noisy)
    assert datasets.load(source, label="y").report.parts == ()


def test_several_giveaways_are_left_out_by_one_flag(tmp_path, caplog):
    codes = np.array(["u", "v", "w"])[LABELS]
    datasets.load(write(tmp_path / "m.csv", "x,z,y", (codes, codes, LABELS)), label="y")
    assert "leave them out: `ignore=x,z`" in caplog.text


def test_equal_rows_of_two_columns_of_few_values_are_no_wonder(tmp_path):
    days = RANDOM.integers(6, 40, N)
    columns = (days, (days < 30).astype(int), LABELS)
    report = datasets.load(write(tmp_path / "m.csv", "x,z,y", columns), label="y").report
    assert report.repeated == 0


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("Freq", [(k, s, y) for k in "abcd" for s in "uv" for y in "mno"], True),
        ("n", [(k, s, y) for k in "abcdef" for s in "uv" for y in "mno"][:-2], True),
        ("Freq", [(k, s, y) for k in "abcd" for s in "uv" for y in "mno"] * 2, False),
        ("weight", [(k, s, y) for k in "abcd" for s in "uv" for y in "mno"], False),
        ("n", [(i / 4, i % 2, "mno"[i % 3]) for i in range(40)], False),
        ("n", [(k, s, y) for k in "abcd" for s in "uv" for y in "mno"][:11], False),
    ],
)
def test_column_that_counts_the_cases_of_each_row_is_told(tmp_path, name, rows, told, caplog):
    columns = [[(i * i) % 11 for i in range(len(rows))], *zip(*rows, strict=True)]
    source = write(tmp_path / "mine.csv", f"{name},k,s,y", columns)
    datasets.load(source, label="y")
    assert ("if it counts the cases of a row, repeat each row as often" in caplog.text) == told


@pytest.mark.parametrize(
    ("name", "moments", "told"),
    [
        ("sold", np.datetime64("2019-01-01") + np.arange(60), True),
        ("sold", (np.datetime64("2019-01-01") + np.arange(60) // 2)[::-1], True),
        ("sold", np.datetime64("2019-01-01") + np.arange(60) // 4, False),  # 15 days.
        ("sold", np.datetime64("2019-01-01") + np.arange(60) * 7 % 61, False),
        ("Year", 1950 + np.arange(60), True),
        ("Year", 1950 + np.arange(60) // 2, False),
        ("size", 1950 + np.arange(60), False),
    ],
)
def test_rows_in_the_order_of_time_are_told(tmp_path, name, moments, told, caplog):
    parts = [("train", "train", "val", "test")[i % 4] for i in range(60)]
    columns = (moments, np.arange(60) ** 2 % 11, [*"ab"] * 30, parts)
    source = write(tmp_path / "mine.csv", f"{name},x,y,split", columns)
    datasets.load(source, label="y", ignore=["split"])
    assert (f"the rows are in the order of '{name}'" in caplog.text) == told
    caplog.clear()
    datasets.load(source, label="y")  # With splits of one's own.
    assert "in the order of" not in caplog.text
