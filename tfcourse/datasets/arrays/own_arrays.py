"""Makes a `Dataset` of your own arrays, or of something that yields them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import checks, classes, memory, splits
from tfcourse.datasets.arrays import array_shapes
from tfcourse.datasets.arrays.array_preprocessing import fit_arrays
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import Split
from tfcourse.datasets.tables import targets
from tfcourse.datasets.values.cells import as_category
from tfcourse.system import files

_INFINITE = -1  # What tf.data calls it.
_MEND = "Make it a set of TensorFlow Datasets, which is read from disk (see docs/your_data.md)."


Pair = tuple[npt.ArrayLike, npt.ArrayLike]  # Features and labels.


def from_arrays(
    train: Pair,
    validation: Pair | None = None,
    test: Pair | None = None,
    *,
    class_names: Sequence[object] | None = None,
    name: str = "arrays",
    scale: bool | None = None,
    task: Literal["classification", "regression", "auto"] = "classification",
) -> Dataset:
    """Returns arrays as a `Dataset`, checked and copied.

    Missing splits are taken from the training split, a tenth each: stratified, and the same in
    every run.

    Args:
        train: `(features, labels)`. Features: [examples, height, width, channels] or [examples,
            height, width], finite, in [0, 1]; or [examples, features], or series [examples, steps,
            values], of any range. Labels: integers [examples] in [0, classes), texts, or one-hot;
            or, for a quantity, numbers.
        validation: `(features, labels)`, like `train`.
        test: `(features, labels)`, like `train`.
        class_names: one name per class. By default "0", "1", ... up to the largest label.
        name: for messages and records.
        scale: whether to scale features by statistics of the training split, see `fit_arrays`;
            images may then have any range. `Dataset.preprocessing` scales new examples in the same
            way. By default, tables are scaled and images are not.
        task: "classification", or "regression" for a quantity, which is standardized by the
            training split's mean and standard deviation, see `Dataset.target`; "auto" decides by
            the labels.

    Raises:
        DataError: an array does not fit; names the split and the first bad example.

    Examples:
        >>> images, labels = np.zeros((100, 8, 8)), np.arange(100) % 10
        >>> tfcourse.datasets.from_arrays((images, labels)).train
        Split(81 examples (8, 8, 1))
    """
    given = {"train": train, "validation": validation, "test": test}
    for split, pair in given.items():
        if pair is not None or split == "train":
            _check_pair(f"{name}, split {split}", pair)
    task = _settled(name, task, train[1])
    if isinstance(class_names, Mapping):
        raise DataError(
            f"{name}: expected `class_names` to be a list, a name for each of the labels 0, 1, ...;"
            f" received {type(class_names).__name__}."
        )
    texts = _texts(train[1])
    known = None if class_names is None else tuple(map(as_category, class_names))
    if known is None and texts is not None and texts.size and task == "classification":
        cells = texts.ravel().tolist()
        _, known = classes.number(f"{name}, labels", cells, "example {}".format, 1)
    pairs: dict[str, tuple[Numbers, Numbers]] = {}
    for split, pair in given.items():
        if pair is not None:
            shape = pairs["train"][0].shape[1:] if pairs else None
            pairs[split] = _as_arrays(f"{name}, split {split}", pair, shape, task, known)
    if scale is None:
        scale = pairs["train"][0].ndim == 2
    if not scale:  # Otherwise, bytes must stay bytes to be recognized.
        pairs = {split: (_as_float32(x), y) for split, (x, y) in pairs.items()}
    names = () if task == "regression" else _names(name, pairs, known)
    checks.check_pairs(name, pairs, len(names), scaled=not scale)
    pairs = splits.complete(name, pairs)
    target = None
    if task == "regression":
        target, pairs = targets.standardized(f"{name}, labels", "y", pairs)
    fitted = None
    if scale:
        fitted = fit_arrays(pairs["train"][0], names, name, target)
        pairs = {split: (fitted.transform(x), y) for split, (x, y) in pairs.items()}
    made: dict[str, Any] = {split: Split(*pair) for split, pair in pairs.items()}
    return Dataset(
        name=name,
        class_names=names,
        origin="arrays",
        preprocessing=fitted,
        target=target,
        **made,
    )


def _check_pair(where: str, pair: Any) -> None:
    if isinstance(pair, tuple | list) and len(pair) == 2:
        try:
            np.asarray(pair[1])
        except ValueError as error:
            raise DataError(f"{where}: expected one label per example; received {error}") from None
        return
    received = type(pair).__name__
    mend = "Write (x, y)."
    if isinstance(pair, tuple | list):
        received = f"{len(pair)} items"
        mend = "Weights of examples are not used; `fit` takes weights of classes."
    raise DataError(f"{where}: expected a pair (features, labels); received {received}. {mend}")


def _settled(name: str, task: str, labels: npt.ArrayLike) -> targets.Task:
    if task not in ("auto", *targets.TASKS):
        raise ValueError(
            f"`task` must be one of auto, {', '.join(targets.TASKS)}. Received: {task!r}"
        )
    found = array_shapes.as_labels(f"{name}, labels", labels) if task == "auto" else np.empty(0)
    if found.ndim > 1:
        return "classification"
    return targets.settled(f"{name}, labels", task, targets.as_numbers(found))


def _texts(labels: npt.ArrayLike) -> npt.NDArray[np.str_] | None:
    """Returns labels that are texts as an array of texts; `None` for other labels."""
    labels = np.asarray(labels)
    if labels.dtype == object and all(isinstance(label, bytes) for label in labels.flat):
        labels = labels.astype(bytes)  # As tf.data yields texts.
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind == "U" or (
        labels.dtype == object and all(isinstance(label, str) for label in labels.flat)
    ):
        return labels.astype(str)
    return None


def _names(name: str, pairs: dict[str, Any], class_names: Sequence[str] | None) -> tuple[str, ...]:
    if class_names is None:
        largest = max(int(labels.max(initial=0)) for _, labels in pairs.values())
        if largest >= classes.MAX_CLASSES:
            raise DataError(
                f"{name}: expected labels that number the classes from 0 on; received {largest}. "
                "np.unique(labels, return_inverse=True) numbers them; for a quantity, add "
                "`task=regression`."
            )
        absent = np.setdiff1d(np.arange(largest + 1), pairs["train"][1])
        if len(absent):
            logging.warning(
                "%s: labels are taken for the numbers of classes from 0 on; no training example "
                "has %s.",
                *(name, ", ".join(map(str, absent[:8])) + (", ..." if absent[8:].size else "")),
            )
        if largest == 0:
            raise DataError(
                f"{name}, labels: expected at least two classes; received 0 alone. Add examples of "
                "another class."
            )
        return tuple(str(label) for label in range(largest + 1))
    return tuple(class_names)


Source = Callable[[], Any] | Iterable[Any]


def from_batches(
    train: Source, validation: Source | None = None, test: Source | None = None, **arguments: Any
) -> Dataset:
    """Returns the examples of an iterable as a `Dataset`, read once and completely into memory.

        dataset = from_batches(tf.data.Dataset.from_tensor_slices((images, labels)))
        dataset = from_batches(lambda: ((read(path), label) for path, label in files), scale=True)

    Args:
        train: a `tf.data.Dataset` of pairs `(features, label)`, batched or not; or a function
            without arguments that returns one, or that returns an iterable of such pairs.
        validation: like `train`.
        test: like `train`.
        **arguments: `class_names`, `name`, `scale` and `task` of `from_arrays`.

    Raises:
        DataError: as in `from_arrays`; or the examples never end, or do not fit into memory.
    """
    given = {"train": train, "validation": validation, "test": test}
    name = arguments.get("name", "batches")
    pairs: dict[str, Any] = {
        split: None if source is None else _read_batches(f"{name}, split {split}", source)
        for split, source in given.items()
    }
    return from_arrays(**pairs, **{"name": name, **arguments})


def _read_batches(where: str, source: Any) -> tuple[Numbers, Numbers]:
    source = source() if callable(source) else source
    if getattr(source, "cardinality", lambda: 0)() == _INFINITE:
        raise DataError(
            f"{where}: expected examples that end; received a data set that repeats forever. "
            "Leave repeat() out."
        )
    features, labels, num_bytes = [], [], 0
    for pair in _pairs_of(source):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(
                f"{where}: expected pairs (features, label); received {type(pair).__name__}. "
                "Map them to pairs."
            )
        x, y = (_array(where, part) for part in pair)
        if y.ndim and x.shape[:1] != y.shape[:1]:
            raise DataError(
                f"{where}: expected a label for each example; received features of shape {x.shape} "
                f"and labels of shape {y.shape}. The label of a single example is one number."
            )
        features.append(x if y.ndim else x[np.newaxis])
        labels.append(np.atleast_1d(y))
        num_bytes += 3 * x.nbytes  # As received, joined, and in its split.
        if len(labels) % 256 == 0:
            memory.check_fits(where, num_bytes, _MEND)
    if not labels:
        raise DataError(f"{where}: expected at least one example; received none.")
    for what, parts in {"example": features, "label": labels}.items():
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise DataError(
                f"{where}: expected one shape of {what}; received {sorted(shapes)[:4]}. Resize or "
                "cut them."
            )
    if _are_of_single_examples(labels):
        raise DataError(
            f"{where}: expected batches, or single examples whose label is one number; received "
            f"labels of {len(labels[0])} numbers, one of which is 1, as of single examples. Batch "
            "them, or decode the labels by argmax."
        )
    return np.concatenate(features), np.concatenate(labels)


def _are_of_single_examples(labels: Sequence[Numbers]) -> bool:
    """Returns whether what looks like the labels of batches is the one-hot label of an example."""
    if labels[0].ndim != 1 or len({*map(len, labels)}) > 1:
        return False
    rows = np.array(labels)
    return min(rows.shape) > 2 and array_shapes.are_one_hot(rows)


def _pairs_of(source: Any) -> Iterable[Any]:
    if hasattr(source, "as_numpy_iterator"):
        return source.as_numpy_iterator()
    if not hasattr(source, "__iter__") and hasattr(source, "__len__"):
        return (source[number] for number in range(len(source)))  # May have no other end.
    return source


def _array(where: str, values: Any) -> Numbers:
    """Returns an array; raises `DataError` for tensors that can't be one."""
    try:
        return np.asarray(values)
    except (RuntimeError, TypeError) as error:  # With gradients, on a GPU, or of type bfloat16.
        raise DataError(
            f"{where}: expected numbers; received {files.first_line(error).rstrip('.')}. Convert "
            "them to arrays."
        ) from None


def _as_arrays(
    where: str,
    pair: Pair,
    shape: tuple[int, ...] | None,
    task: str,
    class_names: Sequence[str] | None,
) -> tuple[Numbers, Numbers]:
    """Returns arrays with the axes of examples of `shape`, if `shape` is given."""
    checks.check_unmasked(where, pair[0])
    checks.check_unmasked(f"{where}, labels", pair[1])
    try:
        features = _array(where, pair[0])
        array_shapes.check_roles(where, ("x", features), ("y", np.asarray(pair[1])))
    except ValueError as error:
        raise DataError(
            f"{where}: expected images of one shape; received {error}. Resize or cut them."
        ) from error
    if not features.size:
        raise DataError(
            f"{where}: expected at least one example; received features of shape "
            f"{features.shape}. Check how they were selected."
        )
    if features.dtype == object:
        checks.numbers(where, pair[0])
    if shape is None:
        features = array_shapes.as_examples(where, features)
    else:
        features = array_shapes.like(where, features, shape)
    texts = _texts(pair[1])
    labels = array_shapes.as_labels(f"{where}, labels", pair[1] if texts is None else texts)
    if texts is not None and task == "classification" and labels.ndim == 1:
        return features, checks.label_numbers(where, labels, class_names or ())
    read = checks.quantities if task == "regression" else checks.whole_labels
    return features, read(where, labels)


def _as_float32(features: Numbers) -> Numbers:
    # float64 beyond float32's range becomes infinite here, which is an error later.
    with np.errstate(over="ignore"):
        return features.astype(np.float32)
