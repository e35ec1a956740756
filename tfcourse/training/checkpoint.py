"""One file that a killed run continues from, bit for bit: all variables, and where it stood.

The file is the sha256 of what follows, then an uncompressed npz archive: one array a variable, in
the model's own order, and a JSON text. Nothing in it is code, and nothing is read before the sum
and the declared sizes are right.
"""

import hashlib
import io
import json

import numpy as np

KEPT = 2
_STATE = "state.json"
_DIGEST_BYTES = hashlib.sha256().digest_size


class CheckpointError(Exception):
    """No checkpoint of the folder can be used; the message names the file."""

    exit_code = 4


def variables_of(model):
    """Returns every variable that training changes: weights, averages, seeds, metrics, slots."""
    every = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in every}.values())


def pack(arrays, state):
    """Returns the bytes of a checkpoint of `{name: array}` and a JSON-able `state`."""
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(state).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, **{_STATE: text}, **arrays)
    data = buffer.getbuffer()
    return hashlib.sha256(data).digest() + bytes(data)


def unpack(data):
    """Returns `(arrays, state)` of a checkpoint's bytes. Raises `ValueError` if damaged."""
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("its checksum does not fit")
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(arrays.pop(_STATE).tobytes())


class Checkpoints:
    """The checkpoints of one run: written whole or not at all, the newest sound one read.

    Args:
        run: the `RunDirectory`.
        model: compiled and built `keras.Model`.
    """

    def __init__(self, run, model):
        self._run = run
        self._variables = variables_of(model)

    def save(self, state, best):
        """Writes the variables, the arrays of the best epoch (a list) and a JSON-able `state`."""
        arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(self._variables)}
        arrays |= {f"best_{i}": array for i, array in enumerate(best)}
        name = f"{state['epoch']:06d}-{state['step']:09d}.ckpt"
        self._run.write(f"checkpoints/{name}", pack(arrays, state))
        for old in self._files()[:-KEPT]:
            old.unlink()

    def restore(self):
        """Sets the variables from the newest sound checkpoint.

        Returns:
            `(state, best)` as given to `save`, or `None` where there is no checkpoint.

        Raises:
            CheckpointError: there are checkpoints, and none of them can be used.
        """
        files = self._files()
        for file in reversed(files):
            try:
                return self._restore(file)
            except ValueError as error:
                print(f"{file}: damaged ({error}); falling back to the checkpoint before it")
        if files:
            raise CheckpointError(f"{files[0].parent}: no checkpoint there can be read")
        return None

    def _files(self):
        return sorted(self._run.path.glob("checkpoints/*.ckpt"))

    def _restore(self, file):
        expected = sum(v.numpy().nbytes for v in self._variables)
        size = file.stat().st_size
        # Variables and the best epoch's, and room for names and history; a larger file is none
        # of ours and is not read at all.
        if size > 2 * expected + (64 << 20):
            raise ValueError(f"it has {size} bytes, too many for this model")
        arrays, state = unpack(file.read_bytes())
        values = [arrays[f"variable_{i}"] for i in range(len(self._variables))]
        for variable, value in zip(self._variables, values, strict=True):
            if tuple(variable.shape) != value.shape:
                raise ValueError(f"{variable.path} has shape {value.shape}, not {variable.shape}")
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value.view(variable.numpy().dtype))
        best = [arrays[f"best_{i}"] for i in range(len(arrays) - len(values))]
        return state, best
