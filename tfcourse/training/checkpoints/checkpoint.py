"""Checkpoints: one file with all variables and the position, to resume a killed run bit for bit.

A checkpoint is checked completely before any variable is set. `saved_arrays` defines the file.
"""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import keras

from tfcourse.run_directory import RunDirectory
from tfcourse.training.checkpoints import saved_arrays
from tfcourse.training.checkpoints.saved_arrays import (
    Arrays,
    CheckpointError,
    DamagedError,
    plain_name,
)

# How many of the newest checkpoints are kept, and how many of those written at the end of an epoch,
# to which a nudge can roll back.
KEPT = 2
KEPT_EPOCHS = 3

# A serial number, an epoch and a step, with any number of digits.
_NAME = re.compile(r"(\d{6,18})-(\d{6,18})-(\d{9,18})\.ckpt", re.ASCII)


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Returns every variable that training changes: weights, averages, seeds, metrics, slots."""
    every = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in every}.values())


def names_of(variables: Sequence[keras.Variable]) -> list[str]:
    """Returns names of variables that are the same in every process."""
    return [plain_name(f"{i} {variable.path}") for i, variable in enumerate(variables)]


def arrays_of(variables: Sequence[keras.Variable]) -> Arrays:
    """Returns variables as `{name: array}`."""
    return {n: v.numpy() for n, v in zip(names_of(variables), variables, strict=True)}


def assign(variables: Sequence[keras.Variable], arrays: Arrays) -> None:
    """Sets variables to what `arrays_of` returned."""
    for name, variable in zip(names_of(variables), variables, strict=True):
        variable.assign(arrays[name])


def bytes_of(variables: Sequence[keras.Variable]) -> int:
    """Returns the total size of variables in bytes."""
    return sum(v.numpy().nbytes for v in variables)


def check_fits(file: pathlib.Path, arrays: Arrays, variables: Sequence[keras.Variable]) -> None:
    """Raises `CheckpointError` unless `arrays`, read from `file`, match these variables."""
    names = names_of(variables)
    for name, variable in zip(names, variables, strict=True):
        found = arrays.get(name)
        if found is None or (found.shape, found.dtype.name) != (variable.shape, variable.dtype):
            other = "nothing" if found is None else f"{found.dtype.name}{list(found.shape)}"
            raise CheckpointError(
                f"{file} was written by another model: for {name.partition(' ')[2]} it holds "
                f"{other}, not {variable.dtype}{list(variable.shape)}"
            )
    more = [name for name in arrays if name[0].isdigit() and name not in names]
    if more:
        raise CheckpointError(
            f"{file} was written by another model: this one has no {more[0].partition(' ')[2]}"
        )


class Checkpoints:
    """The checkpoints of one run. Writes are atomic; reading takes the newest intact checkpoint.

    Args:
        run: the `RunDirectory`.
        model: compiled and built `keras.Model`.
    """

    def __init__(self, run: RunDirectory, model: keras.Model) -> None:
        self._run = run
        self._variables = variables_of(model)

    def save(self, arrays: Arrays, state: dict[str, Any], *, durable: bool = True) -> None:
        """Writes a checkpoint of `arrays` (the variables' and others) and `state`.

        Args:
            durable: whether it must survive a power loss.
        """
        files = self.files()
        serial = _numbers(files[-1])[0] + 1 if files else 0
        name = f"{serial:06d}-{state['epoch']:06d}-{state['step']:09d}.ckpt"
        if not _NAME.fullmatch(name):
            raise CheckpointError(f"{files[-1]} has the highest possible number; remove it")
        self._run.write(f"checkpoints/{name}", saved_arrays.pack(arrays, state), durable=durable)
        files = self.files()
        epoch_ends = [file for file in files if place(file)[1] == 0]
        for file in files:
            if file not in files[-KEPT:] and file not in epoch_ends[-KEPT_EPOCHS:]:
                file.unlink()

    def check_space(self) -> None:
        """Raises `RunDirectoryError` if a new run's disk has no room for three checkpoints."""
        if not self.files():
            self._run.check_space(3 * bytes_of(self._variables))

    def newest(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Returns `(arrays, state)` of the newest intact checkpoint, or `None` if there is no
        checkpoint.

        Raises:
            CheckpointError: there are checkpoints, but none of them can be used.
        """
        files = self.files()
        for file in reversed(files):
            try:
                return self.read(file)
            except DamagedError as error:
                print(f"{file} is damaged ({error}); trying the previous checkpoint", flush=True)
        if files:
            raise CheckpointError(
                f"{files[0].parent}: none of the checkpoints there can be read; "
                "start again with another `run_dir`"
            )
        return None

    def files(self) -> list[pathlib.Path]:
        """Returns the checkpoints' paths, oldest first."""
        found = (self._run.path / "checkpoints").glob("*.ckpt")
        ours = (path for path in found if _NAME.fullmatch(path.name))
        # A folder, pipe or link with such a name is not ours.
        return sorted((p for p in ours if p.is_file() and not p.is_symlink()), key=_numbers)

    def read(self, file: pathlib.Path) -> tuple[Arrays, dict[str, Any]]:
        """Returns `(arrays, state)` of the checkpoint `file`.

        Raises:
            DamagedError: the file is damaged, or holds a value that is not finite.
            CheckpointError: it belongs to another model.
        """
        arrays, state = saved_arrays.read(file, None)  # The size of callbacks' state is unknown.
        check_fits(file, arrays, self._variables)
        bad = saved_arrays.first_not_finite(arrays)
        if bad:
            raise DamagedError(f"{bad} is not finite")
        if place(file) != (state.get("epoch"), state.get("step")):
            raise DamagedError("its position does not match its name")
        return arrays, state


def place(file: pathlib.Path) -> tuple[int, int]:
    """Returns `(epoch, step)` of a checkpoint from its path."""
    _, epoch, step = _numbers(file)
    return epoch, step


def _numbers(file: pathlib.Path) -> tuple[int, ...]:
    return tuple(map(int, file.stem.split("-")))
