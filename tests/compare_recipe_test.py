"""recipes.compare on runs that anybody may have written."""

import json
import os
import pathlib

import pytest

from recipes import compare
from tfcourse import command_line
from tfcourse.system import files

HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n1,1.0,0.5,0.9,0.6\n2,0.5,0.8,0.6,0.75\n"


@pytest.fixture
def runs(tmp_path):
    """The folders of two runs."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags.txt").write_text(f"--optimizer={name}\n--seed=1\n")
        (tmp_path / name / "history.csv").write_text(HISTORY)
        (tmp_path / name / "metrics.json").write_text('{"test_accuracy": 0.5}')
    return tmp_path / "a", tmp_path / "b"


def run(runs, picture):
    compare.main(compare.Comparison(run_dirs=tuple(map(str, runs)), picture=str(picture)))


def assert_compared(output):
    assert [line.split() for line in output.splitlines()][:3] == [
        ["a", "b"],
        ["--optimizer", "a", "b"],
        ["test_accuracy", "0.5000", "0.5000"],
    ]


def test_what_differs_and_what_was_reached_stand_side_by_side(runs, tmp_path, capsys):
    run(runs, tmp_path / "c.png")
    assert_compared(capsys.readouterr().out)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_not_compared_with_itself_however_it_is_spelt(runs):
    again = os.path.join(runs[0], os.curdir, "")
    with pytest.raises(ValueError, match="two or more runs"):
        compare.Comparison(run_dirs=(str(runs[0]), again))


def test_the_newest_run_is_not_compared_with_itself(runs, tmp_path):
    newest = command_line.run_named(str(tmp_path / "latest"), compare._has_curves, "run")
    with pytest.raises(command_line.UsageError, match="names a run twice"):
        run([newest, tmp_path / "latest"], tmp_path / "comparison.png")


def test_a_tilde_is_the_home_as_everywhere(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run(("~/a", "~/b"), tmp_path / "c.png")
    assert (tmp_path / "c.png").exists()


def test_a_picture_goes_through_no_link(runs, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "c.png").symlink_to(tmp_path / "mine")
    run(runs, tmp_path / "c.png")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ("epoch\n1\n", "the history of a has no val_accuracy"),
        ("loss,val_loss\n1,1\n", "is damaged: 'epoch'"),
        ("epoch,loss\n1\n", "is damaged"),
        ("\n", "is damaged"),
    ],
)
def test_a_history_that_is_none_is_named(runs, tmp_path, history, message):
    (runs[0] / "history.csv").write_text(history)
    with pytest.raises((command_line.UsageError, compare.NotARunError), match=message):
        run(runs, tmp_path / "c.png")


def test_of_a_sweep_the_best_trial_is_compared(runs, tmp_path, capsys):
    best = runs[0] / "trials/00003/0"
    best.mkdir(parents=True)
    for name in ("flags.txt", "history.csv"):
        (runs[0] / name).rename(best / name)
    (runs[0] / "journal.jsonl").touch()
    (runs[0] / "best").symlink_to("trials/00003/0", target_is_directory=True)
    for folder in runs:
        (folder / "metrics.json").write_text('{"test_accuracy": 0.5, "seconds": 9.0}')
    run(runs, tmp_path / "c.png")
    output = capsys.readouterr().out
    assert_compared(output)
    seconds = next(line for line in output.splitlines() if line.startswith("seconds"))
    (best / "metrics.json").write_text('{"result": {}}')
    assert compare.read(runs[0] / "best") == compare.read(runs[0])
    assert seconds.split() == ["seconds", "9.0000"]  # A sweep's own are of all its trials.
    (best / "flags.txt").rename(runs[0] / "flags.txt")
    os.utime(runs[0] / "flags.txt", (2e9, 2e9))
    assert command_line.run_named(str(tmp_path / "latest"), compare._has_curves) == runs[0]


def test_nothing_that_a_run_holds_reaches_the_terminal_as_it_is(runs, tmp_path, capsys):
    (runs[0] / "flags.txt").write_text("--optimizer=\x1b[31m\x07\n--\x1b]0;x=1\n")
    metrics = {"test_accuracy": "\x1b[2J" * 99, "best_epoch": [[1]] * 10_000}
    (runs[0] / "metrics.json").write_text(json.dumps(metrics))
    run(runs, tmp_path / "c.png")
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert "\x1b" not in shown
    assert "\\x1b[31m\\x07" in shown
    assert max(map(len, shown.splitlines())) < 500


def test_a_path_that_is_none_is_refused():
    with pytest.raises(files.PathError):
        compare.Comparison(run_dirs=("~nobody-has-this-name/a", str(pathlib.Path("b"))))
