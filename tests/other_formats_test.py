import io
import pathlib

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
