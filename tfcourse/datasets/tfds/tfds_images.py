"""Reads image-classification sets of TensorFlow Datasets into arrays."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import checks, memory, splits
from tfcourse.datasets.array_cache import UnscaledDataset
from tfcourse.datasets.arrays.array_preprocessing import ImagePreprocessing
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import FloatArray, IntArray
from tfcourse.datasets.images import image_files
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.streamed import StreamedFeatures, StreamedSplit
from tfcourse.datasets.tfds import prepared, records

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

USES = ("image_size",)
_BYTES_PER_VALUE = 1 + 4  # As read, and scaled to float32.
_MAXIMUM = 255


def are_in(info: "tfds.core.DatasetInfo") -> bool:
    """Returns whether a set has 8-bit images with one label each."""
    import tensorflow_datasets as tfds

    keys = info.supervised_keys
    if not (keys and len(keys) == 2 and all(isinstance(key, str) for key in keys)):
        return False
    image, label = (info.features[key] for key in keys)
    return (
        isinstance(image, tfds.features.Image)
        and isinstance(label, tfds.features.ClassLabel)
        and image.np_dtype == np.uint8
    )


def check(info: "tfds.core.DatasetInfo", reading: Reading) -> None:
    """Checks before the download that the images have one size, or will be resized."""
    shape = info.features[info.supervised_keys[0]].shape
    if reading.image_size is None and None in shape:
        raise DataError(
            f"Dataset {info.name!r}: expected images of one size; received shape {shape}. Give "
            "`image_size=HEIGHT,WIDTH` to resize all."
        )


def read(builder: "tfds.core.DatasetBuilder", reading: Reading) -> UnscaledDataset | Dataset:
    """Returns the set as an `UnscaledDataset`, or as a streamed `Dataset` if it is too large.

    A missing validation or test split is taken from the training split: MNIST's 60,000 images
    become 54,000 and 6,000.

    Raises:
        DataError: the set is damaged.
    """
    info = builder.info
    image_key, label_key = info.supervised_keys
    height, width, channels = info.features[image_key].shape
    shape = (*(reading.image_size or (height, width)), channels or 3)
    names = prepared.splits_of(builder)
    num_bytes = _BYTES_PER_VALUE * math.prod(shape)
    num_bytes *= sum(info.splits[split].num_examples for split in names)
    described: dict[str, Any] = {
        "name": builder.name,
        "class_names": tuple(info.features[label_key].names),
        "origin": f"TensorFlow Datasets {info.full_name}",
    }
    resized = reading.image_size is not None
    if not memory.fits(num_bytes):
        logging.warning(
            "%s takes %s MiB: it stays on the disk and is read as it is needed.",
            builder.name,
            f"{num_bytes >> 20:,}",
        )
        return _streamed(builder, shape, described, resized)
    read_split = _resized_arrays if resized else _arrays
    pairs = {split: read_split(builder, split, shape) for split in names}
    checks.check_pairs(builder.name, pairs, len(described["class_names"]))
    pairs = splits.complete(builder.name, pairs)
    return UnscaledDataset(splits=pairs, maximum=_MAXIMUM, resized=resized, **described)


def _streamed(
    builder: "tfds.core.DatasetBuilder",
    shape: tuple[int, ...],
    described: dict[str, Any],
    resized: bool,
) -> Dataset:
    """Returns the same splits with features that are read when needed."""
    label_key = builder.info.supervised_keys[1]
    stored, labels = records.index(builder, label_key)
    pairs: dict[str, tuple[npt.NDArray[Any], IntArray]] = {}
    start = 0
    for split, stored_labels in labels.items():
        y = stored_labels.astype(np.int32)
        checks.check_label_range(f"{builder.name}, split {split}", y, len(described["class_names"]))
        pairs[split] = np.arange(start, start + len(y)), y
        start += len(y)
    fitted = ImagePreprocessing(
        shape, resized, _MAXIMUM, described["class_names"], described["origin"]
    )
    decode = _decoder(builder, shape, resized)

    def read_examples(numbers: npt.NDArray[np.int64]) -> FloatArray:
        return fitted.transform(decode(stored.read(numbers)))

    streamed: dict[str, Any] = {
        split: StreamedSplit(StreamedFeatures(read_examples, numbers, shape), y)
        for split, (numbers, y) in splits.complete(builder.name, pairs).items()
    }
    return Dataset(preprocessing=fitted, **described, **streamed)


def _decoder(
    builder: "tfds.core.DatasetBuilder", shape: tuple[int, ...], resized: bool
) -> Callable[[Sequence[bytes]], npt.NDArray[np.uint8]]:
    """Returns a function from a list of serialized examples to images uint8."""
    import tensorflow as tf

    features, image_key = builder.info.features, builder.info.supervised_keys[0]

    def image(record: Any) -> Any:
        return features.deserialize_example(record)[image_key]

    if resized:
        return lambda serialized: np.stack(
            [image_files.resized(image(record).numpy(), shape) for record in serialized]
        )
    images = tf.function(
        lambda serialized: tf.map_fn(
            image, serialized, fn_output_signature=tf.TensorSpec(shape, tf.uint8)
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    return lambda serialized: images(tf.constant(serialized)).numpy()


def _arrays(
    builder: "tfds.core.DatasetBuilder", split: str, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.uint8], IntArray]:
    """Returns uint8 [examples, height, width, channels] and int32 [examples], in stored order."""
    image_key, label_key = builder.info.supervised_keys
    examples = prepared.examples(builder, split, (image_key, label_key))
    return examples[image_key], examples[label_key].astype(np.int32)


def _resized_arrays(
    builder: "tfds.core.DatasetBuilder", split: str, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.uint8], IntArray]:
    """Returns the same for images of any size, one after another."""
    import tensorflow_datasets as tfds

    image_key, label_key = builder.info.supervised_keys
    num_examples = builder.info.splits[split].num_examples
    features, labels = np.empty((num_examples, *shape), np.uint8), np.empty(num_examples, np.int32)
    with prepared.reading(builder, split):
        stored = tfds.as_numpy(builder.as_dataset(split=split))
        for number, example in enumerate(stored):
            features[number] = image_files.resized(example[image_key], shape)
            labels[number] = example[label_key]
    return features, labels
