import os

import processes
import pytest

from recipes import compare, nudge
from tfcourse import command_line

FILES = ("flags.txt", "preprocessing.json", "history.csv", "metrics.json")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Runs of which each was started after the one before."""
    monkeypatch.chdir(tmp_path)
    made = {"mine": FILES, "digits/a": FILES, "digits/b": FILES, "digits/begun": FILES[:3]}
    made |= {
        "search": ("flags.txt", "journal.jsonl", "metrics.json"),
        "square": (FILES[0], FILES[3]),
    }
    for second, (name, files) in enumerate(made.items()):
        (tmp_path / "runs" / name).mkdir(parents=True)
        for file in files:
            (tmp_path / "runs" / name / file).write_text("{}")
        os.utime(tmp_path / "runs" / name / "flags.txt", (second, second))
    (tmp_path / "runs/digits/elsewhere").symlink_to("begun")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("latest", "runs/search"),
        ("runs/digits/latest", "runs/digits/b"),
        ("runs/digits/a", "runs/digits/a"),
        ("nowhere", "nowhere"),
    ],
)
def test_latest_is_the_newest_run_with_a_model(runs, capsys, name, found):
    assert str(command_line.run_named(name)) == found
    assert capsys.readouterr().out == (f"{name} is {found}\n" if name.endswith("latest") else "")


def test_a_command_says_which_runs_it_can_use(runs):
    assert str(command_line.run_named("latest", compare._has_curves)) == "runs/digits/begun"
    assert str(command_line.run_named("latest", nudge._unfinished)) == "runs/digits/begun"


def test_a_folder_of_that_name_is_itself(runs, tmp_path):
    (tmp_path / "latest").mkdir()
    assert str(command_line.run_named("latest")) == "latest"


def test_without_a_run_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(command_line.UsageError, match="runs holds no finished run"):
        command_line.run_named("latest")


def test_a_training_takes_a_name_of_its_own(tmp_path):
    done = processes.command("recipes.quadratic", "--run_dir=runs/latest", cwd=tmp_path)
    assert done.returncode == 2
    assert "--run_dir=runs/latest is for reading the newest run" in done.stderr
    assert not (tmp_path / "runs").exists()
