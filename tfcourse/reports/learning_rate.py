"""Loss against learning rate, as measured by the learning-rate finder."""

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tfcourse.reports import style


class Curve(Protocol):
    """A `training.learning_rate_finder.LearningRateCurve`."""

    @property
    def rates(self) -> npt.NDArray[np.float64]: ...

    @property
    def losses(self) -> npt.NDArray[np.float64]: ...

    @property
    def smoothed(self) -> npt.NDArray[np.float64]: ...

    @property
    def suggestions(self) -> Mapping[str, float]: ...


def draw_learning_rate_curve(curve: Curve, path: os.PathLike[str] | str) -> None:
    """Writes the loss by learning rate into the PNG file `path`, with the suggestions."""
    with style.picture(path, width=6.0) as axes:
        ax = axes[0, 0]
        ax.plot(curve.rates, curve.losses, color="0.75", linewidth=1.0, label="of each step")
        ax.plot(curve.rates, curve.smoothed, color=style.COLOURS[0], label="smoothed")
        ax.set_xscale("log")
        # The divergence would compress the descent.
        lowest = min(curve.smoothed, default=0.0)  # Below 0 for a loss like Poisson's.
        ax.set_ylim(min(0.0, 1.3 * lowest), 1.3 * max(curve.smoothed[:10], default=1.0))
        ax.set_xlabel("learning rate")
        ax.set_ylabel("training loss")
        ax.set_title("loss while the learning rate rises")
        for row, (rule, rate) in enumerate(curve.suggestions.items()):
            look: dict[str, Any] = {"color": style.COLOURS[1 + row % (len(style.COLOURS) - 1)]}
            look["label"] = f"{rule}: {rate:.2g}"
            ax.axvline(rate, linewidth=1.2, linestyle=":" if row else "-", **look)
        ax.legend(loc="lower left")
