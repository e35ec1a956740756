import doctest
import importlib
import pathlib
from typing import TypeVar

import keras
import numpy as np
import pytest

import tfcourse

PACKAGE = pathlib.Path(tfcourse.__file__).parent
# What an example may use without importing it, as the reference says.
NAMES = {"keras": keras, "np": np, "tfcourse": tfcourse}
# Parts whose public functions and classes all have an example.
SHOWN = ("averages", "layers", "optimizers", "schedules")


def examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " not in path.read_text():
            continue
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
        for test in doctest.DocTestFinder().find(module, globs=NAMES):
            if test.examples:
                yield pytest.param(test, id=test.name.removeprefix("tfcourse."))


@pytest.mark.parametrize("example", list(examples()))
def test_example(example, capsys):
    failures, _ = doctest.DocTestRunner().run(example)
    assert failures == 0, capsys.readouterr().out


def public(part):
    module = importlib.import_module(f"tfcourse.{part}")
    for name, value in vars(module).items():
        is_ours = getattr(value, "__module__", "").startswith(module.__name__)
        if not name.startswith("_") and is_ours and not isinstance(value, TypeVar):
            yield pytest.param(value, id=f"{part}.{name}")


@pytest.mark.parametrize("thing", [thing for part in SHOWN for thing in public(part)])
def test_what_the_course_names_has_an_example(thing):
    assert ">>> " in thing.__doc__
