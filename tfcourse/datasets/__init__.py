"""Data sets by name, and your own data, as checked arrays.

    >>> digits = tfcourse.datasets.load("digits")
    >>> digits.train.features.shape  # float32, in [0, 1]
    (1257, 8, 8, 1)

Importing this imports neither TensorFlow nor TensorFlow Datasets.
"""

from tfcourse.datasets import preprocessing
from tfcourse.datasets.ahead import load_ahead
from tfcourse.datasets.arrays.own_arrays import from_arrays, from_batches
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.describing import describe
from tfcourse.datasets.description import Description
from tfcourse.datasets.errors import DataError, DataUnavailableError
from tfcourse.datasets.examples import Split
from tfcourse.datasets.loading import check, check_name, is_own, load, located, own_names
from tfcourse.datasets.reading import Reading
from tfcourse.datasets.tables.frames import to_dataframe
from tfcourse.datasets.tables.own_tables import from_dataframe

__all__ = [
    "DataError",
    "DataUnavailableError",
    "Dataset",
    "Description",
    "Reading",
    "Split",
    "check",
    "check_name",
    "describe",
    "from_arrays",
    "from_batches",
    "from_dataframe",
    "is_own",
    "load",
    "load_ahead",
    "located",
    "own_names",
    "preprocessing",
    "to_dataframe",
]
