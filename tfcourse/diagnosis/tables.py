"""Examples of a table as rows of text."""

from collections.abc import Sequence

import numpy as np

from tfcourse import training_data
from tfcourse.diagnosis.examples import Floats

_COLUMNS = 10  # More do not fit on a page.


def table_of(
    data: training_data.Data, features: Floats, said: Sequence[tuple[str, Sequence[str]]]
) -> tuple[tuple[str, ...], ...]:
    """Returns a table, starting with its head.

    Args:
        data: may have names for the features.
        features: [examples, ...].
        said: `(head, [text of each example])` for the first columns.
    """
    values = np.asarray(features).reshape(len(features), -1)
    named = getattr(getattr(data, "preprocessing", None), "feature_names", None)
    names = named if named and len(named) == values.shape[1] else range(values.shape[1])
    more = values.shape[1] > _COLUMNS
    head = [name for name, _ in said] + [str(name) for name in names][:_COLUMNS]
    rows = [head + ["..."] * more]
    for index, row in enumerate(values):
        cells = [texts[index] for _, texts in said] + [f"{value:.3g}" for value in row[:_COLUMNS]]
        rows.append(cells + [""] * more)
    return tuple(map(tuple, rows))
