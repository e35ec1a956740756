"""The built wheel holds all that the programs need, and runs where there is no checkout."""

import email
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import processes
import pytest

from tfcourse.system import files

ROOT = pathlib.Path(__file__).parents[1]
EPOCH = 1_700_000_000  # Of the files in the wheel.


def build(source, folder):
    """Returns the wheel of a source tree, made in `folder`."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=source,
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel, as pip would unpack it."""
    pytest.importorskip("hatchling", reason='pip install -e ".[test]" brings hatchling.')
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(ROOT, folder)) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(unpacked, folder, *arguments):
    # It comes before an installed tfcourse; "-P" keeps the working directory out.
    path = f"{processes.WITHOUT_XLA}{os.pathsep}{unpacked}"
    done = processes.python("-P", *arguments, cwd=folder, path=path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_of_the_packages_is_in_it(unpacked):
    def files(root):
        return {
            path.relative_to(root).as_posix()
            for package in ("configs", "recipes", "tfcourse")
            for path in (root / package).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    assert files(unpacked) == files(ROOT)
    assert "tfcourse/py.typed" in files(unpacked)


def test_its_metadata_names_the_version_and_the_command(unpacked):
    import tfcourse

    metadata = unpacked / f"tfcourse-{tfcourse.__version__}.dist-info"
    assert "tfcourse = tfcourse.__main__:main" in (metadata / "entry_points.txt").read_text()


def test_links_of_the_readme_are_absolute_once_the_project_has_an_address(unpacked):
    import tfcourse

    metadata = (unpacked / f"tfcourse-{tfcourse.__version__}.dist-info/METADATA").read_text()
    assert "[first notebook](notebooks/1_mini_batches.ipynb)" in metadata
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    address = "https://example.com/some/tfcourse"
    text = hook.with_address((ROOT / "README.md").read_text(), address)
    assert "ADDRESS" not in text
    assert f"git clone {address} tfcourse" in text
    links = re.findall(r"\]\(([^)\s]+)", text)
    assert len(links) > 30
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    for kind, path in re.findall(rf"{address}/(blob|raw)/main/([^)#\s]+)", text):
        assert (ROOT / path).is_file() or (ROOT / path).is_dir()
        assert (kind == "raw") == path.endswith(".png")


def test_links_to_notebooks_open_them_in_colab_once_the_project_is_on_github():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    link = "[first](notebooks/1_mini_batches.ipynb)"
    place = "some/tfcourse/blob/main/notebooks/1_mini_batches.ipynb"
    shown = hook.with_address(link, "https://github.com/some/tfcourse")
    assert shown == f"[first](https://colab.research.google.com/github/{place})"


def test_a_recipe_with_its_flagfile_runs_in_an_empty_folder(unpacked, tmp_path):
    program = "import tfcourse, recipes; print(tfcourse.__file__, *recipes.__path__)"
    assert all(
        pathlib.Path(place).is_relative_to(unpacked)
        for place in python(unpacked, tmp_path, "-c", program).split()
    )
    assert "mnist_softmax" in python(unpacked, tmp_path, "-m", "tfcourse", "list")
    flags = ("--flagfile=configs/mnist_softmax.digits.flags", "--smoke", "--run_dir=run")
    python(unpacked, tmp_path, "-m", "recipes.mnist_softmax", *flags)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    assert (tmp_path / "run/metrics.json").exists()
    assert (tmp_path / "run/model_card.md").exists()


def test_the_same_source_makes_the_same_wheel(unpacked, tmp_path):
    source = tmp_path / "source"  # Files of another time, in another folder.
    for name in ("tfcourse", "recipes", "configs"):
        shutil.copytree(
            ROOT / name,
            source / name,
            copy_function=shutil.copy,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    assert files.sha256(build(source, tmp_path)) == files.sha256(*unpacked.parent.glob("*.whl"))


def test_its_metadata_is_complete(unpacked):
    (folder,) = unpacked.glob("*.dist-info")
    metadata = email.message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    for name in ("Summary", "Author", "License-Expression", "Keywords", "Requires-Python"):
        assert metadata[name], name
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# tfcourse")
    assert {"export", "notebooks", "playground", "test"} <= set(metadata.get_all("Provides-Extra"))
    classifiers = metadata.get_all("Classifier")
    for version in ("3.11", "3.12", "3.13"):
        assert f"Programming Language :: Python :: {version}" in classifiers
    assert "License-File" in metadata


def test_the_command_runs_ours_beside_recipes_of_ones_own(unpacked, tmp_path):
    for package in ("recipes", "configs"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(
            "raise SystemExit('mine')", encoding="utf-8"
        )
    (tmp_path / "recipes" / "mnist_softmax.py").write_text(
        "raise SystemExit('mine')", encoding="utf-8"
    )
    # As the console script does, which finds the installed package and has the folder on its path.
    start = "import sys; sys.path.append(''); from tfcourse.__main__ import main; main()"
    assert "mnist_softmax" in python(unpacked, tmp_path, "-c", start, "list")
    helped = python(unpacked, tmp_path, "-c", start, "train", "mnist_softmax", "--help")
    assert "--learning_rate" in helped
    flagfile = "--flagfile=configs/mnist_softmax.digits.flags"
    command = ("-c", start, "train", "mnist_softmax", flagfile, "--help")
    assert "--learning_rate" in python(unpacked, tmp_path, *command)
