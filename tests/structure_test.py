import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
LEAVES = {
    "averages",
    "batching",
    "data_flags",
    "datasets",
    "devices",
    "drawing",
    "exercises",
    "files",
    "from_scratch",
    "gradient_tape",
    "hyperparameters",
    "landscapes",
    "layers",
    "measures",
    "models",
    "nudges",
    "optimizers",
    "quiet_import",
    "run_directory",
    "schedules",
    "shipped",
}
# Who may import which part. What a part imports of itself does not count.
MAY_IMPORT = {
    **{leaf: set() for leaf in LEAVES},
    "optimizers": {"averages"},
    "layers": {"averages"},
    "data_flags": {"hyperparameters"},
    "datasets": {"files", "shipped"},
    "nudges": {"files", "run_directory"},
    "run_directory": {"files"},
    "command_line": {
        *(
            "data_flags",
            "datasets",
            "devices",
            "files",
            "hyperparameters",
            "nudges",
            "quiet_import",
            "run_directory",
        ),
        *("reports", "shipped", "training", "tuning"),
    },
    "training": LEAVES,
    "inference": LEAVES | {"training"},
    "tuning": LEAVES | {"reports", "training"},
    "reports": LEAVES | {"tuning"},
}


def parts():
    package = ROOT / "tfcourse"
    return sorted(
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or path.is_dir()
        if not path.stem.startswith("__")
    )


def imported_parts(part):
    package = ROOT / "tfcourse"
    files = [package / f"{part}.py"] if (package / f"{part}.py").exists() else []
    for file in files or sorted((package / part).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                top, *rest = name.split(".")
                assert top not in ("recipes", "configs", "tests"), f"{file} imports {name}"
                if top == "tfcourse" and rest and rest[0] in parts():
                    yield rest[0]


@pytest.mark.parametrize("part", parts())
def test_imports_go_one_way(part):
    assert set(imported_parts(part)) - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("module", ["tfcourse", "tfcourse.command_line", "recipes.mnist_softmax"])
def test_tensorflow_and_matplotlib_load_only_when_used(module):
    code = (
        f"import sys, {module}; print(*{{'tensorflow', 'keras', 'matplotlib'}} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""
