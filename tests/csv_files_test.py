"""Tables as people have them in files of text."""

import bz2
import csv
import gzip
import io
import lzma
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcourse import datasets
from tfcourse.datasets.table_files import csv_dialect, table_files, text_files
from tfcourse.system import machine

ROWS = [(f"{1000 + 37 * i}.5", f"{i % 7}", "uv"[i % 2], "ab"[i % 2]) for i in range(30)]
NAMES = ("amount", "count", "k", "y")


def table(rows=ROWS, names=NAMES, delimiter=","):
    return "".join(delimiter.join(row) + "\n" for row in (names, *rows))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mine.csv"


@pytest.fixture
def load(path):
    """Writes text or bytes to a file and loads it as a table."""

    def write_and_load(text, label="y", **options):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return datasets.load(f"csv:{path}", label=label, **options)

    return write_and_load


def european(row):
    amount = f"{float(row[0]):,.2f}".translate(str.maketrans(",.", ".,"))
    return (amount, *row[1:])


def gzipped(text):
    return gzip.compress(text.encode())


def wrapped(text):
    """Returns a text as a spreadsheet saves it that has not split its lines."""
    return "".join('"' + line.replace('"', '""') + '"\n' for line in text.splitlines())


def archived(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


def zipped(text, readme=""):
    beside = {"readme.txt": readme} if readme else {}
    return archived({"0.csv": text, "__MACOSX/._0.csv": "of the file system", **beside})


VARIATIONS = {
    "tabs": table(delimiter="\t"),
    "bars": table(delimiter="|"),
    "blanks": table(delimiter=" "),
    "many blanks": "".join(f"  {'   '.join(row)} \n" for row in (NAMES, *ROWS)),
    "semicolons and decimal commas": table(
        [(r[0].replace(".", ","), *r[1:]) for r in ROWS], delimiter=";"
    ),
    "thousands dots": table([european(row) for row in ROWS], delimiter=";"),
    "thousands commas": table([(f'"{float(r[0]):,.2f}"', *r[1:]) for r in ROWS]),
    "currency": table([(f'"${float(r[0]):,.2f}"', *r[1:]) for r in ROWS]),
    "percent": table([(f"{r[0]} %", *r[1:]) for r in ROWS]),
    "units": table([(f"{r[0]} km/h", *r[1:]) for r in ROWS]),
    "mark of UTF-8": "\ufeff" + table(),
    "UTF-16": table(delimiter="\t").encode("utf-16"),
    "UTF-16 without a mark": table().encode("utf-16-le"),
    "gzip": gzipped(table()),
    "bzip2": bz2.compress(table().encode()),
    "xz": lzma.compress(table().encode()),
    "zip": zipped(table()),
    "lines of Windows": table().replace("\n", "\r\n"),
    "lines of old Macs": table().replace("\n", "\r"),
    "empty lines": table().replace("\n", "\n\n"),
    "comments": "# From the shop, 2019\n# all rights reserved\n" + table(),
    "titles": "Sales of the shop\n2019\n\n" + table(),
    "titles of Excel": "Sales of the shop;;;\n;;;\n" + table(delimiter=";"),
    "commented header": "#" + table(),
    "trailing delimiters": table().replace("\n", ",\n"),
    "trailing blank columns": table().replace("\n", ",,,\n"),
    "some trailing delimiters": table() + ",".join((*ROWS[0], "", "")) + "\n",
    "trailing blank rows": table() + ",,,\n" * 3,
    "index of pandas": "".join(
        f"{i - 1 if i else ''},{','.join(row)}\n" for i, row in enumerate((NAMES, *ROWS))
    ),
    "names of rows of R": "".join(
        f"{f'{i},' if i else ''}{','.join(r)}\n" for i, r in enumerate((NAMES, *ROWS))
    ),
    "quotes": "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in (NAMES, *ROWS)),
    "lines in quotes": wrapped(table([(r[0], r[1], f'"{r[2]}"', r[3]) for r in ROWS])),
    "lines in quotes below the header": ";".join(NAMES)
    + "\n"
    + wrapped(table(delimiter=";").partition("\n")[2]),
    "blanks after commas": table(delimiter=", "),
    "carets": table(delimiter="^"),
    "tildes": table(delimiter="~"),
    "colons": table(delimiter=":"),
    "double colons": table(delimiter="::"),
    "control characters": table(delimiter="\x01"),
    "single quotes": "".join(",".join(f"'{c}'" for c in row) + "\n" for row in (NAMES, *ROWS)),
    "ARFF": "% Of the shop\n@RELATION sales\n\n"
    + "".join(f"@attribute '{name}' {{0, 1}}\n" for name in NAMES)
    + "@Data\n"
    + table().partition("\n")[2],
    "headers that repeat": table() + table(()) * 4,
    "ARFF with both quotes": "@relation r\n@attribute 'amount' real\n@attribute count real\n"
    + "@attribute k {u, v}\n@attribute y {a, b}\n@data\n"
    + "".join(f"{r[0]},{r[1]},'{r[2]}',\"{r[3]}\"\n" for r in ROWS),
    "UTF-32 without a mark": table().encode("utf-32-be"),
    "NULs at the end": table() + "\0" * 5000,
    "NULs within": table().replace("v", "v\0\0\0"),
    "psql": " amount | count | k | y \n--------+-------+---+---\n"
    + "".join(f" {' | '.join(row)} \n" for row in ROWS)
    + "(30 rows)\n",
    "mysql": "+---+---+---+---+\n".join(
        ["", f"| {' | '.join(NAMES)} |\n", "".join(f"| {' | '.join(r)} |\n" for r in ROWS), ""]
    )
    + "30 rows in set (0.00 sec)\n",
    "Markdown": "".join(
        f"| {' | '.join(row)} |\n" for row in (NAMES, ("---", "--:", ":-:", "---"), *ROWS)
    ),
    "ARFF with comments": "@relation r\n"
    + "".join(f"@attribute {name} string\n" for name in NAMES)
    + "@data\n% the rows\n"
    + table().partition("\n")[2]
    + "% end, of the, table, file\n",
    "digits as texts of Excel": table([(f'"=""{r[0]}"""', f"'{r[1]}", *r[2:]) for r in ROWS]),
    "titles with the label's name": "Shop\ty\n\n" + table(delimiter="\t"),
    "exponents of Fortran": table([(f"{r[0]}D+00", *r[1:]) for r in ROWS]),
    "zip with an explanation": zipped(table(), readme="Sales of the shop"),
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_table_is_the_same_however_it_is_written(load, path, name):
    plain, data = load(table()), load(VARIATIONS[name])
    assert data.preprocessing.feature_names == plain.preprocessing.feature_names
    assert data.class_names == ("a", "b")
    if name != "some trailing delimiters":
        np.testing.assert_allclose(data.train.features, plain.train.features, atol=1e-6)
    examples = data.preprocessing.read(path)
    assert np.isfinite(examples.features).all()


def test_quote_that_ends_a_cell_is_none_that_starts_one(load):
    text = table(delimiter=";").replace(NAMES[1], f'"{NAMES[1]}\t"', 1)
    data = load("".join((text, *text.splitlines(keepends=True)[1:] * 20)))
    assert data.class_names == ("a", "b")
    assert data.preprocessing.columns[1].name == NAMES[1]


@pytest.mark.parametrize("quoted", [r'"say \"hi\", ok"', '"C:\\\\data\\\\"'])
def test_quote_may_be_escaped_by_a_backslash(load, quoted):
    rows = "".join(f"{i % 9}.5,{quoted},{'ab'[i % 2]}\n" for i in range(30))
    data = load("x,text,y\n" + rows)
    assert [column.name for column in data.report.columns] == ["x", "text", "y"]
    assert data.class_names == ("a", "b")


def test_texts_with_as_many_blanks_are_no_columns(path):
    path.write_text("text,y\n" + "".join(f"this is the text {i},a\n" for i in range(30)))
    assert table_files.read_header(path).names == ["text", "y"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('[{"x": 1, "y": "a"}]', "JSON"),
        ('{"x": 1}\n{"x": 2}\n', "JSON lines"),
        ("<!DOCTYPE html><table></table>", "HTML"),
        ("\n<?xml version='1.0'?>", "XML"),
    ],
)
def test_text_of_another_kind_is_refused_with_its_reader(load, text, kind):
    with pytest.raises(datasets.DataError, match=rf"received {kind}. .*pandas\.read_"):
        load(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "no line @data"),
        ("@data\n{0 1, 2 3}\n", "sparse ARFF.*the filter SparseToNonSparse"),
        (
            "@data\n1,2\n1,2, {0.5}\n",
            r"weights of rows.*sed -E '.*mine.csv > \S*mine_unweighted.arff$",
        ),
        ("@attribute bag relational\n@attribute u numeric\n@end bag\n@data\n", "relational"),
    ],
)
def test_arff_without_rows_of_cells_is_refused(load, data, message):
    with pytest.raises(datasets.DataError, match=message):
        load(f"@relation r\n@attribute y numeric\n{data}")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"label": "4"}, {"label": "y"}),
        ({"label": "-1"}, {"label": "y"}),
        ({"label": "Y"}, {"label": "y"}),
        ({"label": "y", "header": "no"}, {"header": "yes"}),
        ({"label": "-1", "header": "no"}, {"label": "4"}),
    ],
)
def test_label_that_is_meant_is_advised(load, options, advice):
    with pytest.raises(datasets.DataError) as caught:
        load(table(), **options)
    assert caught.value.advice == advice


def test_arff_names_may_hold_quotes_and_end_at_a_brace(load):
    header = "@relation r\n@attribute 'a\\'b' real\n@attribute y{u,v}\n@data\n"
    data = load(header + "1.5,u\n2.5,v\n?,u\n" * 10)
    assert data.preprocessing.feature_names == ("a'b", "a'b is missing")


def test_cells_of_arff_keep_the_other_quote_and_the_delimiter(load):
    header = "@relation r\n@attribute x {a,b}\n@attribute y {u,v}\n@data\n"
    data = load(header + "'it\\'s, a',u\n\"say 'b', c\",v\n" * 10)
    assert data.preprocessing.feature_names == ("x=it's, a", "x=say 'b', c")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_other_scripts_are_read_without_a_mark_of_byte_order(load, encoding):
    rows = "".join(f"{('дом', 'лес', '一')[i % 3]},{'ab'[i % 2]}\n" for i in range(30))
    data = load(f"имя,y\n{rows}".encode(encoding))
    assert data.preprocessing.feature_names == ("имя=дом", "имя=лес", "имя=一")


def test_ctrl_z_with_which_dos_ends_a_text_is_no_row(load):
    assert load(table() + "\x1a").report.rows == len(ROWS)


def test_characters_nul_are_told_and_bytes_that_are_no_text_refused(load, caplog):
    load(table().replace("v", "v\0\0", 1))
    assert "line 3 is the first with characters NUL, which are left out" in caplog.text
    for data in (b"\0" * 5000, bytes(range(256)) * 20):
        with pytest.raises(datasets.DataError, match="received other bytes"):
            load(data)


def test_columns_below_ruled_lines_start_where_these_do(load, caplog):
    """As Microsoft's and Oracle's clients print them: names may stand beside their numbers."""
    rows = "".join(
        f"{r[0]:>11} {('a big one', 'a')[i % 2]:<14} {r[3]}\n" for i, r in enumerate(ROWS)
    )
    rule = "----------- -------------- ----\n"
    data = load(f"amount      size           y\n{rule}{rows}\n(30 rows affected)\n")
    assert data.preprocessing.feature_names == ("amount", "size=a", "size=a big one")
    assert data.report.rows == 30
    assert "lines of dashes are left out" in caplog.text
    assert data.preprocessing.read(data.report.source).places[0].endswith("line 3")


@pytest.mark.parametrize(
    "lines",
    ["EUR,pieces,name,answer\n", "(EUR),,,\n", "How much?,How many?,Which?,Why?\na,b,c,d\n"],
)
def test_units_and_questions_below_the_names_are_left_out_and_told(load, caplog, lines):
    text = table([("NA" if i == 9 else r[0], *r[1:]) for i, r in enumerate(ROWS)])
    names, rest = ",".join(NAMES) + "\n", text.partition("\n")[2]
    plain, data = load(text), load(names + lines + rest)
    np.testing.assert_array_equal(data.train.features, plain.train.features)
    assert data.report.rows == 30
    told = lines.splitlines()[-1].strip(",").replace(",", ", ")
    assert f"below the names left out: {told}" in caplog.text
    assert load(names + lines + rest, "amount", task="regression").target
    caplog.clear()
    load(names + "none,n.d.,,a\n" + rest)  # Missing values.
    assert "below the names" not in caplog.text


@pytest.mark.parametrize("first", ["<0.5,new", "soon,red", "0.5*,new"])
def test_a_first_row_with_an_odd_cell_is_no_line_of_units(load, path, caplog, first):
    rows = "".join(f"{i % 19}.5,{('red', 'blue')[i % 2]}\n" for i in range(30))
    text = f"x,k,y\n{first},a\n" + rows.replace("red\n", "red,a\n").replace("blue\n", "blue,b\n")
    data = load(text)
    assert data.report.rows == 31
    assert "below the names" not in caplog.text
    assert len(data.preprocessing.read(path).features) == 31


def test_a_slip_that_repeats_leaves_numbers_with_a_unit_numbers(load):
    cells = [*(f"{n} kg" for n in range(28)), "soon", "soon"]
    data = load(table([(cell, "ab"[n % 2]) for n, cell in enumerate(cells)], ("x", "y")))
    assert data.preprocessing.feature_names == ("x", "x is missing")


def test_what_is_left_out_of_new_examples_is_told(load, path, caplog):
    fitted = load(table()).preprocessing
    caplog.clear()
    fitted.read(path)
    assert not caplog.text
    path.write_text("Sales\n" + table().replace("\n", "\nEUR,pieces,name,answer\n", 1))
    assert len(fitted.read(path).features) == len(ROWS)
    assert (
        "mine.csv:\n  - 1 line before the table left out\n  - 1 line below the names" in caplog.text
    )


def test_decimal_commas_between_commas_are_no_names_of_rows(load):
    rows = "".join(f"{i % 9},5{i % 7},{'uv'[i % 2]},{'ab'[i % 2]}\n" for i in range(30))
    with pytest.raises(datasets.DataError, match=r"3 names above 4 cells. .*decimal commas"):
        load("amount,k,y\n" + rows)


@pytest.mark.parametrize("marked", ["{}*", "{}[1]", "{} p", "{}\u2020", "~{}", "ca. {}"])
def test_numbers_with_marks_are_numbers_and_told(load, caplog, marked):
    rows = [(marked.format(r[0]) if i % 6 == 0 else r[0], *r[1:]) for i, r in enumerate(ROWS)]
    data = load(table(rows))
    assert data.preprocessing.columns[0].takes_limits
    assert "'amount': 5 cells are limits or have marks" in caplog.text
    caplog.clear()
    load(table([(marked.format(r[0]) if i < 20 else r[0], *r[1:]) for i, r in enumerate(ROWS)]))
    assert "limits" not in caplog.text


@pytest.mark.parametrize(
    ("codes", "advice"),
    [
        ((-9, -8), "missing_values=-9,-8"),
        ((77, 88, 99), "missing_values=77,88,99"),
        ((-999.25,), "missing_values=-999.25"),
        ((9999,), "missing_values=9999"),
        ((11,), ""),
        ((6,), ""),
    ],
)
def test_codes_for_missing_answers_are_told(load, caplog, codes, advice):
    rows = [
        (r[0], str(codes[i // 4 % len(codes)] if i % 4 == 0 else i % 5), *r[2:])
        for i, r in enumerate(ROWS)
    ]
    load(table(rows))
    assert advice in caplog.text
    assert ("unlike all others" in caplog.text) == bool(advice)


def test_numpys_header_names_columns_between_blanks(load):
    rows = "1.5e+00 0.5e+00 u\n2.5e+00 1.5e+00 v\n" * 10
    assert load("# a b y\n" + rows).preprocessing.feature_names == ("a", "b")


def test_what_is_not_seen_is_no_part_of_a_name(load):
    data = load("\ufeff\u200bx,\ufeffy\n" + "1.5,a\u200b\n2.5,b\n3.5,a\n" * 10)
    assert (data.preprocessing.feature_names, data.class_names) == (("x",), ("a", "b"))


def test_texts_in_a_quantity_can_be_left_out_by_a_flag(load):
    text = "x,y\n" + "".join(f"{i % 7},{i * 1.5}\n" for i in range(60)) + "3,not sold\n"
    with pytest.raises(datasets.DataError, match=r"with `missing_values=not sold`, or take"):
        load(text)
    assert load(text, missing_values=("not sold",)).target


def test_class_may_be_called_like_its_column(load):
    data = load("x,kind\n" + "1,kind\n2,other\n3,kind\n4,other\n" * 10, label="kind")
    assert data.class_names == ("kind", "other")


def test_header_may_name_one_column_beside_the_index(path):
    path.write_text('"","x"\n"1",5.2\n"2",6.5\n')
    assert [row["column"] for row in datasets.describe(f"csv:{path}").rows] == ["Unnamed: 0", "x"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("comments", "2 lines before the table left out"),
        ("titles", "2 lines before the table left out"),
        ("UTF-16", "read as UTF-16 text"),
        ("bars", "cells are separated by |"),
        ("blanks", "cells are separated by blanks"),
        ("index of pandas", "the first column has no name and differs in all rows: left out"),
        ("lines in quotes", "every line stood in quotes, which are left out"),
        ("trailing blank rows", "3 rows are left out, without a label"),
    ],
)
def test_what_was_found_is_told(load, caplog, name, told):
    load(VARIATIONS[name])
    assert told in caplog.text


@pytest.mark.parametrize(
    ("encoding", "text", "told"),
    [("cp1252", "caf\u00e9 \u20ac", "Windows-1252"), ("latin-1", "caf\u0081\u00e9", "Latin-1")],
)
def test_older_encodings_are_found_wherever_they_show_and_told(load, caplog, encoding, text, told):
    for rows in (ROWS, ROWS * 2000):  # In what is looked at first, or far below.
        last = table([*rows, ("1", "2", text, "a")] + [("1", "2", text, "b")] * 3)
        data = load(last.encode(encoding))
        assert text in data.preprocessing.columns[2].categories
        assert told in caplog.text
        caplog.clear()


def test_file_without_a_header(load, path):
    rows = table().partition("\n")[2]
    for label in ("a", "4", "y"):
        with pytest.raises(datasets.DataError, match=r"looks like data .*`header=no`"):
            load(rows, label=label)
    with pytest.raises(datasets.DataError, match=r"`header=no`, .* and `label=4`"):
        load(rows, label="a")
    data = load(rows, label="4", header="no")
    assert data.preprocessing.feature_names[:2] == ("1", "2")
    examples = data.preprocessing.read(path)
    assert len(examples.labels) == len(ROWS)


def test_names_that_are_taken_for_a_row_are_told(load, caplog):
    load(table(), label="4", header="no")
    assert "remove it, or train without `header=no`" in caplog.text
    caplog.clear()
    load(table().partition("\n")[2], label="4", header="no")
    assert "header" not in caplog.text


def test_names_that_are_numbers_are_names_where_the_label_is_among_them(load):
    years = table(names=("2019", "2020", "k", "y"))
    assert load(years).preprocessing.feature_names[0] == "2019"


def test_missing_values_are_known_and_more_can_be_named(load):
    written = ["None", "#N/A", "<NA>", "-", ".", "NULL", "nan", "?", "", "  ", "n/a", "N/A"]
    rows = [(cell, *ROWS[0][1:]) for cell in written] + ROWS * 2
    assert load(table(rows)).report.columns[0].missing == len(written)
    rows = [("999", *ROWS[0][1:]), ("oops", *ROWS[0][1:]), *ROWS]
    data = load(table(rows), missing_values=("999", "oops"))
    assert data.report.columns[0].missing == 2
    assert data.report.columns[0].odd == ()
    assert data.preprocessing.missing_values == ("999", "oops")


def test_none_is_a_category_among_texts(load):
    rows = [(a, n, ("None", "x")[i % 2], y) for i, (a, n, _, y) in enumerate(ROWS)]
    assert load(table(rows)).preprocessing.columns[2].categories == ("None", "x")


def test_texts_are_kept_as_they_are_written(load):
    rows = [(f"00{i % 3}", *row[1:]) for i, row in enumerate(ROWS)]
    column = load(table(rows), categorical=("amount",)).preprocessing.columns[0]
    assert column.categories == ("000", "001", "002")


def test_column_that_starts_as_numbers_may_become_texts(load):
    rows = [(("5", "many")[i > 400 and i % 2], *ROWS[i % 30][1:]) for i in range(900)]
    column = load(table(rows)).preprocessing.columns[0]
    assert column.categories == ("5", "many")


def test_bomb_is_refused_before_it_fills_the_memory(load, monkeypatch):
    bomb = table() + "1,2,u,a\n" * 1_000_000
    monkeypatch.setattr(machine, "available_bytes", lambda: 16 << 20)
    for packed in (gzipped(bomb), zipped(bomb)):
        assert len(packed) < 50_000
        with pytest.raises(datasets.DataError, match="half of the free memory"):
            load(packed)


def test_archive_holds_one_table(load, caplog):
    load(archived({"adult.data": table(), "adult.test": "x", "adult.names": "x", "a.pdf": "x"}))
    assert "adult.data of the archive is read, adult.test is not" in caplog.text
    caplog.clear()
    load(archived({"train.csv": table(), "test.csv": "x", "sample_submission.csv": "x"}))
    assert (
        "train.csv of the archive is read, test.csv, sample_submission.csv are not" in caplog.text
    )
    caplog.clear()
    load(archived({"a/b.txt": table(), "a/README.txt": "x", "a/.DS_Store": "x"}))
    assert "archive" not in caplog.text


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"0.csv": table(), "1.csv": table(), "readme.md": ""},
            r"2 files: 0.csv, 1.csv. Name one of them, such as \S*mine.csv/0.csv\.$",
        ),
        ({"cat/0.png": b"x", "cat/1.png": b"x"}, "2 files: cat/0.png, cat/1.png. Unpack it"),
        ({"a.xlsx": b"PK\x03\x04"}, "received a.xlsx, which is a workbook or packed once more"),
        ({"a.csv.gz": gzipped(table())}, "received a.csv.gz, which is a workbook or packed"),
    ],
)
def test_archive_without_a_table_that_is_clear_is_refused(load, files, message):
    with pytest.raises(datasets.DataError, match=message):
        load(archived(files))


def test_zeros_before_numbers_are_told(load, caplog):
    rows = "".join(f"{i % 9:05},{i % 7:03},{'ab'[i % 2]}\n" for i in range(40))
    assert load(f"zip,room,y\n{rows}").preprocessing.feature_names == ("zip", "room")
    assert "begin with 0: 'zip' 00000: if they are codes, `categorical=zip` keeps" in caplog.text
    caplog.clear()
    data = load(f"zip,room,y\n{rows}", categorical=["zip"])
    assert data.preprocessing.feature_names[1] == "zip=00001"
    assert "begin with 0" not in caplog.text


@pytest.mark.parametrize(
    ("name", "numbers", "told"),
    [
        ("Zip", (98101, 98102, 98103), True),
        ("region_code", (0, 2, 3), True),
        ("sex_code", (1, 2), False),
        ("code", (0.5, 1, 2), False),
        ("encoded", (1, 2, 3), False),
    ],
)
def test_numbers_that_are_codes_by_their_name_are_told(load, caplog, name, numbers, told):
    rows = [(f"{numbers[i % len(numbers)]}", *row[1:]) for i, row in enumerate(ROWS)]
    load(table(rows, (name, *NAMES[1:])))
    advice = f"called codes: '{name}' {numbers[0]}: if they are codes, `categorical={name}` keeps"
    assert (advice in caplog.text) == told
    caplog.clear()
    load(table(rows, (name, *NAMES[1:])), categorical=(name,))
    assert "called codes" not in caplog.text


def test_a_table_in_an_archive_may_be_named(load, path):
    plain = load(table())
    path.write_bytes(archived({"in/a b.csv": table(), "1.csv": "x\n1\n", "2.csv.gz": gzipped("")}))
    data = datasets.load(f"csv:{path}/in/a b.csv", label="y")
    np.testing.assert_array_equal(data.train.features, plain.train.features)
    examples = data.preprocessing.read(path / "in/a b.csv")
    assert examples.places[0] == f"{path}/in/a b.csv, line 2"
    for name in ("in", "0.csv", "1.csv/x"):
        with pytest.raises(datasets.DataError, match=r"which holds in/a b.csv, 1.csv, 2.csv.gz"):
            datasets.check(f"csv:{path}/{name}", label="y")
    with pytest.raises(datasets.DataError, match=r"2.csv.gz, which is a workbook or packed once"):
        datasets.check(f"csv:{path}/2.csv.gz", label="y")


def test_several_tables_in_an_archive_end_in_a_command(load):
    with pytest.raises(datasets.DataError) as error:
        load(archived({"a.csv": table(), "b.csv": table()}))
    assert error.value.advice["dataset"].endswith("mine.csv/a.csv")


@pytest.mark.parametrize(
    "data",
    [
        gzipped(table())[:-20],
        lzma.compress(table().encode())[:-20],
        zipped(table())[:-30],
        b"\x1f\x8b oops",
    ],
)
def test_damaged_archive_is_refused(load, data):
    with pytest.raises(datasets.DataError, match=r"mine.csv: .*(compressed|file to read)"):
        load(data)


def test_endless_first_line_is_refused(load, monkeypatch):
    monkeypatch.setattr(text_files, "MAX_LINE", 3 << 20)
    with pytest.raises(datasets.DataError, match="first line of at most 3 MiB"):
        load(b"x" * (5 << 20))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused(path, make):
    make(path)
    received = {os.mkfifo: "something else", os.mkdir: r"a folder. Name a file in it"}[make]
    with pytest.raises(datasets.DataError, match=f"received {received}"):
        datasets.load(f"csv:{path}", label="y")


@pytest.mark.parametrize("name", ["*.csv", "a.csv,b.csv"])
def test_several_files_are_told_to_be_joined(tmp_path, name):
    with pytest.raises(datasets.DataError, match=r"no such file. One file is read: join several"):
        datasets.load(f"csv:{tmp_path / name}", label="y")


CELLS = st.text("ab\u00e9 ,;\t|\"'\n#", max_size=8).map(str.strip)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(CELLS, st.integers(-999, 999), st.sampled_from("ab")), min_size=20),
    st.sampled_from(",;\t|"),
)
def test_any_texts_come_back_from_a_quoted_file(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([("text", "number", "y"), *rows])
    read = table_files.read(path, expected=("y",), texts=("text", "y"))
    assert len(read) == len(rows)
    column = read.columns["text"]
    # What is missing is no text.
    assert [str(cell).strip() if cell == cell else "" for cell in column] == [r[0] for r in rows]
    np.testing.assert_array_equal(read.columns["number"], [row[1] for row in rows])


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_a_table_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode())
    try:
        read = table_files.read(path)
    except datasets.DataError:
        return
    assert csv_dialect.find(path, header=True).names
    assert read.place(len(read) - 1)


def test_a_name_of_a_column_that_is_endless_is_told_by_its_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"x,{'n' * 20_000},label\n" + "1,2,a\n3,4,b\n" * 9)
    with pytest.raises(datasets.DataError, match=r"a\.csv.*column 2 has 20,000\. Shorten") as error:
        table_files.read_header(path)
    assert len(str(error.value)) < 400


def test_few_rows_with_cells_too_many_are_left_out_and_told(load, path, caplog):
    rows = [*ROWS, *ROWS]
    rows[40] = ("5", "1, or 2", "3", "u", "a")
    text = "\n".join(",".join(row) for row in (NAMES, *rows))
    data = load(text)
    assert data.report.rows == 59
    assert "1 row has more than 4 cells (line 42 is the first): left out" in caplog.text
    assert data.report.columns[0].kind == "number"
    with pytest.raises(datasets.DataError, match=r"line 42: expected 4 cells.* received 6"):
        data.preprocessing.read(path)  # A prediction has all rows.


def test_years_may_name_columns(path):
    names = ["country", *map(str, range(1960, 1970))]
    rows = [(f"c{i}", *(f"{i + j / 8}" for j in range(10))) for i in range(20)]
    path.write_text(table(rows, names))
    assert [row["column"] for row in datasets.describe(f"csv:{path}").rows] == names
    path.write_text(table(rows, ["country", *map(str, range(1960, 1980, 2))]))
    with pytest.raises(datasets.DataError, match="looks like data"):
        datasets.describe(f"csv:{path}")


@pytest.mark.parametrize("types", ["c\td\td", "continuous\td\tu v"])
def test_types_and_roles_of_oranges_tables_are_no_rows(load, caplog, types):
    rows = "".join(f"{i % 7}\t{'ab'[i % 2]}\t{'uv'[i // 3 % 2]}\n" for i in range(30))
    for label in ("y", "k"):  # All three lines are above texts, or one of them is.
        data = load(f"x\tk\ty\n{types}\n\t\tclass\n{rows}", label=label)
        assert (data.report.rows, data.report.label.rare) == (30, {})
    assert "2 lines below the names left out" in caplog.text


@pytest.mark.parametrize("new", [",1,a\n", "u,1,a\nv,2,b\n"])
def test_column_without_a_name_is_found_in_few_new_rows_too(load, path, new):
    fitted = load(",x,y\n" + "u,1,a\nv,2,b\nw,4,a\n" * 9, label="y").preprocessing
    assert fitted.feature_names[0] == "Unnamed: 0=u"
    path.write_text(f",x,y\n{new}")  # The column is empty, or looks like an index.
    assert len(fitted.read(path).features) == new.count("\n")


@pytest.mark.parametrize("index", [[*"abcde"], [0, 1, 2, 3, 4], [1950, 1952.5, 1955, 1957, 1960]])
def test_numbers_name_columns_beside_an_index_without_a_name(path, index):
    path.write_text(",0,2.5\n" + "".join(f"{row},{i % 3},0\n" for i, row in enumerate(index)))
    assert [row["column"] for row in datasets.describe(f"csv:{path}").rows][-2:] == ["0", "2.5"]
    path.write_text(",0,2.5\n3,1,2\n2,2,3\n4,3,1\n")  # The first value is missing.
    with pytest.raises(datasets.DataError, match="looks like data"):
        datasets.describe(f"csv:{path}")


def test_names_that_repeat_are_names_above_numbers(path):
    path.write_text("year,mean,anomaly,mean,anomaly\n" + "1950,23,1,27,2\n1951,24,2,26,1\n" * 9)
    found = datasets.describe(f"csv:{path}")
    assert [row["column"] for row in found.rows][3:] == ["mean.1", "anomaly.1"]
    path.write_text("u,v,u\n" * 20)
    with pytest.raises(datasets.DataError, match="looks like data"):
        datasets.describe(f"csv:{path}")


def test_number_that_may_stand_for_a_missing_one_is_told_with_the_flag_that_says_so(load, caplog):
    rows = [("-999" if i % 5 == 0 else f"{i}.5", *row[1:]) for i, row in enumerate(ROWS * 2)]
    load(table(rows))
    assert "unlike all others: 'amount' -999 (12 cells)" in caplog.text
    assert "`missing_values=-999`" in caplog.text
    caplog.clear()
    assert load(table(rows), missing_values=("-999",)).report.columns[0].missing == 12
    load(table([(f"{i % 100}", *row[1:]) for i, row in enumerate(ROWS * 4)]))  # A percentage.
    assert "unlike all others" not in caplog.text


@pytest.mark.parametrize("others", [("-9.07", "-8.5", "3.1"), ("-9", "-8", "-7", "-6", "5")])
def test_number_for_a_missing_one_is_told_beside_others_below_0(load, caplog, others):
    cells = [others[i % len(others)] for i in range(2 * len(ROWS))]
    rows = [("-999" if i % 7 == 0 else cells[i], *row[1:]) for i, row in enumerate(ROWS * 2)]
    load(table(rows))
    assert "unlike all others: 'amount' -999" in caplog.text


def test_only_number_below_0_is_told_unless_it_is_a_class(load, caplog):
    rows = [("-1" if i % 3 else f"{7 * i}", *row[1:]) for i, row in enumerate(ROWS * 2)]
    load(table(rows))
    assert "unlike all others: 'amount' -1 (40 cells)" in caplog.text
    caplog.clear()
    load(table([(*row[:3], "-1" if row[3] == "a" else "1") for row in rows]))
    assert "unlike all others" not in caplog.text


def test_many_repeated_names_are_told_in_one_line(load, caplog):
    load("y" + ",x" * 9 + "\n" + "".join("ab"[i % 2] + f",{i % 7}" * 9 + "\n" for i in range(30)))
    assert "a second column 'x' is called 'x.1', and 7 more likewise" in caplog.text


def test_number_for_a_label_may_mean_that_there_is_no_header(load):
    with pytest.raises(datasets.DataError, match=r"one of data, give `header=no`; else.*'text'"):
        load("ham,text\n" + "spam,u v\nham,w\n" * 9, label="2")


def test_part_of_a_date_that_is_a_column_already_is_not_made_again(load):
    rows = [(f"2019-{1 + i % 12:02}-0{1 + i % 9}", f"{i % 12}", *ROWS[i][2:]) for i in range(30)]
    data = load(table(rows, ("sold", "sold: month", *NAMES[2:])))
    assert data.preprocessing.feature_names.count("sold: month") == 1


def test_column_of_endless_texts_is_left_out(load):
    rows = [("uv"[i % 2] * 20_000, *row[1:]) for i, row in enumerate(ROWS)]
    assert load(table(rows)).report.columns[0].reason == "texts"


def test_text_of_utf_16_without_its_mark_is_known(load):
    assert load(table().encode("utf-16-be")).class_names == ("a", "b")


def test_a_full_stop_at_the_end_of_a_class_is_none_of_its_name(load):
    rows = [(*row[:3], row[3] + "." * (i > 20)) for i, row in enumerate(ROWS)]
    data = load(table(rows))
    assert data.class_names == ("a", "b")


def test_rows_of_several_lines_are_refused(load):
    rows = "".join(f" {n} 2.5 {n % 3} {n % 7} 5\n   {n % 5} {'ab'[n % 2]}\n" for n in range(30))
    with pytest.raises(datasets.DataError, match=r"lines of 5, and 30 of 2\. If a row"):
        load(f" The prose of StatLib\n in lines of its own\n\n{rows}", label="3", header="no")
    ragged = "".join(f"{n} {'ab'[n % 2]}{' x' * (n % 3 > 0)}\n" for n in range(30))
    assert load(ragged, label="2", header="no").num_classes == 2


def test_comments_between_the_rows_are_left_out_and_told(load, path, caplog):
    rows = table().splitlines(keepends=True)
    comments = [f"# batch {n}\n" for n in range(5)]
    every = [line for n, row in enumerate(rows) for line in (row, *comments[n : n + 1])]
    data = load("".join(every))
    assert "5 lines are comments: left out" in caplog.text
    np.testing.assert_array_equal(data.train.features, load(table()).train.features)
    path.write_text("".join(every))
    assert len(data.preprocessing.read(path).features) == len(ROWS)
    tagged = [(f"#{n % 3}", *row[1:]) for n, row in enumerate(ROWS)]
    assert load(table(tagged)).report.rows == len(ROWS)
