"""Files of trained weights, written for others and read with suspicion.

weights.arrays holds plain arrays and is what tfcourse reads back. A `.keras` file is a zip archive
of a configuration, from which Keras makes Python objects, and an HDF5 file, whose declared sizes
nothing bounds. Here no configuration of a file is ever turned into objects: the model is built by
its recipe, the file is checked against it, and only its weights are read.
"""

import errno
import hashlib
import io
import json
import pathlib
import stat
import zipfile

import h5py
import keras
import numpy as np

from tfcourse.training import checkpoint
from tfcourse.training.checkpoint import CheckpointError, DamagedError

_SAFE_KERAS = (3, 15, 1)  # The first release without a known fault in reading model files.
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {_CONFIG, _WEIGHTS, "metadata.json"}
# Besides the weights: configuration, names, and what HDF5 adds.
_OTHER_BYTES = 4 << 20
_MAX_OBJECTS = 10_000
_RUN_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")


def save_model(model, run):
    """Writes model.keras and weights.arrays into the `RunDirectory` `run`.

    The optimizer's slots are left out, since they belong to the last epoch and the weights to
    the best one; training goes on from a checkpoint.
    """
    temporary = run.path / ".saving.keras"
    try:
        model.save(temporary, include_optimizer=False)
        data = temporary.read_bytes()
    except OSError as error:  # The HDF5 library does not say of which file.
        code, reason = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(code, reason, str(run.path / "model.keras")) from error
    finally:
        temporary.unlink(missing_ok=True)
    run.write("model.keras.sha256", f"{hashlib.sha256(data).hexdigest()}  model.keras\n")
    run.write("model.keras", data)
    arrays = checkpoint.arrays_of(model.variables)
    run.write("weights.arrays", checkpoint.pack(arrays, {"model": model.name}))


def load_weights(model, path):
    """Sets the weights of `model` from a weights.arrays or a `.keras` file; runs no code of it.

    Args:
        model: built `keras.Model` of the architecture that was saved.
        path: path-like.

    Raises:
        CheckpointError: the file is damaged, hostile, not finite, or another model's. The
            weights of `model` are then what they were.
    """
    path = pathlib.Path(path)
    try:
        # Other programs may leave the optimizer's slots in, two or three times the weights.
        _check_is_file(path, 4 * checkpoint.bytes_of(model.variables) + _OTHER_BYTES)
        if path.suffix == ".arrays":
            arrays, _ = checkpoint.read(path, checkpoint.bytes_of(model.variables))
            checkpoint.check_fits(path, arrays, model.variables)
            _check_finite(arrays)
            checkpoint.assign(model.variables, arrays)
        else:
            _check_keras_file(path, model)
            _load_keras_weights(path, model)
    except DamagedError as error:
        raise CheckpointError(f"{path} can't be loaded: {error}") from None


def _check_is_file(path, max_bytes):
    try:
        status = path.stat()
    except OSError as error:
        raise DamagedError(error.strerror) from None
    if not stat.S_ISREG(status.st_mode):
        raise DamagedError("it is not a regular file")
    if status.st_size == 0:
        raise DamagedError("it is empty")
    if status.st_size > max_bytes:
        raise DamagedError(f"it has {status.st_size:,} bytes; this model's has up to {max_bytes:,}")
    with open(path, "rb") as file:
        is_hdf5 = file.read(8) == b"\x89HDF\r\n\x1a\n"
    if is_hdf5 or path.suffix in (".h5", ".hdf5"):
        raise DamagedError("HDF5 models may run code when they are loaded; save it as .keras")


def _check_keras_file(path, model):
    if _keras_version() < _SAFE_KERAS and not _is_our_own(path):
        raise DamagedError(
            f"Keras {keras.__version__} reads foreign model files unsafely; "
            f"install keras>={'.'.join(map(str, _SAFE_KERAS))}"
        )
    config, weights = _members(path)
    for name in _class_names(config):
        if name in _RUN_CODE:
            raise DamagedError(f"it holds a {name} layer, which runs code of the file")
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            _check_weights(file, len(weights))
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise DamagedError(f"its weights can't be read ({error})") from None


def _members(path):
    """Returns the configuration as an object of JSON, and the bytes of the HDF5 file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if set(names) != _MEMBERS or len(names) != len(_MEMBERS):
                raise DamagedError(f"it holds {', '.join(names[:5])[:100]}")
            # What is stored as it is can't grow when it is read.
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise DamagedError("its parts are compressed, as Keras never writes them")
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise DamagedError("its parts claim to be larger than the file")
            if archive.getinfo(_CONFIG).file_size > _OTHER_BYTES:
                raise DamagedError("its configuration is too long")
            return json.loads(archive.read(_CONFIG)), archive.read(_WEIGHTS)
    except DamagedError:
        raise
    except (zipfile.BadZipFile, ValueError, RecursionError, EOFError, RuntimeError) as error:
        raise DamagedError(f"it is damaged ({error})") from None


def _class_names(config):
    """Yields every class that a configuration names, however deep."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item.get("class_name")
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _check_weights(file, max_bytes):
    """Checks all that an HDF5 file declares before any of it is read."""
    waiting, datasets, num_objects = [file], [], 0
    while waiting:
        group = waiting.pop()
        for name in group:
            num_objects += 1
            if num_objects > _MAX_OBJECTS:
                raise DamagedError("its weights have too many parts")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DamagedError(f"its weights link elsewhere, at {name}")
            item = group[name]
            if isinstance(item, h5py.Dataset):
                datasets.append(item)
            else:
                waiting.append(item)
    for dataset in datasets:
        if dataset.external or dataset.is_virtual or dataset.chunks:
            raise DamagedError(f"its weights are stored as Keras never does, at {dataset.name}")
    declared = sum(dataset.size * dataset.dtype.itemsize for dataset in datasets)
    if declared > max_bytes:
        raise DamagedError(f"it declares {declared:,} bytes of weights and holds {max_bytes:,}")
    _check_finite({dataset.name: np.asarray(dataset) for dataset in datasets})


def _check_finite(arrays):
    bad = checkpoint.first_not_finite(arrays)
    if bad:
        raise DamagedError(f"{bad} is not finite")


def _load_keras_weights(path, model):
    before = checkpoint.arrays_of(model.variables)
    try:
        model.load_weights(path)
    except Exception as error:
        checkpoint.assign(model.variables, before)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedError(f"it is another model's ({reason})") from None


def _keras_version():
    return tuple(int(part) for part in keras.__version__.split(".")[:3] if part.isdigit())


def _is_our_own(path):
    """Returns whether a run of ours wrote the file; the sum beside it says so."""
    recorded = path.with_name(f"{path.name}.sha256")
    try:
        return recorded.read_text().split()[0] == hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, IndexError):
        return False
