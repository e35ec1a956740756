import io
import pathlib
import zipfile

import numpy as np
import pandas as pd
import pytest

from tfcourse import datasets
from tfcourse.datasets import other_formats

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
        (saved(lambda f: FRAME.to_stata(f)), "a file of Stata", "read_stata(...)"),
        (saved(lambda f: FRAME.to_stata(f, version=118)), "a file of Stata", "read_stata"),
        (saved(lambda f: FRAME.to_feather(f)), "a file of Feather", "read_feather(...)"),
        (saved(lambda f: FRAME.to_pickle(f)), "a pickle, which may run code", "where it was made"),
        (saved(lambda f: np.save(f, np.ones(3))), "an array", "numpy.savez"),
        (b"$FL2@(#) SPSS DATA FILE", "a file of SPSS", "read_spss(...)"),
        (b"SQLite format 3\0" + bytes(90), "a file of SQLite", "read_sql("),
        (b"-- dump\nCREATE TABLE t (x int);\n", "statements of SQL", "export the table as CSV"),
        (b'[[1, "a"], [2, "b"]]', "JSON", "read_json(...)"),
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
        (b'{"x": 1, "y": "a"}\n{"x": 2}\n', "JSON lines", "read_json(..., lines=True)"),
        (b'[{"x": 1, "y": "a"}]', "JSON.", "read_json(...)"),
        (b"+1 1:0.5 3:2 9:1\n-1 2:1\n", "LIBSVM's sparse rows", "load_svmlight_file"),
    ],
)
def test_other_formats_are_named_with_what_reads_them(tmp_path, content, received, mend):
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(datasets.DataError, match="expected a table as text") as error:
        datasets.check(f"csv:{path}", label="y")
    assert f"received {received}" in str(error.value) or received in str(error.value)
    assert mend in str(error.value)


@pytest.mark.parametrize("text", ["1 12:30\n2 12:31\n", "ORCID,y\n1,a\n", "GIF8,y\n", "x\n{\n{"])
def test_texts_that_only_begin_alike_are_tables(text):
    other_formats.check_bytes(pathlib.Path("mine"), text.encode())
    other_formats.check_text(pathlib.Path("mine"), text)
