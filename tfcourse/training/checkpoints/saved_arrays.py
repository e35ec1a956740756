"""The file format of checkpoints and weights.arrays: plain arrays with a JSON header.

The file consists of a magic number, the SHA-256 of the rest, a JSON header with the names, types
and shapes of the arrays and the state, and the bytes of the arrays, in order. It contains no code,
and no stated size is trusted beyond the size of the file. `read` returns what `pack` was given.
"""

import hashlib
import json
import math
import pathlib
import re
import struct
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from tfcourse.system import files

Arrays = dict[str, npt.NDArray[Any]]

_MARK = b"tfcourse arrays\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_LENGTH = struct.Struct("<Q")
_PREFIX_BYTES = len(_MARK) + _DIGEST_BYTES + _LENGTH.size
# Callbacks may keep much state; weights alone need only a name and a shape each.
MAX_STATE_BYTES = 1 << 30
MAX_HEADER_BYTES = 32 << 20
_MAX_DIMENSIONS = 32
_TYPE = re.compile(r"(bool|b?float|u?int|complex)\w*", re.ASCII)
# The name of a slot contains the path of its variable, joined by underscores.
_NUMBER = re.compile(r"_\d+(?=[/_]|$)")
# These arrays may hold a NaN, or start at infinity.
_OTHERS = ("callback ", "history ")


class CheckpointError(Exception):
    """A file of weights or state that can't be used; the message names it."""

    exit_code = 4


class DamagedError(ValueError):
    """The bytes of a file are not those that were written."""


def pack(
    arrays: Arrays, state: dict[str, Any], max_header_bytes: int = MAX_STATE_BYTES
) -> list[Any]:
    """Returns a file of `{name: array}` and a JSON-able `state`, as a list of its parts.

    Raises:
        CheckpointError: `read` would reject the file: an array does not hold numbers, or everything
            but the arrays takes more than `max_header_bytes`.
    """
    arrays = {
        name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()
    }
    described = [_description(name, array) for name, array in arrays.items()]
    try:
        header = json.dumps({"arrays": described, "state": state}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"the state can't be saved: {error}") from None
    if len(header) > max_header_bytes:
        raise CheckpointError(
            f"the state can't be saved: besides arrays it takes {len(header):,} bytes, and the "
            f"limit is {max_header_bytes:,}. A callback that keeps so much may keep an array"
        )
    # As a view of bytes, because buffers do not support bfloat16.
    parts: list[Any] = [_LENGTH.pack(len(header)), header]
    parts += [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return [_MARK, digest.digest(), *parts]


def _description(name: str, array: npt.NDArray[Any]) -> list[Any]:
    dtype = array.dtype
    described = [name, dtype.name, list(array.shape)]
    try:
        if _described(described) == (name, dtype, array.shape):
            return described
    except ValueError:
        pass
    raise CheckpointError(f"{name} can't be saved: it is an array of {dtype}")


def _described(description: Any) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """Returns `(name, type, shape)` of an array from its description in a header."""
    name, type_name, shape = description
    if not (isinstance(name, str) and name.isprintable() and name):
        raise ValueError(f"{name!r:.50} names an array")
    if not (isinstance(type_name, str) and _TYPE.fullmatch(type_name)):
        raise ValueError(f"{name} has the type {type_name!r:.50}")
    dtype = np.dtype(getattr(ml_dtypes, type_name, type_name))
    sizes = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not sizes or len(shape) > _MAX_DIMENSIONS or dtype.hasobject:
        raise ValueError(f"{name} has the type {dtype} and the shape {str(shape)[:100]}")
    return name, dtype, tuple(shape)


def read(path: pathlib.Path, max_array_bytes: int | None) -> tuple[Arrays, dict[str, Any]]:
    """Returns `(arrays, state)` of a file that `pack` made.

    Args:
        path: the file.
        max_array_bytes: limit for the arrays together; `None` sets no limit.

    Raises:
        DamagedError: the file is truncated, changed, or too large.
    """
    size = path.stat().st_size
    most = size if max_array_bytes is None else max_array_bytes + MAX_HEADER_BYTES
    if not _PREFIX_BYTES <= size <= most:
        raise DamagedError(f"it has {size:,} bytes, which can't be")
    try:
        return unpack(files.read_bytes(path, _PREFIX_BYTES + most))
    except files.ContentError as error:
        raise DamagedError(str(error)) from None


def unpack(data: bytes) -> tuple[Arrays, dict[str, Any]]:
    """Returns `(arrays, state)` from the bytes that `pack` made.

    Raises:
        DamagedError: the bytes have been changed.
    """
    mark, body = data[: len(_MARK)], memoryview(data)[len(_MARK) + _DIGEST_BYTES :]
    if mark != _MARK:
        raise DamagedError("it does not start like such a file")
    if hashlib.sha256(body).digest() != data[len(_MARK) : len(_MARK) + _DIGEST_BYTES]:
        raise DamagedError("its checksum does not match")
    try:
        return _parse(body)
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise DamagedError(f"{type(error).__name__}: {str(error)[:200]}") from None


def _parse(body: memoryview) -> tuple[Arrays, dict[str, Any]]:
    (length,) = _LENGTH.unpack_from(body)
    position = _LENGTH.size + length
    # A callback's text may not be valid UTF-8, and its numbers may be of any length.
    header = json.loads(bytes(body[_LENGTH.size : position]))
    state = header["state"]
    arrays: Arrays = {}
    if not isinstance(state, dict):
        raise ValueError("its state is not a JSON object")
    for description in header["arrays"]:
        name, dtype, shape = _described(description)
        num_bytes = dtype.itemsize * math.prod(shape)
        if num_bytes > len(body) - position or plain_name(name) in arrays:
            raise ValueError(f"{name} is not there, or twice")
        array = np.frombuffer(body[position : position + num_bytes], dtype).reshape(shape)
        arrays[plain_name(name)] = array
        position += num_bytes
    if position != len(body):
        raise ValueError(f"{len(body)} bytes, not {position}")
    return arrays, state


def num_arrays(path: pathlib.Path) -> int:
    """Returns the number of arrays in a file that `pack` made, without reading them.

    Raises:
        DamagedError: the file does not start like such a file.
    """
    with open(files.open_to_read(path), "rb") as file:
        prefix = file.read(_PREFIX_BYTES)
        try:
            (length,) = _LENGTH.unpack_from(prefix, _PREFIX_BYTES - _LENGTH.size)
            if not prefix.startswith(_MARK) or length > MAX_HEADER_BYTES:
                raise ValueError("it does not start like such a file")
            return len(json.loads(file.read(length))["arrays"])
        except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedError(f"{type(error).__name__}: {error}") from None


def first_not_finite(arrays: Arrays) -> str | None:
    """Returns the name of the first array with a NaN or infinity, or `None`.

    Callbacks' values may start at infinity, and metrics may be NaN.
    """
    for name, array in arrays.items():
        if name.startswith(_OTHERS):
            continue
        floating = np.issubdtype(array.dtype, np.floating) or array.dtype.name == "bfloat16"
        if floating and not np.isfinite(array).all():
            return name
    return None


def plain_name(name: str) -> str:
    """Returns the name of an array without the numbers that Keras appends in a process."""
    # Keras numbers the layers of a process; layers with the same name are told apart by position.
    return _NUMBER.sub("", name) if name[:1].isdigit() else name
