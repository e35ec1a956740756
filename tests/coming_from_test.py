"""What docs/coming_from.md promises to newcomers exists under that name."""

import pathlib
import re

import pytest
from absl import flags

import tfcourse
from recipes import classify, mnist_softmax
from tfcourse import hyperparameters, training
from tfcourse.command_line import flag_definitions

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "docs/coming_from.md").read_text()
# The right-hand side of each row.
HERE = [cells.split(" | ")[-1] for cells in PAGE.splitlines() if cells.startswith("| ")]


def spelled(pattern):
    return sorted({found for cell in HERE for found in re.findall(pattern, cell)})


@pytest.fixture
def known():
    before = set(flags.FLAGS)
    flag_definitions.define_run(dataset="", finder=True, sweep=True)
    names = set(flags.FLAGS) - before
    values = {name: flags.FLAGS[name].parser for name in names}
    for name in names:
        delattr(flags.FLAGS, name)
    for recipe in (mnist_softmax.MnistSoftmax, classify.Classify):
        values |= hyperparameters.declarations(recipe)
    return values


def test_each_flag_is_one_and_takes_its_value(known):
    found = spelled(r"--(\w+)(?:=([^\s`]+))?")
    assert len(found) > 20
    tools = {"split", "format", "flagfile"}
    assert {name for name, _ in found} - tools <= known.keys()
    for name, value in found:
        if value and name not in tools:
            known[name].parse(value)


def test_each_name_is_there():
    for name in spelled(r"`(?:tfcourse\.)?training\.(\w+)"):
        assert hasattr(training, name), name
    for path in spelled(r"tfcourse\.(?!training)(\w+\.\w+)"):
        part, name = path.split(".")
        assert hasattr(getattr(tfcourse, part), name), path
    for name in spelled(r"recipes\.(\w+)"):
        assert (ROOT / f"recipes/{name}.py").exists(), name
    for argument in spelled(r"training\.fit\((\w+)="):
        assert argument in training.fit.__annotations__, argument
