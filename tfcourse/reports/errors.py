"""The errors of predictions of a quantity, as a picture."""

import numpy as np
import numpy.typing as npt

from tfcourse.reports import style

# More points would only overlap.
_MAX_POINTS = 5000


def draw_errors(
    values: npt.NDArray[np.floating],
    predictions: npt.NDArray[np.floating],
    name: str,
    path: style.File,
) -> None:
    """Writes a PNG file: predicted against true values, and the residuals by prediction.

    Args:
        values: [examples], the true values.
        predictions: [examples].
        name: the quantity's name.
    """
    rows = np.unique(np.linspace(0, len(values) - 1, _MAX_POINTS).astype(int))
    y, predicted = values[rows], predictions[rows]
    shown = f"{len(rows):,} of {len(values):,}" if len(rows) < len(values) else f"{len(rows):,}"
    dots = {"alpha": float(np.clip(60 / np.sqrt(len(rows)), 0.15, 0.8)), "markersize": 3.5}
    label = style.short(name)
    with style.picture(path, columns=2, width=4.2, height=3.8) as axes:
        left, right = axes[0]
        ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
        left.plot(ends, ends, "--", color="0.5", linewidth=1.2)
        left.plot(y, predicted, "o", color=style.COLOURS[0], markeredgewidth=0, **dots)
        left.set(xlabel=f"{label}, true", ylabel=f"{label}, predicted")
        left.set_title(f"{shown} examples; dashed: right")
        right.axhline(0, ls="--", color="0.5", linewidth=1.2)
        right.plot(predicted, y - predicted, "o", color=style.COLOURS[1], markeredgewidth=0, **dots)
        right.set(xlabel=f"{label}, predicted", ylabel="true - predicted")
        right.set_title("residuals")
