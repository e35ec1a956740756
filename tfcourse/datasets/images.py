"""A prepared set of TensorFlow Datasets, read into arrays."""

import math
import os

import numpy as np

from tfcourse.datasets import checks, splits
from tfcourse.datasets.dataset import UnscaledDataset
from tfcourse.datasets.errors import DataError

BYTES_PER_VALUE = 1 + 4  # As it is read, and scaled to float32.


def read(builder):
    """Returns an image classification set as an `UnscaledDataset`.

    A validation or test split that the set does not have is cut off its training split: MNIST's
    60,000 become 54,000 and 6,000.

    Raises:
        DataError: if the set is not for image classification, damaged, or too large.
    """
    image_key, label_key = check_kind(builder.info)
    held = builder.info.splits
    if "train" not in held:
        raise DataError(
            f"{builder.data_path}: expected a split called train; received "
            f"{', '.join(held) or 'none'}. Use another set, or delete this directory if it is "
            "damaged."
        )
    _check_memory(builder)
    pairs = {
        split: _arrays(builder, split, image_key, label_key)
        for split in ("train", "validation", "test")
        if split in held
    }
    class_names = tuple(builder.info.features[label_key].names)
    checks.check_pairs(builder.name, pairs, len(class_names))
    return UnscaledDataset(
        name=builder.name,
        splits=splits.complete(builder.name, pairs),
        maximum=255,
        class_names=class_names,
        origin=f"TensorFlow Datasets {builder.info.full_name}",
    )


def check_kind(info):
    """Returns the keys of image and label, or says why the set has none to classify by."""
    import tensorflow_datasets as tfds

    keys = info.supervised_keys
    if keys and len(keys) == 2 and all(isinstance(key, str) for key in keys):
        image, label = (info.features[key] for key in keys)
        if (
            isinstance(image, tfds.features.Image)
            and isinstance(label, tfds.features.ClassLabel)
            and None not in image.shape
            and image.np_dtype == np.uint8
        ):
            return keys
    features = ", ".join(f"{key}: {feature}" for key, feature in info.features.items())
    raise DataError(
        f"Dataset {info.name!r}: expected 8-bit images of one size with one label each; received "
        f"{' '.join(features.split())}. Use another set."
    )


def _check_memory(builder):
    """Refuses what does not fit into the machine's memory before it is read."""
    image_key, _ = builder.info.supervised_keys
    values = math.prod(builder.info.features[image_key].shape)
    examples = sum(split.num_examples for split in builder.info.splits.values())
    needed = examples * values * BYTES_PER_VALUE
    present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > present:
        raise DataError(
            f"Dataset {builder.name!r}: expected a set that fits into memory ({present >> 20:,} "
            f"MiB); received {examples:,} images that take {needed >> 20:,} MiB. Use a smaller one."
        )


def _arrays(builder, split, image_key, label_key):
    """Returns uint8 [examples, height, width, channels] and int32 [examples], in stored order."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    try:
        # Reads to the end, so that every record's checksum is compared, and counts.
        examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
    except (tf.errors.OpError, OSError, ValueError) as error:
        raise DataError(
            f"{builder.data_path}: expected {builder.info.splits[split].num_examples:,} examples "
            f"in split {split}; received {type(error).__name__}: "
            f"{str(error).strip().splitlines()[0]}. Delete this directory and start again."
        ) from error
    return examples[image_key], examples[label_key].astype(np.int32)
