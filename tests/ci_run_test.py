"""`.ci/run` with a Python that installs nothing and whose tests end as told."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMAND = 'pip install -e ".[test]" && python -m pytest'
PASSED = "==== 3 passed, 1 skipped in 1.20s ===="
# `-m venv FOLDER` makes an environment of stubs, `-m pip` does nothing, `-m pytest` ends as told.
PYTHON = """#!/usr/bin/env bash
case "$2" in
venv)
    mkdir -p "$3/bin"
    echo "export PATH=$3/bin:\\$PATH" > "$3/bin/activate"
    cp "$0" "$3/bin/python"
    for name in pip ruff; do printf '#!/bin/sh\\n' > "$3/bin/$name"; chmod +x "$3/bin/$name"; done
    ;;
pytest) printf '%s\\n' "$TOLD_TEXT"; exit "$TOLD_CODE" ;;
esac
"""


def run(folder, readme=README, says=PASSED, code=0):
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    (folder / "README.md").write_text(readme)
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    told = {"PYTHON": str(python), "TOLD_TEXT": says, "TOLD_CODE": str(code)}
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=folder,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_readme_s_command_is_run_and_the_closing_line_is_the_last(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == (f"+ {COMMAND}", PASSED)


@pytest.mark.parametrize(
    "instead", ["python -m pytest", 'pip install -e ".[test]"', f"Run `{COMMAND}`.", ""]
)
def test_a_reworded_readme_is_an_error(tmp_path, instead):
    assert README.count(f"    {COMMAND}\n") == 1
    done = run(tmp_path, README.replace(f"    {COMMAND}\n", f"    {instead}\n"))
    assert done.returncode == 1
    assert "README.md has no line" in done.stderr
    assert "passed" not in done.stdout


def test_two_commands_are_an_error(tmp_path):
    done = run(tmp_path, f"{README}\n    {COMMAND}\n")
    assert done.returncode == 1
    assert "more than one line" in done.stderr


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("==== no tests ran in 0.01s ====", 5),
        ("==== 1 failed, 3 passed in 1.20s ====", 1),
        ("==== 4 skipped in 0.10s ====", 0),
        ("==== 4 deselected in 0.10s ====", 0),
        ("==== 0 passed in 0.10s ====", 0),
        ("", 0),
    ],
)
def test_where_no_test_ran_or_one_failed_it_fails(tmp_path, says, code):
    assert run(tmp_path, says=says, code=code).returncode != 0
