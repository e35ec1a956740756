"""What callbacks have counted so far, taken out of them and put back."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfcourse.training import keras_internals
from tfcourse.training.checkpoint import CheckpointError

_PLAIN = (bool, int, float, str, type(None))
# Saved as an attribute where a callback has found out which way its metric gets better.
_DIRECTED = "monitor_op is set"
# They show what training does and decide nothing. The history is kept with the progress.
_DISPLAY = (keras.callbacks.History, keras.callbacks.ProgbarLogger, keras.callbacks.TensorBoard)


def take(
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[list[Any], dict[str, npt.NDArray[Any]]]:
    """Returns `(states, arrays)` of the callbacks: counts, bests, patience left, kept weights.

    Returns:
        A JSON-able list of `[class name, {attribute: value}]`, and `{name: array}` of the
        attributes that are lists of arrays, such as the weights that EarlyStopping restores.
    """
    states: list[Any] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    for i, callback in enumerate(_deciding(callbacks)):
        plain: dict[str, Any] = {}
        for name, value in vars(callback).items():
            if isinstance(value, np.generic):
                plain[name] = value.item()
            elif isinstance(value, _PLAIN):
                plain[name] = value
            elif _is_list_of_arrays(value):
                arrays |= {f"callback {i} {name} {j}": array for j, array in enumerate(value)}
        plain[_DIRECTED] = getattr(callback, "monitor_op", None) is not None
        states.append([type(callback).__name__, plain])
    return states, arrays


def put_back(
    callbacks: Sequence[keras.callbacks.Callback],
    states: Sequence[Any],
    arrays: dict[str, npt.NDArray[Any]],
) -> None:
    """Sets the callbacks to what `take` returned.

    Raises:
        CheckpointError: they are not the same callbacks, in the same order.
    """
    callbacks = _deciding(callbacks)
    given = [type(callback).__name__ for callback in callbacks]
    saved = [name for name, _ in states]
    if given != saved:
        raise CheckpointError(
            f"the run was saved with the callbacks {', '.join(saved) or 'none'}; "
            f"received {', '.join(given) or 'none'}"
        )
    for i, (callback, (_, plain)) in enumerate(zip(callbacks, states, strict=True)):
        plain = dict(plain)
        if plain.pop(_DIRECTED) and callback.monitor_op is None:
            keras_internals.set_direction(callback)
        vars(callback).update(plain)
        lists: dict[str, list[Any]] = {}
        for name, array in arrays.items():
            if name.startswith(f"callback {i} "):
                lists.setdefault(name.split(" ")[2], []).append(array)
        vars(callback).update(lists)


def restored_epoch(callbacks: list[keras.callbacks.Callback]) -> int | None:
    """Returns the epoch, counted from 1, whose weights a callback has restored at the end."""
    for callback in callbacks:
        if getattr(callback, "restore_best_weights", False) and callback.best_weights:
            return callback.best_epoch + 1
    return None


def _deciding(callbacks):
    return [callback for callback in callbacks if not isinstance(callback, _DISPLAY)]


def _is_list_of_arrays(value):
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(item, np.ndarray) for item in value)
    )
