"""The kind of a model's labels and outputs, and the loss of a guess."""

import dataclasses
import math
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
from scipy import special

from tfcourse import training_data
from tfcourse.diagnosis.examples import Floats, Labels
from tfcourse.training.outputs import takes_logits

_CROSS_ENTROPIES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.BinaryCrossentropy,
)
_CROSS_ENTROPY_NAMES = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
)

_SUM = 1e-3  # Rounding of a sum of shares.


@dataclasses.dataclass(frozen=True)
class Task:
    """The learning task.

    Attributes:
        kind: "classes" with one output per class, "binary" with one output for two classes, or
            "quantity".
        num_classes: the number of classes; 0 for a quantity.
        class_names: one per class.
        from_logits: whether the loss applies the softmax, or sigmoid, itself.
        known_loss: whether the loss is cross-entropy or squared error.
        reference: the loss of a guess: the logarithm of the number of classes, or the variance of
            the quantity.
    """

    kind: Literal["classes", "binary", "quantity"]
    num_classes: int
    class_names: tuple[str, ...]
    from_logits: bool
    known_loss: bool
    reference: float

    def classes(self, labels: Labels) -> npt.NDArray[np.int64]:
        """Returns labels as integers, also if they are one-hot."""
        if self.kind == "classes" and labels.ndim == 2 and labels.shape[1] == self.num_classes:
            return labels.argmax(axis=1)
        return labels.reshape(len(labels)).astype(np.int64)

    def name_of(self, number: int) -> str:
        """Returns the name of a class."""
        return self.class_names[number] if number < len(self.class_names) else str(number)

    def names_of(self, labels: Labels) -> list[str]:
        """Returns labels as texts."""
        if self.kind == "quantity":
            return [f"{label:.3g}" for label in labels.reshape(len(labels)).tolist()]
        return [self.name_of(number) for number in self.classes(labels).tolist()]

    def probabilities(self, outputs: Floats) -> npt.NDArray[np.float64]:
        """Returns [examples, classes] from the model's outputs."""
        values = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
        if self.kind == "binary":
            if self.from_logits:
                values = special.expit(values)
            return np.concatenate([1.0 - values, values], axis=1)
        return special.softmax(values, axis=1) if self.from_logits else values


def task_of(model: keras.Model, data: training_data.Data) -> Task:
    """Returns the task, judging by the labels, the outputs and the compiled loss.

    Raises:
        ValueError: an example has several labels, or the quantity is the same for all.
    """
    labels = np.asarray(data.train.labels)
    num_outputs = int(model.output_shape[-1]) if getattr(model, "outputs", None) else 0
    if labels.size != len(labels) and not _are_shares(labels):
        raise ValueError(
            "diagnose takes one label per example: a class, one-hot or as its number, or a "
            f"quantity. Received: labels of shape {labels.shape}"
        )
    loss = model.loss
    known = isinstance(loss, _CROSS_ENTROPIES) or _name(loss) in _CROSS_ENTROPY_NAMES
    is_quantity = getattr(data, "target", None) is not None
    if is_quantity or not (known or _are_classes(labels, num_outputs)):
        squares = isinstance(loss, keras.losses.MeanSquaredError) or _name(loss) in (
            *("mse", "mean_squared_error"),
        )
        variance = float(labels.astype(float).var())
        if variance == 0.0:
            raise ValueError(
                f"The training labels are all {labels.flat[0]}: nothing can be learned from them"
            )
        return Task("quantity", 0, (), True, squares, variance)
    kind: Literal["classes", "binary"] = "binary" if num_outputs == 1 else "classes"
    number = 2 if kind == "binary" else num_outputs or int(labels.max()) + 1
    names = tuple(getattr(data, "class_names", ())) or tuple(map(str, range(number)))
    # Keras's names and functions take probabilities; custom functions may take anything.
    said = takes_logits(loss)
    logits = not known if said is None else said
    return Task(kind, number, names, logits, known, math.log(number))


def _are_classes(labels: Labels, num_outputs: int) -> bool:
    return num_outputs > 1 and (_are_shares(labels) or labels.dtype.kind in "iub")


def _are_shares(labels: Labels) -> bool:
    """Returns whether each row has one number per class, that sum to 1: one-hot, or smoothed."""
    if labels.ndim != 2 or labels.shape[1] < 2:
        return False
    return bool((labels >= 0).all() and (abs(labels.sum(axis=1) - 1.0) < _SUM).all())


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "__name__", "")
