"""mypy finds no error in our code, and in the code that README and docs show."""

import pathlib
import re
import tomllib

import processes

ROOT = pathlib.Path(__file__).parents[1]
# Mistakes that an editor has to underline, each on a line of its own.
WRONG = """import tfcourse
tfcourse.averages.effective_window("0.9")
tfcourse.trainings.fit
tfcourse.training.fti
"""


def test_mypy_finds_what_is_wrong_and_nothing_else(tmp_path):
    for name, page in {"readme": "README.md", "two_layers": "docs/your_recipe.md"}.items():
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        assert blocks, f"{page} shows no Python"
        (tmp_path / f"{name}.py").write_text("\n".join(blocks))
    (tmp_path / "wrong.py").write_text(WRONG)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = [*settings["tool"]["mypy"]["files"], "docs/hooks", "notebooks/execute.py"]
    done = processes.python("-m", "mypy", *ours, *sorted(tmp_path.iterdir()), timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr  # Of wrong.py; 2 is a crash.
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if "wrong.py:" not in line] == []
    assert {int(line.split(":")[1]) for line in errors} == {2, 3, 4}
