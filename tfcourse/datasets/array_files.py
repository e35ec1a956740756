"""NPZ files: arrays under checked names, of which the header is read before the data."""

import math
import pathlib
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from tfcourse.datasets import memory
from tfcourse.datasets.columns import as_category
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.table import check_file

# NumPy reads a header as Python reads a literal, which can fail as code can.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError),
    *(SyntaxError, TypeError, RecursionError, tokenize.TokenError),
)
# As read, cut into splits, and scaled to float32.
_BYTES_PER_VALUE = 2 * 4


def read(path):
    """Returns the arrays of an NPZ file as `{name: array}`.

    Pickled objects are refused; so is what would not fit into memory, by the sizes in the headers.

    Raises:
        DataError: naming the file and the array.
    """
    path = pathlib.Path(path).expanduser()
    check_file(path, "an NPZ file, as numpy.savez writes it")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            if len(set(names)) < len(names) or not names:
                raise DataError(f"{path}: expected arrays under names of their own. Write it anew.")
            num_bytes = sum(_bytes_needed(path, archive, info) for info in archive.infolist())
        memory.check_fits(
            path,
            num_bytes,
            "Convert it to a set of TensorFlow Datasets, which is read from disk as it is needed "
            "(see docs/your_data.md), or train on a part of it.",
        )
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _DAMAGED as error:
        raise DataError(
            f"{path}: expected an NPZ file, as numpy.savez writes it; received "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}. Write it anew."
        ) from None
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: expected a file to read; received {error}.") from None


def _bytes_needed(path, archive, info):
    """Returns what an array takes until it is scaled, from its header alone."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        headers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in headers:
            raise DataError(f"{path}: array {info.filename} is of the unknown version {version}.")
        shape, _, dtype = headers[version](member)
    if dtype.hasobject:
        raise DataError(
            f"{path}: expected numbers in array {info.filename}; received Python objects, which "
            "are not read, since they can run code. Convert them to numbers."
        )
    # Python's whole numbers: NumPy's would overflow where a hostile header says 2 ** 62.
    return math.prod(map(int, shape)) * (2 * dtype.itemsize + _BYTES_PER_VALUE)


def read_examples(path):
    """Returns `(x, y)` of an NPZ file of new examples; `y` is `None` where there is none."""
    arrays = read(path)
    if "x" not in arrays:
        raise DataError(
            f"{path}: expected an array x, and y where there are labels; received "
            f"{', '.join(list(arrays)[:20])}. Name them so: numpy.savez(path, x=..., y=...)."
        )
    features, labels = arrays["x"], arrays.get("y")
    if labels is not None and (labels.ndim != 1 or len(labels) != len(features)):
        raise DataError(
            f"{path}: expected one label in y for each of the {len(features)} examples; received "
            f"shape {labels.shape}. Pair them again at their source."
        )
    return features, labels


def as_features(where, features):
    """Returns an array of numbers [examples, features] or [examples, height, width, channels].

    Raises:
        DataError: type or rank differ.
    """
    features = np.asarray(features)
    is_real = np.issubdtype(features.dtype, np.number) and not np.iscomplexobj(features)
    if not is_real and features.dtype != bool:
        raise DataError(f"{where}: expected numbers; received type {features.dtype}. Convert them.")
    if features.ndim == 3:
        features = features[..., np.newaxis]
    if features.ndim not in (2, 4) or 0 in features.shape:
        raise DataError(
            f"{where}: expected [examples, features] or [examples, height, width, channels], not "
            f"empty; received shape {features.shape}. Reshape them."
        )
    return features


def check_finite(where, features):
    """Raises `DataError`, naming the first bad example, unless all values are finite."""
    if not np.issubdtype(features.dtype, np.floating):
        return
    finite = np.isfinite(features)
    if not finite.all():
        example, *position = (
            int(i) for i in np.unravel_index(int((~finite).argmax()), finite.shape)
        )
        raise DataError(
            f"{where}: expected finite numbers; received "
            f"{features[(example, *position)]} at example {example}, position {tuple(position)}. "
            "Correct or remove that example."
        )


def label_cells(where, labels):
    """Returns an array of labels as a list of whole numbers or texts.

    Raises:
        DataError: naming the first example whose label is neither.
    """
    if labels.dtype == bool:
        return labels.astype(int).tolist()
    if labels.dtype.kind == "S":
        return [label.decode("utf-8", "replace") for label in labels.tolist()]
    if labels.dtype.kind not in "iufU":
        raise DataError(
            f"{where}: expected whole numbers or texts as labels; received type {labels.dtype}. "
            "Number the classes, such as by np.unique(labels, return_inverse=True)."
        )
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        example = int((labels != np.floor(labels)).argmax())
        raise DataError(
            f"{where}: expected whole numbers or texts as labels; received {labels[example]} at "
            f"example {example}. Correct it; a quantity is no class."
        )
    return labels.tolist()


def label_numbers(where, labels, class_names):
    """Returns labels, texts or whole numbers, as int32 positions in `class_names`.

    Raises:
        DataError: naming the first example whose label is none of them.
    """
    numbers = {name: number for number, name in enumerate(class_names)}
    cells = label_cells(where, labels)
    found = np.array([numbers.get(as_category(cell), -1) for cell in cells], np.int32)
    if (found < 0).any():
        example = int((found < 0).argmax())
        raise DataError(
            f"{where}: expected one of the classes {', '.join(class_names[:20])}; received "
            f"{str(cells[example])[:80]!r} at example {example}. Correct it."
        )
    return found
