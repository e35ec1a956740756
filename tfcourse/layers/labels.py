"""Labels as one-hot rows, and back."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from keras import ops

Name = TypeVar("Name")


def one_hot(labels: Sequence[Name], class_names: Sequence[Name]) -> npt.NDArray[np.float32]:
    """Encodes each label as a row with a single 1, in the column of its class.

    Blue among (red, blue, green) is [0, 1, 0]. For integer labels, `class_names=range(10)`.

    Args:
        labels: a class name per row.
        class_names: distinct names, one per column, in the order of the columns.

    Returns:
        Array of shape `[labels, classes]`.

    Raises:
        ValueError: if a name occurs twice in `class_names`, or a label does not occur there.

    Examples:
        >>> tfcourse.layers.one_hot(["blue", "red"], class_names=("red", "blue", "green"))
        array([[0., 1., 0.],
               [1., 0., 0.]], dtype=float32)
    """
    columns = _columns(class_names)
    unknown = [label for label in labels if label not in columns]
    if unknown:
        raise ValueError(
            f"Every label must be one of {list(columns)}. Received: label={unknown[0]!r}"
        )
    rows = np.zeros((len(labels), len(columns)), np.float32)
    rows[np.arange(len(labels)), [columns[label] for label in labels]] = 1.0
    return rows


def from_one_hot(rows: npt.ArrayLike, class_names: Sequence[Name]) -> list[Name]:
    """Decodes one-hot rows into class names; the inverse of `one_hot`.

    Probabilities are refused: `from_one_hot(hardmax(probabilities), class_names)` names the
    likeliest class of each row.

    Args:
        rows: shape `[labels, classes]`, one 1 per row and 0 elsewhere.
        class_names: distinct names, one per column, in the order of the columns.

    Raises:
        ValueError: if a row is not one-hot, the number of columns is not that of the names, or a
            name occurs twice.

    Examples:
        >>> tfcourse.layers.from_one_hot([[0, 1, 0], [1, 0, 0]], ("red", "blue", "green"))
        ['blue', 'red']
    """
    names = list(_columns(class_names))
    rows = np.asarray(ops.convert_to_numpy(rows))
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise ValueError(
            f"`rows` must have the shape [labels, {len(names)}]. Received: shape={rows.shape}"
        )
    good = (np.sum(rows == 1, axis=1) == 1) & (np.sum(rows == 0, axis=1) == len(names) - 1)
    if not good.all():
        bad = int(np.argmin(good))
        raise ValueError(f"`rows` must be one-hot. Received: rows[{bad}]={rows[bad].tolist()}")
    return [names[column] for column in rows.argmax(axis=1)]


def _columns(class_names: Sequence[Name]) -> dict[Name, int]:
    columns = {name: column for column, name in enumerate(class_names)}
    if len(columns) != len(class_names):
        raise ValueError(f"`class_names` must be distinct. Received: class_names={class_names}")
    return columns
