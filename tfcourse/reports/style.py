"""One style for all pictures: size, type, colors that color-blind readers can tell apart."""

import contextlib
import io
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, cast

import matplotlib.rcsetup
import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatter, MaxNLocator, NullLocator

from tfcourse.system import files

File = os.PathLike[str] | str | BinaryIO  # Its path, or a file open for bytes.
Arrays = Mapping[str, np.ndarray]  # By label.
# Okabe & Ito, 2008, https://jfly.uni-koeln.de/color/, without its yellow, too pale for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# Newer releases of matplotlib have a type that lists all allowed names.
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.prop_cycle": matplotlib.rcsetup.cycler(color=COLOURS),
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.dpi": 150,
    "text.parse_math": False,  # Class names may contain dollar signs.
}


def colours() -> Iterator[str]:
    """Yields `COLOURS` repeatedly."""
    return itertools.cycle(COLOURS)


def looks() -> Iterator[dict[str, str]]:
    """Yields arguments of `plot`: solid lines in each of `COLOURS`, then dashed ones, and again."""
    return itertools.cycle({"color": c, "ls": ls} for ls in ("-", "--") for c in COLOURS)


_ANIMATION_DPI = 80  # A GIF contains all frames, so it has half the resolution of a picture.
_FRAMES_PER_SECOND = 6


@contextlib.contextmanager
def picture(
    path: File, *, columns: int = 1, rows: int = 1, width: float = 4.6, height: float = 3.4
) -> Iterator[np.ndarray]:
    """Yields axes, [rows, columns], each `width` by `height` inches; then writes the PNG `path`.

    The figure is made without pyplot, so no global state and no window system is involved.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
        yield figure.subplots(rows, columns, squeeze=False)
        _write_powers_plainly(figure)
        file = io.BytesIO()
        figure.savefig(file, facecolor="white")
    if isinstance(path, os.PathLike | str):
        files.write_file(path, file.getvalue(), durable=False)
    else:
        path.write(file.getvalue())


@contextlib.contextmanager
def animation(
    path: pathlib.Path | str, *, columns: int
) -> Iterator[tuple[np.ndarray, Callable[[], None]]]:
    """Yields a row of axes, and a function that takes a frame; then writes the GIF `path`."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(columns * 3.2, 3.0), layout="constrained")
        writer = PillowWriter(fps=_FRAMES_PER_SECOND)
        with files.new_folder(pathlib.Path(path)) as folder:
            with writer.saving(figure, folder / "frames.gif", dpi=_ANIMATION_DPI):

                def take_frame() -> None:
                    _write_powers_plainly(figure)
                    writer.grab_frame()
                    # Once is enough; it takes as long as a frame.
                    figure.set_layout_engine("none")

                yield figure.subplots(1, columns, squeeze=False)[0], take_frame
            files.write_file(path, (folder / "frames.gif").read_bytes(), durable=False)


class _PlainLogFormatter(LogFormatter):
    """Labels the ticks that matplotlib labels, as plain text: 0.01 or 10⁻⁶."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):
            return ""
        power = round(float(np.log10(abs(x)))) if x else 0
        if -4 < power < 5:
            return f"{x:,.{max(0, -power)}f}" if x == 10.0**power else f"{x:,.3g}"
        digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        factor = x / 10.0**power
        return f"10{digits}" if round(factor, 6) == 1 else f"{factor:.3g} · 10{digits}"


def _write_powers_plainly(figure: Figure) -> None:
    """Replaces formatters of logarithmic axes that write mathematical text."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for ticker in (axis.major, axis.minor):
                if isinstance(ticker.formatter, LogFormatter):
                    plain = _PlainLogFormatter(labelOnlyBase=ticker.formatter.labelOnlyBase)
                    plain.set_axis(axis)
                    ticker.formatter = plain


def band(
    axes: Axes,
    x: Sequence[float] | np.ndarray,
    values: np.ndarray,
    look: str = "-",
    *,
    of: Literal["extremes", "deviation"] = "extremes",
    alpha: float = 0.15,
    **line: Any,
) -> Line2D:
    """Draws the mean over seeds as a line, in a band as wide as their spread.

    Args:
        values: [seeds, len(x)].
        of: whether the band reaches to the extremes or by one standard deviation.
    """
    mean = values.mean(axis=0)
    (drawn,) = axes.plot(x, mean, look, **line)
    if of == "extremes":
        low, high = values.min(axis=0), values.max(axis=0)
    else:
        low, high = mean - values.std(axis=0), mean + values.std(axis=0)
    axes.fill_between(x, low, high, color=drawn.get_color(), alpha=alpha, lw=0)
    return drawn


def note(
    axes: Axes, text: str, point: tuple[Any, Any], offset: tuple[float, float], **look: Any
) -> None:
    """Writes `text` beside `point`, at a distance of `offset` in points."""
    axes.annotate(text, point, xytext=offset, textcoords="offset points", **look)


def short(text: str, length: int = 28) -> str:
    """Returns `text` with at most `length` characters, its middle left out if it is longer."""
    end = length // 2
    return text if len(text) <= length else f"{text[: length - end - 1]}…{text[-end:]}"


def ticks(axis: Axis, values: Sequence[float]) -> None:
    """Writes only these numbers on a logarithmic axis."""
    axis.set_ticks(values, labels=[str(value) for value in values])
    axis.set_minor_locator(NullLocator())


def whole_numbers(axis: Axis) -> None:
    """Makes the ticks of an axis that counts integers."""
    cast(MaxNLocator, axis.get_major_locator()).set_params(integer=True, min_n_ticks=1)


def label_lines(axes: Axes, gap: float = 0.07) -> None:
    """Writes each line's label behind its right end, at least `gap` of the height apart.

    The text is dark, after a key that looks like the line, because pale text would be unreadable.
    """
    labels = {line: short(str(line.get_label())) for line in axes.get_lines()}
    lines = [line for line, label in labels.items() if not label.startswith("_")]
    axes.autoscale_view()  # Otherwise, limits that are not set are computed only when drawing.
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = {
        line: to_axes.transform([np.asarray(d)[-1] for d in line.get_data()])[1] for line in lines
    }
    # A line may leave the picture before its end.
    ends = {line: min(max(height, 0.0), 1.0) for line, height in ends.items()}
    for line, height in _spread_out(ends, gap).items():
        ends_of_key = [1.02, 1.08] if line.get_linestyle() != "None" else [1.05]
        key = Line2D(
            ends_of_key, [height] * len(ends_of_key), transform=axes.transAxes, clip_on=False
        )
        key.set(color=line.get_color(), lw=line.get_linewidth(), ls=line.get_linestyle())
        key.set(marker=line.get_marker(), mfc=line.get_markerfacecolor())
        axes.add_artist(key)
        axes.text(1.095, height, labels[line], va="center", transform=axes.transAxes, clip_on=False)


def _spread_out(ends: Mapping[Line2D, float], gap: float) -> dict[Line2D, float]:
    """Returns the heights `ends`, moved as little as necessary to be `gap` apart, within [0, 1]."""

    def centre(group: Sequence[Line2D]) -> float:
        half = gap * (len(group) - 1) / 2
        mean = sum(ends[line] for line in group) / len(group)
        return min(max(mean, half), max(1.0 - half, half))

    # Groups of touching labels, centered on the mean of their ends.
    groups: list[list[Line2D]] = []
    for line in sorted(ends, key=lambda line: ends[line]):
        groups.append([line])
        while len(groups) > 1:
            lower, upper = groups[-2:]
            room = gap * (len(lower) + len(upper)) / 2
            if centre(upper) - centre(lower) >= room:
                break
            groups[-2:] = [lower + upper]
    return {
        line: centre(group) + (place - (len(group) - 1) / 2) * gap
        for group in groups
        for place, line in enumerate(group)
    }
