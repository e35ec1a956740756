"""The recipe that docs/sweeps.md shows, as a newcomer would save and start it."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "sweeps.md"


@pytest.fixture
def script(tmp_path):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    path = tmp_path / "my_recipe.py"
    path.write_text(code)
    return path


def run(script, *flags):
    command = [sys.executable, script.name, *flags]
    return subprocess.run(command, cwd=script.parent, capture_output=True, text=True, timeout=300)


def test_a_script_outside_the_package_trains_and_sweeps(script):
    done = run(script, "--epochs=2", "--run_dir=one")
    assert done.returncode == 0, done.stderr
    done = run(script, "--sweep=random", "--trials=3", "--workers=1", "--run_dir=many")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((script.parent / "many" / "metrics.json").read_text())
    assert metrics["trials"] == 3
    assert metrics["test_accuracy"] > 0.3
