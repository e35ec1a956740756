"""The built wheel holds all that the programs need, and runs where there is no checkout."""

import pathlib
import subprocess
import sys
import zipfile

import processes
import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel, as pip would unpack it."""
    pytest.importorskip("hatchling", reason='pip install -e ".[test]" brings hatchling.')
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(unpacked, folder, *arguments):
    # It comes before an installed tfcourse; "-P" keeps the working directory out.
    done = processes.python("-P", *arguments, cwd=folder, path=unpacked)
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
