"""Converts pandas DataFrames to tables, and data sets to DataFrames."""

import collections
import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfcourse.datasets import shown
from tfcourse.datasets.dataset import Dataset
from tfcourse.datasets.errors import DataError
from tfcourse.datasets.examples import Split
from tfcourse.datasets.tables import column_names
from tfcourse.datasets.tables.table import Table
from tfcourse.datasets.values.cells import Column

if TYPE_CHECKING:
    import pandas as pd

_LONG_PERIODS = "MQYA"  # Months, quarters and years, whose first days have no meaning of their own.


def to_table(frame: "pd.DataFrame", source: str = "frame", notes: tuple[str, ...] = ()) -> Table:
    """Returns a DataFrame as a `Table`; its index is left out.

    Raises:
        DataError: the frame has no rows, or a column name occurs twice.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        make = ".collect()" if hasattr(frame, "collect") else "pandas.DataFrame(...)"
        make = ".to_frame().T, if it is a row," if isinstance(frame, pd.Series) else make
        raise DataError(
            f"{source}: expected a pandas DataFrame; received {type(frame).__name__}. {make} makes "
            "one."
        )
    if frame.columns.nlevels > 1:
        raise DataError(
            f"{source}: expected one name for each column; received a MultiIndex. Join them: "
            "frame.columns = [' '.join(map(str, names)) for names in frame.columns]."
        )
    if not len(frame.columns) or not len(frame):
        raise DataError(
            f"{source}: expected rows and columns; received shape {frame.shape}. Add examples."
        )
    names = [str(name) for name in frame.columns]
    repeated = [name for name, count in collections.Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{source}: expected a name of its own for each column; received "
            f"{shown.quoted(repeated[0])} twice. Rename one."
        )
    series = (frame.iloc[:, position] for position in range(len(names)))
    columns = {name: column(values) for name, values in zip(names, series, strict=True)}
    durations = [name for name, kind in zip(names, frame.dtypes, strict=True) if kind.kind == "m"]
    if durations:
        notes = (*notes, f"durations are in seconds: {column_names.listed(durations)}")
    return Table(source, columns, num_rows=len(frame), notes=notes)


def from_others(frame: Any) -> Any:
    """Returns a table of Polars, Arrow or DuckDB as pandas' DataFrame, and others as they are."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame) and hasattr(frame, "__arrow_c_stream__"):
        import pyarrow as pa

        with contextlib.suppress(pa.ArrowInvalid):  # One column is no table.
            frame = pa.table(frame)
    return frame.to_pandas() if hasattr(frame, "to_pandas") else frame


def categorical(frame: "pd.DataFrame") -> list[str]:
    """Returns the names of the columns of pandas' type for categories."""
    import pandas as pd

    return [str(n) for n, kind in frame.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]


def column(series: "pd.Series") -> Column:
    """Returns a Series as a column: numbers and dates as arrays, everything else as texts."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        dtype = series.dtype
    if isinstance(dtype, pd.PeriodDtype):
        if dtype.freq.rule_code[0] in _LONG_PERIODS:
            return series.astype(str).where(series.notna(), None).to_numpy(object)
        series = series.dt.to_timestamp()
        dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iufM":
        return series.to_numpy()
    if dtype.kind == "m":
        kind = getattr(dtype, "numpy_dtype", dtype)
        return series.to_numpy(kind, na_value=np.timedelta64("NaT")) / np.timedelta64(1, "s")
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise DataError(
            f"column {shown.quoted(series.name)}: expected real numbers; received complex ones. "
            "Take their real parts or magnitudes."
        )
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        is_whole = dtype.kind in "iu" and not series.hasnans
        return series.to_numpy(f"{dtype.kind}8" if is_whole else np.float64, na_value=np.nan)
    if isinstance(dtype, pd.CategoricalDtype):
        return series.array.remove_unused_categories()
    return series.to_numpy(object)


def to_dataframe(dataset: Dataset) -> "pd.DataFrame":
    """Returns the features of a `Dataset`, preprocessed, with splits and labels.

    Each row is an example: `split`, the features by name, and the class, or the quantity in its own
    units.

    Raises:
        ValueError: the data set is not a table in memory.
    """
    import pandas as pd

    fitted = dataset.preprocessing
    names = getattr(fitted, "feature_names", None)
    splits = {name: split for name, split in dataset.splits.items() if isinstance(split, Split)}
    if names is None or len(splits) < len(dataset.splits):
        raise ValueError(f"Expected a table in memory. Received: dataset={dataset.name!r}")
    label = getattr(fitted, "label", "label")
    parts = [
        pd.concat(
            [
                pd.Series([name] * len(split), name="split", dtype=object),
                pd.DataFrame(split.features, columns=list(names)),
                pd.Series(_labels(dataset, split), name=label),
            ],
            axis=1,
        )
        for name, split in splits.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _labels(dataset: Dataset, split: Split) -> npt.NDArray[Any]:
    if dataset.target:
        return dataset.target.in_units(split.labels)
    classes: npt.NDArray[Any] = np.array(dataset.class_names, object)[split.labels]
    return classes
