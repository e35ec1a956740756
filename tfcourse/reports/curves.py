"""Loss and accuracy, or error, by epoch, for one run or for several."""

import os
import pathlib
from collections.abc import Mapping

from matplotlib.axes import Axes

from tfcourse.reports import style
from tfcourse.run_directory import read_history

History = dict[str, list[float]]


def draw_curves(run_dir: os.PathLike[str] | str) -> None:
    """Writes curves.png into the folder `run_dir`, from its history.csv."""
    folder = pathlib.Path(run_dir)
    draw_history(read_history(folder), folder / "curves.png")


def draw_history(history: History, path: style.File) -> None:
    """Writes loss and accuracy per epoch into the PNG file `path`.

    The highest validation accuracy is marked, or for a quantity, the lowest validation loss.

    Args:
        history: `epoch` from 1, `loss`, `accuracy`, `val_loss` and `val_accuracy`, as far
            as they are there; for a quantity, `mae` in place of `accuracy`.
    """
    metric = _metric(history)
    with style.picture(path, columns=2) as axes:
        for ax, name in zip(axes[0], ("loss", metric), strict=True):
            for column, label in ((name, "training"), (f"val_{name}", "validation")):
                if column in history:
                    ax.plot(history["epoch"], history[column], label=label, marker=_marker(history))
            _finish(ax, name, metric)
        if not {"val_loss", f"val_{metric}"} <= history.keys():
            return
        if metric == "mae":
            losses = history["val_loss"]
            best = losses.index(min(losses))
            _mark(axes[0, 0], history, losses, best, f"best: {losses[best]:.4g}", 26)
            return
        accuracies = history["val_accuracy"]
        # As `fit` chooses: ties go to the lower loss, then to the later epoch.
        losses = history["val_loss"]
        best = max(range(len(losses)), key=lambda i: (accuracies[i], -losses[i], i))
        text = f"best: {100 * accuracies[best]:.2f} %"
        _mark(axes[0, 1], history, accuracies, best, text, -26)


def _metric(history: History) -> str:
    return "mae" if "val_mae" in history and "val_accuracy" not in history else "accuracy"


def _mark(
    ax: Axes, history: History, values: list[float], best: int, text: str, above: int
) -> None:
    """Marks the best epoch, with its text `points` above it."""
    point = history["epoch"][best], values[best]
    ax.plot(*point, "o", color=style.COLOURS[1])
    low, high = ax.get_ylim()
    if above < 0 and values[best] < low + 0.25 * (high - low):  # Below, there is no room.
        above = 12
    side = "right" if 2 * best >= len(values) else "left"  # Beside the axis there is no room.
    style.note(ax, text, point, (0, above), ha=side, color=style.COLOURS[1])


def draw_comparison(
    run_dirs: Mapping[str, os.PathLike[str] | str], path: os.PathLike[str] | str
) -> None:
    """Writes the validation curves of several runs into the PNG file `path`.

    Args:
        run_dirs: the run directories by label.
    """
    histories = {label: read_history(folder) for label, folder in run_dirs.items()}
    metrics = {_metric(history) for history in histories.values()}
    if len(metrics) > 1:
        raise ValueError("`run_dirs`: some predict classes and some a quantity; compare like runs")
    (metric,) = metrics
    for label, history in histories.items():
        missing = {"epoch", "val_loss", f"val_{metric}"} - history.keys()
        if missing:
            raise ValueError(f"`run_dirs`: the history of {label} has no {min(missing)}")
    with style.picture(path, columns=2, width=5.2) as axes:
        for ax, name in zip(axes[0], ("val_loss", f"val_{metric}"), strict=True):
            for (label, history), look in zip(histories.items(), style.looks(), strict=False):
                look = {**look, "marker": _marker(history) or ""}
                ax.plot(history["epoch"], history[name], label=label, **look)
            _finish(ax, name, metric)


def _marker(history: History) -> str | None:
    return "." if len(history["epoch"]) < 3 else None  # A line needs two points to be seen.


def _finish(ax: Axes, name: str, metric: str) -> None:
    ax.set_title(name.replace("val_", "validation ").replace("mae", "mean absolute error"))
    ax.set_xlabel("epoch")
    style.whole_numbers(ax.xaxis)
    if name.endswith("accuracy"):
        ax.set_ylabel("share of examples")
        ax.set_ylim(top=1.0)
    else:
        of_loss = "mean squared error, standardized" if metric == "mae" else "cross-entropy (nats)"
        ax.set_ylabel(of_loss if name.endswith("loss") else "in the label's units")
        ax.set_ylim(bottom=0.0)
    style.label_lines(ax)
