"""Images without class folders, and a table with the class of each."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from tfcourse.datasets import shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray
from tfcourse.datasets.images import image_layouts, image_rows
from tfcourse.datasets.images.image_rows import Rows
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import (
    column_kinds,
    column_names,
    labels,
    likely_labels,
    table_summary,
    targets,
)
from tfcourse.datasets.values import cells, numbers
from tfcourse.datasets.values.cell_values import read_numbers

_SPLIT = "split"
_MARKS = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


class LabelledImage(NamedTuple):
    """An image, its split and the name of its class."""

    split: str
    class_name: str
    path: pathlib.Path


def read(folder: pathlib.Path, path: pathlib.Path, reading: Reading) -> list[LabelledImage]:
    """Returns the images in `folder` that have a class in the table at `path`, sorted by path.

    Rows without an image or a label, and images without a row, are left out and reported. A column
    called split gives the splits; without it, all images are for training.

    Raises:
        DataError: the table does not name the images, or has no classes.
    """
    rows = image_rows.match(folder, path, reading)
    split = next((name for name in rows.others() if name.strip().lower() == _SPLIT), None)
    marking = [name for name in rows.others() if name != split]
    of_class = _marked(rows, marking) if reading.label is None else None
    if of_class:
        label, source = "class", _listed(marking)
        where = f"{path}, {source}"
    else:
        label = _label(rows, reading, split)
        of_class, source = rows.cells(label), shown.quoted(label)
        where = f"{path}, column {source}"
        _refuse_quantity(where, of_class, reading)
    try:
        found = labels.classify(where, label, of_class, reading.missing_values)
    except DataError as error:
        left_out = "".join(f" {note[0].upper()}{note[1:]}." for note in rows.notes)
        raise DataError(f"{error}{left_out}", advice=error.advice) from None
    split = None if split == label else split
    of_split = _splits(rows, split) if split else ["train"] * len(of_class)
    images: dict[pathlib.Path, LabelledImage] = {}
    for n in np.flatnonzero(found.kept).tolist():
        image = LabelledImage(of_split[n], found.class_names[found.numbers[n]], rows.images[n])
        if images.setdefault(image.path, image) != image:
            raise DataError(
                f"{rows.place(n)}: expected one class of each image; received another one of "
                f"{image.path}. Remove one of the rows."
            )
    told = [f"images from column {shown.quoted(rows.column)}, classes from {source}"]
    told += rows.notes
    repeated = int(found.kept.sum()) - len(images)
    told += [f"rows that repeat another one: {repeated:,}"] if repeated else []
    told += [f"splits from column {shown.quoted(split)}"] if split else []
    told += table_summary.of_label(found.report)
    logging.warning("%s: %s", path, "\n  - ".join(told))
    if not any(image.split == "train" for image in images.values()):
        raise DataError(f"{path}: expected rows of the training split; received none. Add some.")
    return sorted(images.values(), key=lambda image: image.path)


def read_known(
    folder: pathlib.Path, path: pathlib.Path, class_names: Sequence[str]
) -> tuple[list[pathlib.Path], IntArray]:
    """Returns `(paths, labels)` of the images that have a known class in a table.

    Raises:
        DataError: the table does not name the images, or has other classes.
    """
    rows = image_rows.match(folder, path, Reading())
    columns = {shown.quoted(name): rows.cells(name) for name in rows.others()}
    marking = [name for name in rows.others() if name in class_names]
    of_class = _marked(rows, marking)
    if of_class:
        columns[_listed(marking)] = of_class
    by_column = {
        name: labels.numbers_of(column, class_names, ()) for name, column in columns.items()
    }
    shares = {name: float((found >= 0).mean()) for name, found in by_column.items()}
    best = [name for name, share in shares.items() if share and share == max(shares.values())]
    if len(best) != 1:
        received = ", ".join(best) if best else "none"
        raise DataError(
            f"{path}: expected one column with the classes {', '.join(class_names[:20])}; received "
            f"{received}. Name them as in training, in one column."
        )
    found = by_column[best[0]]
    if (found == -2).any():
        row = int((found == -2).argmax())
        raise DataError(
            f"{rows.place(row)}: expected one of the classes {', '.join(class_names[:20])}; "
            f"received {shown.quoted(columns[best[0]][row])}. Correct it, or remove the row."
        )
    told = [f"images from column {shown.quoted(rows.column)}, classes from {best[0]}"]
    told += rows.notes
    without = int((found < 0).sum())
    told += [f"rows left out without a label: {without:,}"] if without else []
    logging.warning("%s: %s", path, "\n  - ".join(told))
    images = [image for image, is_kept in zip(rows.images, found >= 0, strict=True) if is_kept]
    return images, found[found >= 0]


def _marked(rows: Rows, names: Sequence[str]) -> list[str] | None:
    """Returns, of each row, the name of the column that is 1, if of `names` all others are 0."""
    marks = np.array([[_MARKS.get(str(cell).lower(), -1) for cell in rows.cells(n)] for n in names])
    if len(names) < 2 or (marks < 0).any() or (marks.sum(axis=0) != 1).any():
        return None
    return [names[number] for number in marks.argmax(axis=0)]


def _listed(marking: Sequence[str]) -> str:
    return f"the columns {column_names.listed(marking)}, one of which is 1"


def _label(rows: Rows, reading: Reading, split: str | None) -> str:
    """Returns the column of the classes: the one that `label` names, or the only other column."""
    source, others = rows.table.source, rows.others()
    if reading.label is not None:
        return column_names.find(source, "label", [reading.label], others)[0]
    others = [name for name in others if name != split]
    if len(others) == 1:
        return others[0]
    index = np.arange(len(rows.table))
    reports = (column_kinds.fit(rows.table, name, reading, index).report for name in others)
    likely = likely_labels.find(reports, rows.table, reading)
    raise DataError(
        f"{source}: expected a column with the classes of the images; received "
        f"{column_names.listed(others) or 'none'}. Name it as `label`.",
        advice={"label": column_names.typed(likely[0])} if likely else {},
    )


def _refuse_quantity(where: str, column: Sequence[Any], reading: Reading) -> None:
    if reading.task == "classification":
        return
    style = numbers.find_style(cells.of(column).values)
    values = read_numbers(column, reading.missing_values, style)
    # Classes of images are often numbers, and may be rare.
    if reading.task == "regression" or targets.task_of(values, by_custom=True) == "regression":
        raise DataError(
            f"{where}: expected classes, since quantities can't be learned from images; received "
            f"values such as {shown.quoted(column[0])}. Name another `label`, or treat them as "
            "classes with `task=classification`."
        )


def _splits(rows: Rows, name: str) -> list[str]:
    """Returns the split of each row, from the column `name`."""
    splits = []
    for number, cell in enumerate(rows.cells(name)):
        split = None if cell is None else image_layouts.split_of(cells.as_category(cell))
        if split is None:
            raise DataError(
                f"{rows.place(number)}, column {shown.quoted(name)}: expected train, validation or "
                f"test; received {shown.quoted(cell)}. Correct it, or rename the column."
            )
        splits.append(split)
    return splits
