"""`images:DIR`: a folder of images per class, or images beside a table of classes."""

import collections
import os
import pathlib
import re
from collections.abc import Iterator

import numpy as np
from absl import logging

from tfcourse.datasets import array_cache, classes, shown, splits
from tfcourse.datasets.array_cache import UnscaledDataset
from tfcourse.datasets.dataset import SPLITS, Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import IntArray
from tfcourse.datasets.images import (
    image_files,
    image_labels,
    image_layouts,
    image_names,
    image_paths,
    image_rows,
)
from tfcourse.datasets.images.image_labels import LabelledImage
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.values import cells

_OF_TABLES = ("label", "task", "header")
USES = ("image_size", "on_error", "labels", *_OF_TABLES)
_VERSION = 4  # Of the reading of images: caches of older versions are ignored.
_MASK = re.compile(r"(.+?)[ _-](?:masks?|seg|segmentation|annotations?)(?:_\d+)?", re.IGNORECASE)
_DARK = 64  # If no pixel is brighter.
_ADVICE = ", or leave such out with `on_error=skip`"


def check(path: pathlib.Path, reading: Reading) -> None:
    """Checks that the folder exists, with class folders or a table of classes."""
    if _table(path, reading) is None and not image_names.find(path):
        image_layouts.class_folders(path, tell=lambda sentence: None)


def load(path: pathlib.Path, reading: Reading) -> Dataset:
    """Returns the images as a `Dataset`; later calls read the array cache.

    Folders named like splits are these splits, see `image_layouts`. Missing splits are taken from
    the training split, a fifth each.

    Raises:
        DataError: names the folder or files that can't be used.
    """
    name = f"images:{path}"
    images = find(path, reading)
    version = [(image.split, image.class_name, *_version(image.path)) for image in images]
    found = array_cache.cached(
        name,
        f"{_VERSION} {version} {reading.image_size} {reading.on_error}",
        lambda: _read(name, images, reading),
    )
    for sentence in _doubts(found):
        logging.warning("%s: %s.", path, sentence)
    return found.scaled()


def _doubts(found: UnscaledDataset) -> Iterator[str]:
    """Yields what is told of the same pixels in two splits or two classes, and of dark images."""
    of_training: dict[int, set[int]] = collections.defaultdict(set)
    for pixels, label in zip(*found.splits["train"], strict=True):
        of_training[hash(pixels.tobytes())].add(int(label))
    test = [hash(pixels.tobytes()) for pixels in found.splits["test"][0]]
    repeated = sum(key in of_training for key in test)
    if repeated:
        yield (
            f"{repeated:,} of {len(test):,} test images are training images too: the test result "
            "is too good. Keep one of each"
        )
    several = sum(len(labels) > 1 for labels in of_training.values())
    if several:
        yield f"training images in more than one class: {several:,}. Keep each in one"
    brightest = max(int(pixels.max(initial=0)) for pixels, _ in found.splits.values())
    if brightest < _DARK:
        yield (
            f"the brightest pixel is {brightest} of 255, almost black, as in images of 12 bits or "
            "of numbers of classes. Save the images as arrays, for npz:PATH, which are standardized"
        )


def _version(path: pathlib.Path) -> tuple[str, int, int]:
    try:
        stat = os.stat(path)
    except OSError:  # A dangling link, which is reported when it is opened.
        return str(path), 0, 0
    return str(path), stat.st_size, stat.st_mtime_ns


def find(path: pathlib.Path, reading: Reading) -> list[LabelledImage]:
    """Returns the images in order; reports what is left out."""
    table = _table(path, reading)
    if table is not None:
        return image_labels.read(path, table, reading)
    images = image_names.find(path)
    if images:
        logging.warning("%s: %s.", path, image_names.described(images))
        return images
    left_out, empty = image_paths.Found(), []
    entries = image_layouts.class_folders(path, tell=logging.warning)
    _tell_of_groups(path, [entry.path for entry in entries if entry.split == "train"])
    for entry in entries:
        found = image_paths.walk(entry.path, path)
        if not found.images and found.others:
            raise DataError(
                f"{entry.path}: expected images ({', '.join(image_paths.SUFFIXES)}); received "
                f"{found.described()}. Convert them, remove the folder, or give the path of the "
                "folder with the classes."
            )
        if not found.images:
            empty.append(str(entry.path))
        left_out.add(found)
        class_name = cells.as_category(entry.class_name)
        images += [LabelledImage(entry.split, class_name, file) for file in found.images]
    left_out.tell(path)
    _tell_of_tables(path, {path, *(entry.path.parent for entry in entries)})
    _tell_of_masks(path, images)
    _tell_of_names(path, images)
    if empty:
        logging.warning("%s: left out empty folders: %s.", path, ", ".join(empty[:10]))
    if not any(image.split == "train" for image in images):
        raise DataError(f"{path}: expected images; received empty folders. Add some.")
    return _frequent(path, images)


def _frequent(path: pathlib.Path, images: list[LabelledImage]) -> list[LabelledImage]:
    """Returns the images without those of classes that have too few to be split, if few are."""
    if len({image.split for image in images}) == len(SPLITS):
        return images
    counts = collections.Counter(image.class_name for image in images if image.split == "train")
    rare = classes.too_rare(str(path), "images", counts)
    return [image for image in images if image.class_name not in rare]


def _tell_of_groups(path: pathlib.Path, folders: list[pathlib.Path]) -> None:
    """Warns if the folders of all classes hold folders of the same names."""
    inside = [[folder.name for folder in image_paths.subfolders(each)] for each in folders]
    if len(inside[0]) > 1 and all(names == inside[0] for names in inside):
        logging.warning(
            "%s: the classes are %s, and each has the folders %s. If those are the classes, put "
            "them on top.",
            *(path, ", ".join(each.name for each in folders[:5]), ", ".join(inside[0][:5])),
        )


def _tell_of_tables(path: pathlib.Path, folders: set[pathlib.Path]) -> None:
    """Warns of tables beside the folders of classes, since they may hold the classes."""
    for table in sorted(table for folder in folders for table in image_rows.tables(folder)):
        logging.warning(
            "%s: not used, since the folders are the classes. If it holds them, give it as "
            "`labels=%s`.",
            *(table, table.relative_to(path)),
        )


def _tell_of_masks(path: pathlib.Path, images: list[LabelledImage]) -> None:
    stems = {image.path.with_suffix("") for image in images}
    matches = [(image.path, _MASK.fullmatch(image.path.stem)) for image in images]
    masks = [file for file, match in matches if match and file.with_name(match[1]) in stems]
    if masks:
        logging.warning(
            "%s: %d images are called like masks of others, such as %s, and are taken for images "
            "of the class. Move them elsewhere if they are none.",
            path,
            len(masks),
            masks[0].name,
        )


def _tell_of_names(path: pathlib.Path, images: list[LabelledImage]) -> None:
    """Warns of classes, and of images of one class, that may be the same."""
    names = dict.fromkeys(image.class_name for image in images if image.split == "train")
    alike = collections.defaultdict(list)
    for name in names:
        alike[name.casefold()].append(name)
    for group in alike.values():
        if len(group) > 1:
            logging.warning(
                "%s: the classes %s differ only in case. Merge the folders if they are one.",
                *(path, " and ".join(map(shown.quoted, group))),
            )
    stems = collections.Counter(image.path.with_suffix("") for image in images)
    twice = [stem for stem, count in stems.items() if count > 1]
    if twice:
        logging.warning(
            "%s: %d images have the name of another, but for the suffix, such as %s. If they show "
            "the same, keep one of each.",
            *(path, sum(stems[stem] - 1 for stem in twice), twice[0].name),
        )


def _table(path: pathlib.Path, reading: Reading) -> pathlib.Path | None:
    """Returns the table of the classes; `None` if folders are the classes."""
    table = image_rows.find_table(path, reading.labels)
    idle = [name for name in _OF_TABLES if name in reading.to_texts()]
    if table is None and idle:
        raise DataError(
            f"{path}: expected a table with the classes of the images, as `{idle[0]}` says; "
            f"received folders alone. Leave `{idle[0]}` out, or name the table as `labels`."
        )
    return table


def _read(name: str, images: list[LabelledImage], reading: Reading) -> UnscaledDataset:
    _labels(name, images)  # Reports faults in the folders before decoding.
    paths = [image.path for image in images]
    shape = image_files.common_shape(paths, reading.image_size)
    decoded = image_files.decode_all(
        paths,
        shape,
        resize=reading.image_size is not None,
        on_error=reading.on_error,
        advice=_ADVICE,
    )
    images = [image for image, kept in zip(images, decoded.kept, strict=True) if kept]
    labels, class_names = _labels(name, images)
    pairs = {}
    for split in dict.fromkeys(image.split for image in images):
        rows = np.array([image.split == split for image in images])
        pairs[split] = decoded.pixels[rows], labels[rows]
    return UnscaledDataset(
        name=name,
        splits=splits.complete(name, pairs, splits.OWN_HELD_OUT_SHARE),
        maximum=255,
        class_names=class_names,
        origin=f"{name} ({_described(decoded)})",
        resized=reading.image_size is not None,
    )


def _described(decoded: image_files.Decoded) -> str:
    notes = collections.Counter(decoded.notes)
    notes["broken and left out"] = int((~decoded.kept).sum())
    told = [f"{count:,} {note}" for note, count in notes.items() if count]
    return "; ".join([f"{len(decoded.pixels):,} images", *told])


def _labels(name: str, images: list[LabelledImage]) -> tuple[IntArray, tuple[str, ...]]:
    """Returns labels int32 and the names of the classes in the training split."""
    is_complete = len({image.split for image in images}) == len(SPLITS)
    training = [image for image in images if image.split == "train"]
    _, class_names = classes.number(
        name,
        [image.class_name for image in training],
        lambda row: training[row].path,
        min_examples=1 if is_complete else classes.MIN_EXAMPLES,
        are_names=True,
    )
    numbers = {class_name: number for number, class_name in enumerate(class_names)}
    folded = {class_name.casefold(): number for class_name, number in numbers.items()}
    if len(folded) == len(numbers):  # Cat in one split may be cat in another.
        numbers = {i.class_name: folded.get(i.class_name.casefold(), -1) for i in images}
    for image in images:
        if numbers.get(image.class_name, -1) < 0:
            raise DataError(
                f"{image.path}: expected one of the training classes "
                f"{', '.join(class_names[:20])}; received {shown.quoted(image.class_name)}. Add "
                "that class to the training split, or remove it."
            )
    return np.array([numbers[image.class_name] for image in images], np.int32), class_names
