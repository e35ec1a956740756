"""Splits that stay on the disk: a batch is read when it is needed."""

import dataclasses

import numpy as np

from tfcourse.datasets.dataset import Split


class StreamedFeatures:
    """Features that look like an array, of which a part is read at a time.

    Args:
        read: function of int [n], numbers of examples, that returns their features.
        numbers: int [examples], the numbers that are the split's.
        shape: tuple, of one example.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, read, numbers, shape):
        self._read = read
        self._numbers = numbers
        self.shape = (len(numbers), *shape)

    def __len__(self):
        return len(self._numbers)

    def __getitem__(self, rows):
        """Returns float32 [n, ...] of a slice or of an array of rows."""
        return self.read(np.arange(len(self))[rows])

    def read(self, rows):
        """Returns float32 [n, ...] of an array of rows."""
        return self._read(self._numbers[rows])


@dataclasses.dataclass(frozen=True, eq=False)
class StreamedSplit:
    """A `Split` whose features stay on the disk.

    Args:
        features: `StreamedFeatures`.
        labels: int32 [examples].
    """

    features: StreamedFeatures
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"StreamedSplit({len(self)} examples {self.features.shape[1:]})"

    def smaller(self, max_examples):
        """Returns at most `max_examples` examples as a `Split` in memory."""
        if max_examples < 1:
            raise ValueError(f"`max_examples` must be >= 1. Received: max_examples={max_examples}")
        rows = np.arange(max_examples) * len(self) // max_examples
        rows = rows if max_examples < len(self) else np.arange(len(self))
        return Split(self.features.read(rows), self.labels[rows])
