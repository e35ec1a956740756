"""Files of new examples as a classifier's features, whatever wrote them."""

import dataclasses
import pathlib

import numpy as np

from tfcourse import datasets
from tfcourse.datasets import array_files
from tfcourse.datasets.examples import Examples
from tfcourse.datasets.preprocessing import ImagePreprocessing, TablePreprocessing
from tfcourse.datasets.table import check_file

_ARRAYS = (".npy", ".npz")


def read_examples(preprocessing, path, *, resize=False):
    """Returns the `Examples` in a file or folder, prepared as those trained on were.

    Args:
        preprocessing: the classifier's.
        path: path-like: an image, a folder of images, a CSV file (of a classifier of tables), or
            arrays: .npz with `x` and, where there are labels, `y`; .npy with `x` alone.
        resize: whether images of another size are resized, even if those trained on were not.

    Raises:
        DataError: the file does not fit the classifier, or is damaged or hostile.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix.lower() in _ARRAYS:
        return _read_arrays(preprocessing, path)
    if resize and isinstance(preprocessing, ImagePreprocessing):
        preprocessing = dataclasses.replace(preprocessing, resized=True)
    return preprocessing.read(path)


def load_split(classifier, name, data_dir=None):
    """Returns the `Split` "train", "validation" or "test" of the data that a run was trained on.

    The data set is the one that flags.txt names, read or prepared as for a training.

    Raises:
        DataError: it can't be had, is damaged, or is prepared otherwise than it was then.
    """
    record = classifier.record
    flags = {name: texts[-1] for name, texts in record.flags.items()}
    reading = datasets.Reading.from_texts(flags)
    dataset = flags.get("dataset", "")
    try:
        data = datasets.load(dataset, data_dir, **vars(reading))
    except ValueError as error:
        raise datasets.DataError(f"{record.path}: {error}") from None
    # The origin may name another version of the library that brought the same data.
    source = record.preprocessing.source
    if dataclasses.replace(data.preprocessing, source=source) != record.preprocessing:
        raise datasets.DataError(
            f"{dataset}: expected the data that the run was trained on, from "
            f"{source}; received other data, from {data.origin}. Restore it, "
            "or give examples of your own as `input`."
        )
    return data.splits[name]


def _read_arrays(preprocessing, path):
    if isinstance(preprocessing, TablePreprocessing):
        raise datasets.DataError(
            f"{path}: expected a CSV file with the columns trained on; received arrays, which "
            "have no names of columns. Save it as CSV."
        )
    if path.suffix.lower() == ".npy":
        raw, labels = _read_npy(path), None
    else:
        raw, labels = array_files.read_examples(path)
    if labels is not None:
        labels = array_files.label_numbers(f"{path}, y", labels, preprocessing.class_names)
    _check_raw(preprocessing, path, raw)
    places = tuple(f"{path}, example {number}" for number in range(len(raw)))
    try:
        return Examples(preprocessing.transform(raw), labels, places)
    except datasets.DataError as error:
        raise datasets.DataError(f"{path}: {error}") from None


def _read_npy(path):
    check_file(path, "an array as numpy.save writes it")
    try:
        # A map of the file can't be larger than the file, whatever its header claims.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise datasets.DataError(
            f"{path}: expected an array as numpy.save writes it; received {reason}."
        ) from None


def _check_raw(preprocessing, path, raw):
    """Raises `DataError` for images that were scaled already: all would look black."""
    if not isinstance(preprocessing, ImagePreprocessing) or preprocessing.maximum == 1:
        return
    if raw.dtype.kind == "f" and raw.size and 0 < raw.max() <= 1:
        raise datasets.DataError(
            f"{path}: expected values in [0, {preprocessing.maximum}], as those trained on had "
            f"before they were scaled; received values up to {raw.max():g}. Multiply them by "
            f"{preprocessing.maximum}."
        )
