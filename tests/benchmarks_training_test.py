import json
import pathlib
import subprocess
import sys

import pytest

from benchmarks import inference, training, training_report
from benchmarks.contestants import CONTESTANTS, pace

ROOT = pathlib.Path(__file__).parents[1]


def run(folder, *arguments):
    command = [sys.executable, "-m", "benchmarks.training", "--smoke", f"--out={folder}"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, timeout=600)
    return json.loads((folder / "performance_training.json").read_text())


def test_every_installed_contestant_trains_and_gets_a_row(tmp_path):
    # torch.compile is left to real runs: compiling takes longer than all of this.
    names = [name for name in CONTESTANTS if name != "torch_compiled"]
    results = run(
        tmp_path,
        "--parts=steps",
        "--models=softmax_regression",
        "--batches=64",
        "--rounds=1",
        f"--contestants={','.join(names)},floor",
    )
    installed = [name for name in names if CONTESTANTS[name].is_installed]
    measured = results["steps"]["softmax_regression/64"]["contestants"]
    assert set(measured) == {*installed, "floor"}
    assert all(len(result["ms"]) == 1 for result in measured.values())
    page = (tmp_path / "performance_training.md").read_text()
    assert all(training_report.LABELS[name] in page for name in measured)
    assert (tmp_path / "images" / "performance_training.png").stat().st_size > 0


def test_a_race_records_its_stages(tmp_path):
    results = run(
        tmp_path,
        "--parts=races",
        "--models=batch_norm_mlp",
        "--race_rounds=1",
        "--contestants=tfcourse",
    )
    (result,) = results["races"]["batch_norm_mlp"]["contestants"]["tfcourse"]
    stages = ("import", "data", "compile", "train")
    assert sum(result[stage] for stage in stages) == pytest.approx(result["total"])
    assert result["reached"]


def test_whole_commands_are_compared_with_the_recipe_s(tmp_path):
    results = run(tmp_path, "--parts=commands", "--command_rounds=1", "--contestants=tfcourse")
    contestants = results["commands"]["batch_norm_mlp"]["contestants"]
    assert set(contestants) == {"recipe", "tfcourse"}
    assert all(len(rounds) == 1 and rounds[0]["accuracy"] > 0.9 for rounds in contestants.values())
    page = (tmp_path / "performance_training.md").read_text()
    assert "Whole commands" in page
    assert "tfcourse, the recipe" in page


def test_inference_is_compared_with_keras(tmp_path, monkeypatch):
    monkeypatch.setattr(inference, "EXAMPLES", 2001)
    inference.main(["--rounds=1", "--models=softmax_regression", f"--out={tmp_path}"])
    page = (tmp_path / "performance_inference.md").read_text()
    assert page.count("| tfcourse |") == page.count("| Keras |") == 2


def test_races_are_compared_over_the_same_number_of_epochs():
    race = {"total": 7.0, "train": 4.0, "epochs_trained": 2}
    assert training_report.for_epochs(race, 3) == 9.0


def test_sections_of_several_runs_are_kept(tmp_path):
    training_report.merge(tmp_path, "steps", "small_cnn/32", {"rounds": 5})
    training_report.merge(tmp_path, "steps", "small_cnn/128", {"rounds": 5})
    training_report.merge(tmp_path, "steps", "small_cnn/32", {"rounds": 7})
    assert training_report.read(tmp_path)["steps"] == {
        "small_cnn/32": {"rounds": 7},
        "small_cnn/128": {"rounds": 5},
    }


def test_ratios_compare_within_a_round():
    section = {"contestants": {"tfcourse": {"ms": [1.0, 2.0]}, "fit": {"ms": [4.0, 6.0]}}}
    assert training_report.ratios(section, "fit") == [4.0, 3.0]


def test_floor_takes_the_fastest_library_for_every_product():
    results = {
        "floor_numpy": {"parts": [[0.001, 0.004]]},
        "floor_torch": {"parts": [[0.002, 0.003]]},
        "tfcourse": {"ms": [9.0]},
    }
    assert training.with_floor(results) == {"tfcourse": {"ms": [9.0]}, "floor": {"ms": [4.0]}}


def test_a_race_goes_on_for_a_second_epoch_and_ends_at_its_limit():
    quick, slow = pace.Race(0.9, max_epochs=5), pace.Race(0.9, max_epochs=3)
    pace.drive(quick, lambda: (0.0, 0.0), lambda: 0.95, print)
    pace.drive(slow, lambda: (0.0, 0.0), lambda: 0.5, print)
    assert (quick.epochs, len(quick.times)) == (1, 2)
    assert (slow.epochs, len(slow.times)) == (None, 3)


def test_a_command_keeps_its_model_after_its_epochs():
    saved, command = [], pace.Command(2, "there")
    pace.drive(command, lambda: (0.0, 0.0), lambda: 0.5, saved.append)
    assert command.accuracies == [0.5, 0.5]
    assert saved == ["there"]


def test_the_readme_says_the_measured_ratios():
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert training_report.in_one_line(ROOT / "docs") in readme
