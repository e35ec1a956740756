"""history.csv, read back."""

import csv
import io
import os
import pathlib

from tfcourse.system import files

_MAX_BYTES = 1 << 30


def read_history(path: os.PathLike[str] | str) -> dict[str, list[float]]:
    """Returns the columns of history.csv in the run directory `path`.

    Raises:
        FileNotFoundError: the folder has no history.csv.
        ContentError: it is damaged.
    """
    file = pathlib.Path(path) / "history.csv"
    text = files.read_text(file, _MAX_BYTES)
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
        columns = {name: [float(row[name]) for row in rows] for name in ("epoch", *rows[0])}
        return {name: columns[name] for name in rows[0]}
    except (csv.Error, IndexError, KeyError, TypeError, ValueError) as error:
        raise files.ContentError(f"{file} is damaged: {error}") from None
