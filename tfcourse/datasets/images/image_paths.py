"""Finds the images in a folder."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray
from tfcourse.datasets.values.cells import as_category
from tfcourse.system import misspelt

SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
_TABLES = (".csv", ".tsv", ".txt", ".data", ".xlsx", ".xls", ".parquet")
# Files that systems and programs leave in folders, besides names that begin with a dot.
_LEFTOVERS = {
    *("__macosx", "__pycache__", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"),
    *("system volume information", "lost+found"),
}


@dataclasses.dataclass
class Found:
    """The content of a folder and all its subfolders."""

    images: list[pathlib.Path] = dataclasses.field(default_factory=list)  # By their suffix.
    others: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    links: list[pathlib.Path] = dataclasses.field(default_factory=list)  # Out of the folder.
    loops: list[pathlib.Path] = dataclasses.field(default_factory=list)  # Links not followed.

    def add(self, other: "Found") -> None:
        """Adds the content of another folder."""
        self.images += other.images
        self.others += other.others
        self.links += other.links
        self.loops += other.loops

    def tell(self, root: pathlib.Path) -> None:
        """Warns about what is left out, and about links that lead out of `root`."""
        if self.others:
            logging.warning("%s: left out files that are not read: %s.", root, self.described())
        if self.links:
            logging.warning(
                "%s: links that lead out of the folder: %d, such as %s to %s; they are followed.",
                *(root, len(self.links), self.links[0], os.path.realpath(self.links[0])),
            )
        if self.loops:
            logging.warning(
                "%s: left out links to folders that are read already: %d, such as %s.",
                *(root, len(self.loops), self.loops[0]),
            )

    def described(self) -> str:
        """Returns the number of other files: "30 .heic, 2 .txt"."""
        return ", ".join(f"{count:,} {suffix}" for suffix, count in self.others.most_common(5))


def find(
    path: pathlib.Path, class_names: Sequence[str]
) -> tuple[list[pathlib.Path], IntArray | None]:
    """Returns `(paths, labels)` of an image, or of all images in a folder, sorted by name.

    The labels are `None` unless each image is in a folder named like a class.
    """
    if path.is_file():
        if path.suffix.lower() in _TABLES:
            raise DataError(
                f"{path}: expected an image or a folder of images, as the run was trained on; "
                "received a table. Give the folder of the images, which may hold the table."
            )
        return [path], None
    if not path.is_dir():
        received = "something else" if path.exists() else "no such file or folder"
        raise DataError(
            f"{path}: expected an image or a folder of images "
            f"({', '.join(SUFFIXES)}); received {received}."
            f"{misspelt.meant(path) or ' Correct the path.'}"
        )
    found = walk(path, path)
    if not found.images:
        raise DataError(
            f"{path}: expected images ({', '.join(SUFFIXES)}); received "
            f"{found.described() or 'none there'}. Correct the path, or convert them."
        )
    found.tell(path)
    paths = found.images
    numbers = {name: number for number, name in enumerate(class_names)}
    folded = {name.casefold(): number for name, number in numbers.items()}
    folders = [as_category(file.relative_to(path).parts[0]) for file in paths]
    if len(folded) == len(numbers):  # Cat may be cat.
        numbers, folders = folded, [name.casefold() for name in folders]
    labels = [numbers.get(name, -1) for name in folders]
    others = sorted({name for name, label in zip(folders, labels, strict=True) if label < 0})
    if others and max(labels) >= 0:
        logging.warning(
            "%s: some images are in no folder of a class of the training, such as %s. The labels "
            "are not used.",
            *(path, shown.quoted(others[0])),
        )
    return paths, None if -1 in labels else np.array(labels, np.int32)


def is_hidden(name: str) -> bool:
    """Returns whether the name of a file or folder marks it as hidden."""
    return name.startswith(".") or name.strip().lower() in _LEFTOVERS


def subfolders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the subfolders, including links to folders, sorted by name."""
    return sorted(path for path in _visible(folder) if path.is_dir())


def has_images(folder: pathlib.Path) -> bool:
    """Returns whether a folder itself contains images."""
    return any(path.suffix.lower() in SUFFIXES for path in _visible(folder))


def walk(folder: pathlib.Path, root: pathlib.Path) -> Found:
    """Returns the content of `folder` and its subfolders, with images sorted by path.

    Links are followed. A folder is read once, however many links lead to it. A folder that contains
    `root` is not read.
    """
    found, seen = Found(), set()
    real_root = os.path.realpath(root)
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        holds_root = here != folder and _is_in(real_root, real)
        if real in seen or holds_root:
            found.loops.append(here)
            continue
        seen.add(real)
        if here.is_symlink() and not _is_in(real, real_root):
            found.links.append(here)
        for path in _visible(here):
            if os.path.isdir(path):
                waiting.append(path)
                continue
            if path.is_symlink() and not _is_in(os.path.realpath(path), real_root):
                found.links.append(path)
            suffix = path.suffix.lower()
            if suffix in SUFFIXES:
                found.images.append(path)
            else:
                found.others[suffix or "without a suffix"] += 1
    found.images.sort()
    return found


def _is_in(path: str, folder: str) -> bool:
    return pathlib.Path(path).is_relative_to(folder)


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if not is_hidden(name)]
    except OSError as error:
        raise DataError(
            f"{folder}: expected a folder to read; received {error.strerror}."
            f"{misspelt.meant(folder)}"
        ) from None
