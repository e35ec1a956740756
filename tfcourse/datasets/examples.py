"""New examples, read for a model that is trained."""

from typing import NamedTuple

import numpy as np


class Examples(NamedTuple):
    """Examples as a model takes them.

    Attributes:
        features: float32 [examples, *input_shape].
        labels: int32 [examples], or `None` where the file has none.
        places: tuple of str, where each came from: "new.csv, line 2".
    """

    features: np.ndarray
    labels: np.ndarray | None
    places: tuple[str, ...]
