"""The small immutable types that every source of data ends in."""

import dataclasses

import numpy as np

from tfcourse.datasets.array_preprocessing import ArrayPreprocessing, ImagePreprocessing
from tfcourse.datasets.table_preprocessing import TablePreprocessing


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Examples and their labels, as read-only NumPy arrays.

    Args:
        features: float32 [examples, height, width, channels], in [0, 1], or [examples, features].
        labels: int32 [examples], in [0, classes).
    """

    features: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "features", _read_only(self.features))
        object.__setattr__(self, "labels", _read_only(self.labels))

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"Split({len(self)} examples {self.features.shape[1:]})"

    def smaller(self, max_examples):
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
        for array in (self.features, self.labels):
            while isinstance(array, np.ndarray):
                array.flags.writeable = False
                array = array.base
        return self


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A named set: train to learn from, validation to choose by, test to use once.

    Args:
        name: str, such as "mnist".
        train: `Split`.
        validation: `Split`.
        test: `Split`.
        class_names: tuple of str, one per class, in the order of the labels.
        origin: str, where the examples came from, for the record of a run.
        fallback_from: tuple of str, the names asked for before this one that could not be had.
            Empty where the first name was loaded.
        preprocessing: how `features` were made from raw examples, fitted on `train`; `None` where
            that is not known. A run keeps it, see `tfcourse.datasets.preprocessing`.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    origin: str
    fallback_from: tuple[str, ...] = ()
    preprocessing: TablePreprocessing | ArrayPreprocessing | ImagePreprocessing | None = None

    @property
    def splits(self):
        """The three splits by name, in the order train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def num_classes(self):
        return len(self.class_names)

    @property
    def input_shape(self):
        """Shape of one example: (height, width, channels), or (features,)."""
        return self.train.features.shape[1:]

    def smaller(self, max_examples):
        """Returns the set with at most `max_examples` examples in each split, for quick trials."""
        cut = {name: split.smaller(max_examples) for name, split in self.splits.items()}
        return dataclasses.replace(self, **cut)


@dataclasses.dataclass(frozen=True, eq=False)
class UnscaledDataset:
    """A set as it is read and cached: whole numbers, a quarter of the size of float32.

    Args:
        name: str.
        splits: dict of "train", "validation" and "test" to a pair of arrays: features uint8
            [examples, height, width, channels] in [0, maximum] and labels int32 [examples].
        maximum: int, the value that becomes 1.0.
        class_names: tuple of str.
        origin: str.
        resized: bool, whether images of other sizes were resized to these.
    """

    name: str
    splits: dict[str, tuple[np.ndarray, np.ndarray]]
    maximum: int
    class_names: tuple[str, ...]
    origin: str
    resized: bool = False

    def scaled(self):
        """Returns the `Dataset`, its features divided by `maximum`."""
        splits = {
            split: Split(np.divide(features, self.maximum, dtype=np.float32), labels)
            for split, (features, labels) in self.splits.items()
        }
        preprocessing = ImagePreprocessing(
            input_shape=splits["train"].features.shape[1:],
            resized=self.resized,
            maximum=self.maximum,
            class_names=self.class_names,
            source=self.origin,
        )
        return Dataset(
            name=self.name,
            class_names=self.class_names,
            origin=self.origin,
            preprocessing=preprocessing,
            **splits,
        )
