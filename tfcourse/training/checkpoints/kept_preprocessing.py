"""preprocessing.json: written when a run begins, and compared when it is resumed."""

import dataclasses
import pathlib
import re
from typing import Any

from tfcourse import datasets, run_directory
from tfcourse.system import files


def keep(run: run_directory.RunDirectory, fitted: Any) -> None:
    """Writes preprocessing.json; raises an error if a resumed run has other data."""
    if fitted is None:
        return
    path = run.path / run_directory.PREPROCESSING
    begun = any(run.path.glob("checkpoints/*.ckpt"))
    if begun and path.exists() and not is_same(path, fitted):
        raise datasets.DataError(
            f"{path}: expected the data that the run began with; received other data in "
            f"{fitted.source}. Restore it, or name another `run_dir`."
        )
    text = datasets.preprocessing.to_json(fitted)
    run.write(run_directory.PREPROCESSING, text, durable=run.durable)


def is_same(path: pathlib.Path, fitted: Any) -> bool:
    """Returns whether the file `path` holds the preprocessing `fitted`."""
    try:
        text = files.read_text(path, datasets.preprocessing.MAX_CHARACTERS)
        before = datasets.preprocessing.from_json(text)
    except ValueError:
        return False
    # Files are identified by their SHA-256, wherever they lie; a library that ships a set may have
    # been updated.
    if _digests_in(before.source) == _digests_in(fitted.source):
        before = dataclasses.replace(before, source=fitted.source)
    return before == fitted


def _digests_in(source: str) -> list[str]:
    return re.findall(r"\(sha256 (\w+)\)", source)
