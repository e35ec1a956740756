"""The console command, in a folder of a user's own that has a package `recipes`."""

import json
import pathlib

import processes
import pytest

from tfcourse import __main__ as console

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "recipes").mkdir()
    for name in ("__init__", "mnist_softmax", "predict"):
        (folder / "recipes" / f"{name}.py").write_text("raise SystemExit('theirs')\n")
    return folder


def tfcourse(folder, *arguments, module="tfcourse", trains=False):
    return processes.command(module, *arguments, cwd=folder, tensorflow=trains)


def test_it_lists_every_program_with_what_it_does(folder):
    result = tfcourse(folder, "list")
    assert result.returncode == 0
    starts = [line for line in result.stdout.splitlines() if line[:2] == "  " != line[2:4]]
    lines = dict(line.split(maxsplit=1) for line in starts)
    assert lines["mnist_softmax"].startswith("Classifies handwritten digits")
    assert {
        "claims.batch_norm",
        "quadratic",
        "predict",
        "compare",
        "doctor",
        "example",
    } <= lines.keys()
    assert not {"claims.lessons", "claims.verdicts", "__main__"} & lines.keys()
    assert max(map(len, result.stdout.splitlines())) < 80
    assert tfcourse(folder).stdout == result.stdout
    assert tfcourse(ROOT, module="recipes").stdout == result.stdout


def test_listing_imports_nothing_heavy():
    code = "import sys, tfcourse.__main__ as c; c.listing(); print({'numpy'} & {*sys.modules})"
    result = processes.python("-c", code)
    assert result.stdout == "set()\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "expected the name of a recipe to train. `tfcourse list`"),
        (["train", "mnist_sofmax"], "Did you mean `tfcourse train mnist_softmax`?"),
        (["train", "mnist"], "Did you mean `tfcourse train mnist_softmax`?"),
        (["train", "predict"], "Did you mean `tfcourse predict`?"),
        (["mnist_softmax"], "Did you mean `tfcourse train mnist_softmax`?"),
        (["pedict"], "Did you mean `tfcourse predict`?"),
    ],
)
def test_a_name_that_is_no_program_is_refused(folder, arguments, message):
    result = tfcourse(folder, *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_every_program_that_is_listed_can_be_found():
    for call, at_least in (("run", 15), ("run_tool", 6)):
        programs = console.programs(call)
        assert len(programs) >= at_least
        assert all(programs.values())


def test_ours_run_beside_a_recipes_of_their_own(folder):
    shown = tfcourse(folder, "train", "mnist_softmax", "--help")
    assert shown.returncode == 0
    assert shown.stdout == tfcourse(ROOT, "--help", module="recipes.mnist_softmax").stdout
    predicted = tfcourse(folder, "predict", "--run_dir=none", "--input=a", "--output=b.csv")
    assert predicted.returncode == 2
    assert "it holds no flags.txt" in predicted.stderr


def test_a_sweep_and_what_comes_of_it_run_there(folder):
    flags = ("--dataset=digits", "--model=softmax_regression", "--fix=model", "--epochs=2")
    sweep = ("--fix=epochs", "--sweep=random", "--trials=2", "--workers=1", "--run_dir=many")
    done = tfcourse(folder, "train", "mnist_softmax", *flags, *sweep, trains=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "many/metrics.json").read_text())["trials"] == 2
    assert "python -m recipes.mnist_softmax" in (folder / "many/best.flags").read_text()
    done = tfcourse(folder, "evaluate", "--run_dir=many", trains=True)
    assert done.returncode == 0, done.stderr
