import pytest

from tfcourse import datasets
from tfcourse.datasets.table_files import fixed_width

CITIES = ("New York", "Rome", "")
ROWS = [(f"N{i}", str(9 + i % 7), CITIES[i % 3], ("yes", "no")[i % 2]) for i in range(40)]


def lines(rows=ROWS):
    return "".join(
        f"{name:8}{age:>3} {city:10}{bought}\n"
        for name, age, city, bought in (("name", "age", "city", "bought"), *rows)
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.txt"


def test_columns_at_fixed_positions_are_read_with_their_blanks(path, caplog):
    path.write_text(lines())
    data = datasets.load(f"csv:{path}", label="bought")
    names = [name.removeprefix("city=") for name in data.preprocessing.feature_names]
    assert names == ["age", "(missing)", "New York", "Rome"]
    assert "4 columns at fixed positions" in caplog.text
    assert data.preprocessing.read(path).places[2] == f"{path}, line 4"


def test_cell_that_is_wider_than_its_column_is_an_error(path, monkeypatch):
    path.write_text(lines() + "N40      12 San Francisco yes\n")
    monkeypatch.setattr("tfcourse.datasets.table_files.csv_records.MOST", 30)
    with pytest.raises(
        datasets.DataError, match="line 42: expected columns that start at the same"
    ):
        datasets.load(f"csv:{path}", label="bought")


def test_later_line_with_other_columns_is_an_error_unless_cells_have_wide_gaps(path):
    other = "N1 12  Rome  yes  and more\n"
    path.write_text(lines(ROWS * 3) + other)
    with pytest.raises(datasets.DataError, match=r"line 122: expected .* CSV"):
        datasets.load(f"csv:{path}", label="bought")
    path.write_text(lines([*ROWS[:4], ("N5", "12", "New  York", "yes"), *ROWS * 3]) + other)
    assert datasets.load(f"csv:{path}", label="bought")


@pytest.mark.parametrize(
    "text",
    [
        "a  b\n1  2\n33 4\n5  6\n7  8\n9  0\n",  # Blanks separate these cells.
        "a,b c\n" + "u v,w\n" * 9,
        "The quick brown fox\njumps over the\nlazy dog, and\nso do all\nof his friends\n",
        "a b\n1 2\n3 4\n",
        'a b\n1 "u v"\n3 "w"\n5 "x y"\n7 "z"\n',
    ],
)
def test_other_texts_are_none(text):
    assert fixed_width.starts(text.splitlines()) == ()
