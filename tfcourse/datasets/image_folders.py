"""`images:DIR`: a folder of images for each class."""

import pathlib
from typing import NamedTuple

import numpy as np

from tfcourse.datasets import array_cache, classes, image_files, splits
from tfcourse.datasets.array_cache import UnscaledDataset
from tfcourse.datasets.dataset import SPLITS, Dataset, IntArray
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.reading import Reading

USES = ("image_size",)


class _Image(NamedTuple):
    split: str
    class_name: str
    path: pathlib.Path


def check(path: pathlib.Path, reading: Reading) -> None:
    """Checks that there is such a folder, with folders in it."""
    _class_folders(path / "train" if (path / "train").is_dir() else path)


def load(path: pathlib.Path, reading: Reading) -> Dataset:
    """Returns the images as a `Dataset`; a second start reads the array cache.

    A folder with folders called train, and perhaps validation and test, has those splits. Those
    that are not there are cut off the training split, a fifth each.

    Raises:
        DataError: naming the folder or file that can't be taken.
    """
    name = f"images:{path}"
    images = _find(path)
    stats = [image.path.stat() for image in images]
    version = [
        (str(image.path), stat.st_size, stat.st_mtime_ns)
        for image, stat in zip(images, stats, strict=True)
    ]
    found = array_cache.cached(
        name, f"{version} {reading.image_size}", lambda: _read(name, images, reading.image_size)
    )
    return found.scaled()


def _find(path: pathlib.Path) -> list[_Image]:
    """Returns the `_Image`s in order."""
    whole = not (path / "train").is_dir()
    roots = {split: path / split for split in SPLITS if (path / split).is_dir()}
    return [
        _Image(split, folder.name, file)
        for split, root in ({"train": path} if whole else roots).items()
        for folder in _class_folders(root)
        for file in _images_in(folder)
    ]


def _class_folders(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.is_dir():
        raise DataError(
            f"{path}: expected a folder with a folder of images for each class; received none "
            "there. Correct the path."
        )
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        raise DataError(
            f"{path}: expected at least two folders, one a class; received "
            f"{', '.join(folder.name for folder in folders) or 'none'}. Sort the images into such."
        )
    return folders


def _images_in(folder: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(file for file in folder.rglob("*") if image_files.is_image(file))
    if not found:
        raise DataError(
            f"{folder}: expected images ({', '.join(image_files.SUFFIXES)}); received none. Add "
            "some, or remove the folder."
        )
    return found


def _read(name: str, images: list[_Image], image_size: tuple[int, int] | None) -> UnscaledDataset:
    labels, class_names = _labels(name, images)
    paths = [image.path for image in images]
    shape = image_files.common_shape(paths, image_size)
    features = image_files.decode_all(paths, shape, resize=image_size is not None)
    pairs = {}
    for split in dict.fromkeys(image.split for image in images):
        rows = np.array([image.split == split for image in images])
        pairs[split] = features[rows], labels[rows]
    return UnscaledDataset(
        name=name,
        splits=splits.complete(name, pairs, splits.OWN_HELD_OUT_SHARE),
        maximum=255,
        class_names=class_names,
        origin=f"{name} ({len(images):,} images)",
        resized=image_size is not None,
    )


def _labels(name: str, images: list[_Image]) -> tuple[IntArray, tuple[str, ...]]:
    """Returns labels int32 and the class names, those of the training split."""
    is_complete = len({image.split for image in images}) == len(SPLITS)
    training = [image for image in images if image.split == "train"]
    _, class_names = classes.number(
        f"{name}, folders",
        [image.class_name for image in training],
        lambda row: training[row].path,
        min_examples=1 if is_complete else classes.MIN_EXAMPLES,
    )
    numbers = {class_name: number for number, class_name in enumerate(class_names)}
    for image in images:
        if image.class_name not in numbers:
            raise DataError(
                f"{image.path.parent}: expected a folder for one of the training classes "
                f"{', '.join(class_names[:20])}. Add it to the training split, or remove it."
            )
    return np.array([numbers[image.class_name] for image in images], np.int32), class_names
