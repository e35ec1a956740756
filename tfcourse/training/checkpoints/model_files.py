"""Files of trained weights: model.keras for other programs, weights.arrays for tfcourse.

A `.keras` file is a zip archive with a configuration, from which Keras makes Python objects, and an
HDF5 file, whose declared sizes are unlimited. So tfcourse only reads plain arrays: the recipe
builds the model, the file is checked against it, and only the weights are set.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras

from tfcourse.run_directory import RunDirectory
from tfcourse.system import files
from tfcourse.training.checkpoints import checkpoint, saved_arrays
from tfcourse.training.checkpoints.saved_arrays import CheckpointError, DamagedError

WEIGHTS = "weights.arrays"
COMPILED = "compiled.json"
SUMMARY = "model.txt"


def save_model(model: keras.Model, run: RunDirectory) -> None:
    """Writes model.keras, weights.arrays and model.txt into the `RunDirectory` `run`.

    Keras rejects a file with an optimizer, loss or metric that it does not know. A model with such
    parts is therefore saved without compiling it, and compiled.json holds the argument of
    `model.compile_from_config`. The optimizer's slots are left out, because they belong to the last
    epoch and the weights to the best one. To continue training, use a checkpoint.
    """
    config = model.get_compile_config() if model.compiled else {}
    known = _known_to_keras(config)
    try:
        if not known:
            run.write(COMPILED, json.dumps(config, indent=2) + "\n")
        with (
            contextlib.nullcontext() if known else _uncompiled(model),
            files.new_folder(run.path / "model.keras") as folder,
        ):
            model.save(folder / "model.keras")
            data = (folder / "model.keras").read_bytes()
    except OSError as error:  # The HDF5 library does not name the file.
        code, reason = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(code, reason, str(run.path / "model.keras")) from error
    run.write("model.keras.sha256", f"{hashlib.sha256(data).hexdigest()}  model.keras\n")
    run.write("model.keras", data)
    arrays = checkpoint.arrays_of(model.variables)
    state = {"model": model.name}
    run.write(WEIGHTS, saved_arrays.pack(arrays, state, saved_arrays.MAX_HEADER_BYTES))
    shown: list[str] = []
    model.summary(line_length=80, print_fn=shown.append)
    run.write(SUMMARY, "\n".join(shown).strip("\n") + "\n", durable=False)


def _known_to_keras(config: Any) -> bool:
    """Returns whether a configuration names only Keras's own classes and functions."""
    if isinstance(config, dict):
        module = config.get("module") if "class_name" in config else "keras"
        known = str(module).split(".")[0] in ("keras", "builtins")
        return known and all(map(_known_to_keras, config.values()))
    return not isinstance(config, list | tuple) or all(map(_known_to_keras, config))


@contextlib.contextmanager
def _uncompiled(model: keras.Model) -> Iterator[None]:
    optimizer, model.optimizer, model.compiled = model.optimizer, None, False
    try:
        yield
    finally:
        model.optimizer, model.compiled = optimizer, True


def load_weights(model: keras.Model, path: os.PathLike[str] | str) -> None:
    """Sets the weights of `model` from a weights.arrays file; runs no code from it.

    Args:
        model: built `keras.Model` with the same architecture as the saved model.
        path: the file. (For a `.keras` file, use Keras's own `load_weights`.)

    Raises:
        CheckpointError: the file is damaged, malicious, not finite, or belongs to another model.
            The weights of `model` are unchanged.
    """
    path = pathlib.Path(path)
    try:
        if not path.is_file():
            raise DamagedError("no such file" if not path.exists() else "it is not a regular file")
        if path.suffix != ".arrays":
            raise DamagedError(f"expected a {WEIGHTS}; `keras.Model.load_weights` reads others")
        arrays, _ = saved_arrays.read(path, checkpoint.bytes_of(model.variables))
        checkpoint.check_fits(path, arrays, model.variables)
        bad = saved_arrays.first_not_finite(arrays)
        if bad:
            raise DamagedError(f"{bad} is not finite")
        checkpoint.assign(model.variables, arrays)
    except DamagedError as error:
        raise CheckpointError(f"{path} can't be loaded: {error}") from None
