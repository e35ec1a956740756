"""One file that a killed run continues from, bit for bit: all variables, and where it stood.

The file is a mark, the sha256 of what follows, and a JSON header that lists the arrays' names,
types and shapes and holds the state; then come the arrays' bytes, in order. Nothing in it is
code, no size is believed that the file does not have, and nothing is set before all is checked.
"""

import hashlib
import json
import pathlib
import re
import struct
from collections.abc import Sequence
from typing import Any

import keras
import ml_dtypes
import numpy as np
import numpy.typing as npt

from tfcourse.run_directory import RunDirectory

Arrays = dict[str, npt.NDArray[Any]]

# The newest ones, and the newest of those that were written at the end of an epoch, to which a
# nudged run can go back.
KEPT = 2
KEPT_EPOCHS = 3

_MARK = b"tfcourse arrays\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_LENGTH = struct.Struct("<Q")
_PREFIX_BYTES = len(_MARK) + _DIGEST_BYTES + _LENGTH.size
_MAX_HEADER_BYTES = 32 << 20
# In a slot's name the path of its variable is joined by underscores.
_NUMBER = re.compile(r"_\d+(?=[/_]|$)")
_NAME = re.compile(r"(\d{6})-(\d{6})-(\d{9})\.ckpt", re.ASCII)


class CheckpointError(Exception):
    """A file of weights or state that can't be used; the message names it."""

    exit_code = 4


class DamagedError(ValueError):
    """A file whose bytes are not the ones that were written."""


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Returns every variable that training changes: weights, averages, seeds, metrics, slots."""
    every = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in every}.values())


def pack(arrays: Arrays, state: dict[str, Any]) -> list[Any]:
    """Returns a file of `{name: array}` and a JSON-able `state`, as a list of its parts."""
    arrays = {
        name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()
    }
    described = [[name, array.dtype.name, list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"arrays": described, "state": state}).encode()
    # Through a view of bytes, since bfloat16 is no type that a buffer can tell.
    parts: list[Any] = [_LENGTH.pack(len(header)), header]
    parts += [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return [_MARK, digest.digest(), *parts]


def read(path: pathlib.Path, max_array_bytes: int | None) -> tuple[Arrays, dict[str, Any]]:
    """Returns `(arrays, state)` of the file that `pack` made.

    Args:
        path: the file.
        max_array_bytes: the most that the arrays may take together; `None` is as many as there are.

    Raises:
        DamagedError: it is cut, changed, or larger than it can be.
    """
    size = path.stat().st_size
    most = size if max_array_bytes is None else max_array_bytes + _MAX_HEADER_BYTES
    if not _PREFIX_BYTES <= size <= most:
        raise DamagedError(f"it has {size:,} bytes, which can't be")
    with open(path, "rb") as file:
        return unpack(file.read(_PREFIX_BYTES + most))


def unpack(data: bytes) -> tuple[Arrays, dict[str, Any]]:
    """Returns `(arrays, state)` of the bytes that `pack` made.

    Raises:
        DamagedError: they are not as they were made.
    """
    mark, body = data[: len(_MARK)], memoryview(data)[len(_MARK) + _DIGEST_BYTES :]
    if mark != _MARK:
        raise DamagedError("it does not begin as such a file does")
    if hashlib.sha256(body).digest() != data[len(_MARK) : len(_MARK) + _DIGEST_BYTES]:
        raise DamagedError("its checksum does not fit")
    try:
        return _parse(body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from None


def _parse(body):
    (length,) = _LENGTH.unpack_from(body)
    position = _LENGTH.size + length
    header = json.loads(bytes(body[_LENGTH.size : position]))
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
        if dtype.hasobject:
            raise ValueError(f"{name} has the type {dtype}")
        num_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
        array = np.frombuffer(body[position : position + num_bytes], dtype).reshape(shape)
        arrays[_plain(name)] = array
        position += num_bytes
    if position != len(body):
        raise ValueError(f"{len(body)} bytes, not {position}")
    return arrays, header["state"]


def num_arrays(path: pathlib.Path) -> int:
    """Returns how many arrays the file that `pack` made says that it holds; reads no array.

    Raises:
        DamagedError: it does not begin as such a file does.
    """
    with open(path, "rb") as file:
        prefix = file.read(_PREFIX_BYTES)
        try:
            (length,) = _LENGTH.unpack_from(prefix, _PREFIX_BYTES - _LENGTH.size)
            if not prefix.startswith(_MARK) or length > _MAX_HEADER_BYTES:
                raise ValueError("it does not begin as such a file does")
            return len(json.loads(file.read(length))["arrays"])
        except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedError(f"{type(error).__name__}: {error}") from None


def first_not_finite(arrays: Arrays) -> str | None:
    """Returns the name of the first of `{name: array}` with a NaN or infinity in it, or `None`.

    What callbacks keep may begin at infinity.
    """
    for name, array in arrays.items():
        if name.startswith("callback "):
            continue
        floating = np.issubdtype(array.dtype, np.floating) or array.dtype.name == "bfloat16"
        if floating and not np.isfinite(array).all():
            return name
    return None


def names_of(variables: Sequence[keras.Variable]) -> list[str]:
    """Returns a name for each variable that is the same in another process."""
    return [_plain(f"{i} {variable.path}") for i, variable in enumerate(variables)]


def _plain(name: str) -> str:
    # Keras numbers the layers that a process has made; layers called alike are told by position.
    return _NUMBER.sub("", name) if name[:1].isdigit() else name


def arrays_of(variables: Sequence[keras.Variable]) -> Arrays:
    """Returns variables as `{name: array}`."""
    return {n: v.numpy() for n, v in zip(names_of(variables), variables, strict=True)}


def assign(variables: Sequence[keras.Variable], arrays: Arrays) -> None:
    """Sets variables to what `arrays_of` returned."""
    for name, variable in zip(names_of(variables), variables, strict=True):
        variable.assign(arrays[name])


def bytes_of(variables: Sequence[keras.Variable]) -> int:
    """Returns the number of bytes that variables take together."""
    return sum(v.numpy().nbytes for v in variables)


def check_fits(file: pathlib.Path, arrays: Arrays, variables: Sequence[keras.Variable]) -> None:
    """Raises `CheckpointError` unless `arrays`, read from `file`, are of these variables."""
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
    """The checkpoints of one run: written whole or not at all, the newest sound one read.

    Args:
        run: the `RunDirectory`.
        model: compiled and built `keras.Model`.
    """

    def __init__(self, run: RunDirectory, model: keras.Model) -> None:
        self._run = run
        self._variables = variables_of(model)

    def arrays(self) -> Arrays:
        """Returns the variables as `{name: array}`."""
        return arrays_of(self._variables)

    def assign(self, arrays: Arrays) -> None:
        """Sets the variables from what `arrays` or `read` returned."""
        assign(self._variables, arrays)

    def save(self, arrays: Arrays, state: dict[str, Any]) -> None:
        """Writes one checkpoint of `arrays` (those of the variables, and more) and `state`."""
        files = self.files()
        serial = int(files[-1].name[:6]) + 1 if files else 0
        name = f"{serial:06d}-{state['epoch']:06d}-{state['step']:09d}.ckpt"
        self._run.write(f"checkpoints/{name}", pack(arrays, state))
        files = self.files()
        epoch_ends = [file for file in files if place(file)[1] == 0]
        for file in files:
            if file not in files[-KEPT:] and file not in epoch_ends[-KEPT_EPOCHS:]:
                file.unlink()

    def check_space(self) -> None:
        """Raises `RunDirectoryError` where the disk has no room for three more checkpoints."""
        self._run.check_space(3 * bytes_of(self._variables))

    def newest(self) -> tuple[Arrays, dict[str, Any]] | None:
        """Returns `(arrays, state)` of the newest sound checkpoint, or `None` where there is none.

        Raises:
            CheckpointError: there are checkpoints, and none of them can be used.
        """
        files = self.files()
        for file in reversed(files):
            try:
                return self.read(file)
            except DamagedError as error:
                print(f"{file} is damaged ({error}); trying the checkpoint before it", flush=True)
        if files:
            raise CheckpointError(
                f"{files[0].parent}: none of the checkpoints there can be read; "
                "start again with another `run_dir`"
            )
        return None

    def files(self) -> list[pathlib.Path]:
        """Returns the checkpoints' paths, oldest first."""
        found = (self._run.path / "checkpoints").glob("*.ckpt")
        return sorted(path for path in found if _NAME.fullmatch(path.name))

    def read(self, file: pathlib.Path) -> tuple[Arrays, dict[str, Any]]:
        """Returns `(arrays, state)` of the checkpoint `file`.

        Raises:
            DamagedError: it is not as it was written, or holds a value that is not finite.
            CheckpointError: it is another model's.
        """
        arrays, state = read(file, None)  # Nobody knows how much callbacks have kept.
        check_fits(file, arrays, self._variables)
        bad = first_not_finite(arrays)
        if bad:
            raise DamagedError(f"{bad} is not finite")
        return arrays, state


def place(file: pathlib.Path) -> tuple[int, int]:
    """Returns `(epoch, step)` of a checkpoint from its path."""
    _, epoch, step = file.stem.split("-")
    return int(epoch), int(step)
