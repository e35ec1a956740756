"""The text files of a run directory, which are not trusted.

A run directory from somebody else may contain anything. So sizes are checked before files are read,
and the result consists of texts, numbers and a checked preprocessing.
"""

import dataclasses
import os
import pathlib
import re
from typing import Any

from tfcourse import datasets, run_directory
from tfcourse.datasets.dataset import Preprocessing
from tfcourse.run_directory import best as best_run
from tfcourse.system import files, misspelt

_RECIPE = re.compile(r"# python -m ([A-Za-z_][\w.]*) --flagfile=", re.ASCII)


class NotARunError(Exception):
    """The folder has no trained model; the message names it."""

    exit_code = 2


class RunFileError(Exception):
    """A file of a run is damaged or malicious; the message names it."""

    exit_code = 4


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The text records of one run."""

    path: pathlib.Path  # The folder.
    recipe: str  # Name of the recipe's module in the file.
    flags: run_directory.Flags  # As in flags.txt.
    preprocessing: Preprocessing  # How raw examples become the model's input.
    metrics: dict[str, Any]  # The final numbers; empty if there are none.


def read(path: os.PathLike[str] | str) -> RunRecord:
    """Returns the `RunRecord` of the run directory `path`; for a sweep, that of its best trial.

    Raises:
        NotARunError: `path` is not a run directory, or not one of a classifier.
        RunFileError: a file in it is damaged.
    """
    path = best_run.followed(files.expanded(path))
    if (path / run_directory.JOURNAL).exists():
        sweep, path = path, best_run.followed(path / run_directory.BEST)
        if not path.is_dir():
            raise NotARunError(f"{sweep} holds a sweep that has no best trial yet")
        if not path.resolve().is_relative_to(sweep.resolve()):
            raise RunFileError(f"{path} leads out of its sweep's folder; name the run itself")
    for name in (run_directory.FLAGS, run_directory.PREPROCESSING):
        if not (path / name).exists():
            raise NotARunError(
                f"{path} is not the folder of a finished training: it holds no {name}."
                f"{misspelt.meant(path)}".removesuffix(".")
            )
    text = _text(path / run_directory.FLAGS, run_directory.MAX_FLAGS_BYTES)
    recipe = _RECIPE.match(text)
    if not recipe:
        raise RunFileError(f"{path / run_directory.FLAGS} does not say which recipe made it")
    return RunRecord(
        path=path,
        recipe=recipe[1],
        flags=run_directory.parse_flags(text),
        preprocessing=_preprocessing(path / run_directory.PREPROCESSING),
        metrics=_metrics(path / run_directory.METRICS),
    )


def _text(path: pathlib.Path, max_bytes: int) -> str:
    try:
        return files.read_text(path, max_bytes)
    except files.ContentError as error:
        raise RunFileError(str(error)) from None
    except OSError as error:
        raise RunFileError(f"{path} can't be read: {error.strerror}") from None


def _preprocessing(path: pathlib.Path) -> Preprocessing:
    try:
        return datasets.preprocessing.from_json(_text(path, datasets.preprocessing.MAX_CHARACTERS))
    except ValueError as error:
        raise RunFileError(f"{path} is damaged: {error}") from None


def _metrics(path: pathlib.Path) -> dict[str, Any]:
    try:
        return files.read_json_object(path, run_directory.MAX_METRICS_BYTES)
    except FileNotFoundError:
        return {}
    except files.ContentError as error:
        raise RunFileError(str(error)) from None
    except OSError as error:
        raise RunFileError(f"{path} can't be read: {error.strerror}") from None
