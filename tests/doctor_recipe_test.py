import importlib.metadata
import pathlib

import pytest

from recipes import doctor

NEEDS = ["numpy>=2.0,<99", "absl-py>=1.4", 'mlflow>=3; extra == "mlflow"', 'numpy; extra == "a"']


@pytest.fixture
def installed(monkeypatch):
    """Lets the installation need what `NEEDS` says, whatever was installed last."""
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: NEEDS)
    version = importlib.metadata.version
    known = {"tfcourse": "1", "mlflow": None}
    monkeypatch.setattr(doctor, "_version", lambda name: known.get(name, version("numpy")))
    return known


def report(capsys, **arguments):
    doctor.main(doctor.Doctor(**arguments))
    return capsys.readouterr().out


def test_a_machine_that_is_ready_shows_what_will_be_used(installed, tmp_path, capsys):
    out = report(capsys, run_dir=str(tmp_path / "runs"))
    lines = dict(line.split("  ", 1) for line in out.splitlines() if "  " in line)
    names = {"Python", "tfcourse", "numpy", "other packages", "extras", "device", "threads"}
    assert names | {"memory", "runs", "data sets", "cache", "MNIST", "variables"} <= lines.keys()
    assert f"{tmp_path / 'runs'}, does not exist yet" in lines["runs"]
    assert out.endswith("No problem found.\n")
    assert not (tmp_path / "runs").exists()


def test_a_tilde_is_the_home_as_everywhere(installed, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"  {tmp_path / 'runs'}, does not exist yet" in report(capsys, run_dir="~/runs")


def test_packages_are_compared_with_what_is_needed(installed, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=98", "gone>=1"])
    monkeypatch.setattr(doctor, "installed_extras", lambda: [])
    installed["gone"] = None
    problems = {found.name: found.problem for found in doctor.versions() if found.problem}
    assert problems["numpy"] == "not >=98: pip install 'numpy>=98'"
    assert problems["gone"] == "pip install 'gone>=1'"
    installed["tfcourse"] = None
    assert [found.problem for found in doctor.versions()][-1].startswith("not installed: pip")


def test_extras_are_those_whose_packages_are_there(installed):
    assert [need.name for need in doctor.requirements()] == ["numpy", "absl-py"]
    assert [need.name for need in doctor.requirements("mlflow")] == ["mlflow"]


def test_each_problem_has_a_remedy_and_the_exit_code_is_1(installed, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(doctor, "_MIN_MEMORY", 1 << 60)
    monkeypatch.setattr(doctor, "_MIN_DISK", 1 << 60)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(doctor.ProblemsError, match="6 of these lines") as error:
        report(capsys, run_dir=str(tmp_path / "file"))
    assert error.value.exit_code == 1
    out = capsys.readouterr().out
    assert "PROBLEM  memory: less than" in out
    assert "PROBLEM  runs: can't be written" in out
    assert "PROBLEM  data sets: less than" in out
    assert "PROBLEM  TensorFlow: BackendError: KERAS_BACKEND is 'jax'" in out
    assert "KERAS_BACKEND=jax" in out


def test_nowhere_to_write_is_told():
    assert "set XDG_CACHE_HOME" in doctor._folder("cache", None, "set XDG_CACHE_HOME").problem
    assert doctor._folder("runs", pathlib.Path("/"), "").value.startswith("/, ")
