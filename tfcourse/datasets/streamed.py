"""Splits that stay on the disk; batches are read when they are needed."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfcourse import checked
from tfcourse.datasets.examples import FloatArray, LabelArray, Split


class StreamedFeatures:
    """Features that look like an array, but are read in parts.

    Args:
        read: function that returns the features of examples, given their numbers.
        numbers: [examples], the numbers of the split's examples.
        shape: shape of one example.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        read: Callable[[npt.NDArray[np.int64]], FloatArray],
        numbers: npt.NDArray[np.int64],
        shape: tuple[int, ...],
    ) -> None:
        self._read = read
        self._numbers = numbers
        self.shape = (len(numbers), *shape)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, rows: slice | npt.NDArray[Any]) -> FloatArray:
        """Returns the features [n, ...] of a slice or of an array of rows."""
        return self.read(np.arange(len(self))[rows])

    def read(self, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Returns the features [n, ...] of an array of rows."""
        return self._read(self._numbers[rows])


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSplit:
    """A `Split` whose features stay on the disk."""

    features: StreamedFeatures  # Read a part at a time.
    labels: LabelArray  # [examples].

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"StreamedSplit({len(self)} examples {self.input_shape})"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.features.shape[1:]

    def smaller(self, max_examples: int) -> Split:
        """Returns at most `max_examples` examples as a `Split` in memory."""
        checked.count("max_examples", max_examples)
        rows = np.arange(max_examples) * len(self) // max_examples
        rows = rows if max_examples < len(self) else np.arange(len(self))
        return Split(self.features.read(rows), self.labels[rows])
