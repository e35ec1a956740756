"""The recipe that docs/your_recipe.md shows, in a package as a newcomer would save it."""

import json
import pathlib
import re

import processes
import pytest

ROOT = pathlib.Path(__file__).parents[1]
TEMPLATE = re.search(
    r"```python\n(.*?)```", (ROOT / "docs/your_recipe.md").read_text(), re.DOTALL
).group(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    package = folder / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "two_layers.py").write_text(TEMPLATE)
    return folder


def run(folder, *flags):
    done = processes.command("my_package.two_layers", *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_the_template_is_short():
    assert sum(bool(line.strip()) for line in TEMPLATE.splitlines()) <= 40


def test_it_trains_from_a_package_outside_this_repository(folder):
    run(folder, "--units=32", "--epochs=3", "--run_dir=one")
    assert metrics(folder / "one")["test_accuracy"] > 0.8
    assert (folder / "one" / "model.keras").exists()
    assert (folder / "one" / "curves.png").exists()
    assert "python -m my_package.two_layers --flagfile" in (folder / "one/flags.txt").read_text()
    assert "finished" in run(folder, "--units=32", "--epochs=3", "--run_dir=one")


def test_it_is_swept_from_there(folder):
    flags = ("--sweep=random", "--trials=2", "--workers=1", "--epochs=1", "--fix=batch_size")
    run(folder, *flags, "--run_dir=many")
    assert metrics(folder / "many")["trials"] == 2
    assert "python -m my_package.two_layers" in (folder / "many/best.flags").read_text()
    assert metrics(folder / "many")["test_accuracy"] > 0.3
    assert "units" in (folder / "many" / "trials.csv").read_text().splitlines()[0]


def test_hyperband_needs_epochs(folder):
    lines = [line for line in TEMPLATE.splitlines() if "epochs: int" not in line]
    without = "\n".join(lines).replace("hp.epochs", "1") + "\n"
    (folder / "my_package" / "one_epoch.py").write_text(without)
    done = processes.command("my_package.one_epoch", "--sweep=hyperband", cwd=folder)
    assert done.returncode == 2
    assert "--sweep=hyperband needs a recipe with the hyperparameter epochs" in done.stderr
