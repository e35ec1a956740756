"""Checks of the input of `fit`: its arguments, labels and features."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tfcourse import datasets, training_data
from tfcourse.training.keras_internals import overrides

_SPARSE = (keras.losses.SparseCategoricalCrossentropy, keras.losses.sparse_categorical_crossentropy)
_CATEGORICAL = (keras.losses.CategoricalCrossentropy, keras.losses.categorical_crossentropy)


class NotFiniteError(Exception):
    """The loss or a weight became infinite or NaN; the message says when."""

    exit_code = 6


def unknown_monitor(monitor: str, names: Iterable[str]) -> ValueError:
    """Returns the error for a metric that the model does not have."""
    return ValueError(
        f"`monitor` must be one of {', '.join(sorted(names))}. Received: monitor={monitor}"
    )


def check_compiled(model: keras.Model) -> None:
    """Raises `ValueError` if `model` is not compiled."""
    if not model.compiled:
        raise ValueError(
            "`model` must be compiled: `tfcourse.training.compile_for(model, optimizer, data)`, or "
            f"Keras's `compile`. Received: model={model.name}"
        )


def check_data(data: Any) -> None:
    """Checks that the training and the validation set are arrays with a label for each example.

    Raises:
        DataError: naming the split.
    """
    for name in ("train", "validation"):
        split = getattr(data, name, data)
        check_split(f"data.{name}", split)
        if name == "validation" and not isinstance(split, datasets.Split):
            check_finite(name, split)  # ReLU makes 0 of NaN, so that its loss may look fine.


def check_split(name: str, split: Any) -> None:
    """Checks that a split has examples, as arrays of numbers with a label for each.

    Raises:
        DataError: naming the split.
    """
    # Asking a split of bytes for `features` would make them.
    has_features = getattr(split, "pixels", None) is not None or hasattr(split, "features")
    if not has_features or not hasattr(split, "labels"):
        raise datasets.DataError(
            f"{name}: expected a split with `features` and `labels`; received "
            f"{type(split).__name__}. `tfcourse.datasets.from_arrays((x, y))` makes such data."
        )
    sizes = []
    for array in keras.tree.flatten((training_data.kept_features(split), split.labels)):
        kind = getattr(getattr(array, "dtype", None), "kind", "f")
        if not hasattr(array, "dtype") or not hasattr(array, "shape") or kind in "OSUMm":
            raise datasets.DataError(
                f"{name}: expected arrays of numbers; received {type(array).__name__}"
                f"{f' of {array.dtype}' if hasattr(array, 'dtype') else ''}. "
                "`tfcourse.datasets.from_arrays` and `from_dataframe` convert other examples."
            )
        sizes.append(len(array))
    if not all(sizes) or len(set(sizes)) > 1:
        raise datasets.DataError(
            f"{name}: expected as many labels as features, and at least one of each; received "
            f"{' and '.join(map(str, sizes))}. Check how they were selected."
        )


def check_form_of_labels(model: keras.Model, data: training_data.Data) -> None:
    """Checks that labels are one-hot for categorical cross-entropy, and numbers for the sparse one.

    A loss or a step of one's own may convert them.

    Raises:
        DataError: saying how to change the labels or the loss.
    """
    loss, given = _loss(model), keras.tree.flatten(data.train.labels)
    outputs = list(getattr(model, "outputs", None) or ())
    if len(given) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 2 or _has_own_loss(model):
        return
    shape, classes = np.shape(given[0]), outputs[0].shape[1]
    if shape[1:] == (classes,) and classes > 1 and _is_loss(loss, _SPARSE):
        raise datasets.DataError(
            f"train labels: expected one class number per example, for sparse cross-entropy; "
            f"received rows of {classes}. Compile the model with "
            "`keras.losses.CategoricalCrossentropy`, or take `labels.argmax(axis=1)`."
        )
    if len(shape) == 1 and classes > 1 and _is_loss(loss, _CATEGORICAL):
        raise datasets.DataError(
            f"train labels: expected one-hot rows of {classes}, for categorical cross-entropy; "
            "received one number per example. Compile the model with "
            "`keras.losses.SparseCategoricalCrossentropy`, or take `keras.ops.one_hot`."
        )


def _loss(model: keras.Model) -> Any:
    """Returns the compiled loss; one that was given by its name, as an object or a function."""
    loss = model.loss
    return keras.losses.get(loss) if isinstance(loss, str) or callable(loss) else loss


def _has_own_loss(model: keras.Model) -> bool:
    loss = _loss(model)
    package = type(loss).__module__.partition(".")[0]
    is_own = isinstance(loss, keras.losses.Loss) and package not in ("keras", "tfcourse")
    return is_own or overrides(model, "train_step", "compute_loss")


def _is_loss(loss: Any, forms: tuple[Any, Any]) -> bool:
    return isinstance(loss, forms[0]) or loss is forms[1]


def check_labels(model: keras.Model, data: training_data.Data) -> None:
    """Checks that class labels lie in [0, outputs), and warns if all are of one class.

    With a label out of range, XLA and GPUs compute NaN and train on. Binary cross-entropy of labels
    beyond 0 and 1 has no lower bound.

    Raises:
        DataError: naming the first example.
    """
    is_binary = _is_binary(model)
    classes = 2 if is_binary else _num_classes(model)
    if classes is None:
        return
    for name in ("train", "validation"):
        given = keras.tree.flatten(getattr(data, name).labels)
        if len(given) != 1:  # A custom train_step may take several.
            return
        labels = np.asarray(given[0])
        bad = ~((labels >= 0) & (labels <= 1 if is_binary else labels < classes))
        if bad.any() and is_binary:
            raise datasets.DataError(
                f"{name} labels: expected 0 or 1, for binary cross-entropy; received "
                f"{labels[bad][0]}. Correct it, or compile the model for classes."
            )
        if bad.any():
            example = np.unravel_index(int(bad.argmax()), bad.shape)
            raise datasets.DataError(
                f"{name} labels: expected classes in [0, {classes}), one for each output of "
                f"{model.name}; received {labels[example]} at example {int(example[0])}. Correct "
                "it, or give the model as many outputs as there are classes."
            )
        if name == "train" and labels.size > 1 and labels.min() == labels.max():
            print(f"All training examples have the label {labels.flat[0]}: nothing can be learned")


def _is_binary(model: keras.Model) -> bool:
    losses = ("binary_crossentropy", keras.losses.binary_crossentropy)
    is_named = isinstance(model.loss, str) or callable(model.loss)
    is_binary = isinstance(model.loss, keras.losses.BinaryCrossentropy)
    return (is_binary or (is_named and model.loss in losses)) and not _has_own_loss(model)


def _num_classes(model: keras.Model) -> int | None:
    """Returns how many classes the labels of a sparse loss may have; `None` for other losses."""
    loss = _loss(model)
    outputs = list(getattr(model, "outputs", None) or ())
    if (
        not _is_loss(loss, _SPARSE)
        or len(outputs) != 1
        or getattr(loss, "ignore_class", None) is not None
    ):
        return None
    return outputs[0].shape[-1]


def check_finite(name: str, split: training_data.Split) -> None:
    """Checks that features and labels in memory are finite; for training, if a loss is not.

    Raises:
        DataError: naming the first example.
    """
    for kind, arrays in (("features", split.features), ("labels", split.labels)):
        for array in keras.tree.flatten(arrays):
            if hasattr(array, "read"):
                continue
            finite = np.isfinite(np.asarray(array))
            if not finite.all():
                index = np.unravel_index(int(finite.argmin()), finite.shape)
                raise datasets.DataError(
                    f"{name} {kind}: expected finite numbers; received {np.asarray(array)[index]} "
                    f"at example {int(index[0])}, position {tuple(int(i) for i in index[1:])}. "
                    "Correct or remove that example."
                )
