"""One look for every picture: size, type, colours that the colour-blind tell apart."""

import contextlib

import matplotlib
from matplotlib.figure import Figure

# Okabe & Ito, 2008, https://jfly.uni-koeln.de/color/, without its yellow, too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.dpi": 150,
}


@contextlib.contextmanager
def picture(path, *, columns=1, rows=1, width=4.6, height=3.4):
    """Yields axes, [rows, columns], each `width` by `height` inches; then writes the PNG `path`.

    The figure is made without pyplot: nothing global is kept, no window system is asked.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        yield figure.subplots(rows, columns, squeeze=False)
        figure.savefig(path, facecolor="white")


def label_lines(axes, dy=0.035):
    """Writes each line's label behind its right end, moved apart where they would overlap."""
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    figure_to_axes = axes.transData + axes.transAxes.inverted()
    ends = [
        (figure_to_axes.transform((line.get_xdata()[-1], line.get_ydata()[-1]))[1], line)
        for line in lines
    ]
    height = -1.0
    for end, line in sorted(ends, key=lambda pair: pair[0]):
        height = max(end, height + 2 * dy)
        axes.text(
            1.02,
            height,
            line.get_label(),
            color=line.get_color(),
            transform=axes.transAxes,
            va="center",
        )
