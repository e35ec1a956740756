import datetime
import zipfile

import numpy as np
import openpyxl
import pytest
import xlwt

from tfcourse import datasets
from tfcourse.system import machine

NAMES = ("amount", "when", "k", "y")
ROWS = [(i + 0.5, datetime.datetime(2019, 1, 1 + i), "uv"[i % 2], "ab"[i % 2]) for i in range(30)]


@pytest.fixture
def load(tmp_path):
    """Writes sheets of rows to a workbook and loads it as a table."""
    path = tmp_path / "mine.xlsx"

    def write_and_load(*sheets, label="y", **options):
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for rows in sheets:
            sheet = workbook.create_sheet()
            for row in rows:
                sheet.append(row)
        workbook.save(path)
        datasets.check(f"table:{path}", label=label, **options)
        return datasets.load(f"table:{path}", label=label, **options)

    return write_and_load


def test_workbook_is_a_table(load, tmp_path):
    data = load([NAMES, *ROWS])
    kinds = [column.kind for column in data.report.columns]
    assert kinds == ["number", "date", "category", "category"]
    assert data.class_names == ("a", "b")
    examples = data.preprocessing.read(tmp_path / "mine.xlsx")
    assert len(examples.labels) == 30
    assert examples.places[0].endswith("mine.xlsx, line 2")


@pytest.mark.parametrize(
    "rows",
    [
        [("Sales of the shop",), (), NAMES, *ROWS],
        [NAMES, *ROWS, (), (None, None), ("", "", "", "")],
        [(*NAMES, None, ""), *((*row, None) for row in ROWS)],
        [("", *NAMES), *((i, *row) for i, row in enumerate(ROWS))],
    ],
)
def test_title_rows_and_blank_columns_and_an_index_are_left_out(load, rows):
    plain, data = load([NAMES, *ROWS]), load(rows)
    assert data.preprocessing.columns == plain.preprocessing.columns
    np.testing.assert_array_equal(data.train.features, plain.train.features)


@pytest.mark.parametrize("shortest", [20, 0])
def test_durations_are_hours_as_in_text(load, shortest, tmp_path):
    hours = [shortest + 7 * i % 50 for i in range(30)]
    rows = [(datetime.timedelta(hours=n, minutes=30), "ab"[i % 2]) for i, n in enumerate(hours)]
    fitted = load([("took", "y"), *rows]).preprocessing
    text = {"took": [f"{n}:30:00" for n in hours]}
    expected = fitted.read(tmp_path / "mine.xlsx").features
    np.testing.assert_allclose(fitted.transform(text), expected)
    assert fitted.columns[0].written == "1h 30m"
    with pytest.raises(
        datasets.DataError, match=r"another text in every row.*1 formula has no saved"
    ):
        load([("x", "y"), *((f"text {i}", "ab"[i % 2]) for i in range(29)), ("=A2", "a")])


def test_formulas_without_a_saved_result_are_told(load, caplog):
    rows = [(*row, f"=A{i}*2" if i > 10 else i % 4) for i, row in enumerate(ROWS, start=2)]
    data = load([(*NAMES, "sum"), *rows], missing="impute")
    assert "21 formulas have no saved result: missing. Open the workbook" in caplog.text
    assert data.preprocessing.feature_names[-2:] == ("sum", "sum is missing")
    with pytest.raises(datasets.DataError, match=r"'y': .*formulas without a saved result. Open"):
        load([NAMES, *((*row[:-1], '=IF(A2>5,"a","b")') for row in ROWS)])


def test_first_sheet_with_a_table_is_read_and_told(load, caplog):
    load([], [NAMES, *ROWS], [("other",), (1,)])
    assert "sheet 'Sheet1' is read" in caplog.text
    assert "'Sheet2' not" in caplog.text


def test_sheet_with_the_label_is_read(load, caplog):
    load([("Sales of the shop", "2019"), ("by", "day")], [NAMES, *ROWS])
    assert "sheet 'Sheet1' is read, 'Sheet' not" in caplog.text


def test_workbook_without_a_header(load):
    with pytest.raises(datasets.DataError, match=r"looks like data .*`header=no`.*`label=4`"):
        load(ROWS, label="a")
    assert load(ROWS, label="4", header="no").preprocessing.feature_names[0] == "1"


def test_workbook_without_a_table_is_refused(load):
    with pytest.raises(datasets.DataError, match="sheet with a table; received empty ones"):
        load([])
    with pytest.raises(datasets.DataError, match="rows below the header"):
        load([NAMES])


def test_damaged_workbook_is_refused(load, tmp_path):
    load([NAMES, *ROWS])
    path = tmp_path / "mine.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = next(name for name in parts if "sheets/" in name)
    for broken in ({sheet: parts[sheet][:-200]}, {"xl/workbook.xml": b"<oops"}):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in {**parts, **broken}.items():
                archive.writestr(name, data)
        with pytest.raises(datasets.DataError, match=r"mine.xlsx: expected a workbook of Excel"):
            datasets.load(f"table:{path}", label="y")


def test_workbook_that_is_a_bomb_is_refused_before_it_is_unpacked(load, tmp_path, monkeypatch):
    load([NAMES, *ROWS])
    path = tmp_path / "mine.xlsx"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", bytes(64 << 20))
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(machine, "available_bytes", lambda: 128 << 20)
    with pytest.raises(datasets.DataError, match="half of the free memory"):
        datasets.load(f"table:{path}", label="y")


def test_few_cells_far_apart_do_not_fill_the_memory(load, tmp_path):
    load([NAMES, *ROWS])
    path = tmp_path / "mine.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    rows = "".join(f'<row r="{r}"><c r="XFD{r}"><v>1</v></c></row>' for r in range(100, 5000))
    sheet = next(name for name in parts if "sheets/" in name)
    parts[sheet] = parts[sheet].replace(b"</sheetData>", rows.encode() + b"</sheetData>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(datasets.DataError, match="cells next to each other"):
        datasets.load(f"table:{path}", label="y")


def test_workbook_whose_parts_have_other_names_is_refused(load, tmp_path):
    load([NAMES, *ROWS])
    path = tmp_path / "mine.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("xl/", "other/"), data.replace(b"xl/", b"other/"))
    with pytest.raises(datasets.DataError, match=r"other names than usual\. Open it in"):
        datasets.load(f"table:{path}", label="y")


def test_characters_that_xml_can_not_hold_are_read(load):
    data = load([("a_x0041_", "y"), *((i % 3, ("p", "q", "q_x000D_\n")[i % 3]) for i in range(30))])
    assert data.class_names == ("p", "q")
    assert data.preprocessing.columns[0].name == "aA"


def test_sheet_of_remarks_is_no_table(load, tmp_path):
    load([("about",), ("made by hand",)], [NAMES, *ROWS])
    described = datasets.describe(f"table:{tmp_path / 'mine.xlsx'}")
    assert [row["column"] for row in described.rows] == [*NAMES]
    load([("y",), ("made by hand",)], [("a", "b"), (1, 2), (3, 4)], [NAMES, *ROWS], label="amount")
    with pytest.raises(datasets.DataError, match=r"expected a column 'c'.*a, b"):
        datasets.load(f"table:{tmp_path / 'mine.xlsx'}", label="c")


def _write_old(path, rows):
    workbook = xlwt.Workbook()
    workbook.add_sheet("empty")
    sheet = workbook.add_sheet("table")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    time = xlwt.easyxf(num_format_str="hh:mm:ss")
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            styles = {datetime.datetime: day, datetime.time: time}
            sheet.write(r, c, value, styles.get(type(value), xlwt.Style.default_style))
    workbook.save(str(path))


def test_workbook_of_before_2007_is_the_same_table(load, tmp_path, caplog):
    new = load([NAMES, *ROWS])
    path = tmp_path / "mine.xls"
    _write_old(path, [("Sales of the shop",), NAMES, *ROWS])
    datasets.check(f"table:{path}", label="y")
    old = datasets.load(f"table:{path}", label="y")
    assert old.preprocessing.columns == new.preprocessing.columns
    np.testing.assert_array_equal(old.train.features, new.train.features)
    assert "'table' is read, 'empty' not" in caplog.text


def test_whole_numbers_and_truths_of_an_old_workbook_are_read_as_such(tmp_path):
    path = tmp_path / "mine.xls"
    _write_old(path, [("n", "is", "y"), *((i % 7, i % 2 == 0, i % 3) for i in range(40))])
    data = datasets.load(f"csv:{path}", label="y")
    assert data.class_names == ("0", "1", "2")
    assert data.preprocessing.columns[1].categories == ("False", "True")


def test_times_of_day_of_an_old_workbook_are_no_dates(load, tmp_path):
    rows = [("at", "y"), *((datetime.time(7 * i % 24, i), "ab"[i % 2]) for i in range(30))]
    new = load(rows)
    path = tmp_path / "mine.xls"
    _write_old(path, rows)
    old = datasets.load(f"table:{path}", label="y")
    assert old.preprocessing.columns == new.preprocessing.columns
    np.testing.assert_array_equal(old.train.features, new.train.features)


def test_workbook_with_a_password_is_refused(tmp_path):
    path = tmp_path / "mine.xls"
    _write_old(path, [NAMES, *ROWS])
    inside, other = (name.encode("utf-16-le") for name in ("Workbook", "Encrypte"))
    path.write_bytes(path.read_bytes().replace(inside, other))
    with pytest.raises(datasets.DataError, match=r"received one that may have a password\. Save"):
        datasets.load(f"table:{path}", label="y")


def test_damaged_workbook_of_before_2007_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "mine.xls"
    _write_old(path, [NAMES, *ROWS])
    whole = path.read_bytes()
    for broken in (whole[:8] + bytes(600), whole[: len(whole) // 2], whole[:600]):
        path.write_bytes(broken)
        with pytest.raises(datasets.DataError, match=r"mine.xls: expected a workbook of Excel"):
            datasets.load(f"table:{path}", label="y")
