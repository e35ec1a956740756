"""A confusion matrix as a picture."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfcourse.reports import style


def draw_confusion(
    counts: npt.NDArray[np.integer], class_names: Sequence[str], path: style.File
) -> None:
    """Writes a confusion matrix into the PNG file `path`; its diagonal, the right answers, is
    white.

    Args:
        counts: [classes, classes], one row per label, one column per prediction.
        class_names: one per class.
    """
    side = min(max(4.6, 0.36 * len(class_names)), 30)  # Enough for each number, up to 83 classes.
    names = [style.short(name) for name in class_names]
    longest = max(map(len, names))
    side += 0.08 * longest
    with style.picture(path, width=side + 0.8, height=side) as axes:
        ax = axes[0, 0]
        mistakes = counts - np.diag(np.diag(counts))
        ax.imshow(mistakes, cmap="Oranges")
        for (row, column), count in np.ndenumerate(counts):
            if count:
                weight = "bold" if row == column else "normal"
                dark = mistakes[row, column] > 0.6 * mistakes.max()
                colour = "white" if dark else "black"
                ax.text(
                    column, row, count, ha="center", va="center", color=colour, fontsize=8,
                    fontweight=weight,
                )  # fmt: skip
        ax.set_xticks(range(len(names)), names, rotation=90 if longest > 3 else 0)
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="prediction", ylabel="label")
        ax.set_title(f"{np.trace(counts):,} of {counts.sum():,} right (bold)")
        ax.grid(visible=False)
