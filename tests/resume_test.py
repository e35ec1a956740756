import pathlib
import signal

import processes
import pytest

ROOT = pathlib.Path(__file__).parents[1]

# A recipe that needs no TensorFlow and stops where a test wants it to.
RECIPE = '''
"""Counts."""

import dataclasses
import os
import signal
import sys
import time

from tfcourse import command_line
from tfcourse.system import quiet_import
from tfcourse.hyperparameters import Hyperparameters, choice, integer


@dataclasses.dataclass(frozen=True)
class Counting(Hyperparameters):
    epochs: int = integer(2, "Passes.", interval="[1, inf)")
    schedule: str = choice("constant", ("constant", "one_cycle"), "Rate.")


def main(hyperparameters, data, options, run):
    assert "tensorflow" not in sys.modules
    if os.environ.get("SIGNAL"):
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        time.sleep(10)
    print("data", data.name, data.fallback_from)
    return {
        "total": hyperparameters.epochs,
        "dataset": data.name,
        "fallback_from": list(data.fallback_from),
    }


if __name__ == "__main__":
    quiet_import.import_tensorflow = lambda: None  # It takes seconds and is not used here.
    command_line.run(main, Counting, dataset="mnist,digits")
'''


@pytest.fixture
def recipe(tmp_path, fresh_home, usual_signals):
    (tmp_path / "counting.py").write_text(RECIPE)

    def run(*arguments, **environment):
        given = ("counting", "--run_dir=out", *arguments)
        return processes.command(*given, cwd=tmp_path, tensorflow=False, **environment)

    run.flags = tmp_path / "out" / "flags.txt"
    return run


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)]
)
def test_a_signal_outside_of_training_says_how_to_go_on(recipe, number, code):
    result = recipe("--dataset=digits", SIGNAL=str(int(number)))
    assert result.returncode == code
    stopped, go_on = result.stderr.splitlines()
    assert number.name in stopped
    assert go_on == "to resume: python -m counting --dataset=digits --run_dir=out"
    assert recipe("--dataset=digits").returncode == 0


def test_a_run_keeps_the_set_that_stood_in(recipe):
    asked = ["--dataset=mnist,digits", "--expect=total:5:9"]
    assert recipe(*asked, SIGNAL=str(int(signal.SIGTERM))).returncode == 143
    assert "--dataset=digits\n" in recipe.flags.read_text()
    assert "expect" not in recipe.flags.read_text()
    result = recipe(*asked)
    assert result.returncode == 0, result.stderr
    assert "data digits ('mnist',)" in result.stdout
    assert "unchecked" in result.stdout


def test_a_finished_run_that_missed_its_range_ends_with_1_again(recipe):
    arguments = ["--dataset=digits", "--expect=total:5:9"]
    assert recipe(*arguments).returncode == 1
    result = recipe(*arguments)
    assert result.returncode == 1
    assert "finished" in result.stdout


def test_more_epochs_go_on_and_what_one_cycle_makes_of_that_is_told(recipe):
    arguments = ["--dataset=digits", "--schedule=one_cycle"]
    recipe(*arguments)
    result = recipe(*arguments, "--epochs=5")
    assert result.returncode == 0, result.stderr
    assert "finished with --epochs=2 and continues to 5" in result.stdout
    assert "one_cycle depends on --epochs" in result.stdout
    assert "--epochs=2\n" in recipe.flags.read_text().splitlines(keepends=True)[1]
    assert "--epochs=5\n" in recipe.flags.read_text()
    assert recipe(*arguments, "--epochs=4").returncode == 2


def test_a_bad_nudge_ends_with_2(recipe):
    result = recipe("--dataset=digits", "--nudge=1:2:beta=7")
    assert result.returncode == 2
    assert "--nudge" in result.stderr or "nudge" in result.stderr
    assert "[0, 1)" in result.stderr
    assert not recipe.flags.exists()
