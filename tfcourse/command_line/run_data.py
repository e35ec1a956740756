"""Reads and records the data of a run; errors suggest the complete command to continue."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from tfcourse import datasets
from tfcourse.command_line import parsing
from tfcourse.command_line.exit_codes import UsageError
from tfcourse.command_line.options import Options
from tfcourse.run_directory import RunDirectory


@contextlib.contextmanager
def advised() -> Iterator[None]:
    """Adds the complete command that fixes a data error, if there is one."""
    try:
        yield
    except datasets.DataError as error:
        if error.advice:
            error.add_note(f"try: {parsing.command(error.advice)}")
        raise


def load_ahead(options: Options, run: RunDirectory) -> Callable[[], datasets.Dataset | None]:
    """Begins to read the data of a run; see `datasets.load_ahead`."""
    return datasets.load_ahead(_settled(options, run), options.data_dir, **vars(options.reading))


def _settled(options: Options, run: RunDirectory) -> str:
    """Returns the names of --dataset that remain to be tried.

    A resumed run keeps the set that it began with, even if an earlier name is available by now.
    """
    asked = str(options.dataset)
    names = datasets.check_name(asked, options.data_dir)
    return asked if len(names) == 1 else run.flags["dataset"][0]


def load(
    options: Options, run: RunDirectory, data: datasets.Dataset | None = None
) -> datasets.Dataset:
    """Returns the `Dataset` of --dataset, and records which of several names was used.

    Args:
        data: the data if it was read ahead; `None` reads it now.

    Raises:
        DataError: none of the sets is available, or the data is damaged.
    """
    names = datasets.check_name(str(options.dataset), options.data_dir)
    settled = _settled(options, run)
    try:
        with advised():
            if data is None:
                data = datasets.load(settled, options.data_dir, **vars(options.reading))
    except ValueError as error:  # A flag that does not apply to this set.
        raise UsageError(f"--dataset: {error}") from None
    if len(names) == 1:
        return data
    if settled in names:
        return dataclasses.replace(data, fallback_from=names[: names.index(settled)])
    flags = {**run.flags, "dataset": [names[len(data.fallback_from)]]}
    if data.fallback_from:
        flags.pop("expect", None)  # Written for another set.
    run.write_flags(flags)
    return data
