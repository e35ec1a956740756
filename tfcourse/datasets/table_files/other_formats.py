"""Recognizes files that are not tables by their first bytes; the errors say how to convert them."""

import pathlib
import re
import shlex
from collections.abc import Iterable

from tfcourse.datasets.errors import DataError

_EXPECTED = "expected a table as text, Excel or Parquet"
# Beginnings of texts that are not tables, and how to read them.
_TEXTS = (
    (r"\{.*\}\s*\n\s*\{", "JSON lines", "read_json(..., lines=True)"),
    (
        r'\{\s*"columns"\s*:\s*\[[^\]]*\]\s*,\s*"(index|data)"',
        "JSON",
        "read_json(..., orient='split')",
    ),
    (r'\{\s*"schema"\s*:\s*\{\s*"fields"', "JSON", "read_json(..., orient='table')"),
    (r'\{\s*"\d+"\s*:\s*\{', "JSON", "read_json(..., orient='index')"),
    (r"\[?\s*\{\s*[\"}]|\[\s*\[", "JSON", "read_json(...)"),
    (r"<(!doctype|html|table|head|body|!--)", "HTML", "read_html(...)[0]"),
    (r"<\?xml", "XML", "read_xml(..., parser='etree')"),
)
_OTHER_TEXTS = (
    (
        r"(--[^\n]*\n|/\*.*?\*/;?|\s)*(insert into|create table|drop table|begin;|pragma|set )\b",
        "statements of SQL",
        "Run them in a database, and export the table as CSV",
    ),
    (r"\{\\rtf", "formatted text (RTF)", "Save it as plain text"),
    (
        r"(#[^\n]*\n|\s)*@problemname\b",
        "series in the format .ts",
        "Read it by aeon or sktime, and save x and y by numpy.savez, for npz:PATH",
    ),
    (
        r"version https://git-lfs",
        "a pointer of Git LFS, not the file itself",
        "git lfs pull downloads it",
    ),
)
# Members of archives that are documents.
_DOCUMENTS = (
    (r"xl/workbook\.bin", "a binary workbook of Excel (.xlsb)", "Save it as .xlsx or CSV"),
    (
        r"(?!xl/)(.*/)?workbook\.xml",  # Where openpyxl would not find the styles of dates.
        "a workbook of Excel whose parts have other names than usual",
        "Open it in a spreadsheet program, and save it as .xlsx or CSV",
    ),
    (
        r"word/document\.xml",
        "a document of Word",
        "Copy its table into a spreadsheet, and save that",
    ),
    (r"Index/.*\.iwa", "a document of Apple's Numbers", "Export it as CSV or Excel"),
    (r"content\.xml", "a document of LibreOffice (OpenDocument)", "Save it as .xlsx or CSV"),
)
_SPARSE = re.compile(r"[-+]?[\d.]+(,[\d.]+)*(\s+qid:\d+)?(\s+\d+:[-+.\deE]+)*\s*(#.*)?")
_PAIR = re.compile(r"(?<=\s)(\d+):([-+.\deE]+)")
# Beginnings of files that pandas can read.
_TABLES = (
    (rb"<stata_dta>|[\x66-\x73][\x01\x02]\x01\x00", "Stata", "read_stata(...)"),
    (rb"\$FL[23]@", "SPSS", "read_spss(...)"),
    (rb"\x00{12}\xc2\xea\x81\x60\xb3\x14", "SAS", "read_sas(..., format='sas7bdat')"),
    (rb"HEADER RECORD\*{7}", "SAS", "read_sas(..., format='xport')"),
    (rb"ARROW1\x00|FEA1\x00", "Feather", "read_feather(...)"),
    (rb"ORC[^ -~]", "ORC", "read_orc(...)"),
    (rb"\x89HDF\r\n", "HDF5", "read_hdf(...)"),
    (rb"SQLite format 3\x00", "SQLite", "read_sql('select * from NAME', sqlite3.connect(...))"),
)
_IMAGE = rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF(?s:.{4})WEBP"
_OTHERS = (
    (rb"RD[AX][23]\n|X\n\x00\x00\x00", "data of R", "Write it by R's write.csv"),
    (rb"MATLAB 5\.0", "data of MATLAB", "Write it by MATLAB's writetable"),
    (rb"\x80[\x02-\x05]", "a pickle, which may run code", "Save it as CSV where it was made"),
    (rb"\x93NUMPY", "an array", "Save x and y by numpy.savez, for npz:PATH"),
    (rb"%PDF-", "a PDF", "Copy its table into a spreadsheet, and save that"),
    (_IMAGE, "an image", "Folders of images are read as images:FOLDER"),
    (
        rb"7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|\x1f\x9d|\x04\x22\x4d\x18",
        "a file that is compressed in another way than by gzip, zip, bzip2 or xz",
        "Unpack it",
    ),
)
# Lines, and pairs per line; fewer may be times, 12:30, unless a value has a sign or a fraction.
_FEWEST_SPARSE, _FEWEST_PAIRS, _FEWEST_SURE = 2, 3, 2


def is_image(content: bytes) -> bool:
    """Returns whether bytes begin like those of an image."""
    return re.match(_IMAGE, content) is not None


def check_bytes(path: pathlib.Path, start: bytes) -> None:
    """Raises `DataError` if a file starts like a file of another program."""
    for beginning, name, mend in _TABLES:
        if re.match(beginning, start):
            raise _by_pandas(path, f"a file of {name}", mend)
    for beginning, kind, mend in _OTHERS:
        if re.match(beginning, start):
            raise DataError(f"{path}: {_EXPECTED}; received {kind}. {mend}.")
    if start[257:262] == b"ustar":
        raise DataError(f"{path}: {_EXPECTED}; received a tar archive. Unpack it: {_unpack(path)}")


def _unpack(path: pathlib.Path) -> str:
    return shlex.join(["tar", "-xf", str(path)])


def check_archive(path: pathlib.Path, names: Iterable[str]) -> None:
    """Raises `DataError` if an archive with members of these names is a document or arrays."""
    listed = list(names)
    if listed and all(name.endswith(".npy") for name in listed):
        given = shlex.quote(f"npz:{path}")
        raise DataError(f"{path}: {_EXPECTED}; received arrays. Give {given}, without `label`.")
    for member, kind, mend in _DOCUMENTS:
        if any(re.fullmatch(member, name) for name in listed):
            raise DataError(f"{path}: {_EXPECTED}; received {kind}. {mend}.")


def check_text(path: pathlib.Path, sample: str) -> None:
    """Raises `DataError` if a text starts like JSON, HTML, XML, SQL or LIBSVM."""
    start = sample.lstrip()
    for beginning, kind, mend in _TEXTS:
        if re.match(beginning, start, re.IGNORECASE):
            raise _by_pandas(path, kind, mend)
    for beginning, kind, mend in _OTHER_TEXTS:
        if re.match(beginning, start, re.IGNORECASE | re.DOTALL):
            raise DataError(f"{path}: {_EXPECTED}; received {kind}. {mend}.")
    if _is_sparse(start):
        made = _beside(path, ".npz")
        code = (
            "import numpy; from sklearn.datasets import load_svmlight_file as read; "
            f"x, y = read({str(path)!r}); numpy.savez({str(made)!r}, x=x.toarray(), y=y)"
        )
        raise DataError(
            f"{path}: {_EXPECTED}; received LIBSVM's sparse rows (label index:value ...). Convert "
            f"it to arrays, and give {shlex.quote(f'npz:{made}')}: {_python(code)}"
        )


def _is_sparse(start: str) -> bool:
    """Returns whether lines are a label and pairs index:value, with rising indices."""
    lines = [line for line in start.splitlines()[:20] if line.strip() and line[0] != "#"]
    if len(lines) < _FEWEST_SPARSE or not all(map(_SPARSE.fullmatch, lines)):
        return False
    pairs = [_PAIR.findall(line.partition("#")[0]) for line in lines]
    indices = [[int(index) for index, _ in found] for found in pairs]
    is_sure = any(re.search("[-.]", value) for found in pairs for _, value in found)
    most = max(map(len, pairs))
    return most >= (_FEWEST_SURE if is_sure else _FEWEST_PAIRS) and all(
        row == sorted(set(row)) for row in indices
    )


def _by_pandas(path: pathlib.Path, kind: str, read: str) -> DataError:
    """Returns the error for a file that a function of pandas reads, with the command for that."""
    made = _beside(path, ".csv")
    modules = "pandas, sqlite3" if "sqlite3" in read else "pandas"
    table = f"pandas.{read.replace('...', repr(str(path)))}"
    command = _python(f"import {modules}; {table}.to_csv({str(made)!r}, index=False)")
    return DataError(
        f"{path}: {_EXPECTED}; received {kind}. Convert it, and give {shlex.quote(str(made))}: "
        f"{command}"
    )


def _beside(path: pathlib.Path, suffix: str) -> pathlib.Path:
    """Returns the path of another file beside one."""
    made = path.with_suffix(suffix)
    return made if made != path else path.with_name(f"{path.stem}_converted{suffix}")


def _python(code: str) -> str:
    """Returns the command that runs Python code."""
    quoted = shlex.quote(code) if set(code) & set('"$`\\!') else f'"{code}"'
    return f"python -c {quoted}"
