"""The preprocessing of a table."""

import dataclasses
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import fields, shown
from tfcourse.datasets.arrays import array_files
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import Examples, FloatArray, LabelArray
from tfcourse.datasets.table_files import legacy_encodings, table_files
from tfcourse.datasets.tables import column_names, columns, frames, labels
from tfcourse.datasets.tables.columns import CategoricalColumn, NumericColumn
from tfcourse.datasets.tables.table import Column, Table
from tfcourse.datasets.tables.targets import NumericTarget
from tfcourse.datasets.values import cell_values, cells, numbers
from tfcourse.system import files

if TYPE_CHECKING:
    import pandas as pd

Columns = Union[Table, Mapping[str, Column], "pd.DataFrame"]


@dataclasses.dataclass(frozen=True)
class TablePreprocessing:
    """Standardized and one-hot columns, concatenated."""

    label: str  # The column that holds the class or the quantity.
    class_names: tuple[str, ...]  # In the order of the labels; none of a quantity.
    columns: tuple[NumericColumn | CategoricalColumn, ...]  # How each column becomes numbers.
    source: str  # The data that it was fitted on.
    missing_values: tuple[str, ...] = ()  # Texts that stand for a missing value, besides the usual.
    header: str = "yes"  # Whether a line of a file names the columns.
    target: NumericTarget | None = None  # The quantity that is the label; `None` of classes.
    encoding: str = ""  # Of text that is not UTF-8; "" is guessed.

    def __post_init__(self) -> None:
        fields.text("label", self.label)
        fields.outputs(self.class_names, self.target)
        fields.text("source", self.source)
        fields.sequence("columns", self.columns, 1)
        fields.texts("missing_values", self.missing_values, 0)
        fields.check("header", self.header, self.header in ("yes", "no"), "yes or no")
        fields.text("encoding", self.encoding)
        is_known = self.encoding == "" or legacy_encodings.is_one(self.encoding)
        fields.check("encoding", self.encoding, is_known, "a known encoding")
        names = tuple(column.name for column in self.columns)
        fields.texts("columns", names, 1)
        fields.check("columns", names, self.label not in names, "columns other than the label's")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, such as "age" and "island=Dream"."""
        return tuple(name for column in self.columns for name in column.feature_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(self.feature_names),)

    def transform(self, table: Columns, /, *, tell: bool = True) -> FloatArray:
        """Returns float32 [examples, features].

        Args:
            table: texts or numbers, or the cells of one example; unknown columns are ignored.
            tell: whether to warn of texts that did not occur in training.

        Raises:
            DataError: a column is missing or a cell does not fit; names it.
        """
        table = _as_table(table)
        return self.transform_rows(table, {"all": np.arange(len(table))}, tell=tell)["all"]

    def transform_rows(
        self, table: Table, rows: Mapping[str, npt.NDArray[np.int64]], *, tell: bool = True
    ) -> dict[str, FloatArray]:
        """Returns the features of some rows of a table, by name; see `transform`."""
        self._check_columns(table)
        table = columns.with_parts(table, self.columns, self.missing_values, tell=tell)
        shape = self.input_shape
        features = {name: np.empty((len(at), *shape), np.float32) for name, at in rows.items()}
        start = 0
        for column in self.columns:
            encoded = column.encode(table, self.missing_values, tell=tell)
            stop = start + len(column.feature_names)
            for name, at in rows.items():
                column.put(encoded[at], features[name][:, start:stop])
            start = stop
        if tell and len(table) > 1:
            self._tell_empty(table)
        return features

    def _tell_empty(self, table: Table) -> None:
        names = dict.fromkeys(map(columns.source, self.columns))
        there = ((name, table.columns[name]) for name in names if name in table.columns)
        empty = [name for name, cells in there if cell_values.is_empty(cells, self.missing_values)]
        if empty:
            listed = column_names.listed(empty)
            logging.warning("%s: no row has a value of %s; filled in.", table.source, listed)

    def _check_columns(self, table: Table) -> None:
        known = set(table.columns)
        missing = {
            columns.source(column): None
            for column in self.columns
            if column.name not in known and columns.source(column) not in known
        }
        if not missing:
            return
        names = ", ".join(map(shown.quoted, list(missing)[:20]))
        received = ", ".join(map(shown.quoted, list(table.columns)[:20]))
        what, them = ("a column", "it") if len(missing) == 1 else ("the columns", "them")
        raise DataError(
            f"{table.source}: expected {what} {names}, as in training; received {received}. "
            f"{self._mend(table, list(missing)) or f'Add {them}.'}"
        )

    def _mend(self, table: Table, missing: list[str]) -> str:
        """Returns a sentence about columns with similar names, or about a header that lacks."""
        wanted = {columns.source(column) for column in self.columns}
        others = [name for name in table.columns if name not in wanted and name != self.label]
        close = {name: column_names.similar(name, others) for name in missing}
        if all(close.values()):
            pairs = [f"{shown.quoted(close[n])} to {shown.quoted(n)}" for n in missing[:5]]
            return f"Rename {', '.join(pairs)}{' and so on' if missing[5:] else ''}."
        if self.header == "yes" and not wanted & set(table.columns):
            return "Add them; if the first line is one of data, put the names in a line above it."
        return ""

    def labels(self, table: Columns) -> LabelArray | None:
        """Returns a table's labels [examples], or `None` if some are missing.

        Raises:
            DataError: a label is not a class of the training, or not a number; names its place.
        """
        found, missing = self._labels(_as_table(table))
        return None if missing.any() else found

    def _labels(self, table: Table) -> tuple[LabelArray, npt.NDArray[np.bool_]]:
        """Returns the label of each row, and which are missing."""
        if self.label not in table.columns:
            return np.zeros(len(table), np.int32), np.ones(len(table), bool)
        column = table.columns[self.label]
        if self.target:
            written, more = self.target.written, self.missing_values
            values, _ = labels.quantities(table, self.label, written, more)
            return self.target.standardize(values), np.isnan(values)
        found = labels.numbers_of(column, self.class_names, self.missing_values)
        wrong = found == -2
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"{table.place(row)}, column {shown.quoted(self.label)}: expected one of the "
                f"classes {', '.join(map(shown.text, self.class_names[:20]))}; received "
                f"{shown.quoted(column[row])}. Correct it, remove the row, or leave the column out."
            )
        return found, found == -1

    def _labeled(self, table: Table) -> tuple[npt.NDArray[np.int64], LabelArray | None]:
        """Returns the rows with a label, and these labels; all rows and `None` if none has one."""
        found, missing = self._labels(table)
        rows = np.flatnonzero(~missing)
        if not len(rows):
            return np.arange(len(table)), None
        if len(rows) < len(table):
            logging.warning(
                "%s: %d of %d rows are left out, without a label in %s.",
                *(table.source, missing.sum(), len(table), shown.quoted(self.label)),
            )
        return rows, found[rows]

    def read(
        self,
        path: os.PathLike[str] | str,
        *,
        resize: bool = False,
        labels: bool = True,
        identifier: str | None = None,
    ) -> Examples:
        """Returns the `Examples` of a file, with labels if it has them.

        Rows without a label are left out if others have one, as in training, with a warning.
        """
        path = files.expanded(path)
        if path.suffix.lower() in array_files.SUFFIXES:
            raise DataError(
                f"{path}: expected a table with the columns used in training; received arrays, "
                "which have no column names. Save them as CSV."
            )
        names = [columns.source(column) for column in self.columns]
        texts = [column.name for column in self.columns if _is_text(column)]
        table = table_files.read(
            path,
            header=self.header == "yes",
            expected=names,
            texts=[self.label, *texts, *([] if identifier is None else [identifier])],
            missing=self.missing_values,
            every_row=True,
            legacy=self.encoding,
        )
        if table.notes:
            logging.warning("%s", "\n  - ".join([f"{path}:", *table.notes]))
        rows, found = self._labeled(table) if labels else (np.arange(len(table)), None)
        every = None if identifier is None else _texts(table, identifier)
        return Examples(
            self.transform_rows(table, {"all": rows})["all"],
            found,
            tuple(map(table.place, rows.tolist())),
            None if every is None else tuple(every[row] for row in rows.tolist()),
        )


def _is_text(column: CategoricalColumn | NumericColumn) -> bool:
    """Returns whether a column is read as texts: as categories, or numbers such as 1.234 for 1234.

    A category that is a number is read as that.
    """
    if isinstance(column, CategoricalColumn):
        return not column.written
    return not column.part and column.written != numbers.PLAIN


def _texts(table: Table, name: str) -> tuple[str, ...]:
    """Returns the cells of a column that identifies the rows."""
    (column,) = column_names.find(table.source, "id", [name], table.columns)
    return tuple(
        "" if cells.is_missing(cell) else cells.as_category(cell) for cell in table.columns[column]
    )


def _as_table(table: Columns) -> Table:
    if isinstance(table, Table):
        return table
    if isinstance(table, Mapping):
        return Table("table", {name: _cells(column) for name, column in table.items()})
    return frames.to_table(frames.from_others(table))


def _cells(column: Any) -> Column:
    """Returns a column, of which a mapping of a single example may give the cell alone."""
    import pandas as pd

    if isinstance(column, pd.Series | np.ndarray) and column.ndim:
        return frames.column(pd.Series(column))
    is_cell = isinstance(column, str | bytes) or not np.iterable(column)
    return [column] if is_cell else column
