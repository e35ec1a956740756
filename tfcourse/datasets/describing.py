"""`describe`: shows what is in the data before training."""

import collections
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from tfcourse.datasets import classes, loading
from tfcourse.datasets.dataset import SPLITS, Dataset
from tfcourse.datasets.description import Cell, Description
from tfcourse.datasets.images import image_files, image_folders
from tfcourse.datasets.images.image_files import BrokenImageError
from tfcourse.datasets.images.image_labels import LabelledImage
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables import described_tables, own_tables
from tfcourse.datasets.tfds import prepared, tfds_images, tfds_tables

_MOST_IMAGES = 2000  # At most so many headers are read.
_SHOWN = 5


def describe(
    names: str, data_dir: os.PathLike[str] | str | None = None, **options: Any
) -> Description:
    """Describes data: the columns of a table, or the classes of other data.

    Args:
        names: as in `load`.
        data_dir: as in `load`.
        **options: as in `load`; for a table, `label` is optional.

    Raises:
        DataError: the data can't be read.
        ValueError: as in `load`.

    Examples:
        >>> digits = tfcourse.datasets.describe("digits")
        >>> digits.to_dataframe().columns.tolist()
        ['class', 'train', 'validation', 'test']
    """
    reading = Reading(**options)
    own = loading.split_own(names)
    if own:
        kind, path = own
        reading.check_used(names, loading.OWN[kind].USES)
        if loading.OWN[kind] is own_tables:
            return described_tables.describe(path, reading)
        if loading.OWN[kind] is image_folders:
            return _images(path, reading)
    try:
        return _stored_table(names, data_dir, reading)
    except _NoTableError:
        return _of_dataset(loading.load(names, data_dir, **options))


class _NoTableError(Exception):
    """A set does not consist of numbers and texts."""


def _stored_table(
    names: str, data_dir: os.PathLike[str] | str | None, reading: Reading
) -> Description:
    """Describes the columns of a set of TensorFlow Datasets that is a table."""
    folder = loading.check_data_dir(data_dir)
    (name, *others) = loading.check_name(names, folder)
    if others or loading.is_own(name) or name in loading.BUILT_IN:
        raise _NoTableError

    def check(info: Any) -> None:
        if tfds_images.are_in(info):
            raise _NoTableError
        tfds_tables.check(info, reading, needs_label=False)

    with prepared.opened(name, folder, check) as builder:
        reading.check_used(name, tfds_tables.USES)
        return described_tables.of_table(*tfds_tables.table(builder, reading))


def _of_dataset(data: Dataset) -> Description:
    sizes = {split: f"{len(part):,} {split}" for split, part in data.splits.items()}
    shape = " x ".join(map(str, data.input_shape))
    title = f"{data.origin}: {', '.join(sizes.values())} examples of {shape}"
    if data.target:
        target = data.target
        mean, deviation = target.mean, target.standard_deviation
        return Description(title, (), (f"the label is a quantity, {mean:g} +- {deviation:g}",))
    counts = {
        split: collections.Counter(part.labels.tolist()) for split, part in data.splits.items()
    }
    rows: list[dict[str, Cell]] = [
        {"class": name, **{split: counts[split][number] for split in counts}}
        for number, name in enumerate(data.class_names)
    ]
    return Description(title, tuple(rows))


def _images(path: pathlib.Path, reading: Reading) -> Description:
    """Describes a folder of images by their headers, without decoding them."""
    images = image_folders.find(path, reading)
    counts: dict[str, dict[str, Cell]] = {}
    for image in images:
        row = counts.setdefault(image.class_name, {"class": image.class_name})
        row[image.split] = int(row.get(image.split, 0)) + 1
    splits = [split for split in SPLITS if any(split in row for row in counts.values())]
    rows = tuple(
        {"class": name, **{split: counts[name].get(split, 0) for split in splits}}
        for name in classes.in_order(counts)
    )
    title = f"{path}: {len(images):,} images, {len(rows)} classes"
    findings = [*_of_headers(images, reading)]
    if "test" not in splits or "validation" not in splits:
        findings.append("splits that are missing are cut from the training split, a fifth each")
    return Description(title, rows, tuple(findings))


def _of_headers(images: Sequence[LabelledImage], reading: Reading) -> Iterator[str]:
    """Yields sentences about the sizes and modes of images, and how many can't be opened."""
    step = -(-len(images) // _MOST_IMAGES)
    kinds: collections.Counter[str] = collections.Counter()
    sizes: list[tuple[int, int]] = []
    for image in images[::step]:
        try:
            with image_files.opened(image.path) as opened:
                sizes.append(image_files.size_of(opened))
                kinds[f"{sizes[-1][0]} x {sizes[-1][1]} {opened.mode}"] += 1
        except BrokenImageError:
            kinds["broken"] += 1
    shown = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common(_SHOWN))
    more = f" and {len(kinds) - _SHOWN} more" if len(kinds) > _SHOWN else ""
    which = "height x width and mode" + (f" of every {step}th image" if step > 1 else "")
    yield f"{which}: {shown}{more}"
    if len(set(sizes)) > 1 and reading.image_size is None:
        size = image_files.proposed_size(sizes)
        yield f"of several sizes: give `image_size`, such as `image_size={size}`"
    if kinds["broken"] and reading.on_error == "refuse":
        yield "broken images are an error; `on_error=skip` leaves them out"
