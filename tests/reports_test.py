import contextlib
import io
import types

import matplotlib.image
import numpy as np
import pytest

from tfcourse import reports
from tfcourse.reports import style

HISTORY = """epoch,train_seconds,loss,accuracy,val_loss,val_accuracy,learning_rate
1,0.5,1.0,0.5,0.9,0.6,0.1
2,0.5,0.5,0.8,0.6,0.75,0.1
3,0.5,0.25,0.9,0.5,0.7,0.1
"""


@pytest.fixture
def run_dir(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY)
    return tmp_path


def test_history_is_read_by_column(run_dir):
    history = reports.read_history(run_dir)
    assert history["epoch"] == [1.0, 2.0, 3.0]
    assert history["val_accuracy"] == [0.6, 0.75, 0.7]


@pytest.mark.parametrize("names", [("loss",), ("loss", "val_loss"), ("loss", "accuracy")])
def test_history_without_validation_or_accuracy_is_drawn(names):
    file = io.BytesIO()
    reports.draw_history({"epoch": [1.0, 2.0], **{name: [0.9, 0.5] for name in names}}, file)
    assert matplotlib.image.imread(io.BytesIO(file.getvalue()))[..., :3].std() > 0.05


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_a_picture_with_ink_in_it(run_dir, epochs):
    (run_dir / "history.csv").write_text("".join(HISTORY.splitlines(True)[: epochs + 1]))
    reports.draw_curves(run_dir)
    assert matplotlib.image.imread(run_dir / "curves.png")[..., :3].std() > 0.05


def test_a_name_is_written_as_it_is(tmp_path, monkeypatch):
    written = []
    set_xlabel = matplotlib.axes.Axes.set_xlabel

    def seen(axes, label, **look):
        written.append(label)
        return set_xlabel(axes, label, **look)

    monkeypatch.setattr(matplotlib.axes.Axes, "set_xlabel", seen)
    values = np.arange(9.0)
    reports.draw_errors(values, values + 1, "price $", tmp_path / "errors.png")
    assert written == ["price $, true", "price $, predicted"]


@pytest.mark.parametrize("name", ["$\\frac{$", "$x^{$ $", "_private", "$", ""])
def test_names_are_no_formulas(tmp_path, name):
    names = (name, "other")
    reports.draw_confusion(np.eye(2, dtype=int), names, tmp_path / "confusion.png")
    values = np.arange(9.0)
    reports.draw_errors(values, values + 1, name, tmp_path / "errors.png")
    for picture in ("confusion.png", "errors.png"):
        assert matplotlib.image.imread(tmp_path / picture)[..., :3].std() > 0.05


def test_runs_of_different_length_are_drawn_together(run_dir, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "history.csv").write_text("".join(HISTORY.splitlines(True)[:2]))
    reports.draw_comparison({"a": run_dir, "b": other}, tmp_path / "both.png")
    assert matplotlib.image.imread(tmp_path / "both.png")[..., :3].std() > 0.05


def test_logarithmic_axes_are_labelled_without_mathematical_text(tmp_path):
    with style.picture(tmp_path / "powers.png", columns=2) as axes:
        axes[0, 0].loglog([1e-7, 1e3], [0.2, 0.9])
        axes[0, 1].set_yscale("symlog", linthresh=1)
        axes[0, 1].plot([0, 1], [0, 1e6])

    def texts(axis):
        labels = [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]
        return {label.get_text() for label in labels}

    assert {"10⁻⁷", "0.001", "10", "1,000"} <= texts(axes[0, 0].xaxis)
    assert {"0.2", "0.6"} <= texts(axes[0, 0].yaxis)
    assert {"0", "1", "100", "10,000", "10⁶"} <= texts(axes[0, 1].yaxis)


def test_labels_of_close_lines_do_not_overlap(tmp_path):
    with style.picture(tmp_path / "lines.png") as axes:
        for offset in (0.0, 0.001, 0.002):
            axes[0, 0].plot([0, 1], [offset, 1 + offset], label=str(offset))
        style.label_lines(axes[0, 0])
        heights = sorted(text.get_position()[1] for text in axes[0, 0].texts)
    assert np.diff(heights).min() >= 0.07 - 1e-9
    assert len(heights) == 3


def test_labels_stand_at_the_ends_where_no_limits_were_set(tmp_path):
    with style.picture(tmp_path / "lines.png") as axes:
        axes[0, 0].plot([0, 1], [50.0, 60.0], label="up")
        axes[0, 0].plot([0, 1], [50.0, 40.0], label="down")
        style.label_lines(axes[0, 0])
        assert all(0 <= text.get_position()[1] <= 1 for text in axes[0, 0].texts)


def test_labels_of_lines_that_leave_the_picture_stay_beside_it(tmp_path):
    with style.picture(tmp_path / "lines.png") as axes:
        axes[0, 0].semilogy([0, 1], [1.0, 1e-30], label="down")
        axes[0, 0].set_ylim(0.1, 1)
        style.label_lines(axes[0, 0])
        assert axes[0, 0].texts[0].get_position()[1] == 0


def test_labels_of_many_lines_stay_beside_the_picture(tmp_path):
    with style.picture(tmp_path / "lines.png") as axes:
        for number in range(12):
            axes[0, 0].plot([0, 1], [0, 1 - 0.01 * number], label=str(number))
        style.label_lines(axes[0, 0])
        heights = sorted(text.get_position()[1] for text in axes[0, 0].texts)
    assert heights[0] >= 0
    assert heights[-1] <= 1 + 1e-9
    assert np.diff(heights).min() >= 0.07 - 1e-9


@pytest.fixture
def drawn(monkeypatch):
    """Yields a list of the axes, [rows, columns], of every picture."""
    found, picture = [], style.picture

    @contextlib.contextmanager
    def kept(*arguments, **named):
        with picture(*arguments, **named) as axes:
            yield axes
            found.append(axes)

    monkeypatch.setattr(style, "picture", kept)
    return found


def test_a_confusion_has_a_row_per_label_and_a_column_per_prediction(drawn, tmp_path):
    reports.draw_confusion(np.array([[3, 0], [2, 4]]), ["cat", "dog"], tmp_path / "a.png")
    ax = drawn[0][0, 0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("prediction", "label")
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "3", (0, 1): "2", (1, 1): "4"}  # (column, row).
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 0], [2, 0]])
    assert ax.get_title(loc="left").startswith("7 of 9 right")


def test_curves_are_called_what_they_are_and_mark_the_best_epoch(drawn, run_dir):
    reports.draw_curves(run_dir)
    losses, accuracies = drawn[0][0]
    lines = {line.get_label(): list(line.get_ydata()) for line in accuracies.lines}
    assert lines["training"] == [0.5, 0.8, 0.9]
    assert lines["validation"] == [0.6, 0.75, 0.7]
    assert ([2.0], [0.75]) in [(list(x.get_xdata()), list(x.get_ydata())) for x in accuracies.lines]
    assert "best: 75.00 %" in [text.get_text() for text in accuracies.texts]
    assert "best" not in str([text.get_text() for text in losses.texts])


def test_of_equal_accuracies_the_mark_is_on_the_epoch_that_is_kept(drawn, run_dir):
    history = reports.read_history(run_dir)
    history.update(val_accuracy=[1.0, 1.0, 0.5], val_loss=[0.9, 0.2, 0.1])
    reports.draw_history(history, run_dir / "a.png")
    assert list(drawn[0][0, 1].lines[-1].get_xdata()) == [2]


def test_a_single_epoch_has_one_whole_number_and_its_mark_in_the_picture(drawn, run_dir):
    (run_dir / "history.csv").write_text("".join(HISTORY.splitlines(True)[:2]))
    reports.draw_curves(run_dir)
    ax = drawn[0][0, 1]
    labels = {label.get_text() for label in ax.get_xticklabels()}
    assert labels == {"0", "1", "2"}  # Of these, one lies in the picture.
    (mark,) = [text for text in ax.texts if "best" in text.get_text()]
    assert mark.xyann[1] > 0


def test_long_names_leave_room_for_the_matrix(drawn, tmp_path):
    names = [f"{'a long name of a class ' * 3}{number}" for number in range(12)]
    reports.draw_confusion(np.eye(12, dtype=int), names, tmp_path / "a.png")
    ax = drawn[0][0, 0]
    assert ax.get_position().width > 0.4
    assert ax.get_yticklabels()[7].get_text() == "a long name o…e of a class 7"


def test_suggested_rates_are_read_in_the_legend_not_across_other_lines(drawn, tmp_path):
    rates = np.geomspace(1e-6, 10, 50)
    curve = types.SimpleNamespace(
        rates=rates, losses=rates, smoothed=rates, suggestions={"steep": 1e-3, "valley": 1.1e-3}
    )
    reports.draw_learning_rate_curve(curve, tmp_path / "a.png")
    legend = [text.get_text() for text in drawn[0][0, 0].get_legend().get_texts()]
    assert legend[2:] == ["steep: 0.001", "valley: 0.0011"]
    assert not drawn[0][0, 0].texts


def test_residuals_are_what_is_missing_from_the_prediction(drawn, tmp_path):
    reports.draw_errors(np.array([1.0, 2.0]), np.array([1.5, 1.0]), "price", tmp_path / "a.png")
    against, residuals = drawn[0][0]
    points = [line for line in residuals.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(points[0].get_ydata(), [-0.5, 1.0])
    assert against.get_xlabel() == "price, true"
