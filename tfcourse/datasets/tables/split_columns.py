"""Finds the column of a table that gives each row's split: train, validation or test."""

import numpy as np

from tfcourse.datasets import shown
from tfcourse.datasets.dataset import SPLITS
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images import image_layouts
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import column_names
from tfcourse.datasets.tables.column_fitting import Rows
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values import cells

_NAME = "split"


def find(table: Table, reading: Reading) -> tuple[str, dict[str, Rows]] | None:
    """Returns the column called split, and the rows of each split; `None` without such a column.

    It is a column of features if it has no "train", or if `keep` names it.

    Raises:
        DataError: a row has no split; the message names its line.
    """
    used = {reading.label, *reading.ignore, *reading.keep}
    name = next((each for each in table.columns if each.strip().lower() == _NAME), None)
    if name is None or name in used:
        return None
    found = cells.categories(cells.of(table.columns[name]), reading.missing_values)
    splits = [image_layouts.split_of(text) for text in found.values]
    if "train" not in splits:
        return None
    of_row = found.spread(np.array(splits, object), None)
    wrong = np.flatnonzero(of_row == None)  # noqa: E711 - elementwise
    if len(wrong):
        cell = table.columns[name][int(wrong[0])]
        raise DataError(
            f"{table.place(int(wrong[0]))}, column {shown.quoted(name)}: expected train, "
            f"validation or test; received {shown.quoted(cell)}. Correct it, or leave the column "
            f"out with {column_names.argument('ignore', [name])}."
        )
    return name, {split: np.flatnonzero(of_row == split) for split in SPLITS if split in splits}
