"""The preprocessing of arrays and images."""

import dataclasses
import os
import pathlib
from typing import NoReturn

import numpy as np
import numpy.typing as npt
from absl import logging

from tfcourse.datasets import checks, fields
from tfcourse.datasets.arrays import array_files, array_shapes
from tfcourse.datasets.checks import Numbers
from tfcourse.datasets.dataset import Preprocessing
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import Examples, FloatArray, LabelArray, scaled
from tfcourse.datasets.images import image_files, image_labels, image_paths, image_rows
from tfcourse.datasets.tables.targets import NumericTarget
from tfcourse.datasets.values import new_cells
from tfcourse.system import files

_BLOCK = 1024
_TOO_BRIGHT = 2  # Times the maximum; less may be overshoot of an interpolation.
_HARDLY, _ENOUGH = 0.05, 10  # Standard deviations; rows of a table.
_FEWEST_GREYS = 64  # uint8 values below this do not use the grey range.


@dataclasses.dataclass(frozen=True)
class ArrayPreprocessing:
    """Arrays, shifted and scaled: `(value - shift) / scale`."""

    input_shape: tuple[int, ...]  # (features,) or (height, width, channels).
    shift: tuple[float, ...]  # One number, or one per feature.
    scale: tuple[float, ...]  # As many numbers > 0.
    class_names: tuple[str, ...]  # In the order of the labels; empty for a quantity.
    source: str  # The data that it was fitted on.
    target: NumericTarget | None = None  # The quantity that is the label; `None` for classes.

    def __post_init__(self) -> None:
        fields.outputs(self.class_names, self.target)
        fields.text("source", self.source)
        fields.shape("input_shape", self.input_shape, (1, 3))
        for name, check in {"shift": fields.number, "scale": fields.positive}.items():
            values = getattr(self, name)
            fields.sequence(name, values, 1)
            for position, value in enumerate(values):
                check(f"{name}[{position}]", value)
            fits = len(values) in (1, self.input_shape[-1]) and len(values) == len(self.shift)
            fields.check(name, len(values), fits, "one number, or one per feature")

    def transform(self, features: npt.ArrayLike, /) -> FloatArray:
        """Returns float32 [examples, *input_shape].

        Args:
            features: array of numbers [examples, *input_shape]; [examples, height, width] means
                images with one channel.

        Raises:
            DataError: the shape or type differs, or a value is not finite; names the first example.
                Or images are in [0, 1], unlike those of the training, or the reverse.
        """
        features = array_shapes.like("features", features, self.input_shape)
        if features.shape[1:] != self.input_shape:
            raise DataError(
                f"features: expected examples of shape {self.input_shape}, as in training; "
                f"received {features.shape[1:]}. Reshape them."
            )
        checks.check_finite("features", features)
        _check_range("features", features, _maximum(self))
        shift, scale = np.array(self.shift), np.array(self.scale)
        result = np.empty(features.shape, np.float32)
        for start in range(0, len(features), _BLOCK):  # In double precision, in parts.
            block = slice(start, start + _BLOCK)
            with np.errstate(over="ignore"):
                result[block] = (features[block] - shift) / scale
        checks.check_finite("scaled features", result)
        return result

    def read(
        self,
        path: os.PathLike[str] | str,
        *,
        resize: bool = False,
        labels: bool = True,
        identifier: str | None = None,
    ) -> Examples:
        """Returns the `Examples` of an NPZ file with `x` and, if it has labels, `y`."""
        _check_no_identifier(identifier)
        path = files.expanded(path)
        if path.is_file() and path.suffix.lower() not in array_files.SUFFIXES:
            raise DataError(
                f"{path}: expected arrays (.npz with x, or .npy), as the run was trained on; "
                "received another file. Save its numbers by numpy.save."
            )
        return _read_arrays(self, path, labels)


def fit_arrays(
    features: Numbers,
    class_names: tuple[str, ...],
    source: str,
    target: NumericTarget | None = None,
) -> ArrayPreprocessing:
    """Returns the `ArrayPreprocessing` for the training split's features.

    uint8 images are divided by 255, and images in [0, 1] are left as they are. Other images are
    standardized by one mean and standard deviation, tables by those of each feature, whatever their
    type. uint8 images that use less than a quarter of the range count as other images. Constant
    features are only shifted.

    Raises:
        DataError: nothing varies, or double precision can't hold the squares of the numbers.
    """
    if features.min() == features.max():
        _refuse_constant(source, features)
    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    if features.dtype == np.uint8 and features.ndim == 4 and features.max() >= _FEWEST_GREYS:
        scale = (255.0,)
    elif features.ndim == 2 or features.min() < 0 or features.max() > 1:
        axes = 0 if features.ndim == 2 else None
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.atleast_1d(features.mean(axis=axes, dtype=np.float64))
            deviation = np.atleast_1d(features.std(axis=axes, dtype=np.float64))
        # Uses the extremes, because the deviation of equal numbers may be a rounding error.
        varies = np.atleast_1d(features.min(axis=axes) < features.max(axis=axes))
        _check_varies(source, features, varies, deviation)
        shift = tuple(mean.tolist())
        scale = tuple(np.where(varies & (deviation > 0), deviation, 1.0).tolist())
    try:
        return ArrayPreprocessing(features.shape[1:], shift, scale, class_names, source, target)
    except ValueError as error:
        mend = "" if np.isfinite((*shift, *scale)).all() else " Scale the features."
        raise DataError(f"{source}: {error}.{mend}") from None


def _check_varies(
    source: str,
    features: Numbers,
    varies: npt.NDArray[np.bool_],
    deviation: npt.NDArray[np.float64],
) -> None:
    """Raises `DataError` if all features are constant, or one is once it is in double precision."""
    if not varies.any():
        _refuse_constant(source, features)
    lost = varies & (deviation == 0)
    if lost.any():
        column = features[..., int(lost.argmax())]
        raise DataError(
            f"{source}: expected numbers that vary in double precision; received {column.min()} to "
            f"{column.max()} in feature {int(lost.argmax())}. Shift and scale them."
        )


def _refuse_constant(source: str, features: Numbers) -> NoReturn:
    raise DataError(
        f"{source}: expected features that vary; received {features.flat[0]:g} in all "
        f"{len(features)} training examples, or other constants. Check how they were made."
    )


@dataclasses.dataclass(frozen=True)
class ImagePreprocessing:
    """Images: decoded, resized if requested, and divided by `maximum`."""

    input_shape: tuple[int, ...]  # (height, width, channels), of 1 to 4 channels.
    resized: bool  # Whether to resize images of another size.
    maximum: int  # > 0, the value that becomes 1.
    class_names: tuple[str, ...]  # In the order of the labels.
    source: str  # The data that it was fitted on.

    def __post_init__(self) -> None:
        fields.texts("class_names", self.class_names, 2)
        fields.text("source", self.source)
        fields.shape("input_shape", self.input_shape, (3,))
        channels = self.input_shape[-1]
        fields.check("input_shape", channels, channels in image_files.MODES, "of 1 to 4 channels")
        fields.check("resized", self.resized, isinstance(self.resized, bool), "true or false")
        is_whole = type(self.maximum) is int and 0 < self.maximum < 1 << 16
        fields.check("maximum", self.maximum, is_whole, "a whole number in [1, 65535]")

    @property
    def target(self) -> None:
        """`None`, because images have classes."""
        return None

    def transform(self, images: npt.ArrayLike, /) -> FloatArray:
        """Returns float32 [examples, height, width, channels] in [0, 1].

        Args:
            images: array of numbers in [0, maximum], all of the model's shape.

        Raises:
            DataError: the shape, type or range differs.
        """
        images = array_shapes.like("images", images, self.input_shape)
        if images.shape[1:] != self.input_shape:
            raise DataError(
                f"images: expected shape {self.input_shape}, as in training; received "
                f"{images.shape[1:]}. Resize them."
            )
        _check_range("images", images, self.maximum)
        # A NaN fails this too.
        if not (images.min(initial=0) >= 0 and images.max(initial=0) <= self.maximum):
            raise DataError(
                f"images: expected values in [0, {self.maximum}]; received "
                f"{images.min():g} to {images.max():g}. Scale them."
            )
        return np.divide(images, self.maximum, dtype=np.float32)

    def read(
        self,
        path: os.PathLike[str] | str,
        *,
        resize: bool = False,
        labels: bool = True,
        identifier: str | None = None,
    ) -> Examples:
        """Returns the `Examples` of an image, a folder of images, or a file of arrays.

        Labels come from folders named like classes, if all images are in such folders, or from a
        table beside the images.
        """
        _check_no_identifier(identifier)
        path = files.expanded(path)
        if path.suffix.lower() in array_files.SUFFIXES:
            return _read_arrays(self, path, labels)
        table = image_rows.find_table(path) if labels else None
        if table is None:
            paths, found = image_paths.find(path, self.class_names)
        else:
            paths, found = image_labels.read_known(path, table, self.class_names)
        resize = resize or self.resized
        pixels = image_files.decode_all(paths, self.input_shape, resize=resize).pixels
        return Examples(scaled(pixels), found, tuple(str(path) for path in paths))


def _check_no_identifier(name: str | None) -> None:
    if name is not None:
        raise DataError(
            f"`id={name}` names a column of a table; the run was trained on arrays or images. "
            "Leave it out."
        )


def _read_arrays(fitted: Preprocessing, path: pathlib.Path, with_labels: bool) -> Examples:
    raw, found = array_files.read_examples(path)
    labels: LabelArray | None = None
    if found is not None and with_labels:
        if fitted.target:
            labels = fitted.target.standardize(checks.quantities(f"{path}, y", found))
        else:
            labels = checks.label_numbers(f"{path}, y", found, fitted.class_names)
    try:
        features = fitted.transform(raw)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    far = np.argwhere(abs(features) > new_cells.FAR)
    if len(far) and not _maximum(fitted):
        example, *position = map(int, far[0])
        logging.warning(
            "%s, example %d, position %s: the number is %.3g standard deviations from the "
            "training's mean. New examples have to be in the same units.",
            *(path, example, tuple(position), features[tuple(far[0])]),
        )
    elif _hardly_vary(fitted, features):
        logging.warning(
            "%s: the numbers hardly vary, by less than %g standard deviations of the training's "
            "numbers. New examples have to be in the same units.",
            *(path, _HARDLY),
        )
    # Not earlier, because a malicious header may claim any number.
    places = tuple(f"{path}, example {number}" for number in range(len(features)))
    return Examples(features, labels, places)


def _hardly_vary(fitted: Preprocessing, features: FloatArray) -> bool:
    """Returns whether standardized examples are nearly equal, as numbers / 255 would be."""
    is_image = len(fitted.input_shape) == 3
    if _maximum(fitted) or (not is_image and len(features) < _ENOUGH):
        return False
    spread = np.ptp(features, axis=None if is_image else 0)
    return bool(np.max(spread) < _HARDLY)


def _maximum(fitted: Preprocessing) -> int:
    """Returns the value that stands for white in images that are only divided, or 0."""
    if isinstance(fitted, ImagePreprocessing):
        return fitted.maximum
    if not isinstance(fitted, ArrayPreprocessing) or fitted.shift != (0.0,):
        return 0
    is_divided = len(fitted.input_shape) == 3 and fitted.scale in ((1.0,), (255.0,))
    return int(fitted.scale[0]) if is_divided else 0


def _check_range(name: str, raw: Numbers, maximum: int) -> None:
    """Raises `DataError` for images that are scaled otherwise than those trained on.

    Args:
        name: what they are called, for the message.
        raw: an array that is not empty.
        maximum: the value that stands for white, or 0 if `raw` may have any range.
    """
    if not maximum:
        return
    if maximum > 1 and raw.dtype.kind == "f" and 0 < raw.max() <= 1:
        raise DataError(
            f"{name}: expected values in [0, {maximum}], as those trained on had before they were "
            f"scaled; received values up to {raw.max():g}. Multiply them by {maximum}."
        )
    if raw.max() > _TOO_BRIGHT * maximum:
        raise DataError(
            f"{name}: expected values in [0, {maximum}], as in training; received values up to "
            f"{raw.max():g}. Scale them."
        )
