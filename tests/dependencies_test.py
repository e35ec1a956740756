"""pyproject.toml declares what the code imports, and nothing else."""

import ast
import importlib.metadata
import pathlib
import sys
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tfcourse

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"configs", "recipes", "tfcourse"}
# What only an extra brings: the code says so where it is missing.
OPTIONAL = {
    *("ai-edge-litert", "onnxruntime", "tf2onnx"),  # recipes.export
    *("gradio", "starlette", "ipython"),  # recipes.playground; pictures in a notebook
    *("jax", "torch"),  # recipes.claims.frameworks
    *("mlflow", "mlflow-skinny"),  # --tracker=mlflow; the second is enough for tests
}
# What others need and do not declare; pyproject.toml says who.
FOR_OTHERS = {"importlib-resources", "tensorflow-metadata"}


def names(requirements):
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported(*folders):
    """Returns the distributions of all packages that the Python files in `folders` import."""
    packages = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                packages |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                packages.add(node.module.partition(".")[0])
    installed = importlib.metadata.packages_distributions()
    return {
        canonicalize_name(name)
        for package in packages - OURS - set(sys.stdlib_module_names)
        # One that is not installed here is called as its package is.
        for name in installed.get(package, [package])[:1]
    }


def test_what_is_imported_is_declared_and_the_other_way_round():
    assert imported("tfcourse", "recipes") - OPTIONAL == names(PROJECT["dependencies"]) - FOR_OTHERS


def test_what_may_be_missing_comes_with_an_extra():
    extras = PROJECT["optional-dependencies"]
    assert names(text for extra in extras.values() for text in extra) >= OPTIONAL
    assert names(extras["docs"]) >= imported("docs") - names(PROJECT["dependencies"])
    notebooks = imported("notebooks") - names(PROJECT["dependencies"])
    assert names(extras["notebooks"]) >= notebooks


def test_each_dependency_has_a_lowest_version():
    for text in PROJECT["dependencies"]:
        operators = {specifier.operator for specifier in Requirement(text).specifier}
        assert ">=" in operators, text


def test_the_changelog_begins_with_this_version():
    changes = (ROOT / "CHANGELOG.md").read_text()
    headings = [line for line in changes.splitlines() if line.startswith("## ")]
    version = headings[0].split()[1]
    assert version == tfcourse.__version__
    assert "version" in PROJECT["dynamic"]  # It is written in tfcourse/__init__.py alone.
