"""Recognizes the folders of splits and classes in the usual layouts."""

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tfcourse.datasets.dataset import SPLITS
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images import image_paths
from tfcourse.system import misspelt

_NAMES = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev", "development", "eval"),
    "test": ("test", "testing", "tst", "holdout"),
}
# Other parts of such names, as in "seg_train", "TrainingSet" and "test_images".
_BEFORE, _AFTER = "seg|images?|imgs?|dataset|data", "images?|imgs?|dataset|data|set|split"
Tell = Callable[[str], object]  # Takes a sentence for the user.


class ClassFolder(NamedTuple):
    """A folder with the images of one class in one split."""

    split: str
    class_name: str
    path: pathlib.Path


def split_of(name: str) -> str | None:
    """Returns the split that a folder's name means, or `None`.

    Examples:
        >>> from tfcourse.datasets.images.image_layouts import split_of
        >>> split_of("Training"), split_of("val2017"), split_of("seg_test"), split_of("cat")
        ('train', 'validation', 'test', None)
    """
    letters = re.sub(r"[\W\d_]+", "", name.lower())
    for split, names in _NAMES.items():
        if re.fullmatch(f"({_BEFORE})?({'|'.join(names)})({_AFTER})?", letters):
            return split
    return None


def _splits_of(names: Sequence[str]) -> list[str | None]:
    """Returns the split that each folder's name means, as in "pets_train", "pets_test"."""
    splits = [split_of(name) for name in names]
    starts = {re.split(r"[\W_]", name, maxsplit=1)[0] for name in names}
    if any(splits) or len(starts) > 1 or len(names) < 2:
        return splits
    rest = [split_of(name.removeprefix(*starts)) for name in names]
    return rest if "train" in rest and None not in rest else splits


def class_folders(path: pathlib.Path, tell: Tell) -> list[ClassFolder]:
    """Returns the class folders of all splits; without split folders, all are for training.

    A folder that is the only one in its parent replaces the parent. Split folders may be above or
    below the class folders.

    Raises:
        DataError: there are no such folders, or they are ambiguous.
    """
    if not path.is_dir():
        advice = misspelt.meant(path) or " Correct the path."
        if path.exists():
            advice = (
                " Name the folder; if it is an archive, unpack it. A table is read as csv:PATH, "
                "arrays as npz:PATH."
            )
        raise DataError(
            f"{path}: expected a folder with a folder of images for each class; received "
            f"{'a file' if path.exists() else 'none there'}.{advice}"
        )
    path = _unwrapped(path)
    folders = image_paths.subfolders(path)
    splits = _splits_of([folder.name for folder in folders])
    if _are_splits(path, folders, splits):
        roots = _roots(path, folders, splits, tell)
        return [entry for split in SPLITS for entry in _classes_of(split, roots, tell)]
    if len(folders) > 1 and all(map(_holds_splits, folders)):
        tell(f"{path}: the folders of splits lie inside those of classes.")
        return _splits_below(folders)
    _check_several(path, folders)
    if image_paths.has_images(path):
        tell(f"{path}: left out the images beside the folders of classes.")
    return [ClassFolder("train", folder.name, folder) for folder in folders]


def may_have_classes(path: pathlib.Path) -> bool:
    """Returns whether the folders in a folder may be classes, not just a folder for all images."""
    folders = image_paths.subfolders(path)
    are_splits = all(split_of(folder.name) for folder in folders)
    return any(map(image_paths.subfolders, folders)) or (len(folders) > 1 and not are_splits)


def _unwrapped(path: pathlib.Path) -> pathlib.Path:
    """Returns the first folder with several entries: archives often unpack into a single folder."""
    inside = image_paths.subfolders(path)
    while len(inside) == 1 and not image_paths.has_images(path):
        deeper = image_paths.subfolders(inside[0])
        if not deeper:
            break
        path, inside = inside[0], deeper
    return path


def _are_splits(
    path: pathlib.Path, folders: Sequence[pathlib.Path], splits: Sequence[str | None]
) -> bool:
    """Returns whether folders are splits: "train" may also be a class, beside "car" and "bus"."""
    if "train" not in splits:
        if len(splits) > 1 and None not in splits:
            raise DataError(
                f"{path}: expected a folder for training; received {_listed(folders)} alone. Add "
                "train/, with a folder of images for each class."
            )
        return False
    train = folders[splits.index("train")]
    if None not in splits or len(set(splits) - {None}) > 1:
        return True
    if not image_paths.subfolders(train):
        return False
    raise DataError(
        f"{path}: expected splits or classes; received {train.name}, which looks like a split, "
        f"beside {_listed([f for f in folders if f != train])}. Move the others elsewhere, or give "
        "the path of the folder with the classes."
    )


def _roots(
    path: pathlib.Path,
    folders: Sequence[pathlib.Path],
    splits: Sequence[str | None],
    tell: Callable[[str], object],
) -> dict[str, pathlib.Path]:
    roots: dict[str, pathlib.Path] = {}
    for folder, split in zip(folders, splits, strict=True):
        if split is None:
            tell(f"{folder}: left out, since its name is not that of a split.")
        elif split in roots:
            raise DataError(
                f"{path}: expected one folder for each split; received {roots[split].name} and "
                f"{folder.name} for {split}. Merge them, or move one elsewhere."
            )
        else:
            roots[split] = folder
    named = [
        f"{roots[split].name} is the {split} split"
        for split in SPLITS
        if split in roots and roots[split].name != split
    ]
    if named:
        tell(f"{path}: {', '.join(named)}.")
    return roots


def _classes_of(
    split: str, roots: Mapping[str, pathlib.Path], tell: Callable[[str], object]
) -> list[ClassFolder]:
    """Returns the class folders of a split, or reports that it has none."""
    if split not in roots:
        return []
    root = _unwrapped(roots[split])
    folders = image_paths.subfolders(root)
    if split == "train":
        _check_several(root, folders)
    known = {f.name.casefold() for f in image_paths.subfolders(_unwrapped(roots["train"]))}
    if not folders or (len(folders) == 1 and folders[0].name.casefold() not in known):
        tell(
            f"{roots[split]}: expected a folder for each class; received images without classes, "
            f"which can't be the {split} split. It is cut off the training split instead. The "
            "trained model predicts them with recipes.predict."
        )
        return []
    return [ClassFolder(split, folder.name, folder) for folder in folders]


def _holds_splits(folder: pathlib.Path) -> bool:
    splits = [split_of(inside.name) for inside in image_paths.subfolders(folder)]
    return "train" in splits and None not in splits and not image_paths.has_images(folder)


def _splits_below(folders: Sequence[pathlib.Path]) -> list[ClassFolder]:
    found = [
        ClassFolder(split_of(inside.name) or "train", folder.name, inside)
        for folder in folders
        for inside in image_paths.subfolders(folder)
    ]
    return sorted(found, key=lambda entry: SPLITS.index(entry.split))


def _check_several(path: pathlib.Path, folders: Sequence[pathlib.Path]) -> None:
    if len(folders) < 2:
        beside = ", beside images without" if image_paths.has_images(path) else ""
        raise DataError(
            f"{path}: expected at least two folders, one for each class; received "
            f"{_listed(folders)}{beside}. Sort the images into such folders, or name a table with "
            "their classes as `labels`."
        )


def _listed(folders: Sequence[pathlib.Path]) -> str:
    names = [folder.name for folder in folders]
    return ", ".join(names[:10]) + (", ..." if names[10:] else "") or "none"
