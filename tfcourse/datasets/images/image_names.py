"""Images named after their class, without class folders: cat.0.jpg, dog.0.jpg."""

import collections
import pathlib
import re

from tfcourse.datasets import classes
from tfcourse.datasets.images import image_layouts, image_paths
from tfcourse.datasets.images.image_labels import LabelledImage

_NUMBERED = re.compile(r"(?P<class_name>.*?[^\W\d_].*?)[\s._-]*\(?\d+\)?")
# Names that cameras and programs give to any image.
_OF_NO_CLASS = {
    *("img", "image", "images", "dsc", "dscn", "dscf", "pxl", "photo", "pic", "picture", "frame"),
    *("screenshot", "scan", "untitled", "file", "train", "test", "val", "sample"),
}


def find(path: pathlib.Path) -> list[LabelledImage]:
    """Returns the images in a folder if their names begin with their class, or nothing.

    They are in the folder itself, or in one named like the training split. Other folders beside it
    are splits if they have the same classes, and are ignored otherwise.
    """
    roots = _roots(path)
    if "train" not in roots:
        return []
    found = {split: _classes_of(root) for split, root in roots.items()}
    counts = collections.Counter(found["train"].values())
    counts_enough = counts and min(counts.values()) >= classes.MIN_EXAMPLES
    if len(counts) < 2 or not counts_enough or {name.lower() for name in counts} & _OF_NO_CLASS:
        return []
    return [
        LabelledImage(split, name, image)
        for split, named in found.items()
        if set(named.values()) <= counts.keys()
        for image, name in named.items()
    ]


def described(images: list[LabelledImage]) -> str:
    """Returns a note about such images."""
    names = sorted({image.class_name for image in images})
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"no folders of classes: they are taken from the names of the images: "
        f"{', '.join(names[:5])}{more}"
    )


def _roots(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the folder of images of each split; none if there are class folders."""
    if not path.is_dir():
        return {}
    inside = image_paths.subfolders(path)
    while len(inside) == 1 and not image_paths.has_images(path):
        path, inside = inside[0], image_paths.subfolders(inside[0])
    if not inside:
        return {"train": path} if image_paths.has_images(path) else {}
    roots = {image_layouts.split_of(folder.name) or "": folder for folder in inside}
    is_flat = not any(map(image_paths.subfolders, inside)) and len(roots) == len(inside)
    return roots if is_flat and "" not in roots else {}


def _classes_of(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """Returns the class of each image; none if a name has no class."""
    images = image_paths.walk(root, root).images
    matches = [(image, _NUMBERED.fullmatch(image.stem)) for image in images]
    if not all(match for _, match in matches):
        return {}
    return {image: match["class_name"] for image, match in matches if match}
