"""Examples of a run's own data, to click in the playground."""

import dataclasses
import logging

import numpy as np
import numpy.typing as npt

from tfcourse import datasets, inference

COUNT = 10


@dataclasses.dataclass(frozen=True)
class Example:
    """An image as the model takes it, [height, width, 1] in [0, 1], and the name of its class."""

    image: npt.NDArray[np.float32]
    label: str


def examples_of(classifier: inference.Classifier) -> list[Example]:
    """Returns the first validation image of each of the first `COUNT` classes.

    If the data is unavailable, logs the reason and returns no images.
    """
    try:
        split = inference.load_split(classifier, "validation")
    except (datasets.DataError, OSError) as error:
        logging.warning("No examples to click: %s", str(error).partition("\n")[0])
        return []
    if not isinstance(split, datasets.Split):  # Batches of a source that is read as it is needed.
        return []
    found = []
    for label, name in enumerate(classifier.class_names[:COUNT]):
        rows = np.flatnonzero(split.labels == label)[:1]
        pixels = split.features[rows] if split.pixels is None else split.pixels[rows] / 255
        found += [Example(image, name) for image in np.asarray(pixels, np.float32)]
    return found
