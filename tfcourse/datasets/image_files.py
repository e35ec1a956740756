"""Images in folders, decoded within bounds."""

import pathlib
import warnings

import numpy as np

from tfcourse.datasets import memory
from tfcourse.datasets.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
MAX_PIXELS = 1 << 26  # 8192 x 8192: beyond it a small file may be meant to fill the memory.
# Of Pillow, by number of channels: grey, colour, and both with transparency.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
# As decoded, and scaled to float32; twice while they are split.
_BYTES_PER_VALUE = 1 + 2 * 4


def find(path, class_names):
    """Returns `(paths, labels)` of an image or of all images in a folder, in the order of names.

    Args:
        path: `pathlib.Path`.
        class_names: sequence of str.

    Returns:
        List of `pathlib.Path`, and labels int32 where each lies in a folder called like a class,
        else `None`.
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


def is_image(path):
    """Returns whether a file is called like an image; hidden files never are."""
    hidden = any(part.startswith(".") for part in path.parts if part not in (".", ".."))
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def decode_all(paths, input_shape, *, resize):
    """Returns images uint8 [examples, height, width, channels].

    Args:
        paths: sequence of paths.
        input_shape: tuple (height, width, channels); see `MODES`.
        resize: whether images of another size are resized; else they are refused.

    Raises:
        DataError: naming the file that can't be taken.
    """
    height, width, channels = input_shape
    memory.check_fits(
        f"{len(paths):,} images",
        len(paths) * height * width * channels * _BYTES_PER_VALUE,
        "Make them smaller with --image_size, or convert them to a set of TensorFlow Datasets "
        "(see docs/your_data.md).",
    )
    images = np.empty((len(paths), *input_shape), np.uint8)
    for number, path in enumerate(paths):
        with opened(path) as image:
            if image.size != (width, height) and not resize:
                raise DataError(
                    f"{path}: expected {height} x {width} pixels, as {paths[0]} has; received "
                    f"{image.height} x {image.width}. Give --image_size to resize all."
                    if number
                    else f"{path}: expected {height} x {width} pixels, as in training; received "
                    f"{image.height} x {image.width}. Resize it."
                )
            images[number] = _pixels(path, image, input_shape)
    return images


def opened(path):
    """Opens an image of which only the header is read, its size checked."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # Checked below.
            image = Image.open(path, formats=_FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise DataError(
            f"{path}: expected an image ({', '.join(_FORMATS)}); received {_reason(path, error)}. "
            "Replace or remove it."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}. Make the image smaller.") from None
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise DataError(
            f"{path}: expected at most {MAX_PIXELS:,} pixels; received {image.height} x "
            f"{image.width}. Make the image smaller."
        )
    return image


def is_colour(image):
    """Returns whether an image whose header was read has colours; grey ones may be transparent."""
    return image.mode not in ("1", "L", "LA", "I", "I;16", "F")


def _pixels(path, image, input_shape):
    from PIL import Image

    height, width, channels = input_shape
    try:
        image = image.convert(MODES[channels])
        if image.size != (width, height):
            # Over the whole area that a new pixel covers, as is right for shrinking.
            image = image.resize((width, height), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise DataError(
            f"{path}: expected an image that can be decoded; received {_reason(path, error)}. "
            "Replace or remove it."
        ) from None
    return np.asarray(image).reshape(input_shape)


def _reason(path, error):
    lines = str(error).splitlines()
    return lines[0].replace(str(pathlib.Path(path)), "it") if lines else type(error).__name__
