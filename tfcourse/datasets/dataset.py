"""The small immutable types that every source of data ends in."""

import dataclasses
import os
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tfcourse.datasets.column_report import TableReport
    from tfcourse.datasets.streamed import StreamedSplit

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
SPLITS = ("train", "validation", "test")


class Examples(NamedTuple):
    """New examples, read for a model that is trained, as that takes them.

    Attributes:
        features: [examples, *input_shape].
        labels: [examples], or `None` where the file has none.
        places: where each came from: "new.csv, line 2".
    """

    features: FloatArray
    labels: IntArray | None
    places: tuple[str, ...]


class Preprocessing(Protocol):
    """How raw examples become a model's input; see `tfcourse.datasets.preprocessing`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def source(self) -> str: ...

    def transform(self, raw: Any, /) -> FloatArray:
        """Returns the features of raw values in memory."""
        ...

    def read(self, path: os.PathLike[str] | str, *, resize: bool = False) -> Examples:
        """Returns what a file holds; `resize` takes images of another size than trained on."""
        ...


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Examples and their labels, as read-only NumPy arrays.

    Args:
        features: [examples, height, width, channels], in [0, 1], or [examples, features].
        labels: [examples], in [0, classes).
    """

    features: FloatArray
    labels: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", _read_only(self.features))
        object.__setattr__(self, "labels", _read_only(self.labels))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} examples {self.features.shape[1:]})"

    def smaller(self, max_examples: int) -> "Split":
        """Returns at most `max_examples` examples, evenly spaced so that a sorted set keeps all
        its classes."""
        if max_examples < 1:
            raise ValueError(f"`max_examples` must be >= 1. Received: max_examples={max_examples}")
        if max_examples >= len(self):
            return self
        rows = np.arange(max_examples) * len(self) // max_examples
        return Split(self.features[rows], self.labels[rows]).frozen()

    def frozen(self) -> "Split":
        """Returns itself, its arrays read-only for whoever else holds them: nobody should."""
        arrays: tuple[npt.NDArray[Any] | None, ...] = (self.features, self.labels)
        for array in arrays:
            while isinstance(array, np.ndarray):
                array.flags.writeable = False
                array = array.base
        return self


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A named set: train to learn from, validation to choose by, test to use once.

    Args:
        name: such as "mnist".
        train, validation, test: the splits.
        class_names: one per class, in the order of the labels.
        origin: where the examples came from, for the record of a run.
        fallback_from: the names asked for before this one that could not be had. Empty where the
            first name was loaded.
        preprocessing: how `features` were made from raw examples, fitted on `train`; `None` where
            that is not known. A run keeps it, see `tfcourse.datasets.preprocessing`.
        report: what was found in a table, and what became of its columns.
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

    @property
    def splits(self) -> "dict[str, Split | StreamedSplit]":
        """The three splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example: (height, width, channels), or (features,)."""
        shape: tuple[int, ...] = self.train.features.shape
        return shape[1:]

    def smaller(self, max_examples: int) -> "Dataset":
        """Returns the set with at most `max_examples` examples in each split, for quick trials."""
        cut: dict[str, Any] = {
            name: split.smaller(max_examples) for name, split in self.splits.items()
        }
        return dataclasses.replace(self, **cut)
