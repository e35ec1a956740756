"""Tables in zip archives: the only one, or the one that a path names, data.zip/train.csv."""

import pathlib
import re
import shlex
import zipfile
from collections.abc import Iterator, Sequence

from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import other_formats

_TABLES = (".csv", ".tsv", ".tab", ".data", ".arff")  # Suffixes that readme files do not have.
_TEXTS = (*_TABLES, ".txt", ".dat", "")
# Names of files that describe a table, or show it.
_BESIDE = re.compile(
    r"(readme|licen[cs]e|index|about|description|data_?dictionary)\b.*|"
    r".*\.(md|rst|pdf|rtf|html?|docx?|names|info|json|png|jpe?g)",
    re.IGNORECASE,
)
_TRAINING = re.compile(r"(.*[_\W])?train(ing)?([_\W].*)?", re.IGNORECASE)
# First bytes of members that are no text: archives and workbooks, gzip, bzip2, xz, Parquet, .xls.
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PAR1", b"\xd0\xcf\x11\xe0")


def file_of(path: pathlib.Path) -> pathlib.Path:
    """Returns the file that is read for a path: the archive for data.zip/train.csv."""
    return path if path.exists() else _archive(path) or path


def holds(path: pathlib.Path) -> bool:
    """Returns whether a path names a file in an archive."""
    archive = None if path.exists() else _archive(path)
    if archive is None:
        return False
    with zipfile.ZipFile(archive) as opened:
        return _named(path, archive, opened) is not None


def _archive(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the zip archive that a path leads into, or `None`."""
    file = next((parent for parent in path.parents if parent.is_file()), None)
    try:
        with zipfile.ZipFile(file or path):
            return file
    except (OSError, zipfile.BadZipFile):
        return None


def _named(
    path: pathlib.Path, archive: pathlib.Path, opened: zipfile.ZipFile
) -> zipfile.ZipInfo | None:
    """Returns the member of an archive that a path names, or `None`."""
    wanted = pathlib.PurePosixPath(path.relative_to(archive).as_posix())
    files = (member for member in opened.infolist() if not member.is_dir())
    return next((each for each in files if pathlib.PurePosixPath(each.filename) == wanted), None)


def check_no_member(path: pathlib.Path, kind: str) -> None:
    """Raises `DataError` if a path that does not exist leads into an archive.

    Args:
        path: a path that is not a regular file.
        kind: what is expected there, for the message.
    """
    archive = None if path.exists() else _archive(path)
    if archive is None:
        return
    with zipfile.ZipFile(archive) as opened:
        members, _ = _members(opened)
    mend = f"{_unpack(archive)}, or name one of its tables."
    if any(member.filename == "xl/workbook.xml" for member in members):
        mend = "Name the workbook alone: its first sheet with the label's column is read."
    raise DataError(
        f"{path}: expected {kind}; received a name in the archive {archive}, which holds "
        f"{_names(members)}. {mend}"
    )


def _unpack(path: pathlib.Path) -> str:
    command = shlex.join(["python", "-m", "zipfile", "-e", str(path), str(path.with_suffix(""))])
    return f"Unpack it ({command})"


def table_in(path: pathlib.Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Returns the table in an archive, open already, that `path` is or leads into.

    Raises:
        DataError: there are several, or the table is packed once more.
    """
    other_formats.check_archive(path, archive.namelist())
    file = file_of(path)
    member = (file != path and _named(path, file, archive)) or _only(path, archive)
    with archive.open(member) as opened:
        start = opened.read(8)
    if start.startswith(_PACKED):
        raise DataError(
            f"{path}: expected a table as text in the archive; received {_names([member])}, which "
            f"is a workbook or packed once more. {_unpack(file)}, and name that file."
        )
    return member


def _only(path: pathlib.Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members, tables = _members(archive)
    if len(tables) == 1:
        return tables[0]
    found = tables or members
    received = f"{path}: expected one table in the archive; received {len(found)} files"
    if found and all(_suffix(member) in _TEXTS for member in found):
        first = f"{path}/{found[0].filename}"
        raise DataError(
            f"{received}: {_names(found)}. Name one of them, such as {shlex.quote(first)}.",
            advice={"dataset": f"csv:{first}"},
        )
    raise DataError(f"{received}: {_names(found)}. {_unpack(path)}, and name one of them.")


def _members(archive: zipfile.ZipFile) -> tuple[list[zipfile.ZipInfo], list[zipfile.ZipInfo]]:
    """Returns the files of an archive, and those of them that may be the table: one, if clear."""
    paths = {member: pathlib.PurePosixPath(member.filename) for member in archive.infolist()}
    members = [
        member
        for member, path in paths.items()
        if not member.is_dir() and not path.name.startswith(".") and path.parts[0] != "__MACOSX"
    ]
    members = [m for m in members if not _BESIDE.fullmatch(paths[m].name)] or members
    tables = [m for m in members if _suffix(m) in _TABLES] or members
    training = [m for m in tables if _TRAINING.fullmatch(paths[m].stem)]  # As Kaggle packs them.
    return members, training if len(training) == 1 else tables


def _names(members: Sequence[zipfile.ZipInfo]) -> str:
    more = f" and {len(members) - 5} more" if len(members) > 5 else ""
    return ", ".join(member.filename[:80] for member in members[:5]) + more


def _suffix(member: zipfile.ZipInfo) -> str:
    return pathlib.PurePosixPath(member.filename).suffix.lower()


def beside(path: pathlib.Path) -> Iterator[str]:
    """Yields a note on an archive of several files: which one is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            members, tables = _members(archive)
    except (OSError, zipfile.BadZipFile):  # Not an archive.
        return
    others = [member for member in members if member not in tables] if len(tables) == 1 else []
    if others:
        are = "are" if len(others) > 1 else "is"
        yield f"{_names(tables)} of the archive is read, {_names(others)} {are} not"
