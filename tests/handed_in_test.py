"""Handed-in notebooks are judged without running them, and the key is what the checks accept."""

import json
import pathlib

import nbformat
import processes
import pytest

from recipes import exercises as program
from tfcourse import exercises
from tfcourse.exercises import handed_in
from tfcourse.exercises.key import KEY

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def write(path, *cells):
    """Writes a notebook with code cells of `(source, output)`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = [
        {
            "cell_type": "code",
            "source": source.splitlines(keepends=True),
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": [output]}}],
        }
        for source, output in cells
    ]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "x"}, *shown]}))


def judged(path, *cells):
    write(path, *cells)
    return {row.exercise: (row.verdict, row.by) for row in handed_in.judge(path, path.name)}


def test_the_key_has_each_check_in_the_notebooks_order_and_is_accepted():
    asked = []
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        sources = [cell.source for cell in cells if "exercises.check_" in cell.source]
        asked += [
            (path.stem, number, source.rpartition("exercises.")[2].partition("(")[0])
            for number, source in enumerate(sources, start=1)
        ]
    assert [(e.notebook, e.number, e.check.__name__) for e in KEY] == asked
    assert {name for _, _, name in asked} == {n for n in exercises.__all__ if n[:6] == "check_"}
    for exercise in KEY:
        assert exercise.check(exercise.answer).right is True


def test_the_key_is_printed_with_reasons(capsys):
    program.main(program.Exercises(), key=True)
    text = capsys.readouterr().out
    assert text.startswith("# 1_mini_batches\n\n1. the number of steps per epoch: 1,257 examples")
    assert "\n40\n\nceil(1257 / 32) = 40" in text
    assert "    return beta * v + (1 - beta) * gradient\n\nv stays on the scale" in text


def test_a_literal_is_checked_anew_whatever_its_output_says(tmp_path):
    found = judged(
        tmp_path / "1_mini_batches.ipynb",
        ("%matplotlib inline\nanswer = 40\nexercises.check_steps_per_epoch(answer)", "✗ Not yet."),
        ("answer = 4  # x\nexercises.check_noise_factor(answer)", "✓ Right. Honestly."),
    )
    assert found == {
        "1 steps_per_epoch": ("right", "answer"),
        "2 theta_update": ("not done", ""),
        "3 noise_factor": ("wrong", "answer"),
    }


def test_functions_and_calculations_are_judged_by_the_saved_output(tmp_path):
    update = "def f(theta, x, y, alpha):\n    return 1 / 0\nexercises.check_theta_update(f)"
    for mark, verdict in (("✓ Right. x", "right"), ("✗ Not yet.", "wrong"), ("○ Not", "not done")):
        found = judged(
            tmp_path / "a.ipynb",
            (update, mark),
            ("answer = -(-1257 // 32)\nexercises.check_steps_per_epoch(answer)", mark),
        )
        assert found["2 theta_update"] == (verdict, "saved output")
        assert found["1 steps_per_epoch"] == (verdict, "saved output")
    assert judged(tmp_path / "a.ipynb", (update, "27"))["2 theta_update"] == ("not done", "")


def test_nothing_that_was_handed_in_is_run(tmp_path):
    made = tmp_path / "made"
    evil = f"__import__('pathlib').Path({str(made)!r}).touch()"
    found = judged(
        tmp_path / "evil.ipynb",
        (f"{evil}\nanswer = {evil}\nexercises.check_cost(answer)", ""),
        (f"exercises.check_one_hot({evil})", ""),
        (f"def softmax(z=[{evil}]):\n    {evil}\nexercises.check_softmax(softmax)", ""),
    )
    assert {verdict for verdict, _ in found.values()} == {"not done"}
    assert not made.exists()


@pytest.mark.parametrize(
    "answer",
    [
        *("9" * 400, "'forty'", "[[1], [2, 3]]", "-" * 15_000 + "1", "[" * 300 + "]" * 300),
        *("1e999", "{}", "b''", "9" * 30_000, "...", "{[]: 1}", "[0, 0, 0, 0, 'x', 0, 0, 0, 0, 0]"),
    ],
)
def test_odd_answers_are_wrong_or_not_done(tmp_path, answer):
    for check in ("cost", "one_hot"):
        cell = f"answer = {answer}\nexercises.check_{check}(answer)"
        found = judged(tmp_path / "5_tensorflow_tutorial.ipynb", (cell, ""))
        assert {verdict for verdict, _ in found.values()} <= {"wrong", "not done"}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"cells": 5}', '{"cells": [{}]}', "[" * 100_000, "\udcff"]
)
def test_what_is_no_notebook_is_unreadable(tmp_path, content):
    (tmp_path / "x.ipynb").write_bytes(content.encode(errors="surrogateescape"))
    (row,) = handed_in.judge_folder(tmp_path)
    assert row == ("x.ipynb", "", "unreadable", "")


def test_a_folder_of_notebooks_becomes_a_table(tmp_path):
    right = ("answer = 0.95\nexercises.check_window_beta(answer)", "")
    write(tmp_path / "in/bo\nb/2.ipynb", right)
    write(tmp_path / "in/ann/2_averages_and_momentum.ipynb")
    write(tmp_path / "in/ann/.ipynb_checkpoints/2.ipynb", right)
    (tmp_path / "in/link.ipynb").symlink_to(tmp_path / "in/bo\nb/2.ipynb")
    output = tmp_path / "table.csv"
    result = processes.command(
        "recipes.exercises", f"--folder={tmp_path / 'in'}", f"--output={output}"
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["notebook", "exercise", "verdict", "by"]
    authors = [line.split()[0].partition("/")[0] for line in lines[1:7]]
    assert authors == ["ann", "ann", "ann", "bo\\nb", "bo\\nb", "bo\\nb"]
    assert lines[4].split()[-3:] == ["window_beta", "right", "answer"]
    assert lines[-1] == "1 of 6 right, in 2 notebooks; none was run"
    assert output.read_text().startswith("notebook,exercise,verdict,by\nann/2_averages")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        *(([], "--folder"), (["--key", "--folder=x"], "--folder")),
        *((["--folder=missing"], "--folder"), (["--key", "--output=x.csv"], "--output has no")),
    ],
)
def test_what_is_asked_for_has_to_be_clear(flags, message, tmp_path):
    result = processes.command("recipes.exercises", *flags)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_tilde_is_the_home_as_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "in/2_averages_and_momentum.ipynb")
    program.main(program.Exercises(folder="~/in", output="~/table.csv"))
    assert (tmp_path / "table.csv").read_text().startswith("notebook,exercise")


def test_neither_key_nor_judge_needs_tensorflow():
    code = "import recipes.exercises, sys; sys.exit('tensorflow' in sys.modules)"
    assert processes.python("-c", code).returncode == 0
