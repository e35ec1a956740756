"""The immutable types that every source of data returns."""

import dataclasses
import os
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tfcourse import checked

if TYPE_CHECKING:
    from tfcourse.datasets.streamed import StreamedSplit
    from tfcourse.datasets.tables.column_report import TableReport
    from tfcourse.datasets.tables.targets import NumericTarget

FloatArray = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]
# Classes, int32; or a standardized quantity, float32.
LabelArray = npt.NDArray[Any]
SPLITS = ("train", "validation", "test")


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


class Preprocessing(Protocol):
    """How raw examples become a model's input; see `tfcourse.datasets.preprocessing`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def target(self) -> "NumericTarget | None":
        """The quantity that is the label; `None` for classes."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def source(self) -> str: ...

    def transform(self, raw: Any, /) -> FloatArray:
        """Returns the features of raw values in memory."""
        ...

    def read(
        self,
        path: os.PathLike[str] | str,
        *,
        resize: bool = False,
        labels: bool = True,
        identifier: str | None = None,
    ) -> Examples:
        """Returns the examples in a file or folder, preprocessed as in training.

        Args:
            path: an image, a folder of images, a table (for a model of tables), or arrays: .npz
                with `x` and optionally labels `y`; .npy with `x` only.
            resize: whether to resize images of another size, even if the training did not.
            labels: whether to read and check labels. Rows of a table without a label are then left
                out, unless none has one.
            identifier: a column of a table that identifies each example, used in training or not.

        Raises:
            DataError: the file does not fit the preprocessing, or is damaged or malicious.
        """
        ...


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
        """Returns at most `max_examples` examples, evenly spaced, so that all classes remain."""
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


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set with its training, validation and test splits.

    Args:
        name: the data set's name, such as "mnist".
        train: the split to train on.
        validation: the split for choosing epochs and hyperparameters.
        test: the split to evaluate once.
        class_names: one per class, in the order of the labels; empty for a quantity.
        origin: where the examples came from, for the record of a run.
        fallback_from: the names before this one that were unavailable; empty if the first name was
            loaded.
        preprocessing: how `features` were made from raw examples, fitted on `train`; `None` if
            unknown. A run saves it, see `tfcourse.datasets.preprocessing`.
        report: what was found in a table, and how its columns are used.
        target: the quantity that is the label, with its mean and standard deviation; `None` for
            classes.
    """

    name: str
    train: "Split | StreamedSplit"
    validation: "Split | StreamedSplit"
    test: "Split | StreamedSplit"
    class_names: tuple[str, ...]
    origin: str
    fallback_from: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    report: "TableReport | None" = None
    target: "NumericTarget | None" = None

    @property
    def splits(self) -> "dict[str, Split | StreamedSplit]":
        """The three splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def num_outputs(self) -> int:
        """The number of the model's outputs: one logit per class, or one number."""
        return 1 if self.target else self.num_classes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: (height, width, channels), or (features,)."""
        return self.train.input_shape

    def smaller(self, max_examples: int) -> "Dataset":
        """Returns the set with at most `max_examples` examples in each split, for quick trials."""
        cut: dict[str, Any] = {
            name: split.smaller(max_examples) for name, split in self.splits.items()
        }
        return dataclasses.replace(self, **cut)

    def frozen(self) -> "Dataset":
        """Returns itself with read-only arrays, so that trainings may rely on their values."""
        for split in self.splits.values():
            if isinstance(split, Split):
                split.frozen()
        return self
