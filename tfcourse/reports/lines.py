"""Several lines in one picture, each with its name at its end."""

from tfcourse.reports import style


def draw_lines(lines, path, *, title, xlabel, ylabel, log=False):
    """Writes lines into the PNG file `path`.

    Args:
        lines: `{label: (x, y)}`, arrays of equal length each; x counts steps or epochs.
        path: path-like.
        title, xlabel, ylabel: str; a label has its unit in it.
        log: bool, whether y is drawn on a logarithmic scale.
    """
    with style.picture(path, width=6.2, height=3.4) as axes:
        ax = axes[0, 0]
        looks = zip(style.colours(), lines.items(), strict=False)
        for colour, (label, (x, y)) in looks:
            ax.plot(x, y, color=colour, label=label)
        ax.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
        style.whole_numbers(ax.xaxis)
        style.label_lines(ax, gap=0.09)
