"""Images in folders, decoded within bounds."""

import contextlib
import math
import pathlib
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfcourse import files
from tfcourse.datasets import memory
from tfcourse.datasets.dataset import IntArray
from tfcourse.datasets.errors import DataError

if TYPE_CHECKING:
    import PIL.Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
MAX_PIXELS = 1 << 26  # 8192 x 8192: beyond it a small file may be meant to fill the memory.
# Of Pillow, by number of channels: grey, colour, and both with transparency.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_GREY = ("1", "L", "LA")
_DEEP = ("I", "I;16", "I;16B", "I;16L", "F")  # More than 8 bits; Pillow would cut them off.
_ORIENTATION = 0x0112  # In EXIF.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
# What Pillow raises on damaged files; `UnidentifiedImageError` is an `OSError`.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error, zlib.error)
# As decoded, and scaled to float32; twice while they are split.
_BYTES_PER_VALUE = 1 + 2 * 4


def find(
    path: pathlib.Path, class_names: Sequence[str]
) -> tuple[list[pathlib.Path], IntArray | None]:
    """Returns `(paths, labels)` of an image or of all images in a folder, in the order of names.

    The labels are `None` unless each lies in a folder called like a class.
    """
    if path.is_file():
        return [path], None
    paths = sorted(file for file in path.rglob("*") if is_image(file))
    if not paths:
        raise DataError(
            f"{path}: expected an image or a folder of images ({', '.join(SUFFIXES)}); received "
            f"{'none there' if path.is_dir() else 'no such folder'}. Correct the path."
        )
    numbers = {name: number for number, name in enumerate(class_names)}
    labels = [numbers.get(file.relative_to(path).parts[0], -1) for file in paths]
    return paths, None if -1 in labels else np.array(labels, np.int32)


def is_image(path: pathlib.Path) -> bool:
    """Returns whether a file is called like an image; hidden files never are."""
    hidden = path.name.startswith(".")
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def common_shape(
    paths: Sequence[pathlib.Path], image_size: tuple[int, int] | None = None
) -> tuple[int, int, int]:
    """Returns the shape (height, width, channels) of images: colour if one of them is.

    Args:
        paths: at least one.
        image_size: (height, width) that they will be resized to, or `None`.

    Raises:
        DataError: the sizes differ, and `image_size` is `None`; names two files.
    """
    channels, size = 1, image_size
    for path in paths:
        with opened(path) as image:
            size = size or _size(image)
            if image_size is None and _size(image) != size:
                raise DataError(
                    f"{path}: expected {size[0]} x {size[1]} pixels (height x width), as "
                    f"{paths[0]} has; received {_size(image)[0]} x {_size(image)[1]}. Give "
                    "`image_size` to resize all."
                )
            if image.mode not in _GREY:
                channels = 3
    height, width = size or (0, 0)
    return height, width, channels


def decode_all(
    paths: Sequence[pathlib.Path], input_shape: tuple[int, ...], *, resize: bool
) -> npt.NDArray[np.uint8]:
    """Returns images uint8 [examples, height, width, channels].

    Args:
        paths: of the images.
        input_shape: (height, width, channels); see `MODES`.
        resize: whether images of another size are resized; else they are refused.

    Raises:
        DataError: naming the file that can't be taken.
    """
    memory.check_fits(
        f"{len(paths):,} images",
        len(paths) * math.prod(input_shape) * _BYTES_PER_VALUE,
        "Make them smaller with `image_size`, or convert them to a set of TensorFlow Datasets "
        "(see docs/your_data.md).",
    )
    images = np.empty((len(paths), *input_shape), np.uint8)
    for number, path in enumerate(paths):
        with opened(path) as image:
            height, width = _size(image)
            if (height, width) != input_shape[:2] and not resize:
                raise DataError(
                    f"{path}: expected {input_shape[0]} x {input_shape[1]} pixels (height x "
                    f"width), as in training; received {height} x {width}. Resize it, or "
                    "have it resized (`resize=True`; in predict `other_sizes=resize`)."
                )
            images[number] = _pixels(path, image, input_shape)
    return images


def opened(path: pathlib.Path) -> "PIL.Image.Image":
    """Opens an image of which only the header is read, its size and depth checked."""
    from PIL import Image

    with _decoding(path):
        image = Image.open(path, formats=_FORMATS)
    if image.width * image.height > MAX_PIXELS or image.mode in _DEEP:
        received = f"{image.height} x {image.width} pixels of mode {image.mode}"
        image.close()
        raise DataError(
            f"{path}: expected at most {MAX_PIXELS:,} pixels of 8 bits a channel; received "
            f"{received}. Convert it."
        )
    return image


def _size(image: "PIL.Image.Image") -> tuple[int, int]:
    """Returns (height, width) as the image is to be shown: a camera may have been turned."""
    with _decoding(getattr(image, "filename", "an image")):
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def _pixels(
    path: pathlib.Path, image: "PIL.Image.Image", input_shape: tuple[int, ...]
) -> npt.NDArray[np.uint8]:
    from PIL import ImageOps

    with _decoding(path):
        image = ImageOps.exif_transpose(image).convert(MODES[input_shape[-1]])
    return _resized(image, input_shape)


def resized(pixels: npt.NDArray[np.uint8], input_shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Returns `pixels`, uint8 [height, width, channels], resized to `input_shape`."""
    from PIL import Image

    return _resized(
        Image.fromarray(np.squeeze(pixels, -1) if pixels.shape[-1] == 1 else pixels), input_shape
    )


def _resized(image: "PIL.Image.Image", input_shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    height, width, _ = input_shape
    if image.size != (width, height):
        # Over the whole area that a new pixel covers, as is right for shrinking.
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image).reshape(input_shape)


@contextlib.contextmanager
def _decoding(path: pathlib.Path | str) -> Iterator[None]:
    """Turns what Pillow raises on a damaged file into a `DataError` that names it."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of sizes and EXIF data: what matters is checked.
            yield
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        received = files.first_line(error).replace(repr(str(path)), "it").replace(str(path), "it")
        raise DataError(
            f"{path}: expected an image ({', '.join(_FORMATS)}) of at most {MAX_PIXELS:,} pixels; "
            f"received: {received}. Replace or remove it."
        ) from None
