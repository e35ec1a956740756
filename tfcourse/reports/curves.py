"""Loss and accuracy by epoch, of one run or of several side by side."""

import csv
import pathlib

from tfcourse.reports import style


def read_history(run_dir):
    """Returns history.csv of the folder `run_dir` as `{column: [float, ...]}`.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    with open(pathlib.Path(run_dir) / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def draw_curves(run_dir):
    """Writes curves.png into the folder `run_dir`, from its history.csv."""
    history = read_history(run_dir)
    picture, axes = style.figure(columns=2)
    for ax, name in zip(axes[0], ("loss", "accuracy"), strict=True):
        ax.plot(history["epoch"], history[name], label="training", marker=_marker(history))
        ax.plot(history["epoch"], history[f"val_{name}"], label="validation", marker=_marker(history))
        _finish(ax, name, history[name] + history[f"val_{name}"])
    best = max(range(len(history["epoch"])), key=lambda row: history["val_accuracy"][row])
    axes[0, 1].plot(
        history["epoch"][best], history["val_accuracy"][best], "o", color=style.COLOURS[1]
    )
    axes[0, 1].annotate(
        f"best: {100 * history['val_accuracy'][best]:.2f} %",
        (history["epoch"][best], history["val_accuracy"][best]),
        textcoords="offset points",
        xytext=(-4, -16),
        ha="right",
        color=style.COLOURS[1],
    )
    style.save(picture, pathlib.Path(run_dir) / "curves.png")


def draw_comparison(run_dirs, path):
    """Writes the validation curves of several runs into the PNG file `path`.

    Args:
        run_dirs: `{label: folder}`.
        path: path-like.
    """
    histories = {label: read_history(folder) for label, folder in run_dirs.items()}
    picture, axes = style.figure(columns=2)
    for ax, name in zip(axes[0], ("val_loss", "val_accuracy"), strict=True):
        for label, history in histories.items():
            ax.plot(history["epoch"], history[name], label=label, marker=_marker(history))
        _finish(ax, name, [value for h in histories.values() for value in h[name]])
    style.save(picture, path)


def _marker(history):
    return "." if len(history["epoch"]) < 3 else None  # A line needs two points to be seen.


def _finish(ax, name, values):
    ax.set_title({"val_loss": "validation loss", "val_accuracy": "validation accuracy"}.get(name, name))
    ax.set_xlabel("epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if name.endswith("accuracy"):
        ax.set_ylabel("share of examples")
        ax.set_ylim(top=1.0)
    else:
        ax.set_ylabel("cross-entropy (nats)")
        ax.set_ylim(bottom=0.0)
    style.label_lines(ax)
