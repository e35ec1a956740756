"""Loss and accuracy by epoch, of one run or of several side by side."""

import csv
import os
import pathlib
from collections.abc import Mapping

from matplotlib.axes import Axes

from tfcourse.reports import style

History = dict[str, list[float]]


def read_history(run_dir: os.PathLike[str] | str) -> History:
    """Returns the columns of history.csv in the folder `run_dir`.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    with open(pathlib.Path(run_dir) / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def draw_curves(run_dir: os.PathLike[str] | str) -> None:
    """Writes curves.png into the folder `run_dir`, from its history.csv."""
    folder = pathlib.Path(run_dir)
    draw_history(read_history(folder), folder / "curves.png")


def draw_history(history: History, path: style.File) -> None:
    """Writes loss and accuracy by epoch, the best epoch marked, into the PNG file `path`.

    Args:
        history: `epoch` from 1, `loss`, `accuracy`, `val_loss` and `val_accuracy`.
    """
    with style.picture(path, columns=2) as axes:
        for ax, name in zip(axes[0], ("loss", "accuracy"), strict=True):
            for column, label in ((name, "training"), (f"val_{name}", "validation")):
                ax.plot(history["epoch"], history[column], label=label, marker=_marker(history))
            _finish(ax, name)
        accuracies = history["val_accuracy"]
        best = accuracies.index(max(accuracies))
        point = history["epoch"][best], accuracies[best]
        axes[0, 1].plot(*point, "o", color=style.COLOURS[1])
        text = f"best: {100 * accuracies[best]:.2f} %"
        style.note(axes[0, 1], text, point, (0, -26), ha="right", color=style.COLOURS[1])


def draw_comparison(
    run_dirs: Mapping[str, os.PathLike[str] | str], path: os.PathLike[str] | str
) -> None:
    """Writes the validation curves of several runs into the PNG file `path`.

    Args:
        run_dirs: their folders by their labels.
    """
    histories = {label: read_history(folder) for label, folder in run_dirs.items()}
    with style.picture(path, columns=2, width=5.2) as axes:
        for ax, name in zip(axes[0], ("val_loss", "val_accuracy"), strict=True):
            for label, history in histories.items():
                ax.plot(history["epoch"], history[name], label=label, marker=_marker(history))
            _finish(ax, name)


def _marker(history: History) -> str | None:
    return "." if len(history["epoch"]) < 3 else None  # A line needs two points to be seen.


def _finish(ax: Axes, name: str) -> None:
    ax.set_title(name.replace("val_", "validation "))
    ax.set_xlabel("epoch")
    style.whole_numbers(ax.xaxis)
    if name.endswith("accuracy"):
        ax.set_ylabel("share of examples")
        ax.set_ylim(top=1.0)
    else:
        ax.set_ylabel("cross-entropy (nats)")
        ax.set_ylim(bottom=0.0)
    style.label_lines(ax)
