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


def label_lines(axes, gap=0.07):
    """Writes each line's label behind its right end, at least `gap` of the height apart."""
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = {
        line: to_axes.transform((line.get_xdata()[-1], line.get_ydata()[-1]))[1] for line in lines
    }
    heights = {}
    for line in sorted(ends, key=ends.get):
        heights[line] = max(ends[line], max(heights.values(), default=-1.0) + gap)
    # Labels were only moved up; all together move down by the mean of that.
    lifted = sum(heights.values()) - sum(ends.values())
    for line, height in heights.items():
        axes.text(
            1.02,
            height - lifted / len(lines),
            line.get_label(),
            color=line.get_color(),
            transform=axes.transAxes,
            va="center",
        )
