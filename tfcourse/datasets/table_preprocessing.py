"""How the columns of a table become a model's input."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from tfcourse.datasets import array_files, fields
from tfcourse.datasets.columns import CategoricalColumn, NumericColumn, as_category, is_missing
from tfcourse.datasets.dataset import Examples, FloatArray, IntArray
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table import Column, Table, read_csv

Columns = Table | Mapping[str, Column]


@dataclasses.dataclass(frozen=True)
class TablePreprocessing:
    """Standardized and one-hot columns, after one another."""

    label: str  # The column that holds the class.
    class_names: tuple[str, ...]  # In the order of the labels.
    columns: tuple[NumericColumn | CategoricalColumn, ...]  # How each column becomes numbers.
    source: str  # The data that it was fitted on.

    def __post_init__(self) -> None:
        fields.text("label", self.label)
        fields.texts("class_names", self.class_names, 2)
        fields.text("source", self.source)
        fields.sequence("columns", self.columns, 1)
        names = tuple(column.name for column in self.columns)
        fields.texts("columns", names, 1)
        fields.check("columns", names, self.label not in names, "columns other than the label's")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features: "age", "island=Dream"."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(self.feature_names),)

    def transform(self, table: Columns, /) -> FloatArray:
        """Returns float32 [examples, features].

        Args:
            table: texts or numbers; columns that are not known are ignored.

        Raises:
            DataError: a column is missing, or a cell does not fit; names it.
        """
        table = _as_table(table)
        absent = [column.name for column in self.columns if column.name not in table.columns]
        if absent:
            raise DataError(
                f"{table.source}: expected a column {absent[0]!r}, as in training; received "
                f"{', '.join(map(repr, list(table.columns)[:20]))}. Add it."
            )
        return np.concatenate([column.encode(table) for column in self.columns], axis=1)

    def labels(self, table: Columns) -> IntArray | None:
        """Returns the labels [examples] of a table, or `None` where it has none.

        Raises:
            DataError: a label is missing or no class of the training; names its place.
        """
        table = _as_table(table)
        if self.label not in table.columns:
            return None
        numbers = {name: number for number, name in enumerate(self.class_names)}
        column = table.columns[self.label]
        found = [-1 if is_missing(cell) else numbers.get(as_category(cell), -1) for cell in column]
        if -1 in found:
            row = found.index(-1)
            raise DataError(
                f"{table.place(row)}, column {self.label!r}: expected one of the classes "
                f"{', '.join(self.class_names[:20])}; received {str(column[row])[:80]!r}. Correct "
                "it, or leave the whole column out."
            )
        return np.array(found, np.int32)

    def read(self, path: os.PathLike[str] | str, *, resize: bool = False) -> Examples:
        """Returns the `Examples` of a CSV file, with labels where it has that column."""
        if pathlib.Path(path).suffix.lower() in array_files.SUFFIXES:
            raise DataError(
                f"{path}: expected a CSV file with the columns trained on; received arrays, which "
                "have no names of columns. Save it as CSV."
            )
        table = read_csv(path)
        places = tuple(table.place(row) for row in range(len(table)))
        return Examples(self.transform(table), self.labels(table), places)


def _as_table(table: Columns) -> Table:
    return table if isinstance(table, Table) else Table("table", dict(table))
