import os
import pathlib
import subprocess
import sys

import processes
import pytest
from absl import flags

from tfcourse.command_line import flag_definitions, parsing

ROOT = pathlib.Path(__file__).parents[1]

# A recipe in a module of its own, as a user would write one, that needs no TensorFlow.
RECIPE = '''
"""Adds numbers."""

import dataclasses
import sys

from tfcourse import command_line
from tfcourse.hyperparameters import Hyperparameters, choice, integer, number
from tfcourse.system import quiet_import


@dataclasses.dataclass(frozen=True)
class Adding(Hyperparameters):
    learning_rate: float = number(0.5, "Step size.", interval="(0, inf)")
    epochs: int = integer(2, "Passes.", interval="[1, inf)")
    optimizer: str = choice("momentum", ("momentum", "adam"), "Rule.", group="Optimizer")
    beta: float = number(
        0.9, "Decay.", interval="[0, 1)", active_when=("optimizer", ("momentum",))
    )


def main(hyperparameters, options, run):
    assert "tensorflow" not in sys.modules
    if hyperparameters.epochs == 99:
        raise KeyError("hidden")
    return {"total": hyperparameters.learning_rate * hyperparameters.epochs}


if __name__ == "__main__":
    quiet_import.import_tensorflow = lambda: None  # It takes seconds and is not used here.
    command_line.run(main, Adding, smoke={"epochs": 1})
'''


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "adding.py").write_text(RECIPE)

    def run(*arguments, cwd=tmp_path):
        return processes.command("adding", *arguments, cwd=cwd, path=tmp_path, tensorflow=False)

    run.folder = tmp_path
    return run


def test_help_ends_with_0_and_names_every_flag(recipe):
    result = recipe("--help")
    assert result.returncode == 0
    assert "Adds numbers." in result.stdout
    for flag in ("learning_rate", "epochs", "seed", "run_dir", "expect", "smoke", "flagfile"):
        assert f"--{flag}" in result.stdout
    assert "a number in (0, inf)" in result.stdout


def test_help_is_for_the_command_line(recipe):
    (recipe.folder / "a.flags").write_text("--help\n")
    result = recipe("--flagfile=a.flags", "--run_dir=run")
    assert (result.returncode, result.stderr) == (
        2,
        "error: a.flags:1: --help is for the command line\n",
    )
    assert recipe("--help=true").stdout == recipe("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--learning_rate=0"], "learning_rate"),
        (["--learning_rate=1_0"], "learning_rate"),
        (["--learning_rate=nan"], "learning_rate"),
        (["--epochs=2.5"], "epochs"),
        (["--epochs"], "epochs"),
        (["--optimizer=sgd"], "momentum"),
        (["--optimizer=Adam"], "Did you mean adam?"),
        (["--lr=0.1"], "Did you mean --learning_rate?"),
        (["--optimizer=adam", "--beta=0.5"], "--beta=0.5 has no effect with --optimizer=adam. "),
        (["--seed=-1"], "seed"),
        (["--seed=4294967296"], "seed"),
        (["--epoch=3"], "Did you mean --epochs"),
        (["--smoke=maybe"], "--smoke=maybe: must be true or false."),
        (["--smoke", "false"], "unexpected argument 'false'"),
        (["--expect=total"], "METRIC:LOW:HIGH"),
        (["--expect=total:2:1"], "METRIC:LOW:HIGH"),
        (["--expect=total:nan:1"], "METRIC:LOW:HIGH"),
        (["--expect=total:0:1e999"], "METRIC:LOW:HIGH"),
        (["--flagfile=missing.flags"], "missing.flags"),
    ],
)
def test_bad_flags_end_with_2_in_three_lines_that_name_them(recipe, arguments, message):
    result = recipe(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert "Traceback" not in result.stderr
    assert not (recipe.folder / "runs").exists()


def test_a_bad_flag_in_a_flagfile_is_shown_with_its_line(recipe):
    (recipe.folder / "a.flags").write_text("# why\n--epochs=3\n--learning_rate=-1\n")
    result = recipe("--flagfile=a.flags")
    assert result.returncode == 2
    assert "a.flags:3" in result.stderr


def test_the_value_that_is_wrong_is_shown_where_it_was_written(recipe):
    (recipe.folder / "fine.flags").write_text("--epochs=3\n")
    result = recipe("--flagfile=fine.flags", "--epochs=0")
    assert result.stderr.startswith("error: --epochs=0: must be a whole number")


def test_a_flagfile_s_flag_that_a_later_choice_leaves_idle_is_told_and_dropped(recipe):
    (recipe.folder / "beta.flags").write_text("--beta=0.5\n")
    result = recipe("--flagfile=beta.flags", "--optimizer=adam", "--run_dir=run")
    told = "beta.flags:1: --beta=0.5 has no effect with --optimizer=adam, and is ignored\n"
    assert result.returncode == 0
    assert told in result.stdout
    assert "--beta=0.9" in (recipe.folder / "run" / "flags.txt").read_text()


def test_an_idle_flag_beside_its_choice_in_one_flagfile_is_refused(recipe):
    (recipe.folder / "both.flags").write_text("--optimizer=adam\n--beta=0.5\n")
    result = recipe("--flagfile=both.flags")
    assert result.returncode == 2
    assert result.stderr.startswith("error: both.flags:2: --beta=0.5 has no effect")


def test_what_a_flagfile_expects_is_left_unchecked_where_a_flag_changes_the_run(recipe):
    (recipe.folder / "total.flags").write_text("--epochs=4\n--expect=total:2:2\n")
    changed = recipe("--flagfile=total.flags", "--epochs=5", "--run_dir=changed")
    assert changed.returncode == 0
    assert (
        "--expect is left unchecked: it was written for a run without --epochs=5\n"
        in changed.stdout
    )
    assert "expect" not in (recipe.folder / "changed" / "flags.txt").read_text()
    typed = recipe("--flagfile=total.flags", "--epochs=5", "--expect=total:2:2")
    assert typed.returncode == 1  # What was typed itself is checked.
    repeated = recipe("--flagfile=total.flags", "--epochs=4", "--timing", "--run_dir=same")
    assert "unchecked" not in repeated.stdout


def test_each_value_of_a_flag_is_shown_as_it_was_typed(monkeypatch):
    own = flags.FlagValues()
    flags.DEFINE_multi_string("search", [], "", flag_values=own)
    flags.DEFINE_integer("epochs", 3, "", flag_values=own)
    monkeypatch.setattr(flags, "FLAGS", own)
    own(["program", "--search=dropout=0:0.5", "--search=beta=0.9"])
    assert flag_definitions.values("epochs") == [3]
    shown = [flag_definitions.spelled("search", v) for v in flag_definitions.values("search")]
    assert shown == ["--search=dropout=0:0.5", "--search=beta=0.9"]


def test_smoke_tells_what_it_takes_instead_of_what_was_typed(recipe):
    assert "--smoke sets --epochs=1\n" in recipe("--smoke", "--epochs=5").stdout


def test_help_shows_flags_in_groups(recipe):
    lines = recipe("--helpfull").stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Optimizer:", "Training:", "Run:"]
    assert lines.index("Optimizer:") < lines.index("  --beta [0.9]") < lines.index("Training:")
    assert max(map(len, lines)) < 80


def test_results_flags_and_expectations(recipe):
    result = recipe("--run_dir=out", "--epochs=4", "--expect=total:1.9:2.1")
    assert result.returncode == 0, result.stderr
    assert '"total": 2.0' in (recipe.folder / "out/metrics.json").read_text()
    recorded = (recipe.folder / "out/flags.txt").read_text()
    assert "--epochs=4\n" in recorded
    assert "run_dir" not in recorded.partition("\n")[2]
    again = recipe("--flagfile=out/flags.txt", "--run_dir=again")
    assert again.returncode == 0, again.stderr
    assert (recipe.folder / "again/flags.txt").read_text() == recorded


def test_a_missed_expectation_ends_with_1(recipe):
    result = recipe("--run_dir=out", "--expect=total:2:3")
    assert result.returncode == 1
    assert "total is 1, not in [2.0, 3.0]" in result.stderr


def test_the_later_range_for_a_metric_counts(recipe):
    assert recipe("--run_dir=out", "--expect=total:2:3", "--expect=total:1:1").returncode == 0


def test_expecting_an_unknown_result_ends_with_2(recipe):
    result = recipe("--run_dir=out", "--expect=accuracy:0:1")
    assert result.returncode == 2
    assert "no such result" in result.stderr


def test_smoke_sets_its_values_and_leaves_expectations_unchecked(recipe):
    result = recipe("--run_dir=out", "--smoke", "--epochs=50", "--expect=total:2:3")
    assert result.returncode == 0
    assert "unchecked" in result.stdout
    assert "--epochs=1\n" in (recipe.folder / "out/flags.txt").read_text()


def test_a_finished_run_says_so_and_ends_with_0(recipe):
    recipe("--run_dir=out")
    result = recipe("--run_dir=out")
    assert result.returncode == 0
    assert "finished" in result.stdout


def test_other_flags_in_the_same_folder_are_refused(recipe):
    recipe("--run_dir=out")
    result = recipe("--run_dir=out", "--learning_rate=0.25")
    assert result.returncode == 2
    assert "--learning_rate is 0.25, was 0.5" in result.stderr


def test_a_folder_of_somebody_else_is_left_alone(recipe):
    folder = recipe.folder / "out"
    folder.mkdir()
    (folder / "metrics.json").write_text("mine")
    result = recipe("--run_dir=out")
    assert result.returncode == 5
    assert (folder / "metrics.json").read_text() == "mine"


def test_a_path_that_can_not_be_a_folder_ends_with_5(recipe):
    (recipe.folder / "file").write_text("")
    result = recipe("--run_dir=file/run")
    assert result.returncode == 5
    assert "file/run" in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_a_bug_ends_with_1_and_shows_its_place_only_when_asked(recipe):
    result = recipe("--run_dir=out", "--epochs=99")
    assert result.returncode == 1
    assert "KeyError" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in recipe("--run_dir=out", "--epochs=99", "--debug").stderr


@pytest.mark.parametrize("is_buffered", ["", "1"])
def test_output_that_nobody_reads_ends_with_141(recipe, is_buffered):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "adding", "--run_dir=out"],
        cwd=recipe.folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{recipe.folder}:{ROOT}",
            "PYTHONUNBUFFERED": is_buffered,
        },
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr.splitlines()[0] == "stopped: the output was closed"
    assert len(done.stderr.splitlines()) <= 2


def test_two_recipes_can_be_imported_together():
    code = (
        "import recipes.mnist_softmax, recipes.quadratic, sys; print('tensorflow' in sys.modules)"
    )
    result = processes.python("-c", code)
    assert result.stdout.strip() == "False", result.stderr


def test_timing_prints_each_stage(recipe):
    result = recipe("--run_dir=out", "--timing")
    assert "import TensorFlow" in result.stdout
    assert "--timing" not in (recipe.folder / "out/flags.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--undefok=epohcs", "--epohcs=3"], "--undefok"),
        (["--expect=total:0:1_0"], "METRIC:LOW:HIGH"),
        (["--nudge=0:0:learning_rate=1_0"], "nudge"),
    ],
)
def test_what_absl_or_python_would_let_pass_is_refused(recipe, arguments, message):
    result = recipe(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_refused_folder_is_left_as_it_was(recipe):
    folder = recipe.folder / "out"
    folder.mkdir()
    for name in ("curves.png", ".metrics.json.0123456789abcdef.tmp", ".saving.keras"):
        (folder / name).write_text("mine")
    assert recipe("--run_dir=out").returncode == 5
    assert sorted(p.name for p in folder.iterdir()) == [
        ".metrics.json.0123456789abcdef.tmp",
        ".saving.keras",
        "curves.png",
    ]


def test_a_start_that_failed_does_not_bind_the_folder(recipe):
    assert recipe("--run_dir=out", "--epochs=99").returncode == 1
    assert recipe("--run_dir=out", "--epochs=3").returncode == 0
    assert "--epochs=3\n" in (recipe.folder / "out/flags.txt").read_text()


@pytest.mark.parametrize(
    ("name", "content"), [("metrics.json", b"[1]"), ("flags.txt", b"\xff\xfe\x00")]
)
def test_a_damaged_record_is_named(recipe, name, content):
    recipe("--run_dir=out")
    (recipe.folder / "out" / name).write_bytes(content)
    result = recipe("--run_dir=out")
    assert result.returncode == 5
    assert name in result.stderr


def test_a_result_that_is_not_finite_ends_with_6(recipe):
    result = recipe("--run_dir=out", "--learning_rate=3e38", f"--epochs=1{'0' * 271}")
    assert result.returncode == 6
    assert "total is inf" in result.stderr
    assert not (recipe.folder / "out/metrics.json").exists()


def test_runs_that_start_in_the_same_second_get_folders_of_their_own(recipe):
    for _ in range(3):
        assert recipe().returncode == 0
    assert len(list((recipe.folder / "runs/adding").iterdir())) == 3


@pytest.mark.parametrize(
    "given", [["--run_dir", "./out/"], ["-run_dir=out"], ["--run_dir=out"], ["--run_dir", "~/out"]]
)
def test_the_command_that_goes_on_names_the_folder_once(monkeypatch, given):
    typed = ["/bin/python3", "-m", "recipe", "--epochs=3", *given, "--seed=2"]
    monkeypatch.setattr(sys, "orig_argv", typed)
    command = parsing.resume_command(pathlib.Path("out"))
    assert command == "python -m recipe --epochs=3 --seed=2 --run_dir=out"


def test_the_command_that_goes_on_is_the_console_command_where_that_was_typed(monkeypatch):
    typed = ["/venv/bin/python", "/venv/bin/tfcourse", "train", "mnist_softmax", "--seed=2"]
    monkeypatch.setattr(sys, "orig_argv", typed)
    command = parsing.resume_command(pathlib.Path("out"))
    assert command == "tfcourse train mnist_softmax --seed=2 --run_dir=out"


def test_what_an_error_says_of_an_argument_names_its_flag(recipe):
    (recipe.folder / "adding.py").write_text(
        RECIPE.replace(
            'raise KeyError("hidden")',
            'raise datasets.DataError("Give `epochs=3`, another `optimizer` or `no_such`.")',
        ).replace("import command_line\n", "import command_line, datasets\n")
    )
    result = recipe("--run_dir=out", "--epochs=99")
    assert result.returncode == 3
    assert result.stderr == "error: Give --epochs=3, another --optimizer or `no_such`.\n"
