import ast
import importlib
import pathlib
import re

import mutants
import processes
import pytest

import tfcourse

ROOT = pathlib.Path(__file__).parents[1]
LEAVES = {
    "averages",
    "batching",
    "checked",
    "choices",
    "datasets",
    "drawing",
    "exercises",
    "from_scratch",
    "gradient_tape",
    "hyperparameters",
    "landscapes",
    "layers",
    "measures",
    "models",
    "nudges",
    "optimizers",
    "run_directory",
    "scales",
    "schedules",
    "system",
    "training_data",
}
# Who may import which part. What a part imports of itself does not count.
MAY_IMPORT = {
    **{leaf: set() for leaf in LEAVES},
    "hyperparameters": {"checked", "scales"},
    "batching": {"checked", "system", "training_data"},
    "models": {"checked", "choices"},
    "averages": {"checked"},
    "optimizers": {"averages", "checked", "choices"},
    "schedules": {"checked", "choices"},
    "layers": {"averages", "checked"},
    "from_scratch": {"checked"},
    "datasets": {"checked", "hyperparameters", "system"},
    "nudges": {"choices", "hyperparameters", "run_directory", "system"},
    "run_directory": {"system"},
    "command_line": {
        *("choices", "datasets", "hyperparameters", "nudges", "run_directory", "reports"),
        *("system", "training", "tuning"),
    },
    # `training.diagnose` loads it when it is called.
    "training": LEAVES | {"diagnosis"},
    "diagnosis": LEAVES | {"reports", "training"},
    "inference": LEAVES | {"training"},
    "tuning": LEAVES | {"reports", "training"},
    "reports": LEAVES,
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


def test_readme_names_every_part_and_no_other():
    table = re.findall(r"^\| `tfcourse\.(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(tfcourse.__all__)


def test_each_part_is_known_to_an_editor_too():
    # What `__getattr__` finds when it is asked, a type checker reads from the imports above it.
    tree = ast.parse((ROOT / "tfcourse/__init__.py").read_text())
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "tfcourse"
        for alias in node.names
    ]
    assert imported == tfcourse.__all__


@pytest.mark.parametrize("part", ["inference", "training", "tuning"])
def test_completion_shows_names_that_load_when_first_used(part):
    module = importlib.import_module(f"tfcourse.{part}")
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("module", ["tfcourse", "tfcourse.command_line", "recipes.mnist_softmax"])
def test_tensorflow_and_matplotlib_load_only_when_used(module):
    code = (
        f"import sys, {module}; print(*{{'tensorflow', 'keras', 'matplotlib'}} & set(sys.modules))"
    )
    result = processes.python("-c", code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""


def test_every_mutant_can_be_put_in():
    for mutant in mutants.read(mutants.LIST.read_text()):
        mutant.applied((ROOT / mutant.path).read_text())
        assert all(
            (ROOT / n.partition("::")[0]).exists() for n in mutant.tests if n[:6] == "tests/"
        )


def test_each_program_of_the_docs_is_found_from_the_root():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = {n for page in pages for n in re.findall(r"-m (tests\.\w+)", page.read_text())}
    slow = {"tests.soak", "tests.disk_soak", "tests.fuzz"}  # They import TensorFlow.
    assert slow < found
    for name in sorted(found - slow):
        # pytest's own path, in which test modules find each other, is not there.
        result = processes.python("-m", name, "--help")
        assert result.returncode == 0, result.stderr
