"""Decodes image files, with limits on their size."""

import collections
import contextlib
import math
import pathlib
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import memory
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.images import not_images
from tfcourse.system import files

if TYPE_CHECKING:
    import PIL.Image

MAX_PIXELS = 1 << 26  # 8192 x 8192: beyond it a small file may be meant to fill the memory.
# Pillow's modes by number of channels: grey, color, and both with transparency.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
# 16 bits a channel. Pillow gives them as "I", which has 32, of some formats.
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_DEEP_FORMATS = ("PNG", "PPM")
_WIDER = ("I", "F")
_ORIENTATION = 0x0112  # In EXIF.
_SAMPLE_FORMAT, _PHOTOMETRIC, _SAMPLES = 339, 262, 277  # In TIFF.
_SIGNED, _WHITE_IS_ZERO = 2, 0
_RUNS_OF_4_BITS = 2  # A compression of BMP.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# Pillow's errors for damaged files; `UnidentifiedImageError` is an `OSError`.
_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, MemoryError, struct.error, zlib.error),
    *(TypeError, KeyError, IndexError, AttributeError, OverflowError, ZeroDivisionError),
)
# Decoded, and scaled to float32; twice during splitting.
_BYTES_PER_VALUE = 1 + 2 * 4
# If this share of images has one size, it is proposed; otherwise, a usual size.
_MOSTLY = 0.8
_MOST_NAMES = 50  # Of broken images, in a message.
_USUAL_SIDES = (16, 32, 64, 128)


class BrokenImageError(DataError):
    """An image can't be decoded; there may be others."""

    def __init__(self, path: pathlib.Path, why: str) -> None:
        super().__init__(f"{path}: expected a readable image; received {why}.")
        self.path = path
        self.why = why


class Decoded(NamedTuple):
    """Decoded images.

    Attributes:
        pixels: uint8 [examples, height, width, channels].
        kept: the positions of the paths that were decoded; the others are broken.
        notes: how many images were changed in each way: `{"composited on white": 12}`.
    """

    pixels: npt.NDArray[np.uint8]
    kept: npt.NDArray[np.bool_]
    notes: collections.Counter[str]


def common_shape(
    paths: Sequence[pathlib.Path], image_size: tuple[int, int] | None = None
) -> tuple[int, int, int]:
    """Returns the common shape (height, width, channels): color if one image is.

    Broken images are skipped; `decode_all` reports them.

    Args:
        paths: at least one path.
        image_size: (height, width) after resizing, or `None`.

    Raises:
        DataError: the sizes differ and `image_size` is `None` (names two files), or all are broken.
    """
    channels = 1
    sizes: dict[pathlib.Path, tuple[int, int]] = {}
    broken: list[BrokenImageError] = []
    for path in paths:
        try:
            with opened(path) as image:
                sizes[path] = size_of(image)
                if image.mode not in _GREY:
                    channels = 3
        except BrokenImageError as error:
            broken.append(error)
    if not sizes:
        _refuse(broken, len(paths), advice="")
    if image_size is None:
        _check_one_size(sizes)
    height, width = image_size or next(iter(sizes.values()))
    return height, width, channels


def _check_one_size(sizes: dict[pathlib.Path, tuple[int, int]]) -> None:
    counts = collections.Counter(sizes.values())
    if len(counts) == 1:
        return
    usual = counts.most_common(1)[0][0]
    first = next(path for path, size in sizes.items() if size == usual)
    path, size = next((path, size) for path, size in sizes.items() if size != usual)
    raise DataError(
        f"{path}: expected {usual[0]} x {usual[1]} pixels (height x width), as {first} has; "
        f"received {size[0]} x {size[1]}, one of {len(counts):,} sizes. Resize all to one, such "
        f"as by `image_size={proposed_size([*sizes.values()])}`."
    )


def proposed_size(sizes: Sequence[tuple[int, int]]) -> str:
    """Returns the `image_size` that is proposed for images of several sizes (height, width)."""
    (height, width), count = collections.Counter(sizes).most_common(1)[0]
    if count >= _MOSTLY * len(sizes):
        return f"{height},{width}"
    side = float(np.median([min(size) for size in sizes]))  # Of photographs, squares.
    return str(max((usual for usual in _USUAL_SIDES if usual <= side), default=_USUAL_SIDES[0]))


def decode_all(
    paths: Sequence[pathlib.Path],
    input_shape: tuple[int, ...],
    *,
    resize: bool,
    on_error: Literal["refuse", "skip"] = "refuse",
    advice: str = "",
) -> Decoded:
    """Returns the images as `Decoded`, each with `input_shape`.

    Args:
        paths: the images' paths.
        input_shape: (height, width, channels); see `MODES`. With one or three channels,
            transparent images are composited on white.
        resize: whether to resize images of another size; otherwise, they are errors.
        on_error: whether broken images are an error, which names all of them, or are left out.
        advice: what else to do about broken images, for the message.

    Raises:
        DataError: names the files that can't be used.
    """
    memory.check_fits(
        f"{len(paths):,} images",
        len(paths) * math.prod(input_shape) * _BYTES_PER_VALUE,
        "Make them smaller with `image_size`, or convert them to a set of TensorFlow Datasets "
        "(see docs/your_data.md).",
    )
    pixels = np.empty((len(paths), *input_shape), np.uint8)
    kept, notes = np.ones(len(paths), bool), collections.Counter[str]()
    broken: list[BrokenImageError] = []
    for number, path in enumerate(paths):
        try:
            with opened(path) as image:
                _check_size(path, image, input_shape, resize)
                pixels[number - len(broken)] = _pixels(path, image, input_shape, notes)
        except BrokenImageError as error:
            kept[number] = False
            broken.append(error)
    if broken and (on_error == "refuse" or len(broken) == len(paths)):
        _refuse(broken, len(paths), advice if on_error == "refuse" else "")
    if broken:
        images = "image" if len(broken) == 1 else "images"
        logging.warning("Left out %d broken %s: %s.", len(broken), images, _listed(broken))
    return Decoded(pixels[: len(paths) - len(broken)], kept, notes)


def _check_size(
    path: pathlib.Path, image: "PIL.Image.Image", input_shape: tuple[int, ...], resize: bool
) -> None:
    height, width = size_of(image)
    if (height, width) != input_shape[:2] and not resize:
        raise DataError(
            f"{path}: expected {input_shape[0]} x {input_shape[1]} pixels (height x "
            f"width), as in training; received {height} x {width}. Resize it, or "
            "have it resized (`resize=True`; in predict `other_sizes=resize`)."
        )


def _refuse(broken: Sequence[BrokenImageError], num_images: int, advice: str) -> NoReturn:
    if len(broken) == 1:
        raise DataError(f"{broken[0]} Replace or remove it{advice}.")
    raise DataError(
        f"{broken[0].path}: expected images that can be read; received {len(broken):,} of "
        f"{num_images:,} that can't: {_listed(broken)}. Replace or remove them{advice}."
    )


def _listed(broken: Sequence[BrokenImageError]) -> str:
    names = [f"{error.path.parent.name}/{error.path.name}" for error in broken]
    reasons = zip(names[:4], broken, strict=False)
    listed = "; ".join(f"{name} ({error.why[:80]})" for name, error in reasons)
    listed += f"; also {', '.join(names[4:_MOST_NAMES])}" if names[4:] else ""
    return listed + (f" and {len(names) - _MOST_NAMES:,} more" if names[_MOST_NAMES:] else "")


def opened(path: pathlib.Path) -> "PIL.Image.Image":
    """Opens an image by reading its header, and checks its size and depth."""
    from PIL import Image

    if not path.is_file():  # For example a pipe, which might never end.
        raise BrokenImageError(path, "no such file" if not path.exists() else "something else")
    with _decoding(path):
        image = Image.open(path, formats=_FORMATS)
        received = _unread(image)
    if received:
        image.close()
        raise BrokenImageError(path, received)
    return image


def _unread(image: "PIL.Image.Image") -> str:
    """Returns what an image has that is not read, or ""."""
    if image.width * image.height > MAX_PIXELS:
        return f"{image.height} x {image.width}, more than {MAX_PIXELS:,} pixels"
    is_bmp = image.format == "BMP"
    if is_bmp and image.info.get("compression") == _RUNS_OF_4_BITS and _pillow_version() < 13:
        return "run lengths of 4 bits, which Pillow misreads before version 13; save it as PNG"
    if _SIGNED in np.atleast_1d(_tag(image, _SAMPLE_FORMAT, ())):
        return "numbers with a sign, which npz:PATH reads as arrays"
    if image.mode in _WIDER and not (image.mode == "I" and image.format in _DEEP_FORMATS):
        return (
            f"mode {image.mode}, of more than 16 bits per channel, which npz:PATH reads as arrays"
        )
    return ""


def _pillow_version() -> int:
    import PIL

    return int(PIL.__version__.partition(".")[0])


def _tag(image: "PIL.Image.Image", number: int, default: Any) -> Any:
    """Returns a tag of a TIFF image; the default if there is none, or for other formats."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    return default if tags is None else tags.get(number, default)


def size_of(image: "PIL.Image.Image") -> tuple[int, int]:
    """Returns (height, width) as displayed: the camera may have been rotated."""
    with _decoding(pathlib.Path(getattr(image, "filename", "an image"))):
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        if turned and image.format == "TIFF":
            _load_unmapped(image)
            turned = False  # By Pillow itself, in some versions when it was opened.
    return (image.width, image.height) if turned else (image.height, image.width)


def _load_unmapped(image: "PIL.Image.Image") -> None:
    """Loads a turned TIFF image; Pillow would map gray ones with height and width exchanged."""
    from PIL import ImageFile

    assert isinstance(image, ImageFile.ImageFile)
    filename, image.filename = image.filename, ""  # Without a name, it does not map.
    image.load()
    image.filename = filename


def _pixels(
    path: pathlib.Path,
    image: "PIL.Image.Image",
    input_shape: tuple[int, ...],
    notes: collections.Counter[str],
) -> npt.NDArray[np.uint8]:
    from PIL import ImageOps

    channels = input_shape[-1]
    with _decoding(path):
        if getattr(image, "is_animated", False):
            notes["the first of several pictures in a file"] += 1
        if _tag(image, _SAMPLES, 1) > len(image.getbands()):
            notes["without their other channels"] += 1
        is_negative = _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO
        image = ImageOps.exif_transpose(image)
        if image.mode in (*_DEEP, "I"):
            notes["scaled from 16 bits"] += 1
            image = _eight_bits(image)
            image = ImageOps.invert(image) if is_negative else image  # Pillow inverts 8 bits alone.
        if channels in (1, 3) and image.has_transparency_data:
            image, is_transparent = _on_white(image)
            notes["composited on white"] += is_transparent
        image = image.convert(MODES[channels])
    return _resized(image, input_shape)


def _eight_bits(image: "PIL.Image.Image") -> "PIL.Image.Image":
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    return Image.fromarray(((values + 128) // 257).clip(0, 255).astype(np.uint8))


def _on_white(image: "PIL.Image.Image") -> "tuple[PIL.Image.Image, bool]":
    """Returns an image placed on white, and whether it was transparent."""
    from PIL import Image

    image = image.convert("RGBA")
    is_transparent = bool((np.asarray(image.getchannel("A")) < 255).any())
    if is_transparent:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB"), is_transparent


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
        # Averages the whole area of a new pixel, as shrinking requires.
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image).reshape(input_shape)


@contextlib.contextmanager
def _decoding(path: pathlib.Path) -> Iterator[None]:
    """Turns Pillow's errors for a damaged file into a `BrokenImageError` that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of sizes and EXIF data: what matters is checked.
            yield
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        received = files.first_line(error).replace(repr(str(path)), "").rstrip(" :.")
        if isinstance(error, UnidentifiedImageError):
            received = not_images.described(path) or received
        raise BrokenImageError(path, received) from None
