"""Reads Parquet files with pyarrow: only columns, never Python objects described in them."""

import pathlib
from collections.abc import Iterable
from typing import Any

from tfcourse.datasets import memory, shown
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table_files import other_formats, text_files
from tfcourse.datasets.tables import frames
from tfcourse.datasets.tables.table import Table

MAGIC = b"PAR1"
_BYTES_PER_CELL = 16
_HEAD = 10  # Rows.


def read(path: pathlib.Path) -> Table:
    """Returns a file as a `Table`; columns of lists and the like are left out, with a note.

    Raises:
        DataError: it can't be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        leaves = _leaves(schema)
        taken = [name for name, kind in leaves.items() if not pa.types.is_nested(kind)]
        taken = [name for name in taken if not name.startswith("__index_level_")]
        _check_size(path, file.metadata, len(taken))
        left_out = [name for name, kind in leaves.items() if pa.types.is_nested(kind)]
        listed = ", ".join(map(shown.text, left_out[:20]))
        if left_out and not taken:
            raise DataError(
                f"{path}: expected columns of numbers and texts; received lists alone: {listed}. "
                "Make a column of each item, or arrays, for npz:PATH."
            )
        table = file.read(columns=taken)
        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
        _check_no_images(path, table)
        read = table.to_pandas(ignore_metadata=True, date_as_object=False)
        notes = (f"columns of lists left out: {listed}",) if left_out else ()
        return frames.to_table(read, str(path), notes)  # Texts are decoded here.
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        said = (str(error).splitlines() or [""])[0][:200]
        raise DataError(
            f"{path}: expected a Parquet file; received {said}. Write it again."
        ) from None


def _check_no_images(path: pathlib.Path, table: Any) -> None:
    """Raises an error if a column holds the bytes of images."""
    import pyarrow as pa

    for field in table.schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            cells = table.column(field.name).slice(0, _HEAD).to_pylist()
            if any(cells) and all(other_formats.is_image(cell) for cell in cells if cell):
                raise DataError(
                    f"{path}, column {shown.quoted(field.name)}: expected numbers or texts; "
                    "received images. Write each to a file in the folder of its class, for "
                    "images:FOLDER; or remove the column."
                )


def names(path: pathlib.Path) -> list[str]:
    """Returns the names of the columns; fast for files of any size."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(_leaves(pq.read_schema(path)))
    except (pa.ArrowException, OSError, ValueError) as error:
        said = (str(error).splitlines() or [""])[0][:200]
        raise DataError(
            f"{path}: expected a Parquet file; received {said}. Write it again."
        ) from None


def _leaves(fields: Iterable[Any], of: str = "") -> dict[str, Any]:
    """Returns the types of columns by name; the fields of a record are columns, "of.field"."""
    import pyarrow as pa

    found: dict[str, Any] = {}
    for field in fields:
        is_record = pa.types.is_struct(field.type) and field.type.num_fields
        name = f"{of}{field.name}"
        found |= _leaves(field.type, f"{name}.") if is_record else {name: field.type}
    return found


def _check_size(path: pathlib.Path, metadata: object, num_columns: int) -> None:
    """Raises an error if a file's values, which may be highly compressed, are too large."""
    rows = metadata.num_rows  # type: ignore[attr-defined]
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]  # type: ignore[attr-defined]
    stored = sum(group.total_byte_size for group in groups)
    memory.check_fits(path, 2 * stored + rows * num_columns * _BYTES_PER_CELL, text_files.MEND)
