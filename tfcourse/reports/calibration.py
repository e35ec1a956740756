"""Reliability diagrams: the accuracy of a classifier against its confidence."""

import numpy as np

from tfcourse.measures import Calibration
from tfcourse.reports import style

_GAP = style.COLOURS[1]


def draw_calibration(calibration: Calibration, path: style.File) -> None:
    """Writes a reliability diagram, and how many examples each bin has, into a PNG file."""
    counts, confidences, accuracies, expected_error = calibration
    edges = np.linspace(0, 1, len(counts) + 1)
    filled = counts > 0
    with style.picture(path, columns=2, width=3.8, height=3.4) as axes:
        left, right = axes[0]
        left.plot([0, 1], [0, 1], "--", color="0.5", linewidth=1.2)
        # Few classifiers have such low confidences, so there is room.
        left.text(0.19, 0.24, "perfectly calibrated", color="0.4", rotation=45, ha="center",
                  va="center", rotation_mode="anchor", fontsize=9)  # fmt: skip
        left.vlines(confidences[filled], confidences[filled], accuracies[filled], color=_GAP)
        left.plot(confidences[filled], accuracies[filled], "o", color=style.COLOURS[0])
        left.set(xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
        left.set(xlabel="confidence, mean of a bin", ylabel="accuracy of the bin")
        left.set_title(f"expected calibration error {100 * expected_error:.1f} %")
        right.bar(edges[:-1], counts, np.diff(edges), align="edge", color=style.COLOURS[0],
                  edgecolor="white")  # fmt: skip
        right.set(xlim=(0, 1.03), xlabel="confidence", ylabel="examples")
        right.set_yscale("symlog", linthresh=1)
        right.set_ylim(0, 3 * counts.max())
        right.set_title(f"{counts.sum():,} examples")
