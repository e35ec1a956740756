"""Examples for a classifier: inverted images, and the splits of its training data."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import logging

from tfcourse import datasets, drawing
from tfcourse.datasets.dataset import Preprocessing
from tfcourse.datasets.examples import FloatArray
from tfcourse.datasets.streamed import StreamedSplit

if TYPE_CHECKING:
    from tfcourse.inference.classifier import Classifier
    from tfcourse.inference.records import RunRecord

_OTHER = 0.5  # Images look like negatives if the brightness of their edges differs by this much.


def inverted(preprocessing: Preprocessing, features: FloatArray) -> FloatArray:
    """Returns images with black and white exchanged.

    Raises:
        DataError: the run does not use images in [0, 1].
    """
    if not isinstance(preprocessing, datasets.preprocessing.ImagePreprocessing):
        raise datasets.DataError(
            "`invert` exchanges black and white, but the run was not trained on images in "
            "[0, 1]. Leave it out."
        )
    return 1 - features


def looks_inverted(record: "RunRecord", features: FloatArray) -> str:
    """Returns a sentence if gray images look like negatives of the training images, or ""."""
    trained = record.metrics.get("edge_brightness")
    if not isinstance(trained, float) or features.ndim != 4 or not len(features):
        return ""
    found = drawing.edge_brightness(features)
    if abs(found - trained) < _OTHER:
        return ""
    return (
        f"the images are {'bright' if found > trained else 'dark'} at their edges ({found:.2f} of "
        f"white), those trained on {'dark' if found > trained else 'bright'} ({trained:.2f})"
    )


def load_split(
    classifier: "Classifier", name: str, data_dir: os.PathLike[str] | str | None = None
) -> datasets.Split | StreamedSplit:
    """Returns the `Split` "train", "validation" or "test" of a run's data.

    The data set is the one named in flags.txt, read as in a training. If `data_dir` is not given,
    the recorded folder is used if it still exists.

    Raises:
        DataError: the data is unavailable, damaged, or preprocessed differently than in the run.
    """
    record = classifier.record
    flags = {name: texts[-1] for name, texts in record.flags.items()}
    reading = datasets.Reading.from_texts(flags)
    dataset = flags.get("dataset", "")
    data_dir = data_dir or flags.get("data_dir")
    if data_dir and data_dir == flags.get("data_dir") and not os.path.isdir(data_dir):
        data_dir = None
    try:
        with _untold():
            data = datasets.load(dataset, data_dir, **vars(reading))
    except ValueError as error:
        raise datasets.DataError(f"{record.path}: {error}") from None
    # The origin may name another version of the library that ships the same data.
    source, fitted = record.preprocessing.source, data.preprocessing
    if fitted is None or dataclasses.replace(fitted, source=source) != record.preprocessing:
        raise datasets.DataError(
            f"{dataset}: expected the data that the run was trained on, from "
            f"{source}; received other data, from {data.origin}. Restore it, "
            "or give examples of your own as `input`."
        )
    return data.splits[name]


@contextlib.contextmanager
def _untold() -> Iterator[None]:
    """Context: hides findings about the data, which the training has reported."""
    before = logging.get_verbosity()
    logging.set_verbosity(min(before, logging.ERROR))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def changed(classifier: "Classifier", name: str, split: datasets.Split | StreamedSplit) -> str:
    """Returns a sentence if `split` has other examples than the run used, or ""."""
    from tfcourse import training

    digests = classifier.record.metrics.get("digests")
    before = digests.get(name) if isinstance(digests, dict) else None
    if before is None or before == training.split_digest(split):
        return ""
    return f"The data has changed: these are not the {name} examples that the run had."
