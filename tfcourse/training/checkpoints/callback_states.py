"""Saves and restores the state of callbacks: what they have counted and kept so far.

An attribute is state if it has changed since training began. If not, it is a setting, and a resumed
run may have a different one. Attributes that JSON and plain arrays can't hold are reported by name
before training starts.
"""

import dis
import enum
import inspect
import pathlib
import types
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfcourse.training import keras_internals
from tfcourse.training.checkpoints.plain_values import PLAIN, Packed, packed, unpacked
from tfcourse.training.checkpoints.progress import Progress
from tfcourse.training.checkpoints.saved_arrays import CheckpointError
from tfcourse.training.epoch_lines import EpochLines

_IMMUTABLE = (*PLAIN, tuple, frozenset, bytes, pathlib.PurePath, np.generic)

# Saved as if they were attributes: whether a callback has inferred the direction of its metric, and
# the rows that a CSVLogger has written to its file, which it empties when training begins.
_DIRECTED = "monitor_op is set"
_ROWS = "rows of the file"
# These only show the training, so a resumed run may have different ones. The history is saved with
# the progress.
_BOARD = keras.callbacks.TensorBoard
_DISPLAY = (keras.callbacks.History, keras.callbacks.ProgbarLogger, EpochLines, _BOARD)
# Training never changes values of these types.
_CONSTANT = (type, types.ModuleType, types.BuiltinFunctionType, enum.Enum, np.dtype)


class CallbackStates:
    """The states of the callbacks of one training, after their `on_train_begin`.

    Args:
        callbacks: all of them, in order.
        model: the model that they train. Its parts do not count as their state.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], model: keras.Model) -> None:
        self._callbacks = [each for each in callbacks if type(each) not in _DISPLAY]
        self._deciding = [type(callback).__name__ for callback in self._callbacks]
        self._callbacks += [each for each in callbacks if type(each) is _BOARD]
        optimizer = model.optimizer
        parts = [*keras_internals.all_layers(model), optimizer, model.loss, *model.metrics]
        self._parts = {id(part) for part in (*parts, *model.variables, *optimizer.variables)}
        self._told: set[str] = set()
        self._begun = [self._values(callback) for callback in self._callbacks]
        self._tell_lost()

    def take(self) -> tuple[list[Any], dict[str, npt.NDArray[Any]]]:
        """Returns the states `(states, arrays)`: counters, best values, kept weights.

        Returns:
            A JSON-able list of `[class name, {attribute: value}]`, and the arrays by name.
        """
        states: list[Any] = []
        arrays: dict[str, npt.NDArray[Any]] = {}
        for i, callback in enumerate(self._callbacks):
            plain: dict[str, Any] = {}
            for name, value in self._values(callback).items():
                if not value.is_same(self._begun[i].get(name)):
                    plain[name] = value.json
                    arrays |= {f"callback {i} {name} {j}": a for j, a in enumerate(value.arrays)}
            plain[_DIRECTED] = getattr(callback, "monitor_op", None) is not None
            states.append([type(callback).__name__, plain])
        self._tell_lost()
        return states, arrays

    def put_back(self, states: Sequence[Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Sets the callbacks to what `take` returned, in this process or another one.

        Raises:
            CheckpointError: the states belong to other callbacks, or to another order of them.
        """
        saved = [name for name, _ in states if name != _BOARD.__name__]
        if self._deciding != saved:
            raise CheckpointError(
                f"the run was saved with the callbacks {', '.join(saved) or 'none'}; "
                f"received {', '.join(self._deciding) or 'none'}"
            )
        for i, (callback, (_, plain)) in enumerate(zip(self._callbacks, states, strict=False)):
            plain = dict(plain)
            if plain.pop(_DIRECTED) and callback.monitor_op is None:
                keras_internals.set_direction(callback)
            values = dict(self._begun[i])
            for name, json in plain.items():
                start = f"callback {i} {name} "
                own = [array for key, array in arrays.items() if key.startswith(start)]
                values[name] = Packed(json, own)
            self._set(callback, values)

    def _set(self, callback: keras.callbacks.Callback, values: dict[str, Packed]) -> None:
        now = self._values(callback)
        for name in now.keys() - values.keys():
            delattr(callback, name)
        for name, value in values.items():
            if value.is_same(now.get(name)):
                continue
            if name == _ROWS:
                (rows,) = value.arrays
                _rewrite(callback, rows.tobytes().decode())
            else:
                setattr(callback, name, unpacked(value))

    def _values(self, callback: keras.callbacks.Callback) -> dict[str, Packed]:
        remade = _not_kept(callback)
        found = {name: packed(v) for name, v in vars(callback).items() if name not in remade}
        if isinstance(callback, keras.callbacks.CSVLogger):
            with open(callback.filename, "rb") as file:
                found[_ROWS] = Packed(None, [np.frombuffer(file.read(), np.uint8)])
        return {name: value for name, value in found.items() if value is not None}

    def _tell_lost(self) -> None:
        """Prints, once each, the attributes that a resumed run will not have."""
        lost = []
        for callback in self._callbacks:
            remade = _not_kept(callback)
            lost += [
                f"{type(callback).__name__}.{name}"
                for name, value in vars(callback).items()
                if name not in remade and not self._is_safe(value, callback)
            ]
        new = [name for name in lost if name not in self._told]
        self._told.update(new)
        if new:
            print(
                f"If this run is resumed, it will not bring back {', '.join(new)}: of callbacks, "
                "numbers, texts, arrays and lists, tuples, sets and dicts of these are kept",
                flush=True,
            )

    def _is_safe(self, value: Any, callback: keras.callbacks.Callback) -> bool:
        """Returns whether `value` can be saved, or is something that callbacks do not change."""
        if value is callback or id(value) in self._parts or isinstance(value, _CONSTANT):
            return True
        if isinstance(value, types.MethodType):
            return self._is_safe(value.__self__, callback)
        if isinstance(value, types.FunctionType):
            return self._is_safe_function(value, callback)
        if isinstance(value, (list, tuple)):
            return all(self._is_safe(each, callback) for each in value)
        return packed(value) is not None

    def _is_safe_function(
        self, function: types.FunctionType, callback: keras.callbacks.Callback
    ) -> bool:
        code = function.__code__
        steps = dis.get_instructions(code)
        if any(s.opname == "STORE_DEREF" and s.argval in code.co_freevars for s in steps):
            return False  # It may count in a `nonlocal`.
        held = inspect.getclosurevars(function).nonlocals.values()
        return all(
            isinstance(each, _IMMUTABLE)
            or (packed(each) is None and self._is_safe(each, callback))  # Packed values may grow.
            for each in held
            if each is not function
        )


def _not_kept(callback: keras.callbacks.Callback) -> frozenset[str]:
    """Returns the attributes that are not state: those of Keras, and those listed in `not_kept`."""
    own = getattr(callback, "not_kept", ())
    return keras_internals.remade_attributes(callback) | frozenset(own)


def _rewrite(callback: keras.callbacks.CSVLogger, rows: str) -> None:
    """Restores `rows` to the file of `callback`, which then appends to them."""
    callback.csv_file.truncate(0)
    callback.csv_file.seek(0)
    callback.csv_file.write(rows)
    callback.csv_file.flush()
    callback.writer = None
    callback.append_header = not rows


def leave_best(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback],
    before: list[npt.NDArray[Any]],
    progress: Progress,
) -> int | None:
    """Sets the best epoch's weights, unless a callback has set others.

    Args:
        before: the weights before `on_train_end` was called.

    Returns:
        The epoch whose weights the model now has, counted from 1; `None` if a callback set its own.
    """
    for callback in callbacks:
        stops = isinstance(callback, keras.callbacks.EarlyStopping)
        if stops and callback.restore_best_weights and callback.best_weights:
            return callback.best_epoch + 1
    now = [variable.numpy() for variable in model.variables]
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, now, strict=True)):
        return None
    best = progress.best_weights or now  # There are none before the first epoch ends.
    for variable, value in zip(model.variables, best, strict=True):
        variable.assign(value)
    return progress.best_epoch
