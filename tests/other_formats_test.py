import io
import pathlib
import shlex
import zipfile

import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets
from tfcourse.datasets.table_files import other_formats

FRAME = pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})


def saved(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def archive(file, name):
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, "x")


@pytest.mark.parametrize(
    ("content", "received", "mend"),
    [
        (saved(lambda f: FRAME.to_stata(f)), "a file of Stata", "pandas.read_stata('"),
        (saved(lambda f: FRAME.to_stata(f, version=118)), "a file of Stata", "read_stata"),
        (saved(lambda f: FRAME.to_feather(f)), "a file of Feather", "pandas.read_feather('"),
        (saved(lambda f: FRAME.to_pickle(f)), "a pickle, which may run code", "where it was made"),
        (saved(lambda f: np.save(f, np.ones(3))), "an array", "numpy.savez"),
        (b"$FL2@(#) SPSS DATA FILE", "a file of SPSS", "pandas.read_spss('"),
        (b"SQLite format 3\0" + bytes(90), "a file of SQLite", "read_sql("),
        (b"-- dump\nCREATE TABLE t (x int);\n", "statements of SQL", "export the table as CSV"),
        (b'[[1, "a"], [2, "b"]]', "JSON", "pandas.read_json('"),
        (b"<!-- saved -->\n<html>", "HTML", "read_html"),
        (b"{\\rtf1\\ansi x}", "formatted text", "plain text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
        (
            saved(lambda f: archive(f, "content.xml")),
            "a document of LibreOffice",
            "as .xlsx or CSV",
        ),
        (saved(lambda f: archive(f, "xl/workbook.bin")), "a binary workbook", "as .xlsx or CSV"),
        (saved(lambda f: archive(f, "word/document.xml")), "a document of Word", "a spreadsheet"),
        (saved(lambda f: archive(f, "Index/Document.iwa")), "Apple's Numbers", "as CSV or Excel"),
        (b"7z\xbc\xaf\x27\x1c", "compressed in another way", "Unpack it"),
        (b'{"x": 1, "y": "a"}\n{"x": 2}\n', "JSON lines", "lines=True).to_csv('"),
        (b'[{"x": 1, "y": "a"}]', "JSON.", "pandas.read_json('"),
        (b"+1 1:0.5 3:2 9:1\n-1 2:1\n", "LIBSVM's sparse rows", "load_svmlight_file"),
        (b"-1 1:1.6 2:-0.9 \n1 1:2 2:1\n", "LIBSVM's sparse rows", "load_svmlight_file"),
        (b"# a\n1.0 3:2 \t 11:5.2 16:1 # b\n2 6:1\n3\n", "LIBSVM's sparse", "load_svmlight"),
        (b"#About it\n@problemName GunPoint\n@data\n1,2:3\n", "the format .ts", "numpy.savez"),
    ],
)
def test_other_formats_are_named_with_what_reads_them(tmp_path, content, received, mend):
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(datasets.DataError, match="expected a table as text") as error:
        datasets.check(f"csv:{path}", label="y")
    assert f"received {received}" in str(error.value) or received in str(error.value)
    assert mend in str(error.value)


@pytest.mark.parametrize("name", ["mine.json", "mine.csv", "it's mine"])
@pytest.mark.parametrize(
    "kind",
    [
        "JSON",
        "JSON by column",
        "JSON by row",
        "JSON split",
        "JSON table",
        "JSON lines",
        "XML",
        "Stata",
        "LIBSVM",
    ],
)
def test_command_of_a_refusal_converts_the_file(tmp_path, name, kind):
    path, y = tmp_path / name, ["a", "b"] * 20
    frame = pd.DataFrame({"x": np.arange(40) % 7 + 0.5, "z": np.arange(40) % 3, "y": y})
    write = {
        "JSON": lambda: frame.to_json(path, orient="records"),
        "JSON by column": lambda: frame.to_json(path),
        "JSON by row": lambda: frame.to_json(path, orient="index"),
        "JSON split": lambda: frame.to_json(path, orient="split"),
        "JSON table": lambda: frame.to_json(path, orient="table", index=False),
        "JSON lines": lambda: frame.to_json(path, orient="records", lines=True),
        "XML": lambda: frame.to_xml(path, parser="etree", index=False),
        "Stata": lambda: frame.to_stata(path, write_index=False),
        "LIBSVM": lambda: path.write_text(
            "".join(f"{n % 2} 1:{n} 2:{n % 7}.5 3:1\n" for n in range(40))
        ),
    }
    write[kind]()
    with pytest.raises(datasets.DataError) as error:
        datasets.check(f"csv:{path}", label="y")
    told, _, command = str(error.value).partition(": python -c ")
    words = shlex.split(f"python -c {command}")
    exec(words[2], {})
    made = shlex.split(told.partition(" and give ")[2])[0]
    source = made if kind == "LIBSVM" else f"csv:{made}"
    reading = {} if kind == "LIBSVM" else {"label": "y"}
    data = datasets.load(source, **reading)
    assert sum(map(len, data.splits.values())) == 40
    assert data.num_classes == 2


@pytest.mark.parametrize(
    "text",
    [
        *("1 12:30\n2 12:31\n", "3 1:05.2 1:07.3\n4 1:06 1:08.1\n", "1 8:30 9:15\n2 8:31 9:12\n"),
        *("ORCID,y\n1,a\n", "GIF8,y\n", "x\n{\n{"),
    ],
)
def test_texts_that_only_begin_alike_are_tables(text):
    other_formats.check_bytes(pathlib.Path("mine"), text.encode())
    other_formats.check_text(pathlib.Path("mine"), text)
