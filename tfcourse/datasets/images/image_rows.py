"""Matches the rows of a table with the images in a folder."""

import collections
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images import image_layouts, image_paths
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.table_files import table_files
from tfcourse.datasets.tables import column_names, table_checks
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values import cells
from tfcourse.system import files

_SUFFIXES = (".csv", ".tsv", ".xlsx", ".xls", ".parquet")
_NAMES = ("labels", "metadata", "train")  # Preferred if there are several tables.


def find_table(folder: pathlib.Path, name: str | None = None) -> pathlib.Path | None:
    """Returns the table called `name`, or the table in a folder without class folders.

    Raises:
        DataError: there is no such table, or it is ambiguous.
    """
    if name is not None:
        given = files.expanded(name)
        for path in (folder / given, given):
            if path.is_file():
                return path
        raise DataError(
            f"{given}: expected a table with the labels of the images in {folder}; received no "
            "such file, there or here. Correct `labels`."
        )
    if not folder.is_dir():
        return None
    found, inside = tables(folder), image_paths.subfolders(folder)
    while not found and len(inside) == 1 and not image_paths.has_images(folder):
        folder = inside[0]  # Archives often unpack into a single folder.
        found, inside = tables(folder), image_paths.subfolders(folder)
    if image_layouts.may_have_classes(folder):
        return None
    found = [path for path in found if path.stem.lower() in _NAMES] or found
    if len(found) > 1:
        raise DataError(
            f"{folder}: expected one table with the labels of the images; received "
            f"{', '.join(path.name for path in found[:10])}. Name it as `labels`.",
            advice={"labels": found[0].name},
        )
    return found[0] if found else None


def tables(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the tables in a folder that may hold the classes of its images, sorted by name."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES]
    # A template for results, as competitions give, has no classes.
    return [
        path
        for path in found
        if not image_paths.is_hidden(path.name) and "submission" not in path.stem.lower()
    ]


class Rows(NamedTuple):
    """The rows of a table that name an image."""

    table: Table
    column: str  # The column with the names.
    numbers: npt.NDArray[np.int64]
    images: list[pathlib.Path]  # One per row.
    notes: list[str]  # What is left out.

    def others(self) -> list[str]:
        """Returns the names of the other columns."""
        return [name for name in self.table.columns if name != self.column]

    def cells(self, name: str) -> list[Any]:
        """Returns the cells of the column `name`, `None` if missing."""
        found = cells.of(self.table.columns[name])
        return [found.values[code] if code >= 0 else None for code in found.codes[self.numbers]]

    def place(self, number: int) -> str:
        """Returns where a row is, for messages."""
        return self.table.place(int(self.numbers[number]))


def match(folder: pathlib.Path, path: pathlib.Path, reading: Reading) -> Rows:
    """Returns the rows that name images in `folder`, by the column with the most matches.

    Raises:
        DataError: there are no images, no column names them, or a cell may mean two images.
    """
    found = image_paths.walk(folder, folder)
    if not found.images:
        raise DataError(
            f"{folder}: expected images ({', '.join(image_paths.SUFFIXES)}); received "
            f"{found.described() or 'none'}. Correct the path, or convert them."
        )
    # Paths in a table may begin at its own folder, or at the given one.
    roots = [path.parent, folder] if path.is_relative_to(folder) else [folder]
    known = _Names(roots, found.images)
    has_header = reading.header == "yes"
    header = table_files.read_header(path, header=has_header)
    if has_header and (header.data or any(map(known.of, header.names))):
        raise table_checks.headerless(path, header.names, reading)
    # As texts: 0012 is the name of a file, not a number.
    table = table_files.read(path, header=has_header, texts=header.names)
    column = _column_of_images(table, known)
    named = cells.of(table.columns[column])
    by_value = [known.of(value) for value in named.values]
    rows = [row for row, code in enumerate(named.codes) if code >= 0 and by_value[code]]
    images = []
    for row in rows:
        candidates = by_value[named.codes[row]]
        if len(candidates) > 1:
            raise DataError(
                f"{table.place(row)}: expected the name of one image; received "
                f"{shown.quoted(named.values[named.codes[row]])}, which may be {candidates[0]} or "
                f"{candidates[1]}. Write its path in the folder, or give the folder of one of them."
            )
        images += candidates
    found.others -= collections.Counter([path.suffix.lower()])
    found.tell(folder)
    counts = {
        "rows left out without an image": len(table) - len(rows),
        "images left out without a row": len(found.images) - len(set(images)),
    }
    notes = [f"{what}: {count:,}" for what, count in counts.items() if count]
    return Rows(table, column, np.array(rows, np.int64), images, [*table.notes, *notes])


class _Names:
    """The images by the names that a table may use: path, name, or name without a suffix."""

    def __init__(self, roots: Sequence[pathlib.Path], images: Sequence[pathlib.Path]) -> None:
        self._images: dict[str, list[pathlib.Path]] = {}
        # The path of one image may be the bare name of others.
        forms = [(*(_below(path, root) for root in roots), path.name, path.stem) for path in images]
        for names in zip(*forms, strict=True):
            by_form: dict[str, list[pathlib.Path]] = {}
            for name, path in zip(names, images, strict=True):
                by_form.setdefault(name, []).append(path)
            self._images = by_form | self._images
        self._folded: dict[str, list[pathlib.Path]] = {}  # Windows and macOS ignore case.
        for name, paths in self._images.items():
            self._folded.setdefault(name.casefold(), []).extend(paths)

    def of(self, cell: object) -> list[pathlib.Path]:
        """Returns the images that a cell may mean, usually one."""
        text = cells.as_category(cell).replace("\\", "/").removeprefix("./")
        path = pathlib.PurePosixPath(text)
        found = self._images.get(text) or self._images.get(path.name, [])
        if found or path.suffix.lower() not in image_paths.SUFFIXES:
            return found
        # Images were converted, or names written in another case.
        folded = [self._folded.get(name.casefold(), []) for name in (text, path.name, path.stem)]
        return next((paths for paths in folded if len(paths) == 1), [])


def _below(path: pathlib.Path, root: pathlib.Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _column_of_images(table: Table, known: _Names) -> str:
    shares = {}
    for name, column in table.columns.items():
        values = cells.of(column).values
        shares[name] = sum(map(bool, map(known.of, values))) / max(len(values), 1)
    best = max(shares, key=shares.__getitem__)
    if not shares[best]:
        raise DataError(
            f"{table.source}: expected a column with the names of the images; received "
            f"{column_names.listed(list(table.columns))}, none of which has one. Correct the "
            "names, or the path of the folder."
        )
    return best
