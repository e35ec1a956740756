"""Several lines in one picture, each with its name at its end."""

from collections.abc import Mapping

import numpy.typing as npt

from tfcourse.reports import style


def draw_lines(
    lines: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    path: style.File,
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    log: bool = False,
    points: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
) -> None:
    """Writes lines into the PNG file `path`.

    Args:
        lines: x and y, of equal length, by label; x counts steps or epochs.
        points: the same, drawn as circles, in the colours after those of the lines.
        title: the picture's title.
        xlabel: label of x, with its unit.
        ylabel: label of y, with its unit.
        log: whether y has a logarithmic scale.
    """
    with style.picture(path, width=6.2, height=3.4) as axes:
        ax = axes[0, 0]
        colours = style.colours()
        for label, (x, y) in lines.items():
            ax.plot(x, y, color=next(colours), label=label)
        for label, (x, y) in (points or {}).items():
            ax.plot(x, y, "o", mfc="none", color=next(colours), label=label)
        ax.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
        style.whole_numbers(ax.xaxis)
        style.label_lines(ax, gap=0.09)
