"""Examples in memory, immutable: a `Split` of a data set, or new ones for a trained model."""

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tfcourse import checked

FloatArray = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]
# Classes, int32; or a standardized quantity, float32.
LabelArray = npt.NDArray[Any]


class Examples(NamedTuple):
    """New examples, read and preprocessed for a trained model.

    Attributes:
        features: [examples, *input_shape].
        labels: [examples], or `None` if the file has no labels or they were not requested.
        places: where each example comes from: "new.csv, line 2".
        identifiers: the values of the identifying column; `None` without one.
    """

    features: FloatArray
    labels: LabelArray | None
    places: tuple[str, ...]
    identifiers: tuple[str, ...] | None = None


def scaled(pixels: npt.NDArray[np.uint8], maximum: int = 255) -> FloatArray:
    """Returns integers divided by the largest possible one, as float32."""
    return np.divide(pixels, maximum, dtype=np.float32)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Examples and their labels, as read-only NumPy arrays.

    Args:
        features: [examples, height, width, channels], in [0, 1], or [examples, features].
        labels: [examples], integers in [0, classes); for a quantity, standardized float32.

    Attributes:
        pixels: uint8, with `features = pixels / 255`, for a split from `of_pixels`; else `None`.
    """

    features: FloatArray
    labels: LabelArray
    pixels: PixelArray | None = dataclasses.field(default=None, init=False, repr=False)

    @classmethod
    def of_pixels(cls, pixels: PixelArray, labels: LabelArray) -> "Split":
        """Returns the split with the features `pixels / 255`.

        The features take four times the memory, so they are made when they are first used.
        """
        split = object.__new__(cls)
        object.__setattr__(split, "pixels", _read_only(pixels))
        object.__setattr__(split, "labels", _read_only(labels))
        return split

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> FloatArray:
            if name != "features":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            features = scaled(self.pixels)
            features.flags.writeable = False
            object.__setattr__(self, "features", features)
            return features

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", _read_only(self.features))
        object.__setattr__(self, "labels", _read_only(self.labels))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} examples {self.input_shape})"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        shape: tuple[int, ...] = (self.features if self.pixels is None else self.pixels).shape
        return shape[1:]

    def smaller(self, max_examples: int) -> "Split":
        """Returns at most `max_examples` examples, evenly spaced, because they may be sorted."""
        checked.count("max_examples", max_examples)
        if max_examples >= len(self):
            return self
        rows = np.arange(max_examples) * len(self) // max_examples
        labels = self.labels[rows]
        if self.pixels is None:
            return Split(self.features[rows], labels).frozen()
        return Split.of_pixels(self.pixels[rows], labels).frozen()

    def frozen(self) -> "Split":
        """Returns itself with read-only arrays, also for other owners of the arrays."""
        arrays: list[npt.NDArray[Any] | None] = [self.labels, self.pixels]
        if self.pixels is None:
            arrays.append(self.features)
        for array in arrays:
            while isinstance(array, np.ndarray):
                array.flags.writeable = False
                array = array.base
        return self
